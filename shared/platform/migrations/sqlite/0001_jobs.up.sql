-- Times are milliseconds since 1970 (UTC), ids are UUIDs as text, JSON is text: the same in every database.

CREATE TABLE jobs (
    id               TEXT    NOT NULL PRIMARY KEY,
    unique_dir       TEXT    NOT NULL UNIQUE,
    status           TEXT    NOT NULL,
    request          TEXT    NOT NULL,
    model_name       TEXT,
    attempt          BIGINT  NOT NULL DEFAULT 0,
    worker           TEXT,
    lease_until      BIGINT,
    cancel_requested BIGINT  NOT NULL DEFAULT 0,
    progress         TEXT,
    failure          TEXT,
    outputs          TEXT,
    timings          TEXT,
    submitted_at     BIGINT  NOT NULL,
    started_at       BIGINT,
    finished_at      BIGINT
);
CREATE INDEX jobs_by_status ON jobs (status, id);

-- An object of the store is known here as long as a path names it.
CREATE TABLE objects (
    digest     TEXT   NOT NULL PRIMARY KEY,
    bytes      BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE artifacts (
    job_id   TEXT   NOT NULL REFERENCES jobs (id),
    path     TEXT   NOT NULL,
    position BIGINT NOT NULL,
    role     TEXT   NOT NULL,
    digest   TEXT   NOT NULL REFERENCES objects (digest),
    PRIMARY KEY (job_id, path)
);
CREATE INDEX artifacts_by_digest ON artifacts (digest);

CREATE TABLE events (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT    NOT NULL REFERENCES jobs (id),
    at      BIGINT  NOT NULL,
    attempt BIGINT  NOT NULL,
    event   TEXT    NOT NULL
);
CREATE INDEX events_by_job ON events (job_id, id);

-- Doorbells that are still to be rung: written with the job, deleted when the queue has them.
CREATE TABLE outbox (
    job_id     TEXT   NOT NULL PRIMARY KEY REFERENCES jobs (id),
    created_at BIGINT NOT NULL
);
