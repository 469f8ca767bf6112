-- A capture is one statement: the record and what can be found of it, both or neither, in one trip to the
-- database. `words` is the first text of the search, as it is indexed.

CREATE VIEW capture AS
SELECT id, captured_at, facility, station, stage, product_sku, lot, serial, shift, operator, camera,
       frame_sequence, exposed_at, image_sha256, image_size_bytes, image_width_px, image_height_px,
       image_format, boot_id, monotonic_ms, '' AS words
FROM inspection WHERE 0;

CREATE TRIGGER capture_is_recorded INSTEAD OF INSERT ON capture
BEGIN
    INSERT INTO inspection (id, captured_at, facility, station, stage, product_sku, lot, serial, shift,
            operator, camera, frame_sequence, exposed_at, image_sha256, image_size_bytes, image_width_px,
            image_height_px, image_format, boot_id, monotonic_ms)
        VALUES (NEW.id, NEW.captured_at, NEW.facility, NEW.station, NEW.stage, NEW.product_sku, NEW.lot,
            NEW.serial, NEW.shift, NEW.operator, NEW.camera, NEW.frame_sequence, NEW.exposed_at,
            NEW.image_sha256, NEW.image_size_bytes, NEW.image_width_px, NEW.image_height_px,
            NEW.image_format, NEW.boot_id, NEW.monotonic_ms);
    -- The first row that a part has in the search, see there.
    INSERT INTO search (rowid, text)
        SELECT -(sequence << 12), NEW.words FROM inspection WHERE id = NEW.id;
END;
