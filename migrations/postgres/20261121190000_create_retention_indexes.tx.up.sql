-- Jobs that are over, by when that was: their results are removed in this order.
CREATE INDEX jobs_over ON jobs (modified, name) WHERE status IN ('finished', 'failed', 'stopped');
