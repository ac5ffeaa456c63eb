-- Which fencing term each cell writes under and where it is active; and, while a switchover or a failover is
-- under way, which node was the primary before: a command that was killed and is given again must not go back.
CREATE TABLE cell_leases (
    cell text PRIMARY KEY REFERENCES cells ON DELETE CASCADE,
    term bigint NOT NULL CHECK (term > 0),
    site text NOT NULL CHECK (site IN ('a', 'b')),
    leased_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE primary_moves (
    cell text PRIMARY KEY REFERENCES cells ON DELETE CASCADE,
    old_primary integer NOT NULL CHECK (old_primary IN (1, 2)),
    new_term bigint,
    begun_at timestamptz NOT NULL DEFAULT now()
);
