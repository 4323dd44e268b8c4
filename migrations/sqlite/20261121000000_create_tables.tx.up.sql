-- Times are microseconds since 1970 UTC on both databases; flags are 0 or 1.
-- What scrapers feed: definitions and documents. Record text is kept as it came (text, not jsonb).
CREATE TABLE doctypes (
    name        text NOT NULL PRIMARY KEY,
    data        text NOT NULL,
    owner       text NOT NULL,
    creation    integer NOT NULL,
    modified    integer NOT NULL,
    modified_by text NOT NULL
);

--bun:split
CREATE TABLE documents (
    doctype     text NOT NULL,
    name        text NOT NULL,
    data        text NOT NULL,
    hash        blob NOT NULL,
    version     integer NOT NULL,
    owner       text NOT NULL,
    creation    integer NOT NULL,
    modified    integer NOT NULL,
    modified_by text NOT NULL,
    trashed_at  integer,
    PRIMARY KEY (doctype, name)
);

--bun:split
CREATE INDEX documents_modified ON documents (doctype, modified DESC, name);

--bun:split
CREATE TABLE unique_values (
    doctype   text NOT NULL,
    fieldname text NOT NULL,
    value     text NOT NULL,
    name      text NOT NULL,
    PRIMARY KEY (doctype, fieldname, value)
);

--bun:split
CREATE INDEX unique_values_name ON unique_values (doctype, name);

--bun:split
-- The log. pos grows in commit order: there is one writer.
CREATE TABLE events (
    pos         integer PRIMARY KEY AUTOINCREMENT,
    id          text NOT NULL,
    at          integer NOT NULL,
    doctype     text NOT NULL,
    name        text NOT NULL,
    event       text NOT NULL,
    version     integer NOT NULL,
    data        text NOT NULL,
    changed     text,
    job         text,
    page        integer,
    restored    integer NOT NULL,
    owner       text NOT NULL,
    creation    integer NOT NULL,
    modified_by text NOT NULL,
    key_id      text NOT NULL,
    hops        integer NOT NULL
);

--bun:split
CREATE INDEX events_doctype ON events (doctype, pos);

--bun:split
CREATE INDEX events_document ON events (doctype, name, pos);

--bun:split
CREATE TABLE idempotency (
    key    text NOT NULL,
    page   integer NOT NULL,
    hash   blob NOT NULL,
    answer text NOT NULL,
    at     integer NOT NULL,
    PRIMARY KEY (key, page)
);

--bun:split
CREATE INDEX idempotency_at ON idempotency (at);

--bun:split
CREATE TABLE webhooks (
    name        text NOT NULL PRIMARY KEY,
    data        text NOT NULL,
    secret      text NOT NULL,
    secrets_old text NOT NULL,
    version     integer NOT NULL,
    owner       text NOT NULL,
    creation    integer NOT NULL,
    modified    integer NOT NULL,
    modified_by text NOT NULL
);

--bun:split
-- One walker of the log per row: a webhook or a durable subscriber. Everything at or before pos is settled.
CREATE TABLE cursors (
    walker        text NOT NULL PRIMARY KEY,
    pos           integer NOT NULL,
    generation    integer NOT NULL,
    lease_owner   text NOT NULL,
    lease_until   integer NOT NULL,
    lease_ttl     integer NOT NULL,
    failures      integer NOT NULL,
    failing_since integer,
    paused_until  integer
);

--bun:split
-- The working set of failed deliveries: heads wait for due_at, their successors (due_at null) for the head.
CREATE TABLE retries (
    walker    text NOT NULL,
    pos       integer NOT NULL,
    part      integer NOT NULL,
    order_key text NOT NULL,
    due_at    integer,
    attempts  integer NOT NULL,
    delivery  text NOT NULL,
    request   blob,
    PRIMARY KEY (walker, pos, part)
);

--bun:split
CREATE TABLE deliveries (
    id            text NOT NULL,
    walker        text NOT NULL,
    pos           integer NOT NULL,
    part          integer NOT NULL,
    event_id      text NOT NULL,
    event         text NOT NULL,
    doctype       text NOT NULL,
    name          text NOT NULL,
    status        text NOT NULL,
    attempts      integer NOT NULL,
    created_at    integer NOT NULL,
    finished_at   integer,
    next_attempt  integer,
    http_status   integer NOT NULL,
    reason        text NOT NULL,
    duration_us   integer NOT NULL,
    detail        text NOT NULL,
    PRIMARY KEY (pos, walker, part)
);

--bun:split
CREATE INDEX deliveries_created ON deliveries (created_at);

--bun:split
-- Every failed attempt and each resend; a first attempt that succeeded stands in its delivery's row alone.
CREATE TABLE attempts (
    delivery    text NOT NULL,
    n           integer NOT NULL,
    at          integer NOT NULL,
    http_status integer NOT NULL,
    reason      text NOT NULL,
    duration_us integer NOT NULL,
    detail      text NOT NULL,
    PRIMARY KEY (delivery, n)
);

--bun:split
CREATE TABLE api_keys (
    name        text NOT NULL PRIMARY KEY,
    data        text NOT NULL,
    hash        blob NOT NULL,
    owner       text NOT NULL,
    creation    integer NOT NULL,
    modified    integer NOT NULL,
    modified_by text NOT NULL
);
