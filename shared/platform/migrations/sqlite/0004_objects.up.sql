-- The newest checkpoint of a job that has not ended.
CREATE TABLE checkpoints (
    job_id       TEXT   NOT NULL PRIMARY KEY REFERENCES jobs (id),
    attempt      BIGINT NOT NULL,
    epoch        BIGINT NOT NULL,
    digest       TEXT   NOT NULL,
    bytes        BIGINT NOT NULL,
    worker_keyid TEXT   NOT NULL,
    signature    TEXT   NOT NULL
);
CREATE INDEX checkpoints_by_digest ON checkpoints (digest);

-- Objects that are being removed from the store, or have been: no row may name them until it is known that they are
-- there. at: when somebody last took to removing it, or found it gone.
CREATE TABLE collected (
    digest TEXT   NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL,
    gone   BIGINT NOT NULL DEFAULT 0
);
