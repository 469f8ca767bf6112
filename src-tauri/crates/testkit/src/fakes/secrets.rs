//! Fake of the secrets port.
