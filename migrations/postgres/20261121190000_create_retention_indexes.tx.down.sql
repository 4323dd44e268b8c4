DROP INDEX jobs_over;
