-- Scrapers and their jobs. data is JSON as for the other definitions.
CREATE TABLE scrapers (
    name        text COLLATE "C" PRIMARY KEY,
    data        text NOT NULL,
    owner       text NOT NULL,
    creation    bigint NOT NULL,
    modified    bigint NOT NULL,
    modified_by text NOT NULL
);

--bun:split
CREATE TABLE jobs (
    name        text COLLATE "C" PRIMARY KEY,
    scraper     text COLLATE "C" NOT NULL,
    doctype     text COLLATE "C" NOT NULL,
    status      text COLLATE "C" NOT NULL,
    mode        text COLLATE "C" NOT NULL,
    data        text NOT NULL,
    owner       text NOT NULL,
    creation    bigint NOT NULL,
    modified    bigint NOT NULL,
    modified_by text NOT NULL
);

--bun:split
CREATE INDEX jobs_scraper ON jobs (scraper, creation);

--bun:split
CREATE INDEX jobs_open ON jobs (modified) WHERE status IN ('pending', 'in_progress');

--bun:split
CREATE INDEX jobs_held ON jobs (doctype, scraper) WHERE status = 'held';

--bun:split
-- Only one full job of a scraper may be open: two could not tell what the other has not seen.
CREATE UNIQUE INDEX jobs_full ON jobs (scraper) WHERE mode = 'full' AND status IN ('pending', 'in_progress');

--bun:split
-- The accepted records of a job, a page per row: data holds them compressed, seen the hashes of their names (8 bytes each), received also counts names that came twice.
CREATE TABLE job_pages (
    job       text COLLATE "C" NOT NULL,
    page      bigint NOT NULL,
    at        bigint NOT NULL,
    first_row bigint NOT NULL,
    row_count bigint NOT NULL,
    received  bigint NOT NULL,
    hash      bytea NOT NULL,
    seen      bytea NOT NULL,
    data      bytea NOT NULL,
    PRIMARY KEY (job, page)
);

--bun:split
-- Which scraper saw a document last, where the document's own row does not say it.
CREATE TABLE sightings (
    doctype text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    scraper text COLLATE "C" NOT NULL,
    PRIMARY KEY (doctype, name)
);

--bun:split
-- Documents that finished full jobs of a scraper did not see. held is the job whose removals wait, due whether this is one of them.
CREATE TABLE absences (
    doctype text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    scraper text COLLATE "C" NOT NULL,
    misses  bigint NOT NULL,
    held    text COLLATE "C",
    due     bigint NOT NULL,
    PRIMARY KEY (doctype, name, scraper)
);

--bun:split
CREATE INDEX absences_held ON absences (held, name) WHERE held IS NOT NULL;

--bun:split
-- Updates of jobs that limit them: their events wait for the job's end, or for a person.
CREATE TABLE held_updates (
    job     text COLLATE "C" NOT NULL,
    page    bigint NOT NULL,
    name    text COLLATE "C" NOT NULL,
    changed text NOT NULL,
    PRIMARY KEY (job, page, name)
);

--bun:split
-- Ids of columns, as other systems sent them.
CREATE TABLE column_ids (
    doctype   text COLLATE "C" NOT NULL,
    id        text COLLATE "C" NOT NULL,
    fieldname text COLLATE "C" NOT NULL,
    place     bigint NOT NULL,
    PRIMARY KEY (doctype, id)
);

--bun:split
ALTER TABLE documents ADD COLUMN scraper text COLLATE "C";

--bun:split
ALTER TABLE events ADD COLUMN scraper text COLLATE "C";

--bun:split
CREATE INDEX events_job ON events (job, pos) WHERE job IS NOT NULL;

--bun:split
-- Events of jobs, which have no version of a document.
CREATE INDEX events_of_jobs ON events (pos) WHERE version = 0;
