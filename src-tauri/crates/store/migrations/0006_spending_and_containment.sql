-- What models were called for, and the parts that were not found good after they had moved on.

-- Every call, whatever came of its answer. Only ever added to.
CREATE TABLE model_call (
    number             INTEGER PRIMARY KEY AUTOINCREMENT,
    inspection         INTEGER NOT NULL REFERENCES inspection (sequence),
    called_at          INTEGER NOT NULL,
    provider           TEXT    NOT NULL,
    model              TEXT    NOT NULL,
    purpose            TEXT    NOT NULL,
    input_tokens       INTEGER NOT NULL CHECK (input_tokens >= 0),
    output_tokens      INTEGER NOT NULL CHECK (output_tokens >= 0),
    cache_read_tokens  INTEGER NOT NULL CHECK (cache_read_tokens >= 0),
    cost_micro_usd     INTEGER NOT NULL CHECK (cost_micro_usd >= 0),
    latency_ms         INTEGER NOT NULL CHECK (latency_ms >= 0)
) STRICT;
CREATE INDEX model_call_by_inspection ON model_call (inspection);
CREATE INDEX model_call_by_time ON model_call (called_at);

CREATE TRIGGER model_call_is_not_changed BEFORE UPDATE ON model_call
BEGIN
    SELECT RAISE(ABORT, 'a call that was made is not changed');
END;

CREATE TRIGGER model_call_is_not_removed BEFORE DELETE ON model_call
BEGIN
    SELECT RAISE(ABORT, 'a call that was made is not removed');
END;

-- After how long a part has moved on; a setting of the station, written each time it starts.
CREATE TABLE containment_rule (
    only_row  INTEGER PRIMARY KEY CHECK (only_row = 1),
    late_after_ms   INTEGER NOT NULL CHECK (late_after_ms >= 0)
) STRICT;
INSERT INTO containment_rule (only_row, late_after_ms) VALUES (1, 60000);

CREATE TABLE containment (
    inspection       INTEGER PRIMARY KEY REFERENCES inspection (sequence),
    acknowledged_at  INTEGER,
    acknowledged_by  TEXT,
    note             TEXT,
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)
       AND (acknowledged_at IS NULL) = (note IS NULL))
) STRICT;
CREATE INDEX containment_open ON containment (inspection) WHERE acknowledged_at IS NULL;

-- In the statement that decides the part: no code path can forget it, and no crash can come between. Where the
-- clock was set back in between, nobody knows how long the part has waited.
CREATE TRIGGER moved_on AFTER UPDATE OF verdict ON inspection
WHEN NEW.verdict IN ('fail', 'undetermined')
 -- Found good, and only drawn for review.
 AND NEW.undetermined_reason IS NOT 'sampled_for_review'
 AND NOT (NEW.decided_at - NEW.captured_at BETWEEN 0 AND (SELECT late_after_ms FROM containment_rule))
BEGIN
    INSERT INTO containment (inspection) VALUES (NEW.sequence);
END;

-- A person who finds a part bad that was passed: it is no longer there either.
CREATE TRIGGER rejected_late AFTER INSERT ON operator_decision
WHEN NEW.call = 'reject'
BEGIN
    INSERT OR IGNORE INTO containment (inspection)
        SELECT sequence FROM inspection
        WHERE sequence = NEW.inspection AND verdict = 'pass'
          AND NOT (NEW.decided_at - captured_at BETWEEN 0 AND (SELECT late_after_ms FROM containment_rule));
END;

CREATE TRIGGER containment_is_acknowledged_once BEFORE UPDATE ON containment
WHEN OLD.acknowledged_at IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a part that was seen to stays as it was noted');
END;

CREATE TRIGGER containment_is_not_removed BEFORE DELETE ON containment
BEGIN
    SELECT RAISE(ABORT, 'a part is not taken off the containment list');
END;
