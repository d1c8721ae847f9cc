-- Objects that nothing names any more and that nobody is about to name: the upkeep removes them.
CREATE TABLE unneeded (
    digest TEXT NOT NULL PRIMARY KEY,
    at     INTEGER NOT NULL
) WITHOUT ROWID;

-- How many jobs are in each status: counting them takes the longer the more there are. Only triggers write here.
CREATE TABLE job_counts (
    slot      INTEGER NOT NULL PRIMARY KEY,
    queued    INTEGER NOT NULL,
    running   INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    cancelled INTEGER NOT NULL
);
INSERT INTO job_counts (slot, queued, running, completed, failed, cancelled) SELECT 0,
    (SELECT count(*) FROM jobs WHERE status = 'queued'),
    (SELECT count(*) FROM jobs WHERE status = 'running'),
    (SELECT count(*) FROM jobs WHERE status = 'completed'),
    (SELECT count(*) FROM jobs WHERE status = 'failed'),
    (SELECT count(*) FROM jobs WHERE status = 'cancelled');

CREATE TRIGGER job_counted_in AFTER INSERT ON jobs BEGIN
    UPDATE job_counts SET
        queued    = queued    + (NEW.status = 'queued'),
        running   = running   + (NEW.status = 'running'),
        completed = completed + (NEW.status = 'completed'),
        failed    = failed    + (NEW.status = 'failed'),
        cancelled = cancelled + (NEW.status = 'cancelled');
END;
CREATE TRIGGER job_counted_over AFTER UPDATE OF status ON jobs WHEN OLD.status <> NEW.status BEGIN
    UPDATE job_counts SET
        queued    = queued    + (NEW.status = 'queued') - (OLD.status = 'queued'),
        running   = running   + (NEW.status = 'running') - (OLD.status = 'running'),
        completed = completed + (NEW.status = 'completed') - (OLD.status = 'completed'),
        failed    = failed    + (NEW.status = 'failed') - (OLD.status = 'failed'),
        cancelled = cancelled + (NEW.status = 'cancelled') - (OLD.status = 'cancelled');
END;
CREATE TRIGGER job_counted_out AFTER DELETE ON jobs BEGIN
    UPDATE job_counts SET
        queued    = queued    - (OLD.status = 'queued'),
        running   = running   - (OLD.status = 'running'),
        completed = completed - (OLD.status = 'completed'),
        failed    = failed    - (OLD.status = 'failed'),
        cancelled = cancelled - (OLD.status = 'cancelled');
END;
