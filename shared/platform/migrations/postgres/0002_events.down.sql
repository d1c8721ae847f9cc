DROP TABLE outbox;
DROP TABLE events;
