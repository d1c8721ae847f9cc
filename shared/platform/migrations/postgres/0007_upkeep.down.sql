DROP TRIGGER job_counted_over ON jobs;
DROP TRIGGER job_counted_in_and_out ON jobs;
DROP FUNCTION count_job();
DROP TABLE job_counts;
DROP TABLE unneeded;
