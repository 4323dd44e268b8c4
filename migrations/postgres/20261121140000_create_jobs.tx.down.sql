DROP INDEX events_of_jobs;
--bun:split
DROP INDEX events_job;
--bun:split
ALTER TABLE events DROP COLUMN scraper;
--bun:split
ALTER TABLE documents DROP COLUMN scraper;
--bun:split
DROP TABLE column_ids;
--bun:split
DROP TABLE held_updates;
--bun:split
DROP TABLE absences;
--bun:split
DROP TABLE sightings;
--bun:split
DROP TABLE job_pages;
--bun:split
DROP TABLE jobs;
--bun:split
DROP TABLE scrapers;
