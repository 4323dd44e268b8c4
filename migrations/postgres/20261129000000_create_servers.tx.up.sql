-- The servers on this database, so that each takes its share of the walkers. One that was not seen for some seconds is not there.
CREATE TABLE servers (
    id   text COLLATE "C" PRIMARY KEY,
    seen bigint NOT NULL
) WITH (fillfactor = 50);
