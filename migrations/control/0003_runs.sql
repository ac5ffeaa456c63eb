-- Runs of transition tables, their log, and who did what.
CREATE TABLE runs (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transition_table text NOT NULL,
    subject text NOT NULL,
    command jsonb NOT NULL,
    state text NOT NULL,
    lease_holder text,
    leased_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    error text
);
CREATE UNIQUE INDEX one_unfinished_run ON runs (transition_table, subject) WHERE finished_at IS NULL;

CREATE TABLE run_log (
    run bigint NOT NULL REFERENCES runs,
    at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL,
    next text NOT NULL,
    outcome text NOT NULL,
    duration_ms bigint NOT NULL,
    actor text NOT NULL
);
CREATE INDEX run_log_by_run ON run_log (run, at);

CREATE TABLE audit (
    entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL
);
