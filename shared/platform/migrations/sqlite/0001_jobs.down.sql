DROP TABLE outbox;
DROP TABLE events;
DROP TABLE artifacts;
DROP TABLE objects;
DROP TABLE jobs;
