-- An earlier program would take them for jobs without inputs.
DELETE FROM outbox WHERE job_id IN (SELECT id FROM jobs WHERE reproduces IS NOT NULL);
DELETE FROM events WHERE job_id IN (SELECT id FROM jobs WHERE reproduces IS NOT NULL);
DELETE FROM checkpoints WHERE job_id IN (SELECT id FROM jobs WHERE reproduces IS NOT NULL);
DELETE FROM image_scans WHERE job_id IN (SELECT id FROM jobs WHERE reproduces IS NOT NULL);
DELETE FROM artifacts WHERE job_id IN (SELECT id FROM jobs WHERE reproduces IS NOT NULL);
DELETE FROM jobs WHERE reproduces IS NOT NULL;
DROP INDEX jobs_reproducing;
DROP INDEX jobs_by_reproduced;
ALTER TABLE jobs DROP COLUMN other_than;
ALTER TABLE jobs DROP COLUMN reproduces;
