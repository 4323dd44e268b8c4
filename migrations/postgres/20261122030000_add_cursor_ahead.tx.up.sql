-- How far a walker had read when it last wrote down what it did: nothing of what it tried lies beyond. NULL: not known.
ALTER TABLE cursors ADD COLUMN ahead bigint;
