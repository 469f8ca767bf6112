//! Fake of the uploader port.
