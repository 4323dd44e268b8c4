DROP TABLE api_keys;
--bun:split
DROP TABLE attempts;
--bun:split
DROP TABLE deliveries;
--bun:split
DROP TABLE retries;
--bun:split
DROP TABLE cursors;
--bun:split
DROP TABLE webhooks;
--bun:split
DROP TABLE idempotency;
--bun:split
DROP TABLE events;
--bun:split
DROP TABLE unique_values;
--bun:split
DROP TABLE documents;
--bun:split
DROP TABLE doctypes;
