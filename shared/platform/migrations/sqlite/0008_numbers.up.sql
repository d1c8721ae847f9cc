-- Numbers that the program could not read are refused when they are written. Times end with the year 9999.
-- SQLite adds no constraint to a table that is there, so triggers refuse. What is there already is not looked at.
CREATE TRIGGER jobs_numbers_insert BEFORE INSERT ON jobs WHEN NOT (
    NEW.attempt BETWEEN 0 AND 1000000000
    AND NEW.lost BETWEEN 0 AND 1000000000
    AND NEW.cancel_requested IN (0, 1)
    AND (NEW.resumed_from IS NULL OR NEW.resumed_from BETWEEN 0 AND 4294967295)
    AND (NEW.lease_until IS NULL OR NEW.lease_until >= 0)
    AND NEW.submitted_at BETWEEN 0 AND 253402300799999
    AND (NEW.started_at IS NULL OR NEW.started_at BETWEEN 0 AND 253402300799999)
    AND (NEW.finished_at IS NULL OR NEW.finished_at BETWEEN 0 AND 253402300799999)
    AND (NEW.not_before IS NULL OR NEW.not_before BETWEEN 0 AND 253402300799999)
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in jobs');
END;
CREATE TRIGGER jobs_numbers_update BEFORE UPDATE OF attempt, lost, cancel_requested, resumed_from, lease_until, submitted_at, started_at, finished_at, not_before ON jobs WHEN NOT (
    NEW.attempt BETWEEN 0 AND 1000000000
    AND NEW.lost BETWEEN 0 AND 1000000000
    AND NEW.cancel_requested IN (0, 1)
    AND (NEW.resumed_from IS NULL OR NEW.resumed_from BETWEEN 0 AND 4294967295)
    AND (NEW.lease_until IS NULL OR NEW.lease_until >= 0)
    AND NEW.submitted_at BETWEEN 0 AND 253402300799999
    AND (NEW.started_at IS NULL OR NEW.started_at BETWEEN 0 AND 253402300799999)
    AND (NEW.finished_at IS NULL OR NEW.finished_at BETWEEN 0 AND 253402300799999)
    AND (NEW.not_before IS NULL OR NEW.not_before BETWEEN 0 AND 253402300799999)
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in jobs');
END;
CREATE TRIGGER objects_numbers_insert BEFORE INSERT ON objects WHEN NOT (
    NEW.bytes >= 0
    AND NEW.created_at BETWEEN 0 AND 253402300799999
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in objects');
END;
CREATE TRIGGER objects_numbers_update BEFORE UPDATE OF bytes, created_at ON objects WHEN NOT (
    NEW.bytes >= 0
    AND NEW.created_at BETWEEN 0 AND 253402300799999
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in objects');
END;
CREATE TRIGGER artifacts_numbers_insert BEFORE INSERT ON artifacts WHEN NOT (
    NEW.attempt BETWEEN 0 AND 1000000000
    AND NEW.position >= 0
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in artifacts');
END;
CREATE TRIGGER artifacts_numbers_update BEFORE UPDATE OF attempt, position ON artifacts WHEN NOT (
    NEW.attempt BETWEEN 0 AND 1000000000
    AND NEW.position >= 0
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in artifacts');
END;
CREATE TRIGGER events_numbers_insert BEFORE INSERT ON events WHEN NOT (
    NEW.attempt BETWEEN 0 AND 1000000000
    AND NEW.at BETWEEN 0 AND 253402300799999
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in events');
END;
CREATE TRIGGER events_numbers_update BEFORE UPDATE OF attempt, at ON events WHEN NOT (
    NEW.attempt BETWEEN 0 AND 1000000000
    AND NEW.at BETWEEN 0 AND 253402300799999
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in events');
END;
CREATE TRIGGER outbox_numbers_insert BEFORE INSERT ON outbox WHEN NOT (
    NEW.class IN ('cpu', 'gpu')
    AND NEW.priority IN ('low', 'normal', 'high')
    AND NEW.ring_at >= 0
    AND NEW.pause BETWEEN 0 AND 2305843009213693951
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in outbox');
END;
CREATE TRIGGER outbox_numbers_update BEFORE UPDATE OF class, priority, ring_at, pause ON outbox WHEN NOT (
    NEW.class IN ('cpu', 'gpu')
    AND NEW.priority IN ('low', 'normal', 'high')
    AND NEW.ring_at >= 0
    AND NEW.pause BETWEEN 0 AND 2305843009213693951
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in outbox');
END;
CREATE TRIGGER workers_numbers_insert BEFORE INSERT ON workers WHEN NOT (
    NEW.slots BETWEEN 0 AND 4294967295
    AND NEW.draining IN (0, 1)
    AND NEW.seen_at BETWEEN 0 AND 253402300799999
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in workers');
END;
CREATE TRIGGER workers_numbers_update BEFORE UPDATE OF slots, draining, seen_at ON workers WHEN NOT (
    NEW.slots BETWEEN 0 AND 4294967295
    AND NEW.draining IN (0, 1)
    AND NEW.seen_at BETWEEN 0 AND 253402300799999
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in workers');
END;
CREATE TRIGGER checkpoints_numbers_insert BEFORE INSERT ON checkpoints WHEN NOT (
    NEW.attempt BETWEEN 0 AND 1000000000
    AND NEW.epoch BETWEEN 0 AND 4294967295
    AND NEW.bytes >= 0
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in checkpoints');
END;
CREATE TRIGGER checkpoints_numbers_update BEFORE UPDATE OF attempt, epoch, bytes ON checkpoints WHEN NOT (
    NEW.attempt BETWEEN 0 AND 1000000000
    AND NEW.epoch BETWEEN 0 AND 4294967295
    AND NEW.bytes >= 0
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in checkpoints');
END;
CREATE TRIGGER scans_numbers_insert BEFORE INSERT ON scans WHEN NOT (
    NEW.scanned_at BETWEEN 0 AND 253402300799999
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in scans');
END;
CREATE TRIGGER scans_numbers_update BEFORE UPDATE OF scanned_at ON scans WHEN NOT (
    NEW.scanned_at BETWEEN 0 AND 253402300799999
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in scans');
END;
CREATE TRIGGER image_scans_numbers_insert BEFORE INSERT ON image_scans WHEN NOT (
    NEW.attempt BETWEEN 0 AND 1000000000
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in image_scans');
END;
CREATE TRIGGER image_scans_numbers_update BEFORE UPDATE OF attempt ON image_scans WHEN NOT (
    NEW.attempt BETWEEN 0 AND 1000000000
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in image_scans');
END;
CREATE TRIGGER collected_numbers_insert BEFORE INSERT ON collected WHEN NOT (
    NEW.at BETWEEN 0 AND 253402300799999
    AND NEW.gone IN (0, 1)
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in collected');
END;
CREATE TRIGGER collected_numbers_update BEFORE UPDATE OF at, gone ON collected WHEN NOT (
    NEW.at BETWEEN 0 AND 253402300799999
    AND NEW.gone IN (0, 1)
) BEGIN
    SELECT RAISE(ABORT, 'a number out of range in collected');
END;

-- How old an object must be before it is removed, in milliseconds: others may just have stored the same bytes.
ALTER TABLE unneeded ADD COLUMN age INTEGER NOT NULL DEFAULT 0 CHECK (age BETWEEN 0 AND 253402300799999);
CREATE INDEX unneeded_by_time ON unneeded (at);
