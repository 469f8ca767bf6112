-- What became of each part, the counts of it by hour and by day, and the search over texts.

-- The rule of wiko_core::disposition, once more for the statements below.
CREATE VIEW part_disposition AS
SELECT sequence,
       CASE WHEN last_call = 'reject' THEN 'rejected'
            WHEN last_call = 'accept' AND verdict IN ('fail', 'undetermined') THEN 'accepted'
            ELSE verdict
       END AS disposition
FROM (SELECT sequence, verdict,
             (SELECT call FROM operator_decision WHERE inspection = sequence
              ORDER BY number DESC LIMIT 1) AS last_call
      FROM inspection);

-- Kept by the triggers below, so that the history can be filtered by it.
ALTER TABLE inspection ADD COLUMN disposition TEXT NOT NULL DEFAULT 'pending'
    CHECK (disposition IN ('pass', 'fail', 'undetermined', 'pending', 'accepted', 'rejected'));
UPDATE inspection SET disposition =
    (SELECT d.disposition FROM part_disposition d WHERE d.sequence = inspection.sequence);

-- Each combination of filters walks an index of its own from the newest row; an index ends in the
-- sequence. Good parts are nearly all parts: where "good" narrows others, they are walked instead.
DROP INDEX inspection_by_verdict;
DROP INDEX inspection_by_severity;
DROP INDEX inspection_by_time;
-- Covers the edges of a tally.
CREATE INDEX inspection_by_time ON inspection (captured_at, disposition);
CREATE INDEX inspection_by_stage_and_sku ON inspection (stage, product_sku);
CREATE INDEX inspection_by_disposition ON inspection (disposition);
CREATE INDEX inspection_by_disposition_and_stage ON inspection (disposition, stage)
    WHERE disposition <> 'pass';
CREATE INDEX inspection_by_disposition_and_sku ON inspection (disposition, product_sku)
    WHERE disposition <> 'pass';
CREATE INDEX inspection_by_disposition_stage_and_sku ON inspection (disposition, stage, product_sku)
    WHERE disposition <> 'pass';
-- The disposition behind the sequence narrows without a look at the row.
CREATE INDEX inspection_by_severity ON inspection (worst_severity, sequence, disposition)
    WHERE worst_severity IS NOT NULL;
CREATE INDEX inspection_by_severity_and_stage
    ON inspection (worst_severity, stage, sequence, disposition) WHERE worst_severity IS NOT NULL;
CREATE INDEX inspection_by_severity_and_sku
    ON inspection (worst_severity, product_sku, sequence, disposition)
    WHERE worst_severity IS NOT NULL;
CREATE INDEX inspection_by_severity_stage_and_sku
    ON inspection (worst_severity, stage, product_sku, sequence, disposition)
    WHERE worst_severity IS NOT NULL;

-- Hours and days count from 1970-01-01 in UTC. An empty severity or defect type: none.
CREATE TABLE parts_by_hour (
    hour         INTEGER NOT NULL,
    stage        TEXT    NOT NULL,
    product_sku  TEXT    NOT NULL,
    disposition  TEXT    NOT NULL,
    severity     TEXT    NOT NULL,
    defect_type  TEXT    NOT NULL,
    parts        INTEGER NOT NULL,
    PRIMARY KEY (hour, stage, product_sku, disposition, severity, defect_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE parts_by_day (
    day          INTEGER NOT NULL,
    stage        TEXT    NOT NULL,
    product_sku  TEXT    NOT NULL,
    disposition  TEXT    NOT NULL,
    severity     TEXT    NOT NULL,
    defect_type  TEXT    NOT NULL,
    parts        INTEGER NOT NULL,
    PRIMARY KEY (day, stage, product_sku, disposition, severity, defect_type)
) STRICT, WITHOUT ROWID;

INSERT INTO parts_by_hour
    SELECT captured_at / 3600000, stage, product_sku, disposition, ifnull(worst_severity, ''),
           ifnull(worst_defect_type, ''), count(*)
    FROM inspection GROUP BY 1, 2, 3, 4, 5, 6;
INSERT INTO parts_by_day
    SELECT hour / 24, stage, product_sku, disposition, severity, defect_type, sum(parts)
    FROM parts_by_hour GROUP BY 1, 2, 3, 4, 5, 6;

-- Holds nothing: what is inserted here is added to the counts.
CREATE VIEW part_count AS
SELECT captured_at, stage, product_sku, disposition, worst_severity, worst_defect_type, 0 AS parts
FROM inspection WHERE 0;

CREATE TRIGGER part_counted INSTEAD OF INSERT ON part_count
BEGIN
    INSERT INTO parts_by_hour
        VALUES (NEW.captured_at / 3600000, NEW.stage, NEW.product_sku, NEW.disposition,
                ifnull(NEW.worst_severity, ''), ifnull(NEW.worst_defect_type, ''), NEW.parts)
        ON CONFLICT DO UPDATE SET parts = parts + excluded.parts;
    INSERT INTO parts_by_day
        VALUES (NEW.captured_at / 86400000, NEW.stage, NEW.product_sku, NEW.disposition,
                ifnull(NEW.worst_severity, ''), ifnull(NEW.worst_defect_type, ''), NEW.parts)
        ON CONFLICT DO UPDATE SET parts = parts + excluded.parts;
    DELETE FROM parts_by_hour
        WHERE hour = NEW.captured_at / 3600000 AND stage = NEW.stage
          AND product_sku = NEW.product_sku AND disposition = NEW.disposition
          AND severity = ifnull(NEW.worst_severity, '')
          AND defect_type = ifnull(NEW.worst_defect_type, '') AND parts = 0;
    DELETE FROM parts_by_day
        WHERE day = NEW.captured_at / 86400000 AND stage = NEW.stage
          AND product_sku = NEW.product_sku AND disposition = NEW.disposition
          AND severity = ifnull(NEW.worst_severity, '')
          AND defect_type = ifnull(NEW.worst_defect_type, '') AND parts = 0;
END;

-- The three changes that a part's counts follow, each in the statement that makes the change.
CREATE TRIGGER counted_when_captured AFTER INSERT ON inspection
BEGIN
    UPDATE inspection SET disposition = NEW.verdict
        WHERE sequence = NEW.sequence AND disposition <> NEW.verdict;
    INSERT INTO part_count
        VALUES (NEW.captured_at, NEW.stage, NEW.product_sku, NEW.verdict, NEW.worst_severity,
                NEW.worst_defect_type, 1);
END;

CREATE TRIGGER counted_when_decided AFTER UPDATE OF verdict ON inspection
BEGIN
    INSERT INTO part_count
        VALUES (OLD.captured_at, OLD.stage, OLD.product_sku, OLD.disposition, OLD.worst_severity,
                OLD.worst_defect_type, -1);
    UPDATE inspection SET disposition =
            (SELECT disposition FROM part_disposition WHERE sequence = NEW.sequence)
        WHERE sequence = NEW.sequence;
    INSERT INTO part_count
        SELECT captured_at, stage, product_sku, disposition, worst_severity, worst_defect_type, 1
        FROM inspection WHERE sequence = NEW.sequence;
END;

CREATE TRIGGER counted_when_operator_decided AFTER INSERT ON operator_decision
BEGIN
    INSERT INTO part_count
        SELECT captured_at, stage, product_sku, disposition, worst_severity, worst_defect_type, -1
        FROM inspection WHERE sequence = NEW.inspection;
    UPDATE inspection SET disposition =
            (SELECT disposition FROM part_disposition WHERE sequence = NEW.inspection)
        WHERE sequence = NEW.inspection;
    INSERT INTO part_count
        SELECT captured_at, stage, product_sku, disposition, worst_severity, worst_defect_type, 1
        FROM inspection WHERE sequence = NEW.inspection;
END;

-- The texts of a part, in words, each Chinese character a word. Without the texts themselves, which
-- stand in the record. Row -((sequence << 12) + n) is what could be said of the part after n changes:
-- it holds all that its rows before hold, and none is ever changed. Numbers count down so that the
-- newest is the first: FTS5 walks upwards many times faster than downwards. Prefixes of two to eight letters
-- have their own entries, or a short one would gather every part before it gives the first.
CREATE VIRTUAL TABLE search USING fts5 (
    text, content = '', columnsize = 0, prefix = '2 3 4 5 6 7 8',
    tokenize = 'unicode61 remove_diacritics 2'
);

-- Records older than the search, up to `last`; those from `next` are not in it yet.
CREATE TABLE search_backlog (
    next  INTEGER NOT NULL,
    last  INTEGER NOT NULL
) STRICT;
INSERT INTO search_backlog
    SELECT 1, seq FROM sqlite_sequence WHERE name = 'inspection' AND seq > 0;
