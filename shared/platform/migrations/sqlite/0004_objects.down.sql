DROP TABLE collected;
DROP TABLE checkpoints;
