//! Fake of the camera port.
