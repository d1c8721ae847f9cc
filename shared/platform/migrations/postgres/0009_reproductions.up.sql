-- A job that trains again what another one trained, and signs as a witness if the same comes out.
ALTER TABLE jobs ADD COLUMN reproduces TEXT COLLATE "C" REFERENCES jobs (id);
-- The ids of the workers' keys that may not run it, with spaces between: who trained, and who is a witness already.
ALTER TABLE jobs ADD COLUMN other_than TEXT COLLATE "C";
CREATE INDEX jobs_by_reproduced ON jobs (reproduces, id) WHERE reproduces IS NOT NULL;
-- One at a time for each job.
CREATE UNIQUE INDEX jobs_reproducing ON jobs (reproduces) WHERE reproduces IS NOT NULL AND status IN ('queued', 'running');
