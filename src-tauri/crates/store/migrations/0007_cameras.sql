-- How a part's picture was taken: device, settings, what was measured of the frame and what makes it unfit, as JSON.
-- None for pictures of files, and for parts from before there was such a thing.
ALTER TABLE inspection ADD COLUMN conditions TEXT CHECK (conditions IS NULL OR json_valid(conditions));

DROP TRIGGER capture_is_recorded;
DROP VIEW capture;

CREATE VIEW capture AS
SELECT id, captured_at, facility, station, stage, product_sku, lot, serial, shift, operator, camera,
       frame_sequence, exposed_at, image_sha256, image_size_bytes, image_width_px, image_height_px,
       image_format, boot_id, monotonic_ms, conditions, '' AS words
FROM inspection WHERE 0;

-- As in 0005, with the conditions.
CREATE TRIGGER capture_is_recorded INSTEAD OF INSERT ON capture
BEGIN
    INSERT INTO inspection (id, captured_at, facility, station, stage, product_sku, lot, serial, shift,
            operator, camera, frame_sequence, exposed_at, image_sha256, image_size_bytes, image_width_px,
            image_height_px, image_format, boot_id, monotonic_ms, conditions)
        VALUES (NEW.id, NEW.captured_at, NEW.facility, NEW.station, NEW.stage, NEW.product_sku, NEW.lot,
            NEW.serial, NEW.shift, NEW.operator, NEW.camera, NEW.frame_sequence, NEW.exposed_at,
            NEW.image_sha256, NEW.image_size_bytes, NEW.image_width_px, NEW.image_height_px,
            NEW.image_format, NEW.boot_id, NEW.monotonic_ms, NEW.conditions);
    -- The first row that a part has in the search, see there.
    INSERT INTO search (rowid, text)
        SELECT -(sequence << 12), NEW.words FROM inspection WHERE id = NEW.id;
END;

CREATE TRIGGER conditions_stay_as_they_were BEFORE UPDATE OF conditions ON inspection
BEGIN
    SELECT RAISE(ABORT, 'how a picture was taken is not changed');
END;

-- What was measured of the frames that were inspected, summed up by camera and hour: drift shows over days, and a
-- million parts are too many to read for it. Kept in the statement that records the part.
CREATE TABLE camera_hour (
    camera           TEXT    NOT NULL,
    hour             INTEGER NOT NULL,
    frames           INTEGER NOT NULL,
    focus            REAL    NOT NULL,
    mean_level       REAL    NOT NULL,
    clipped_on_part  REAL    NOT NULL,
    noise            REAL    NOT NULL,
    unfit            INTEGER NOT NULL,
    PRIMARY KEY (camera, hour)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER quality_is_summed_up AFTER INSERT ON inspection
WHEN NEW.conditions ->> '$.quality.focus' IS NOT NULL
BEGIN
    INSERT INTO camera_hour (camera, hour, frames, focus, mean_level, clipped_on_part, noise, unfit)
        VALUES (NEW.camera, NEW.captured_at / 3600000, 1,
            coalesce(NEW.conditions ->> '$.quality.focus', 0.0),
            coalesce(NEW.conditions ->> '$.quality.mean_level', 0.0),
            coalesce(NEW.conditions ->> '$.quality.clipped_on_part', 0.0),
            coalesce(NEW.conditions ->> '$.quality.noise', 0.0),
            coalesce(json_array_length(NEW.conditions, '$.faults'), 0) > 0)
        ON CONFLICT (camera, hour) DO UPDATE SET
            frames = frames + 1, focus = focus + excluded.focus,
            mean_level = mean_level + excluded.mean_level,
            clipped_on_part = clipped_on_part + excluded.clipped_on_part,
            noise = noise + excluded.noise, unfit = unfit + excluded.unfit;
END;
