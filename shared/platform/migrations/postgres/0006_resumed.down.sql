ALTER TABLE jobs DROP COLUMN resumed_from;
