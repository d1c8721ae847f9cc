-- Jobs for kinds of workers, in an order, now or later.
ALTER TABLE jobs ADD COLUMN class TEXT NOT NULL DEFAULT 'cpu' CHECK (class IN ('cpu', 'gpu'));
ALTER TABLE jobs ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal' CHECK (priority IN ('low', 'normal', 'high'));
ALTER TABLE jobs ADD COLUMN held TEXT;         -- why a queued job may not run now
ALTER TABLE jobs ADD COLUMN not_before BIGINT; -- when a queued job may run again
ALTER TABLE jobs ADD COLUMN traceparent TEXT;
CREATE INDEX jobs_by_worker ON jobs (worker) WHERE status = 'running';
CREATE INDEX jobs_held ON jobs (id) WHERE held IS NOT NULL;

-- Doorbells. A row lives from the moment its job is queued until it is claimed or ends.
DROP TABLE outbox;
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id      TEXT    NOT NULL UNIQUE REFERENCES jobs (id),
    class       TEXT    NOT NULL,
    priority    TEXT    NOT NULL,
    traceparent TEXT,
    ring_at     BIGINT  NOT NULL,          -- when it has to ring, or to ring again
    pause       BIGINT  NOT NULL DEFAULT 0 -- how long it waited when it last rang
);
CREATE INDEX outbox_by_time ON outbox (ring_at, id);
INSERT INTO outbox (job_id, class, priority, ring_at)
SELECT id, class, priority, 0 FROM jobs WHERE status = 'queued' ORDER BY id;

CREATE TABLE workers (
    name         TEXT   NOT NULL PRIMARY KEY,
    class        TEXT   NOT NULL CHECK (class IN ('cpu', 'gpu')),
    slots        BIGINT NOT NULL,
    running      TEXT   NOT NULL, -- ids of jobs
    version      TEXT   NOT NULL,
    image        TEXT,
    image_digest TEXT,
    draining     BIGINT NOT NULL DEFAULT 0,
    seen_at      BIGINT NOT NULL
);
