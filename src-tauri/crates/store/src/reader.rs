//! Reading the records: beside the writer in the station, or beside a running station from another
//! process. Nothing here can write.

use crate::{
    connection,
    faults::Faults,
    history::{self, Failed},
    layout::Layout,
    queue, rollup,
    row::{InspectionRow, SELECT_INSPECTION, column},
    statement::Asking,
};
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection, SqlitePool};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};
use wiko_core::{
    history::{HistoryCursor, HistoryFilter, HistoryPage, Tally},
    id::InspectionId,
    image::{EncodedImage, ImageFacts},
    inspection::Inspection,
    ports::StoreError,
    queue::{Queue, QueueDepth},
    time::UnixMillis,
};

/// Reads records, pictures and the state of the queues. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RecordsReader {
    pub(crate) layout: Layout,
    pub(crate) faults: Arc<Faults>,
    pub(crate) pool: SqlitePool,
}

impl RecordsReader {
    /// Opens the records of a data directory without taking its lock, also while a station works in
    /// it. `None` where no station has worked yet.
    pub async fn open(data_dir: &Path) -> Result<Option<Self>, StoreError> {
        let layout = Layout::new(data_dir);
        let faults = Arc::new(Faults::of(data_dir));
        match fs::metadata(layout.database()) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return nothing_captured(&layout, &faults);
            }
            Err(error) => return Err(faults.file_read("looking for the database", &error)),
        }
        let pool = connection::open_readers(&layout, &faults).await?;
        if !connection::check_schema(&pool, &faults).await? {
            return nothing_captured(&layout, &faults);
        }
        Ok(Some(Self {
            layout,
            faults,
            pool,
        }))
    }

    /// A connection apart from the one that answers questions, for what reads longer than a person waits.
    pub(crate) async fn apart(&self) -> Result<SqliteConnection, StoreError> {
        let options = self.pool.connect_options();
        options.connect().await.map_err(|error| self.failed(&error))
    }

    pub(crate) fn failed(&self, error: &sqlx::Error) -> StoreError {
        self.faults.row_read(error)
    }

    /// The whole record of a part.
    pub async fn inspection(&self, id: InspectionId) -> Result<Inspection, StoreError> {
        sqlx::query_as::<_, InspectionRow>(AssertSqlSafe(format!(
            "{SELECT_INSPECTION} WHERE i.id = ?"
        )))
        .bind(id.to_string())
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?
        .ok_or(StoreError::NotFound { id })?
        .into_inspection()
    }

    /// The whole record of a part by its sequence number. The inner error is of the record alone, the
    /// outer one of the database.
    pub(crate) async fn inspection_at(
        &self,
        sequence: i64,
    ) -> Result<Result<Inspection, StoreError>, StoreError> {
        let row = sqlx::query_as::<_, InspectionRow>(AssertSqlSafe(format!(
            "{SELECT_INSPECTION} WHERE i.sequence = ?"
        )))
        .bind(sequence)
        .fetch_one(&self.pool)
        .await;
        match row {
            Ok(row) => Ok(row.into_inspection()),
            Err(error @ (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))) => {
                Ok(Err(self.failed(&error)))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The picture of a part, its hash checked.
    pub async fn image(&self, id: InspectionId) -> Result<EncodedImage, StoreError> {
        let inspection = self.inspection(id).await?;
        if let Some(removed) = inspection.image_removed() {
            return Err(removed);
        }
        let facts = inspection.image;
        let path = self
            .layout
            .image(id, inspection.capture.captured_at, facts.format);
        let read = tokio::task::spawn_blocking(move || read_whole(&path, facts)).await;
        let damaged = |reason: String| StoreError::ImageDamaged { id, reason };
        match read {
            Ok(Ok(image)) => Ok(image),
            Ok(Err(Unread::Damaged(reason))) => Err(damaged(reason)),
            Ok(Err(Unread::Io(error))) if error.kind() == io::ErrorKind::NotFound => {
                // It may have been removed since the record was read.
                let inspection = self.inspection(id).await?;
                let removed = inspection.image_removed();
                Err(removed.unwrap_or_else(|| damaged("the file is gone".into())))
            }
            Ok(Err(Unread::Io(error))) => Err(self.faults.file_read("reading a picture", &error)),
            Err(error) => Err(StoreError::Fault {
                reason: format!("reading a picture was broken off: {error}"),
            }),
        }
    }

    /// Where the picture of a part lies, or lay before it was removed.
    pub async fn image_path(&self, id: InspectionId) -> Result<PathBuf, StoreError> {
        let inspection = self.inspection(id).await?;
        let captured_at = inspection.capture.captured_at;
        Ok(self.layout.image(id, captured_at, inspection.image.format))
    }

    /// How a queue stands.
    pub async fn depth(&self, queue: Queue) -> Result<QueueDepth, StoreError> {
        let row = sqlx::query(
            "SELECT waiting, parked,
                    (SELECT captured_at FROM inspection WHERE sequence = first) AS oldest
             FROM (SELECT count(*) FILTER (WHERE state <> 'parked') AS waiting,
                          count(*) FILTER (WHERE state = 'parked') AS parked,
                          min(sequence) FILTER (WHERE state <> 'parked') AS first
                   FROM work WHERE queue = ?)",
        )
        .bind(queue.code())
        .fetch_one(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?;
        let depth = || {
            Ok(QueueDepth {
                waiting: column::<i64>(&row, "waiting")?.cast_unsigned(),
                parked: column::<i64>(&row, "parked")?.cast_unsigned(),
                oldest_captured_at: column::<Option<i64>>(&row, "oldest")?.map(UnixMillis),
            })
        };
        depth().map_err(|error: sqlx::Error| self.failed(&error))
    }

    /// When the next work of a queue falls due, leased work excepted. What is due further ahead than
    /// anything is set back to is due now: the clock was set back.
    pub async fn next_due(
        &self,
        queue: Queue,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT min(iif(due_at > ?1, ?2, due_at)) FROM work
             WHERE queue = ?3 AND state = 'waiting'",
        )
        .bind(queue::farthest_due(now).0)
        .bind(now.0)
        .bind(queue.code())
        .fetch_one(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?;
        Ok(due.map(UnixMillis))
    }

    /// A page of the history, newest first, at most `limit` rows and never more than a thousand.
    pub async fn history(
        &self,
        filter: &HistoryFilter,
        after: Option<HistoryCursor>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(|e| self.failed(&e))?;
        let page = history::page(&mut Asking::new(&mut connection), filter, after, limit).await;
        page.map_err(|error| self.failed_asking(error))
    }

    /// The statements by which a page of the history and the tally of a span of time are read, values
    /// and all: to be measured beside them elsewhere.
    #[doc(hidden)]
    pub async fn statements(
        &self,
        page: Option<(&HistoryFilter, Option<HistoryCursor>, u32)>,
        tally: Option<(UnixMillis, UnixMillis)>,
    ) -> Result<Vec<String>, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(|e| self.failed(&e))?;
        let mut asking = Asking::keeping(&mut connection);
        let asked = async {
            if let Some((filter, after, limit)) = page {
                history::page(&mut asking, filter, after, limit).await?;
            }
            if let Some((from, to)) = tally {
                rollup::tally(&mut asking, from, to).await?;
            }
            Ok(())
        };
        asked.await.map_err(|error| self.failed_asking(error))?;
        Ok(asking.kept())
    }

    fn failed_asking(&self, error: Failed) -> StoreError {
        match error {
            Failed::Sql(error) => self.failed(&error),
            Failed::Store(error) => error,
        }
    }

    /// Counts what was captured from `from` until before `to`.
    pub async fn tally(&self, from: UnixMillis, to: UnixMillis) -> Result<Tally, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(|e| self.failed(&e))?;
        let tally = rollup::tally(&mut Asking::new(&mut connection), from, to).await;
        tally.map_err(|error| self.failed_asking(error))
    }
}

/// None, or that the pictures have lost their database.
fn nothing_captured(layout: &Layout, faults: &Faults) -> Result<Option<RecordsReader>, StoreError> {
    match layout.has_pictures() {
        Ok(false) => Ok(None),
        Ok(true) => Err(faults.database_lost()),
        Err(error) => Err(faults.file_read("reading the spool", &error)),
    }
}

/// Why a picture was not read.
pub(crate) enum Unread {
    Io(io::Error),
    Damaged(String),
}

pub(crate) fn check_size(path: &Path, facts: &ImageFacts) -> Result<(), Unread> {
    let found = fs::metadata(path).map_err(Unread::Io)?.len();
    if found == facts.size_bytes {
        return Ok(());
    }
    Err(Unread::Damaged(format!(
        "it has {found} bytes instead of {}",
        facts.size_bytes
    )))
}

/// The bytes of a picture, compared with what is known of it.
pub(crate) fn read_whole(path: &Path, facts: ImageFacts) -> Result<EncodedImage, Unread> {
    // A file that grew is not read into memory to be hashed.
    check_size(path, &facts)?;
    let bytes = fs::read(path).map_err(Unread::Io)?;
    EncodedImage::checked(bytes, facts)
        .ok_or_else(|| Unread::Damaged("its SHA-256 is another".into()))
}
