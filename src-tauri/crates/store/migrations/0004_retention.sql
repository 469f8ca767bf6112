-- Pictures that are verified in the cloud may be removed here to make room; the row says when.

ALTER TABLE inspection ADD COLUMN image_removed_at INTEGER
    -- Never a picture that is not verified in the cloud, whoever writes.
    CHECK (image_removed_at IS NULL OR uploaded_revision IS NOT NULL);

-- Holds the pictures that may be removed, the good parts' apart from all others, each in the order of
-- capture, with what the choice needs: the rows themselves are not read.
CREATE INDEX inspection_removable ON inspection (verdict = 'pass', sequence, captured_at, image_size_bytes)
    WHERE image_removed_at IS NULL AND uploaded_revision IS NOT NULL;

CREATE TRIGGER removed_image_stays_removed BEFORE UPDATE OF image_removed_at ON inspection
WHEN OLD.image_removed_at IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'a removed picture does not come back');
END;

-- A record is never removed, only its picture.
CREATE TRIGGER inspection_is_not_removed BEFORE DELETE ON inspection
BEGIN
    SELECT RAISE(ABORT, 'a record is not removed');
END;
