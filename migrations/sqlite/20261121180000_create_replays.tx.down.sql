DROP INDEX deliveries_replays;
--bun:split
DROP TABLE replay_items;
--bun:split
DROP TABLE replays;
