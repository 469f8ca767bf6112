//! Fake of the analyzer port.
