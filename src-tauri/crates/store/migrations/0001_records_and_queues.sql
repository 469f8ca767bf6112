-- Records of inspections and their two queues.
--
-- A released migration is never changed: what comes later is a migration of its own.
-- Times are UTC epoch milliseconds, ids and hashes lower-case text, enums their codes.

CREATE TABLE inspection (
    -- The order of capture. AUTOINCREMENT: a number is never given twice.
    sequence             INTEGER PRIMARY KEY AUTOINCREMENT,
    id                   TEXT    NOT NULL UNIQUE,
    captured_at          INTEGER NOT NULL,
    facility             TEXT    NOT NULL,
    station              TEXT    NOT NULL,
    stage                TEXT    NOT NULL,
    product_sku          TEXT    NOT NULL,
    lot                  TEXT,
    serial               TEXT,
    shift                TEXT    NOT NULL,
    operator             TEXT    NOT NULL,
    camera               TEXT    NOT NULL,
    frame_sequence       INTEGER NOT NULL,
    exposed_at           INTEGER NOT NULL,
    image_sha256         TEXT    NOT NULL CHECK (length(image_sha256) = 64),
    image_size_bytes     INTEGER NOT NULL,
    image_width_px       INTEGER NOT NULL,
    image_height_px      INTEGER NOT NULL,
    image_format         TEXT    NOT NULL,

    verdict              TEXT    NOT NULL DEFAULT 'pending'
                         CHECK (verdict IN ('pending', 'pass', 'fail', 'undetermined')),
    undetermined_reason  TEXT,
    decided_at           INTEGER,
    -- Taken from the analysis, so that the history need not read it.
    worst_severity       TEXT,
    worst_defect_type    TEXT,
    findings             INTEGER NOT NULL DEFAULT 0,

    revision             INTEGER NOT NULL DEFAULT 0,
    uploaded_revision    INTEGER,
    uploaded_at          INTEGER,
    image_url            TEXT,

    -- Long texts stand last: a query that does not ask for them does not read their pages.
    detail               TEXT    NOT NULL DEFAULT '',
    screening            TEXT    CHECK (screening IS NULL OR json_valid(screening)),
    analysis             TEXT    CHECK (analysis IS NULL OR json_valid(analysis)),

    CHECK ((verdict = 'pending') = (decided_at IS NULL)),
    CHECK ((verdict = 'undetermined') = (undetermined_reason IS NOT NULL)),
    CHECK (verdict <> 'pending' OR uploaded_revision IS NULL),
    CHECK ((uploaded_revision IS NULL) = (uploaded_at IS NULL)
       AND (uploaded_revision IS NULL) = (image_url IS NULL)),
    -- No pass without a complete analysis of this very picture that found nothing. IS, because a
    -- comparison with NULL would let the row in.
    CHECK (verdict <> 'pass' OR (
            analysis IS NOT NULL
        AND analysis ->> '$.image_sha256' IS image_sha256
        AND analysis ->> '$.complete' IS 1
        AND analysis ->> '$.claim' IS 'good'
        AND analysis ->> '$.image_quality.kind' IS 'usable'
        AND json_array_length(analysis, '$.findings') IS 0
        AND findings = 0
    ))
) STRICT;

-- Each filter of the history walks its index from the newest row: an index ends in the sequence.
CREATE INDEX inspection_by_stage ON inspection (stage);
CREATE INDEX inspection_by_sku ON inspection (product_sku);
CREATE INDEX inspection_by_verdict ON inspection (verdict);
CREATE INDEX inspection_by_severity ON inspection (worst_severity) WHERE worst_severity IS NOT NULL;
-- Covers the tally of a span of time.
CREATE INDEX inspection_by_time ON inspection (captured_at, verdict);

-- Earliest and latest capture of each 1024 sequence numbers. A span of time becomes a span of
-- sequence numbers by it, also where the clock was set back.
CREATE TABLE time_block (
    block      INTEGER PRIMARY KEY,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL
) STRICT;

-- What people said. Only ever added to.
CREATE TABLE operator_decision (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    inspection  INTEGER NOT NULL REFERENCES inspection (sequence),
    call        TEXT    NOT NULL,
    operator    TEXT    NOT NULL,
    reason      TEXT,
    decided_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX operator_decision_by_inspection ON operator_decision (inspection);

-- Work that is to be done: a row for each part on a queue.
CREATE TABLE work (
    queue     TEXT    NOT NULL CHECK (queue IN ('analysis', 'upload')),
    sequence  INTEGER NOT NULL REFERENCES inspection (sequence),
    state     TEXT    NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'leased', 'parked')),
    -- Waiting: when to try. Leased: when it may be taken again. 0: at once, whatever the clock says.
    due_at    INTEGER NOT NULL DEFAULT 0,
    attempts  INTEGER NOT NULL DEFAULT 0,
    obstacle  TEXT,
    reason    TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (queue, sequence)
) STRICT, WITHOUT ROWID;
-- The part under the camera goes before those that wait out an outage, however many they are.
CREATE INDEX work_untried ON work (queue, sequence) WHERE attempts = 0 AND state = 'waiting';

-- Written and removed again to see whether a row can be written.
CREATE TABLE probe (number INTEGER PRIMARY KEY) STRICT;

-- A part's place on a queue follows its record, in the statement that changes the record: no code
-- path can forget it, and a crash cannot come between.
CREATE TRIGGER captured AFTER INSERT ON inspection
BEGIN
    INSERT INTO work (queue, sequence) VALUES ('analysis', NEW.sequence);
    INSERT INTO time_block (block, first_at, last_at)
        VALUES (NEW.sequence >> 10, NEW.captured_at, NEW.captured_at)
        ON CONFLICT (block) DO UPDATE SET
            first_at = min(first_at, excluded.first_at),
            last_at = max(last_at, excluded.last_at);
END;

CREATE TRIGGER decided AFTER UPDATE OF verdict ON inspection
BEGIN
    DELETE FROM work WHERE queue = 'analysis' AND sequence = NEW.sequence;
    INSERT INTO work (queue, sequence) VALUES ('upload', NEW.sequence);
END;

-- Parked work stays parked: what stands in its way is not gone by a decision.
CREATE TRIGGER operator_decided AFTER INSERT ON operator_decision
BEGIN
    UPDATE inspection SET revision = revision + 1 WHERE sequence = NEW.inspection;
    INSERT INTO work (queue, sequence)
        SELECT 'upload', sequence FROM inspection
        WHERE sequence = NEW.inspection AND verdict <> 'pending'
        ON CONFLICT (queue, sequence) DO NOTHING;
END;

-- Verified work leaves the queue only where nothing newer is to be sent.
CREATE TRIGGER uploaded AFTER UPDATE OF uploaded_revision ON inspection
BEGIN
    DELETE FROM work
        WHERE queue = 'upload' AND sequence = NEW.sequence
          AND NEW.uploaded_revision = NEW.revision;
    UPDATE work SET state = 'waiting', due_at = 0, attempts = 0, obstacle = NULL, reason = ''
        WHERE queue = 'upload' AND sequence = NEW.sequence;
END;

-- What was recorded stays as it was recorded.
CREATE TRIGGER capture_is_frozen BEFORE UPDATE OF
    sequence, id, captured_at, facility, station, stage, product_sku, lot, serial, shift, operator,
    camera, frame_sequence, exposed_at, image_sha256, image_size_bytes, image_width_px,
    image_height_px, image_format ON inspection
BEGIN
    SELECT RAISE(ABORT, 'what was captured is not changed');
END;

CREATE TRIGGER decision_is_frozen BEFORE UPDATE OF
    verdict, undetermined_reason, decided_at, detail, screening, analysis, findings, worst_severity,
    worst_defect_type ON inspection
WHEN OLD.verdict <> 'pending'
BEGIN
    SELECT RAISE(ABORT, 'a decision is not changed');
END;

CREATE TRIGGER operator_decision_is_not_changed BEFORE UPDATE ON operator_decision
BEGIN
    SELECT RAISE(ABORT, 'an operator decision is not changed');
END;

CREATE TRIGGER operator_decision_is_not_removed BEFORE DELETE ON operator_decision
BEGIN
    SELECT RAISE(ABORT, 'an operator decision is not removed');
END;
