//! The store over a real disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod audit;
mod backup;
mod contract;
mod crash;
mod disk;
mod history;
mod queue;
mod scale;

use std::path::Path;
use wiko_store::{SqliteRecords, StoreOptions};

/// Opens a store that may use the last byte of a small test disk.
async fn open(dir: &Path) -> SqliteRecords {
    let opened = SqliteRecords::open(
        dir,
        StoreOptions {
            reserve_bytes: 0,
            ..StoreOptions::default()
        },
    )
    .await
    .unwrap();
    assert!(opened.quarantined.is_empty(), "{:?}", opened.quarantined);
    opened.records
}
