-- The epoch of the checkpoint from which the current or last attempt went on.
ALTER TABLE jobs ADD COLUMN resumed_from BIGINT;
