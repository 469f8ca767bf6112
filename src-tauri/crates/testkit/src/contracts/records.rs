//! Contract of the records port.
