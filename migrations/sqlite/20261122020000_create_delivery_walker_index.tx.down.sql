DROP INDEX deliveries_walker;

--bun:split
DROP INDEX deliveries_replays;

--bun:split
CREATE INDEX deliveries_replays ON deliveries (walker, status) WHERE substr(walker, 1, 7) = 'replay:';
