-- Who is signed in with a browser. A session counts while its key's hash is still the one it began with.
CREATE TABLE sessions (
    id       bytea NOT NULL PRIMARY KEY, -- SHA-256 of what the cookie holds
    key_name text COLLATE "C" NOT NULL,
    key_hash bytea NOT NULL,
    created  bigint NOT NULL,
    expires  bigint NOT NULL
);

--bun:split
CREATE INDEX sessions_key ON sessions (key_name);

--bun:split
CREATE INDEX sessions_expires ON sessions (expires);
