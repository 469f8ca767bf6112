//! The doctor's checks of the records: the database, the room on its disk, what is parked on the queues.

use super::{check, ok};
use crate::{
    dto::{CheckDto, CheckState},
    settings::Settings,
    wiring,
};
use wiko_core::{
    history::HistoryFilter,
    ports::StoreError,
    queue::{Queue, QueueDepth},
};
use wiko_store::{DiskReport, RecordsReader};

/// A write-ahead log larger than this has not been cut back for long.
const LARGE_LOG_BYTES: u64 = 256 << 20;

/// A larger database is not read whole here: `verify` does, and takes its time.
const READ_WHOLE_BYTES: u64 = 64 << 20;

/// What is done about records that are damaged.
const RESTORE: &str = "Close the station, keep a copy of the data directory, and restore the last backup into \
                           an empty folder: wiko-station restore FILE --data-dir NEW";

/// What is done about records that are whole and cannot be read now.
const AS_IT_SAYS: &str = "do what it says, then run this again";

/// What is done where another program keeps SQLite out.
const CLOSE_OTHERS: &str = "close other programs that have the database open, then run this again";

/// Why the records cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What was seen.
    pub seen: String,
    /// What to do. Nothing is restored over records that are whole: only where SQLite itself says that the
    /// file is damaged, or no database.
    pub remedy: &'static str,
}

impl Trouble {
    fn damaged(seen: String) -> Self {
        Self {
            seen,
            remedy: RESTORE,
        }
    }

    /// Of what the records answered.
    pub fn of(error: &StoreError) -> Self {
        let seen = error.to_string();
        // Primary result codes, see <https://www.sqlite.org/rescode.html>.
        const BUSY: i32 = 5;
        const LOCKED: i32 = 6;
        const CORRUPT: i32 = 11;
        const NOTADB: i32 = 26;
        match sqlite_code(&seen).map(|extended| extended & 0xff) {
            Some(CORRUPT | NOTADB) => Self::damaged(seen),
            Some(BUSY | LOCKED) => Self {
                seen,
                remedy: CLOSE_OTHERS,
            },
            _ => Self {
                seen,
                remedy: AS_IT_SAYS,
            },
        }
    }

    fn is_damage(&self) -> bool {
        self.remedy == RESTORE
    }
}

/// The result code in the words of the driver, where SQLite gave one.
fn sqlite_code(told: &str) -> Option<i32> {
    let (_, code) = told.split_once("(code: ")?;
    code.split_once(')')?.0.parse().ok()
}

struct Seen {
    disk: DiskReport,
    queues: Vec<(Queue, QueueDepth)>,
    trouble: Option<Trouble>,
}

/// Makes the checks. Writes nothing.
pub(super) async fn examine(settings: &Settings) -> Vec<CheckDto> {
    let seen = async {
        let Some(reader) = wiring::open_reader(settings).await? else {
            return Ok::<_, StoreError>(None);
        };
        let disk = reader.disk().await?;
        let trouble = trouble(&reader).await;
        let mut queues = vec![];
        // Without a cloud nothing waits for one.
        let has_cloud = settings.aws.s3_bucket.is_some();
        for queue in Queue::ALL
            .iter()
            .filter(|queue| has_cloud || **queue == Queue::Analysis)
        {
            // Where the queues cannot be read, the trouble says so.
            if let Ok(depth) = reader.depth(*queue).await {
                queues.push((*queue, depth));
            }
        }
        Ok(Some(Seen {
            disk,
            queues,
            trouble,
        }))
    };
    match seen.await {
        Ok(Some(seen)) => vec![
            database(&seen),
            room(settings, &seen.disk),
            queues(&seen.queues),
        ],
        Ok(None) => vec![
            ok("database", "none yet; it is made with the first part"),
            not_looked_at("disk", "looked at once there are records"),
            ok("queues", "nothing waits"),
        ],
        Err(error) => vec![
            troubled(&Trouble::of(&error)),
            not_looked_at("disk", "not looked at"),
            not_looked_at("queues", "not looked at"),
        ],
    }
}

/// What is wrong with a database that can be opened; none where nothing was found.
pub async fn trouble(reader: &RecordsReader) -> Option<Trouble> {
    let asked = async {
        reader.history(&HistoryFilter::default(), None, 1).await?;
        reader.audit(None, false, 1).await?;
        for queue in Queue::ALL {
            reader.depth(*queue).await?;
        }
        Ok::<_, StoreError>(())
    };
    let pages = async {
        match reader.disk().await?.database_bytes {
            ..=READ_WHOLE_BYTES => reader.verify_database(true).await,
            _ => Ok(vec![]),
        }
    };
    let (asked, pages) = (asked.await, pages.await);
    // A damaged page may make a question fail in any words: the pages are asked first.
    let pages = match pages {
        Ok(wrong) => wrong.into_iter().next().map(Trouble::damaged),
        Err(error) => Some(Trouble::of(&error)),
    };
    let asked = asked.err().map(|error| Trouble::of(&error));
    match (pages, asked) {
        (Some(pages), _) if pages.is_damage() => Some(pages),
        (pages, asked) => asked.or(pages),
    }
}

fn not_looked_at(name: &str, why: &str) -> CheckDto {
    check(name, CheckState::NotConfigured, why, "")
}

fn troubled(trouble: &Trouble) -> CheckDto {
    let seen = match trouble.is_damage() {
        true => format!("it is damaged: {}", trouble.seen),
        false => trouble.seen.clone(),
    };
    check("database", CheckState::Failed, seen, trouble.remedy)
}

fn database(Seen { disk, trouble, .. }: &Seen) -> CheckDto {
    if let Some(trouble) = trouble {
        return troubled(trouble);
    }
    let mib = |bytes: u64| bytes / (1024 * 1024);
    let quarantined = match disk.quarantined {
        0 => String::new(),
        count => format!(", {count} files in quarantine"),
    };
    let seen = format!(
        "SQLite {}, {} MiB, log {} MiB{quarantined}",
        disk.sqlite_version,
        mib(disk.database_bytes),
        mib(disk.wal_bytes),
    );
    match disk.wal_bytes {
        ..=LARGE_LOG_BYTES => ok("database", seen),
        _ => check(
            "database",
            CheckState::Warning,
            seen,
            "something has been reading the database for long, so its log grows: wait for a backup to end, \
             close other programs that have it open, then start the station again",
        ),
    }
}

fn room(settings: &Settings, disk: &DiskReport) -> CheckDto {
    let storage = &settings.storage;
    let free = format!("{} MiB free", disk.free_bytes / (1024 * 1024));
    if disk.free_bytes < storage.reserve_bytes {
        let remedy = "free space on the disk: nothing is captured while less is free than storage.reserve_mb in \
                      station.toml";
        check("disk", CheckState::Failed, free, remedy)
    } else if disk.free_bytes < storage.retention.free_floor_bytes {
        let remedy = "free space on the disk: pictures that the cloud has go before their time, and \
                      captures are refused when it is full";
        check("disk", CheckState::Warning, free, remedy)
    } else {
        ok("disk", free)
    }
}

/// Work that is parked goes nowhere until somebody looks.
fn queues(queues: &[(Queue, QueueDepth)]) -> CheckDto {
    let told: Vec<_> = queues
        .iter()
        .map(|(queue, depth)| {
            format!(
                "{queue}: {} waiting, {} parked",
                depth.waiting, depth.parked
            )
        })
        .collect();
    let told = told.join("; ");
    match queues.iter().any(|(_, depth)| depth.parked > 0) {
        false => ok("queues", told),
        true => check(
            "queues",
            CheckState::Warning,
            told,
            "see which and why: wiko-station queue list --parked; do what the reasons say, then: wiko-station \
             queue retry --all",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_sqlite_calls_damaged_or_no_database_is_restored() {
        let remedy = |reason: &str| {
            let error = StoreError::Fault {
                reason: format!("the database in /data: error returned from database: {reason}"),
            };
            Trouble::of(&error).remedy
        };
        assert_eq!(
            remedy("(code: 11) database disk image is malformed"),
            RESTORE
        );
        assert_eq!(
            remedy("(code: 267) database disk image is malformed"),
            RESTORE
        );
        assert_eq!(remedy("(code: 26) file is not a database"), RESTORE);
        assert_eq!(remedy("(code: 5) database is locked"), CLOSE_OTHERS);
        assert_eq!(remedy("(code: 10) disk I/O error"), AS_IT_SAYS);
        assert_eq!(
            remedy("the database is of an older version: start"),
            AS_IT_SAYS
        );
        let data_dir = || "/data".to_owned();
        for error in [
            StoreError::ReadOnly {
                data_dir: data_dir(),
            },
            StoreError::DiskFull {
                data_dir: data_dir(),
                reserve: None,
            },
        ] {
            assert_eq!(Trouble::of(&error).remedy, AS_IT_SAYS, "{error}");
        }
    }

    #[test]
    fn parked_parts_are_counted_for_each_queue_and_waiting_ones_are_no_warning() {
        let depth = |waiting, parked| QueueDepth {
            waiting,
            parked,
            oldest_captured_at: None,
        };
        let waiting = queues(&[(Queue::Analysis, depth(3, 0)), (Queue::Upload, depth(9, 0))]);
        assert_eq!(waiting.state, CheckState::Ok);
        let parked = queues(&[(Queue::Analysis, depth(3, 2)), (Queue::Upload, depth(0, 1))]);
        assert_eq!(parked.state, CheckState::Warning);
        assert_eq!(
            parked.seen,
            "analysis: 3 waiting, 2 parked; upload: 0 waiting, 1 parked"
        );
        assert!(parked.remedy.contains("queue list --parked"));
    }
}
