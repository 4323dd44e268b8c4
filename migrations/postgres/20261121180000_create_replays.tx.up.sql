-- Replays and backfills. While a run goes on its place is in cursors; done and the counts are kept when it ends.
CREATE TABLE replays (
    id          text COLLATE "C" PRIMARY KEY,
    webhook     text COLLATE "C" NOT NULL,
    doctype     text NOT NULL,
    kind        text NOT NULL,
    filter      text NOT NULL,
    status      text COLLATE "C" NOT NULL,
    total       bigint NOT NULL,
    done        bigint NOT NULL,
    delivered   bigint NOT NULL,
    dead        bigint NOT NULL,
    skipped     bigint NOT NULL,
    owner       text NOT NULL,
    creation    bigint NOT NULL,
    modified    bigint NOT NULL,
    finished_at bigint
);

--bun:split
CREATE INDEX replays_webhook ON replays (webhook, creation);

--bun:split
-- One run of a webhook at a time.
CREATE UNIQUE INDEX replays_open ON replays (webhook) WHERE status IN ('preparing', 'running');

--bun:split
-- What a run sends: events of the log by their position, or documents (pos 0) by name.
CREATE TABLE replay_items (
    run  text COLLATE "C" NOT NULL,
    seq  bigint NOT NULL,
    pos  bigint NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (run, seq)
);

--bun:split
-- Which events have to stay in the log.
CREATE INDEX replay_items_pos ON replay_items (pos) WHERE pos > 0;

--bun:split
-- What became of a run's items: their deliveries have the items' numbers for positions.
CREATE INDEX deliveries_replays ON deliveries (walker, status) WHERE substr(walker, 1, 7) = 'replay:';
