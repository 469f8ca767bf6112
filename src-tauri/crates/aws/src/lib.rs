//! What every AWS client of the station shares: HTTP client, credentials, error classes.
