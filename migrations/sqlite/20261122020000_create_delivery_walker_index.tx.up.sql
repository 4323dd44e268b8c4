-- What of one webhook was not delivered, by status and age. What was is most of all there is, and an index of it would make each of
-- them dearer: it is looked through by age.
CREATE INDEX deliveries_walker ON deliveries (walker, status, created_at) WHERE status <> 'delivered';

--bun:split
-- The deliveries of one run, now also by age.
DROP INDEX deliveries_replays;

--bun:split
CREATE INDEX deliveries_replays ON deliveries (walker, status, created_at) WHERE substr(walker, 1, 7) = 'replay:';
