-- A job that trains again what another one trained, and signs as a witness if the same comes out. It refers to a row of
-- this table; a column with such a constraint could not be dropped on the way back.
ALTER TABLE jobs ADD COLUMN reproduces TEXT;
-- The ids of the workers' keys that may not run it, with spaces between: who trained, and who is a witness already.
ALTER TABLE jobs ADD COLUMN other_than TEXT;
CREATE INDEX jobs_by_reproduced ON jobs (reproduces, id) WHERE reproduces IS NOT NULL;
-- One at a time for each job.
CREATE UNIQUE INDEX jobs_reproducing ON jobs (reproduces) WHERE reproduces IS NOT NULL AND status IN ('queued', 'running');
