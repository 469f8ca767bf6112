//! Contract of the camera port.
