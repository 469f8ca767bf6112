//! The records of the station at work: the one writer, and the port over it and the readers.

use crate::{
    audit::{self, Said},
    ballast::with_room,
    faults::{self, Faults},
    layout::Layout,
    open::StoreOptions,
    reader::RecordsReader,
    row::{analysis_json, column, digest},
    search,
    spool::{self, Spool},
    still_written, transaction,
};
use sqlx::{Connection, Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};
use std::{
    fs::File,
    sync::{Arc, RwLock},
};
use tokio::sync::Mutex;
use wiko_core::{
    analysis::Analysis,
    audit::{AuditCategory, AuditEntry, STATION},
    containment::ContainedParts,
    history::{HistoryCursor, HistoryFilter, HistoryPage, Tally},
    id::InspectionId,
    image::{EncodedImage, ImageFacts},
    inspection::{CaptureFacts, Decision, Inspection, OperatorDecision},
    ports::{Records, Signer, StoreError},
    queue::{
        Among, AnalysisWork, Lease, Listed, Queue, QueueDepth, QueuedParts, Setback, UploadWork,
    },
    spending::{Call, Spending},
    time::UnixMillis,
    verdict::{Verdict, VerdictCode},
};

/// The records, pictures and queues of a station. One per data directory.
#[derive(Debug)]
pub struct SqliteRecords {
    pub(crate) writer: Mutex<SqliteConnection>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) reader: RecordsReader,
    /// None until the station's key was found.
    pub(crate) signer: RwLock<Option<Arc<dyn Signer>>>,
    pub(crate) options: StoreOptions,
    /// Last, so that it is given up after the connections.
    pub(crate) lock: File,
}

impl SqliteRecords {
    /// Closes the database in order and gives the data directory up. Without it nothing is lost; the
    /// next start has more to read.
    pub async fn close(self) {
        self.reader.pool.close().await;
        if let Err(error) = self.writer.into_inner().close().await {
            tracing::warn!(%error, "the database was not closed in order");
        }
    }

    /// The half that only reads.
    pub fn reader(&self) -> &RecordsReader {
        &self.reader
    }

    /// What broke, where an I/O error on a write has stopped capture.
    pub fn fault(&self) -> Option<String> {
        self.faults().latched()
    }

    pub(crate) fn reserve_bytes(&self) -> u64 {
        self.options.reserve_bytes
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.reader.faults
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.reader.layout
    }

    pub(crate) fn row_write(&self, error: &sqlx::Error) -> StoreError {
        self.faults().row_write(error)
    }

    pub(crate) fn spool_write(&self, failed: &spool::Failed) -> StoreError {
        self.faults().file_write(failed.doing, &failed.error)
    }

    /// Refuses while something is broken or the reserve is touched.
    fn check_room(&self) -> Result<(), StoreError> {
        self.faults().check()?;
        self.check_free_space()
    }

    /// Refuses while the reserve is touched.
    pub fn check_free_space(&self) -> Result<(), StoreError> {
        let free = fs4::available_space(self.layout().root())
            .map_err(|error| self.faults().file_read("asking for free space", &error))?;
        let reserve = self.options.reserve_bytes;
        if free < reserve {
            return Err(self.faults().reserve_touched(free, reserve));
        }
        Ok(())
    }

    /// The sequence number of the new record.
    async fn insert(&self, capture: &CaptureFacts, facts: &ImageFacts) -> Result<i64, sqlx::Error> {
        // Plain data, which always has a JSON form. If it had none, its faults must not be lost with it.
        let unread = |_| r#"{"faults":["wrong_settings"]}"#.to_owned();
        let conditions = capture.camera.conditions.as_ref();
        let conditions =
            conditions.map(|known| serde_json::to_string(known).unwrap_or_else(unread));
        let known = [&capture.lot, &capture.serial].map(|text| text.as_deref().unwrap_or(""));
        let query = sqlx::query(
            "INSERT INTO capture (id, captured_at, facility, station, stage, product_sku, lot,
                serial, shift, operator, camera, frame_sequence, exposed_at, image_sha256,
                image_size_bytes, image_width_px, image_height_px, image_format, boot_id, monotonic_ms,
                conditions, words)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             RETURNING (SELECT sequence FROM inspection WHERE inspection.id = capture.id) AS sequence",
        )
        .bind(capture.id.to_string())
        .bind(capture.captured_at.0)
        .bind(capture.facility.code())
        .bind(&capture.station)
        .bind(capture.stage.code())
        .bind(capture.product_sku.as_str())
        .bind(&capture.lot)
        .bind(&capture.serial)
        .bind(&capture.shift)
        .bind(&capture.operator)
        .bind(&capture.camera.id.0)
        .bind(capture.camera.frame_sequence.cast_signed())
        .bind(capture.camera.exposed_at.0)
        .bind(facts.sha256.to_string())
        .bind(facts.size_bytes.cast_signed())
        .bind(facts.width_px)
        .bind(facts.height_px)
        .bind(facts.format.code())
        .bind(&capture.boot_id.0)
        .bind(capture.monotonic_ms.cast_signed())
        .bind(conditions)
        .bind(search::text(&known));
        let mut writer = self.writer.lock().await;
        transaction::settle(&mut writer).await?;
        // All rows, not the first: the statement commits only when it has run to its end.
        let rows = query.fetch_all(&mut *writer).await?;
        column(rows.first().ok_or(sqlx::Error::RowNotFound)?, "sequence")
    }

    /// Changes a part by `change`, which returns its sequence number, and notes in the audit trail what
    /// was said of it: both or neither. None where no row was touched.
    async fn say_of_part(
        &self,
        change: Query<'_, Sqlite, SqliteArguments>,
        said: Said<'_>,
    ) -> Result<Option<i64>, StoreError> {
        let signer = self.signer();
        let mut writer = self.writer.lock().await;
        let changed = async {
            let mut transaction = transaction::begin(&mut writer).await?;
            let rows = change.fetch_all(&mut *transaction).await?;
            let Some(row) = rows.first() else {
                return Ok(None);
            };
            let sequence: i64 = column(row, "sequence")?;
            audit::append_of_part(&mut transaction, signer.as_deref(), sequence, said).await?;
            search::put(&mut transaction, sequence).await?;
            transaction.commit().await?;
            Ok(Some(sequence))
        };
        let changed = changed.await.map_err(|error| self.row_write(&error))?;
        self.check_still_written()?;
        Ok(changed)
    }

    /// Latches a fault where the file system gave up while something was committed.
    pub(crate) fn check_still_written(&self) -> Result<(), StoreError> {
        still_written::check(&self.lock).map_err(|error| {
            let dir = self.layout().root().display();
            self.faults().latch(format!(
                "the file system of {dir} failed while a change was recorded, which may be lost with the next \
                 power cut: {error}; check the disk (dmesg, fsck)"
            ))
        })
    }

    /// Why a change of a part touched no row.
    async fn untouched(&self, id: InspectionId) -> StoreError {
        match self.reader.inspection(id).await {
            Ok(inspection) if inspection.verdict() != VerdictCode::Pending => {
                StoreError::AlreadyDecided { id }
            }
            Ok(_) => StoreError::Fault {
                reason: format!("inspection {id} is not in the state that this change needs"),
            },
            Err(error) => error,
        }
    }
}

/// Runs what blocks away from the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Fault {
            reason: format!("work on the disk was broken off: {error}"),
        })
}

#[async_trait::async_trait]
impl Records for SqliteRecords {
    async fn capture(
        &self,
        capture: &CaptureFacts,
        image: &EncodedImage,
    ) -> Result<i64, StoreError> {
        self.check_room()?;
        let id = capture.id;
        let path = self
            .layout()
            .image(id, capture.captured_at, image.facts().format);
        let (spool, bytes) = (Arc::clone(&self.spool), Arc::clone(image.bytes()));
        let placed = {
            let path = path.clone();
            blocking(move || spool.place(&path, &bytes)).await?
        };
        placed.map_err(|failed| self.spool_write(&failed))?;
        match self.insert(capture, &image.facts()).await {
            Ok(sequence) => {
                self.check_still_written()?;
                Ok(sequence)
            }
            Err(error) => {
                let surely_not_there = faults::surely_not_written(&error);
                let error = self.row_write(&error);
                // In any other case the row may yet appear when the log is read at the next start: the
                // picture stays, and the next start knows whether it has a row.
                if surely_not_there {
                    let spool = Arc::clone(&self.spool);
                    blocking(move || spool.take_back(&path)).await?;
                }
                Err(error)
            }
        }
    }

    async fn image(&self, id: InspectionId) -> Result<EncodedImage, StoreError> {
        self.reader.image(id).await
    }

    async fn inspection(&self, id: InspectionId) -> Result<Inspection, StoreError> {
        self.reader.inspection(id).await
    }

    async fn screened(&self, id: InspectionId, screening: &Analysis) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE inspection SET screening = ?, revision = revision + 1
             WHERE id = ? AND verdict = 'pending'",
        )
        .bind(analysis_json(screening)?)
        .bind(id.to_string());
        let done = query.execute(&mut *self.writer.lock().await).await;
        match done
            .map_err(|error| self.row_write(&error))?
            .rows_affected()
        {
            0 => Err(self.untouched(id).await),
            _ => Ok(()),
        }
    }

    async fn spent(
        &self,
        id: InspectionId,
        calls: &[Call],
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        self.insert_calls(id, calls, at).await
    }

    async fn calls(&self, id: InspectionId) -> Result<Vec<Call>, StoreError> {
        self.reader.calls(id).await
    }

    async fn spending(&self, from: UnixMillis, to: UnixMillis) -> Result<Spending, StoreError> {
        self.reader.spending(from, to).await
    }

    async fn contained(
        &self,
        acknowledged: bool,
        limit: u32,
    ) -> Result<ContainedParts, StoreError> {
        self.reader.contained(acknowledged, limit).await
    }

    async fn acknowledge_contained(
        &self,
        id: InspectionId,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        self.acknowledge(id, entry).await
    }

    async fn decide(
        &self,
        id: InspectionId,
        verdict: &Verdict,
        analysis: Option<&Analysis>,
        detail: &str,
        at: UnixMillis,
    ) -> Result<Decision, StoreError> {
        let (severity, defect_type, findings) = digest(analysis);
        let query = sqlx::query(
            "UPDATE inspection SET verdict = ?, undetermined_reason = ?, detail = ?, decided_at = ?,
                analysis = ?, worst_severity = ?, worst_defect_type = ?, findings = ?,
                revision = revision + 1
             WHERE id = ? AND verdict = 'pending' RETURNING sequence",
        )
        .bind(verdict.code().code())
        .bind(verdict.reason().map(|reason| reason.code()))
        .bind(detail)
        .bind(at.0)
        .bind(analysis.map(analysis_json).transpose()?)
        .bind(severity)
        .bind(defect_type)
        .bind(findings)
        .bind(id.to_string());
        let said = Said {
            at,
            category: AuditCategory::Decision,
            identity: STATION,
            what: verdict.code().code(),
        };
        match self.say_of_part(query, said).await? {
            None => Err(self.untouched(id).await),
            Some(_) => Ok(Decision {
                verdict: verdict.code(),
                reason: verdict.reason(),
                detail: detail.to_owned(),
                decided_at: at,
                analysis: analysis.cloned(),
            }),
        }
    }

    async fn operator_decided(
        &self,
        id: InspectionId,
        decision: &OperatorDecision,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO operator_decision (inspection, call, operator, reason, decided_at)
             SELECT sequence, ?, ?, ?, ? FROM inspection WHERE id = ? RETURNING inspection AS sequence",
        )
        .bind(decision.call.code())
        .bind(&decision.operator)
        .bind(&decision.reason)
        .bind(decision.decided_at.0)
        .bind(id.to_string());
        let said = Said {
            at: decision.decided_at,
            category: AuditCategory::OperatorDecision,
            identity: &decision.operator,
            what: decision.call.code(),
        };
        match self.say_of_part(query, said).await? {
            None => Err(StoreError::NotFound { id }),
            Some(_) => Ok(()),
        }
    }

    async fn lease_analysis_among(
        &self,
        among: Among,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<AnalysisWork>, StoreError> {
        let leased = self.lease(Queue::Analysis, among, now, until).await?;
        Ok(leased.map(|(attempts, inspection)| AnalysisWork {
            lease: Lease {
                id: inspection.capture.id,
                attempts,
            },
            capture: inspection.capture,
            image: inspection.image,
            screening: inspection.screening,
        }))
    }

    async fn lease_upload(
        &self,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<UploadWork>, StoreError> {
        let leased = self.lease(Queue::Upload, Among::All, now, until).await?;
        Ok(leased.map(|(attempts, inspection)| UploadWork {
            lease: Lease {
                id: inspection.capture.id,
                attempts,
            },
            inspection,
        }))
    }

    async fn set_back(
        &self,
        queue: Queue,
        id: InspectionId,
        setback: &Setback,
    ) -> Result<(), StoreError> {
        self.give_back(queue, id, setback).await
    }

    async fn uploaded(
        &self,
        id: InspectionId,
        revision: u32,
        image_url: &str,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE inspection SET uploaded_revision = ?1, uploaded_at = ?2, image_url = ?3
             WHERE id = ?4 AND verdict <> 'pending' AND revision >= ?1
               AND ifnull(uploaded_revision, -1) <= ?1",
        )
        .bind(revision)
        .bind(at.0)
        .bind(image_url)
        .bind(id.to_string());
        let done = query.execute(&mut *self.writer.lock().await).await;
        if done
            .map_err(|error| self.row_write(&error))?
            .rows_affected()
            > 0
        {
            return Ok(());
        }
        let inspection = self.reader.inspection(id).await?;
        if inspection.decision.is_none() || inspection.revision < revision {
            return Err(StoreError::Fault {
                reason: format!(
                    "revision {revision} of inspection {id} cannot have been uploaded: it is {} at revision {}",
                    inspection.verdict(),
                    inspection.revision
                ),
            });
        }
        // A newer revision was verified before; this news is old.
        Ok(())
    }

    async fn retry(
        &self,
        queue: Queue,
        id: Option<InspectionId>,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        self.free(queue, id, now).await
    }

    async fn next_due(
        &self,
        queue: Queue,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        self.reader.next_due(queue, now).await
    }

    async fn queued(
        &self,
        queue: Option<Queue>,
        listed: Listed,
        limit: u32,
    ) -> Result<QueuedParts, StoreError> {
        self.reader.queued(queue, listed, limit).await
    }

    async fn depth(&self, queue: Queue) -> Result<QueueDepth, StoreError> {
        self.reader.depth(queue).await
    }

    async fn history(
        &self,
        filter: &HistoryFilter,
        after: Option<HistoryCursor>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        self.reader.history(filter, after, limit).await
    }

    async fn tally(&self, from: UnixMillis, to: UnixMillis) -> Result<Tally, StoreError> {
        self.reader.tally(from, to).await
    }

    async fn note(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        with_room!(self, self.append_entry(entry))
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        self.check_room()?;
        self.probe().await
    }
}
