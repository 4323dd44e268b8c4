-- Times are microseconds since 1970 UTC on both databases; flags are 0 or 1.
-- What scrapers feed: definitions and documents. Record text is kept as it came (text, not jsonb).
CREATE TABLE doctypes (
    name        text COLLATE "C" PRIMARY KEY,
    data        text NOT NULL,
    owner       text NOT NULL,
    creation    bigint NOT NULL,
    modified    bigint NOT NULL,
    modified_by text NOT NULL
);

--bun:split
CREATE TABLE documents (
    doctype     text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    data        text NOT NULL,
    hash        bytea NOT NULL,
    version     bigint NOT NULL,
    owner       text NOT NULL,
    creation    bigint NOT NULL,
    modified    bigint NOT NULL,
    modified_by text NOT NULL,
    trashed_at  bigint,
    PRIMARY KEY (doctype, name)
) WITH (fillfactor = 90);

--bun:split
CREATE INDEX documents_modified ON documents (doctype, modified DESC, name);

--bun:split
CREATE TABLE unique_values (
    doctype   text COLLATE "C" NOT NULL,
    fieldname text COLLATE "C" NOT NULL,
    value     text COLLATE "C" NOT NULL,
    name      text COLLATE "C" NOT NULL,
    PRIMARY KEY (doctype, fieldname, value)
);

--bun:split
CREATE INDEX unique_values_name ON unique_values (doctype, name);

--bun:split
-- The log. pos grows in commit order: rows are inserted last, under one advisory transaction lock.
CREATE TABLE events (
    pos         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          text COLLATE "C" NOT NULL,
    at          bigint NOT NULL,
    doctype     text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    event       text COLLATE "C" NOT NULL,
    version     bigint NOT NULL,
    data        text NOT NULL,
    changed     text,
    job         text,
    page        bigint,
    restored    bigint NOT NULL,
    owner       text NOT NULL,
    creation    bigint NOT NULL,
    modified_by text NOT NULL,
    key_id      text NOT NULL,
    hops        bigint NOT NULL
);

--bun:split
CREATE INDEX events_doctype ON events (doctype, pos);

--bun:split
CREATE INDEX events_document ON events (doctype, name, pos);

--bun:split
CREATE TABLE idempotency (
    key    text COLLATE "C" NOT NULL,
    page   bigint NOT NULL,
    hash   bytea NOT NULL,
    answer text NOT NULL,
    at     bigint NOT NULL,
    PRIMARY KEY (key, page)
);

--bun:split
CREATE INDEX idempotency_at ON idempotency (at);

--bun:split
CREATE TABLE webhooks (
    name        text COLLATE "C" PRIMARY KEY,
    data        text NOT NULL,
    secret      text NOT NULL,
    secrets_old text NOT NULL,
    version     bigint NOT NULL,
    owner       text NOT NULL,
    creation    bigint NOT NULL,
    modified    bigint NOT NULL,
    modified_by text NOT NULL
);

--bun:split
-- One walker of the log per row: a webhook or a durable subscriber. Everything at or before pos is settled.
CREATE TABLE cursors (
    walker        text COLLATE "C" PRIMARY KEY,
    pos           bigint NOT NULL,
    generation    bigint NOT NULL,
    lease_owner   text NOT NULL,
    lease_until   bigint NOT NULL,
    lease_ttl     bigint NOT NULL,
    failures      bigint NOT NULL,
    failing_since bigint,
    paused_until  bigint
) WITH (fillfactor = 50);

--bun:split
-- The working set of failed deliveries: heads wait for due_at, their successors (due_at null) for the head.
CREATE TABLE retries (
    walker    text COLLATE "C" NOT NULL,
    pos       bigint NOT NULL,
    part      bigint NOT NULL,
    order_key text COLLATE "C" NOT NULL,
    due_at    bigint,
    attempts  bigint NOT NULL,
    delivery  text COLLATE "C" NOT NULL,
    request   bytea,
    PRIMARY KEY (walker, pos, part)
);

--bun:split
CREATE TABLE deliveries (
    id            text COLLATE "C" NOT NULL,
    walker        text COLLATE "C" NOT NULL,
    pos           bigint NOT NULL,
    part          bigint NOT NULL,
    event_id      text COLLATE "C" NOT NULL,
    event         text COLLATE "C" NOT NULL,
    doctype       text COLLATE "C" NOT NULL,
    name          text COLLATE "C" NOT NULL,
    status        text COLLATE "C" NOT NULL,
    attempts      bigint NOT NULL,
    created_at    bigint NOT NULL,
    finished_at   bigint,
    next_attempt  bigint,
    http_status   bigint NOT NULL,
    reason        text COLLATE "C" NOT NULL,
    duration_us   bigint NOT NULL,
    detail        text NOT NULL,
    PRIMARY KEY (pos, walker, part)
) WITH (fillfactor = 95);

--bun:split
CREATE INDEX deliveries_created ON deliveries (created_at);

--bun:split
-- Every failed attempt and each resend; a first attempt that succeeded stands in its delivery's row alone.
CREATE TABLE attempts (
    delivery    text COLLATE "C" NOT NULL,
    n           bigint NOT NULL,
    at          bigint NOT NULL,
    http_status bigint NOT NULL,
    reason      text COLLATE "C" NOT NULL,
    duration_us bigint NOT NULL,
    detail      text NOT NULL,
    PRIMARY KEY (delivery, n)
);

--bun:split
CREATE TABLE api_keys (
    name        text COLLATE "C" PRIMARY KEY,
    data        text NOT NULL,
    hash        bytea NOT NULL,
    owner       text NOT NULL,
    creation    bigint NOT NULL,
    modified    bigint NOT NULL,
    modified_by text NOT NULL
);
