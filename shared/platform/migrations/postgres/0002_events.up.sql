CREATE TABLE events (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id  TEXT COLLATE "C" NOT NULL REFERENCES jobs (id),
    attempt BIGINT  NOT NULL, -- 0 for events of the job itself
    at      BIGINT  NOT NULL,
    event   TEXT    NOT NULL
);
CREATE INDEX events_by_job ON events (job_id, id);

-- Doorbells to ring: written in the transaction that queues a job, removed when the queue has it.
CREATE TABLE outbox (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id  TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES jobs (id),
    ringing BIGINT  NOT NULL DEFAULT 0
);
