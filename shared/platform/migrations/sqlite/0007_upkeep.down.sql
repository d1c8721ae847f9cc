DROP TRIGGER job_counted_out;
DROP TRIGGER job_counted_over;
DROP TRIGGER job_counted_in;
DROP TABLE job_counts;
DROP TABLE unneeded;
