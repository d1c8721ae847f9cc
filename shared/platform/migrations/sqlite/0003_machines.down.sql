DROP TABLE workers;
DROP TABLE outbox;
CREATE TABLE outbox (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT    NOT NULL UNIQUE REFERENCES jobs (id),
    ringing BIGINT  NOT NULL DEFAULT 0
);
INSERT INTO outbox (job_id) SELECT id FROM jobs WHERE status = 'queued' ORDER BY id;
DROP INDEX jobs_held;
DROP INDEX jobs_by_worker;
ALTER TABLE jobs DROP COLUMN traceparent;
ALTER TABLE jobs DROP COLUMN not_before;
ALTER TABLE jobs DROP COLUMN held;
ALTER TABLE jobs DROP COLUMN priority;
ALTER TABLE jobs DROP COLUMN class;
