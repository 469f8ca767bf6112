//! Contract of the uploader port.
