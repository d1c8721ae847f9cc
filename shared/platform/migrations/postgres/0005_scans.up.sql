CREATE TABLE scans (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    image_digest TEXT COLLATE "C" NOT NULL,
    scanned_at   BIGINT NOT NULL,
    outcome      TEXT   NOT NULL CHECK (outcome IN ('clean', 'findings', 'failed')),
    link         TEXT COLLATE "C", -- the digest of its signed link, an object of the store
    scan         TEXT  NOT NULL
);
CREATE INDEX scans_by_image ON scans (image_digest, scanned_at, id);
CREATE INDEX scans_by_time ON scans (scanned_at, id);
CREATE INDEX scans_by_link ON scans (link) WHERE link IS NOT NULL;
