//! Contract of the secrets port.
