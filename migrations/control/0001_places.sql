-- Countries, cells, tenants, numbers, carriers and edges: what there is, and where it lives.
CREATE TABLE countries (
    country text PRIMARY KEY CHECK (country ~ '^[a-z]{2}$'),
    template text NOT NULL,
    policy jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- number counts over all countries, in order of creation: ports derive from it.
CREATE TABLE cells (
    cell text PRIMARY KEY,
    country text NOT NULL REFERENCES countries,
    number integer NOT NULL UNIQUE CHECK (number > 0),
    template text NOT NULL,
    target text NOT NULL,
    state text NOT NULL DEFAULT 'creating' CHECK (state IN ('creating', 'ready')),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Which cell holds which slots of its country: every slot once.
CREATE TABLE slot_ranges (
    country text NOT NULL REFERENCES countries,
    first_slot integer NOT NULL CHECK (first_slot BETWEEN 0 AND 16383),
    last_slot integer NOT NULL CHECK (last_slot BETWEEN first_slot AND 16383),
    cell text NOT NULL REFERENCES cells,
    PRIMARY KEY (country, first_slot)
);

CREATE TABLE tenants (
    country text NOT NULL REFERENCES countries,
    tenant text NOT NULL CHECK (tenant ~ '^[a-z][a-z0-9-]{1,30}$'),
    name text NOT NULL,
    pinned_cell text REFERENCES cells,
    state text NOT NULL DEFAULT 'creating' CHECK (state IN ('creating', 'ready')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (country, tenant)
);

-- A number is claimed here (once per country), then written in the cell, then published.
CREATE TABLE numbers (
    country text NOT NULL,
    number text NOT NULL CHECK (number ~ '^\+[0-9]{2,15}$'),
    tenant text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('mobile', 'pbx')),
    fallback_target text,
    document jsonb NOT NULL,
    state text NOT NULL DEFAULT 'claimed' CHECK (state IN ('claimed', 'written', 'leaving')),
    PRIMARY KEY (country, number),
    FOREIGN KEY (country, tenant) REFERENCES tenants
);
CREATE INDEX numbers_by_tenant ON numbers (country, tenant, number);

CREATE TABLE carrier_keys (
    country text NOT NULL REFERENCES countries,
    key_id text NOT NULL,
    tenants text[] NOT NULL,
    mode text NOT NULL CHECK (mode IN ('enforce', 'report-only')),
    secrets text[] NOT NULL CHECK (cardinality(secrets) BETWEEN 1 AND 2),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (country, key_id)
);

CREATE TABLE edges (
    edge text PRIMARY KEY,
    port integer NOT NULL UNIQUE,
    telemetry_port integer NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
