-- Numbers that the program could not read are refused when they are written. Times end with the year 9999.
-- What is there already is not looked at: who reads such a row leaves it out and says so.
ALTER TABLE jobs ADD CONSTRAINT jobs_numbers CHECK (
    attempt BETWEEN 0 AND 1000000000
    AND lost BETWEEN 0 AND 1000000000
    AND cancel_requested IN (0, 1)
    AND (resumed_from IS NULL OR resumed_from BETWEEN 0 AND 4294967295)
    AND (lease_until IS NULL OR lease_until >= 0)
    AND submitted_at BETWEEN 0 AND 253402300799999
    AND (started_at IS NULL OR started_at BETWEEN 0 AND 253402300799999)
    AND (finished_at IS NULL OR finished_at BETWEEN 0 AND 253402300799999)
    AND (not_before IS NULL OR not_before BETWEEN 0 AND 253402300799999)
) NOT VALID;
ALTER TABLE objects ADD CONSTRAINT objects_numbers CHECK (
    bytes >= 0
    AND created_at BETWEEN 0 AND 253402300799999
) NOT VALID;
ALTER TABLE artifacts ADD CONSTRAINT artifacts_numbers CHECK (
    attempt BETWEEN 0 AND 1000000000
    AND position >= 0
) NOT VALID;
ALTER TABLE events ADD CONSTRAINT events_numbers CHECK (
    attempt BETWEEN 0 AND 1000000000
    AND at BETWEEN 0 AND 253402300799999
) NOT VALID;
ALTER TABLE outbox ADD CONSTRAINT outbox_numbers CHECK (
    class IN ('cpu', 'gpu')
    AND priority IN ('low', 'normal', 'high')
    AND ring_at >= 0
    AND pause BETWEEN 0 AND 2305843009213693951
) NOT VALID;
ALTER TABLE workers ADD CONSTRAINT workers_numbers CHECK (
    slots BETWEEN 0 AND 4294967295
    AND draining IN (0, 1)
    AND seen_at BETWEEN 0 AND 253402300799999
) NOT VALID;
ALTER TABLE checkpoints ADD CONSTRAINT checkpoints_numbers CHECK (
    attempt BETWEEN 0 AND 1000000000
    AND epoch BETWEEN 0 AND 4294967295
    AND bytes >= 0
) NOT VALID;
ALTER TABLE scans ADD CONSTRAINT scans_numbers CHECK (
    scanned_at BETWEEN 0 AND 253402300799999
) NOT VALID;
ALTER TABLE image_scans ADD CONSTRAINT image_scans_numbers CHECK (
    attempt BETWEEN 0 AND 1000000000
) NOT VALID;
ALTER TABLE collected ADD CONSTRAINT collected_numbers CHECK (
    at BETWEEN 0 AND 253402300799999
    AND gone IN (0, 1)
) NOT VALID;

-- The trigger counts with the rights of the tables' owner: whoever could write a count could make one that overflows, and
-- with it every write of a job fail. Tables of a session come last, so that none is taken for ours.
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION count_job() SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
END $$;
REVOKE EXECUTE ON FUNCTION count_job() FROM PUBLIC;

-- How old an object must be before it is removed, in milliseconds: others may just have stored the same bytes.
ALTER TABLE unneeded ADD COLUMN age BIGINT NOT NULL DEFAULT 0 CHECK (age BETWEEN 0 AND 253402300799999);
CREATE INDEX unneeded_by_time ON unneeded (at);
