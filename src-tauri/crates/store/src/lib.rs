//! Records, queues and history in SQLite, images in a durable spool.
//!
//! Invariants:
//! - A capture is acknowledged only when its picture and its row are on the platter: temporary file →
//!   fsync → rename → fsync of the directory → row in one statement, WAL with synchronous FULL. Both
//!   settings are read back on every connection.
//! - A picture without a row goes to `quarantine/` at the next start and is never deleted. A picture is
//!   deleted only once it is verified in the cloud, its row says so, and so does the audit trail.
//! - A decided part and its place on a queue change in the same statement, by triggers of the schema.
//!   The schema itself refuses a pass without a complete analysis of the same picture, and any change
//!   of what was captured or decided.
//! - A write-ahead log that lost what was committed is kept, and latches a fault: SQLite itself says nothing of it.
//! - One process writes to a data directory, by one connection; readers never hold up a capture.
//! - After a write failed with an I/O error nothing is captured until a person has looked, also after a
//!   new start: the next write may succeed silently although the last one is lost.
//!
//! ```text
//! DATA_DIR/lock                        held by the station that works here
//!          wiko.sqlite3                and its -wal and -shm
//!          spool/2026-03-01/ID.jpg     pictures by the UTC day of capture
//!          quarantine/                 what was found without a row
//!          ballast                     room set aside for rows
//!          spool.lock                  held while pictures are removed or backed up
//!          fault                       what broke, until a person clears it
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod archive;
mod audit;
mod audit_check;
mod backup;
mod ballast;
mod connection;
mod consistency;
mod containment;
mod faults;
mod history;
mod layout;
mod open;
mod quality;
mod queue;
mod queue_list;
mod reader;
mod records;
mod restore;
mod retention;
mod rollup;
mod row;
mod search;
mod seed;
mod spending;
mod spool;
mod statement;
mod still_written;
mod storage;
mod transaction;
mod unpack;
mod verify;
mod wal_check;

pub use archive::BackupImages;
pub use audit_check::{AuditReport, CheckSignature};
pub use backup::{BackupError, BackupExtra, BackupReport, BackupRequest};
pub use ballast::BallastedRecords;
pub use open::{Opened, StoreOptions};
pub use quality::QualityHour;
pub use reader::RecordsReader;
pub use records::SqliteRecords;
pub use restore::{RestoreError, RestoreReport, restore};
pub use retention::{Retained, RetentionPolicy};
pub use rollup::MiscountedDay;
pub use seed::{SeedPlan, seed};
pub use storage::{BackupNote, StorageReport};
pub use verify::{DamagedImage, Depth, DiskReport};
