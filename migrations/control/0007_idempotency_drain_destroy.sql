-- A command that was given a key is done once, however often it is given: digest is over its arguments.
CREATE TABLE idempotency_keys (
    key text PRIMARY KEY CHECK (key ~ '^[!-~]{1,128}$'),
    command text NOT NULL,
    digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    begun_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    changed boolean,
    CHECK ((finished_at IS NULL) = (changed IS NULL))
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (begun_at);

-- Workers that edges are not told about.
CREATE TABLE drained_workers (
    cell text NOT NULL REFERENCES cells ON DELETE CASCADE,
    worker text NOT NULL,
    drained_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cell, worker)
);

-- leaving: being destroyed, in no map any more.
ALTER TABLE cells DROP CONSTRAINT cells_state_check;
ALTER TABLE cells ADD CONSTRAINT cells_state_check CHECK (state IN ('creating', 'ready', 'leaving'));
