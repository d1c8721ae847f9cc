-- Times are milliseconds since 1970 (UTC), ids and digests are text, composite values are JSON.
CREATE TABLE jobs (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    unique_dir       TEXT COLLATE "C" NOT NULL UNIQUE,
    status           TEXT   NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    model_name       TEXT   NOT NULL DEFAULT '', -- in lower case, for searching
    request          TEXT   NOT NULL,
    attempt          BIGINT NOT NULL DEFAULT 0,
    lost             BIGINT NOT NULL DEFAULT 0, -- attempts that broke off; a worker that stops in order is none
    worker           TEXT COLLATE "C",
    lease_until      BIGINT,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    progress         TEXT,
    failure          TEXT,
    timings          TEXT,
    outputs          TEXT   NOT NULL DEFAULT '[]', -- names of a completed job's outputs, so that a status is one row
    submitted_at     BIGINT NOT NULL,
    started_at       BIGINT,
    finished_at      BIGINT,
    CHECK ((status = 'running') = (lease_until IS NOT NULL))
);
CREATE INDEX jobs_by_status ON jobs (status, id);
CREATE INDEX jobs_by_lease ON jobs (lease_until) WHERE lease_until IS NOT NULL;

-- Bytes lie in the store once by digest; paths are an index over them.
CREATE TABLE objects (
    digest     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    bytes      BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE artifacts (
    job_id   TEXT COLLATE "C" NOT NULL REFERENCES jobs (id),
    path     TEXT COLLATE "C" NOT NULL,
    role     TEXT   NOT NULL,
    digest   TEXT COLLATE "C" NOT NULL REFERENCES objects (digest),
    attempt  BIGINT NOT NULL, -- 0 for what was handed in
    position BIGINT NOT NULL, -- the order in which they are listed
    PRIMARY KEY (job_id, path)
);
CREATE INDEX artifacts_by_digest ON artifacts (digest);
