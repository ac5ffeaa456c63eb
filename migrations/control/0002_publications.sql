-- Signed files, who may fetch them, and what those who fetch say that they hold.
CREATE TABLE sealing_keys (
    country text NOT NULL REFERENCES countries,
    key_id integer NOT NULL CHECK (key_id BETWEEN 1 AND 255),
    key bytea NOT NULL CHECK (length(key) = 64),
    active_from timestamptz NOT NULL,
    PRIMARY KEY (country, key_id)
);

-- Only digests: the tokens themselves lie in files of the home. country and cell NULL: edges.
CREATE TABLE source_tokens (
    holder text PRIMARY KEY,
    country text,
    sha256 text NOT NULL UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$')
);

-- The token that edges show to a cell's workers; it travels in the carriers publication.
CREATE TABLE cell_tokens (
    cell text PRIMARY KEY REFERENCES cells,
    country text NOT NULL REFERENCES countries,
    edge_token text NOT NULL
);

-- One more per publication of any country and kind, taken while this row is locked: whoever has read up
-- to n misses nothing by asking for what is above n.
CREATE TABLE publication_index (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL
);
INSERT INTO publication_index (version) VALUES (0);

CREATE TABLE publications (
    country text NOT NULL REFERENCES countries,
    kind text NOT NULL CHECK (kind IN ('map', 'numbers', 'carriers', 'sealing')),
    epoch bigint NOT NULL CHECK (epoch > 0),
    version bigint NOT NULL,
    bytes bytea NOT NULL,
    signature bytea NOT NULL CHECK (length(signature) = 64),
    sha256 text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (country, kind, epoch)
);
CREATE INDEX publications_by_version ON publications (version);

CREATE FUNCTION publish(of_country text, of_kind text, of_epoch bigint, whole bytea, signed bytea, digest text)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    taken bigint;
BEGIN
    UPDATE publication_index SET version = version + 1 RETURNING version INTO taken;
    INSERT INTO publications (country, kind, epoch, version, bytes, signature, sha256)
        VALUES (of_country, of_kind, of_epoch, taken, whole, signed, digest);
    -- Maps are kept for ever: they are the history that a rollback and an inquiry need.
    DELETE FROM publications p
        WHERE p.country = of_country AND p.kind = of_kind AND of_kind <> 'map' AND p.epoch <= of_epoch - 3;
    PERFORM pg_notify('publications', taken::text);
    RETURN taken;
END
$$;

-- What each edge and worker holds, and the last thing that it refused.
CREATE TABLE reports (
    reporter text NOT NULL,
    country text NOT NULL,
    kind text NOT NULL,
    epoch bigint,
    sha256 text,
    refused_epoch bigint,
    refused_error text,
    refused_reason text,
    reported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (reporter, country, kind)
);

-- One statement per report, so that `serve` sends it as one query. A refusal is forgotten once a newer
-- epoch than the refused one is held.
CREATE FUNCTION report(body jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO reports (reporter, country, kind, epoch, sha256)
    SELECT body->>'reporter', held.country, held.kind, held.epoch, held.sha256
    FROM jsonb_to_recordset(body->'held') AS held (country text, kind text, epoch bigint, sha256 text)
    WHERE held.country IS NOT NULL AND held.kind IS NOT NULL
    ON CONFLICT (reporter, country, kind) DO UPDATE SET
        epoch = EXCLUDED.epoch, sha256 = EXCLUDED.sha256, reported_at = now(),
        refused_epoch = CASE WHEN reports.refused_epoch > EXCLUDED.epoch THEN reports.refused_epoch END;
    INSERT INTO reports (reporter, country, kind, refused_epoch, refused_error, refused_reason)
    SELECT body->>'reporter', refused.country, refused.kind, refused.epoch, refused.error, refused.reason
    FROM jsonb_to_recordset(body->'refused')
        AS refused (country text, kind text, epoch bigint, error text, reason text)
    WHERE refused.country IS NOT NULL AND refused.kind IS NOT NULL
    ON CONFLICT (reporter, country, kind) DO UPDATE SET
        refused_epoch = EXCLUDED.refused_epoch, refused_error = EXCLUDED.refused_error,
        refused_reason = EXCLUDED.refused_reason, reported_at = now();
$$;
