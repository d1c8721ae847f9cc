-- Objects that nothing names any more and that nobody is about to name: the upkeep removes them.
CREATE TABLE unneeded (
    digest TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL
);

-- How many jobs are in each status: counting them takes the longer the more there are. Connections share some rows, so
-- that writers seldom wait for each other; what counts is the sum. Only the trigger writes here, when it has the job's row.
CREATE TABLE job_counts (
    slot      BIGINT NOT NULL PRIMARY KEY,
    queued    BIGINT NOT NULL DEFAULT 0,
    running   BIGINT NOT NULL DEFAULT 0,
    completed BIGINT NOT NULL DEFAULT 0,
    failed    BIGINT NOT NULL DEFAULT 0,
    cancelled BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);

-- Nobody changes a job between the count and the trigger.
LOCK TABLE jobs IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO job_counts (slot) SELECT generate_series(0, 63);
UPDATE job_counts SET
    queued    = (SELECT count(*) FROM jobs WHERE status = 'queued'),
    running   = (SELECT count(*) FROM jobs WHERE status = 'running'),
    completed = (SELECT count(*) FROM jobs WHERE status = 'completed'),
    failed    = (SELECT count(*) FROM jobs WHERE status = 'failed'),
    cancelled = (SELECT count(*) FROM jobs WHERE status = 'cancelled')
WHERE slot = 0;

CREATE FUNCTION count_job() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before TEXT := '';
    after  TEXT := '';
BEGIN
    IF TG_OP <> 'INSERT' THEN before := OLD.status; END IF;
    IF TG_OP <> 'DELETE' THEN after := NEW.status; END IF;
    UPDATE job_counts SET
        queued    = queued    + (after = 'queued')::int    - (before = 'queued')::int,
        running   = running   + (after = 'running')::int   - (before = 'running')::int,
        completed = completed + (after = 'completed')::int - (before = 'completed')::int,
        failed    = failed    + (after = 'failed')::int    - (before = 'failed')::int,
        cancelled = cancelled + (after = 'cancelled')::int - (before = 'cancelled')::int
    WHERE slot = pg_backend_pid() % 64;
    RETURN NULL;
END $$;
CREATE TRIGGER job_counted_in_and_out AFTER INSERT OR DELETE ON jobs
    FOR EACH ROW EXECUTE FUNCTION count_job();
CREATE TRIGGER job_counted_over AFTER UPDATE OF status ON jobs
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION count_job();
