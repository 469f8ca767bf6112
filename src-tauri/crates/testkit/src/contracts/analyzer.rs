//! Contract of the analyzer port.
