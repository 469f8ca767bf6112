-- The audit trail, and what orders records where the clock was set.

-- With the sequence these order captures whatever the clock says. Empty in records older than this.
ALTER TABLE inspection ADD COLUMN boot_id TEXT NOT NULL DEFAULT '';
ALTER TABLE inspection ADD COLUMN monotonic_ms INTEGER NOT NULL DEFAULT 0;

-- The last row of the trail that speaks of the record; NULL before the first decision.
ALTER TABLE inspection ADD COLUMN audit_number INTEGER;

-- Ed25519 public keys that rows were signed with.
CREATE TABLE signing_key (
    number      INTEGER PRIMARY KEY,
    public_key  BLOB    NOT NULL UNIQUE CHECK (length(public_key) = 32)
) STRICT;

-- Numbers have no gap, and a hash covers the one before it. Only ever added to.
CREATE TABLE audit (
    number       INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    source       TEXT    NOT NULL,
    category     TEXT    NOT NULL,
    identity     TEXT    NOT NULL,
    subject      TEXT,
    result       TEXT    NOT NULL,
    detail       TEXT    NOT NULL,
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    signature    BLOB    CHECK (signature IS NULL OR length(signature) = 64),
    signing_key  INTEGER REFERENCES signing_key (number),
    CHECK ((signature IS NULL) = (signing_key IS NULL))
) STRICT;
-- What people and the station did, without the verdicts, which are as many as there are parts.
CREATE INDEX audit_of_events ON audit (number) WHERE category <> 'decision';

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is not changed');
END;

CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is not shortened');
END;

CREATE TRIGGER clock_of_capture_is_frozen BEFORE UPDATE OF boot_id, monotonic_ms ON inspection
BEGIN
    SELECT RAISE(ABORT, 'what was captured is not changed');
END;
