-- The last measurement of a thing by anybody who measures: what `serve` shows as telemetry of the whole
-- platform (backups, restore drills, durability, certificates).
CREATE TABLE facts (
    name text NOT NULL,
    subject text NOT NULL,
    value double precision NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, subject)
);
