DROP TABLE artifacts;
DROP TABLE objects;
DROP TABLE jobs;
