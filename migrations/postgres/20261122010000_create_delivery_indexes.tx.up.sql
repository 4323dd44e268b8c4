-- What was not delivered, by status and age: few rows, which people look for among many.
CREATE INDEX deliveries_undelivered ON deliveries (status, created_at) WHERE status <> 'delivered';
