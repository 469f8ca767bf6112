use crate::{
    analysis::Analysis,
    audit::AuditEntry,
    containment::ContainedParts,
    history::{HistoryCursor, HistoryFilter, HistoryPage, Tally},
    id::InspectionId,
    image::EncodedImage,
    inspection::{CaptureFacts, Decision, Inspection, OperatorDecision},
    queue::{Among, AnalysisWork, Listed, Queue, QueueDepth, QueuedParts, Setback, UploadWork},
    spending::{Call, Spending},
    time::UnixMillis,
    verdict::Verdict,
};

/// Keeps every record and picture of the station, and the two queues.
///
/// Each call that changes something has it durable when it returns `Ok`, and has changed nothing when
/// it returns an error.
#[async_trait::async_trait]
pub trait Records: Send + Sync {
    /// Keeps a captured part: picture first, then its row, and its place in the analysis queue.
    /// Returns its sequence number. Once this is `Ok`, no crash loses the part.
    async fn capture(
        &self,
        capture: &CaptureFacts,
        image: &EncodedImage,
    ) -> Result<i64, StoreError>;

    /// The picture of a part, its hash checked.
    async fn image(&self, id: InspectionId) -> Result<EncodedImage, StoreError>;

    /// The whole record of a part.
    async fn inspection(&self, id: InspectionId) -> Result<Inspection, StoreError>;

    /// Notes what the local screen said of a pending part.
    async fn screened(&self, id: InspectionId, screening: &Analysis) -> Result<(), StoreError>;

    /// Notes which models were called for a part, and what each call took; whatever came of the answers.
    async fn spent(
        &self,
        id: InspectionId,
        calls: &[Call],
        at: UnixMillis,
    ) -> Result<(), StoreError>;

    /// Which models were called for a part so far, in their order.
    async fn calls(&self, id: InspectionId) -> Result<Vec<Call>, StoreError>;

    /// What was spent from `from` until before `to`, by the time at which it was noted.
    async fn spending(&self, from: UnixMillis, to: UnixMillis) -> Result<Spending, StoreError>;

    /// Decides a pending part, takes it off the analysis queue and puts it on the upload queue, all at
    /// once; where it is not found good and has moved on ([`crate::containment`]), onto that list too. A pass
    /// needs its [`Verdict`], which only [`crate::verdict::judge`] makes.
    async fn decide(
        &self,
        id: InspectionId,
        verdict: &Verdict,
        analysis: Option<&Analysis>,
        detail: &str,
        at: UnixMillis,
    ) -> Result<Decision, StoreError>;

    /// Adds what a person said. A part that is decided is sent to the cloud again with it.
    async fn operator_decided(
        &self,
        id: InspectionId,
        decision: &OperatorDecision,
    ) -> Result<(), StoreError>;

    /// The parts that were not found good after they had moved on: at most `limit` of those that nobody has
    /// seen to, or with `acknowledged` of the others.
    async fn contained(&self, acknowledged: bool, limit: u32)
    -> Result<ContainedParts, StoreError>;

    /// Notes that a person has seen to such a part, in the list and in the audit trail: who, when, and as the
    /// entry's detail what became of the part. The first word stands: false where the part is not on the list
    /// or somebody was faster.
    async fn acknowledge_contained(
        &self,
        id: InspectionId,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError>;

    /// Takes the oldest part that is due for analysis; it is the caller's until `until`. Parts that were
    /// never tried go before those that wait out an outage: somebody stands before them.
    async fn lease_analysis(
        &self,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<AnalysisWork>, StoreError> {
        self.lease_analysis_among(Among::All, now, until).await
    }

    /// The same, of some of the parts.
    async fn lease_analysis_among(
        &self,
        among: Among,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<AnalysisWork>, StoreError>;

    /// Takes the oldest part that is due for upload, in the same order; it is the caller's until `until`.
    async fn lease_upload(
        &self,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<UploadWork>, StoreError>;

    /// Gives leased work back after a failed try: to wait, or parked where a person is needed.
    async fn set_back(
        &self,
        queue: Queue,
        id: InspectionId,
        setback: &Setback,
    ) -> Result<(), StoreError>;

    /// Notes that `revision` of a part is verified in the cloud. Where a newer revision exists by now,
    /// the part stays on the queue.
    async fn uploaded(
        &self,
        id: InspectionId,
        revision: u32,
        image_url: &str,
        at: UnixMillis,
    ) -> Result<(), StoreError>;

    /// Makes parked and waiting work due at once: one part's, or all of the queue. Returns how many.
    async fn retry(
        &self,
        queue: Queue,
        id: Option<InspectionId>,
        now: UnixMillis,
    ) -> Result<u64, StoreError>;

    /// When the next work of a queue falls due, leased work excepted. Never further ahead of `now` than
    /// work is set back: after the clock was set back, waiting work is due at once.
    async fn next_due(
        &self,
        queue: Queue,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError>;

    /// Lists parts of one queue or both, at most `limit` of them.
    async fn queued(
        &self,
        queue: Option<Queue>,
        listed: Listed,
        limit: u32,
    ) -> Result<QueuedParts, StoreError>;

    /// How a queue stands.
    async fn depth(&self, queue: Queue) -> Result<QueueDepth, StoreError>;

    /// A page of the history, newest first, at most `limit` rows.
    async fn history(
        &self,
        filter: &HistoryFilter,
        after: Option<HistoryCursor>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError>;

    /// Counts what was captured from `from` until before `to`.
    async fn tally(&self, from: UnixMillis, to: UnixMillis) -> Result<Tally, StoreError>;

    /// Adds a row to the audit trail.
    async fn note(&self, entry: &AuditEntry) -> Result<(), StoreError>;

    /// Writes and removes a file and a row, to know before a capture that both can be written.
    async fn check_writable(&self) -> Result<(), StoreError>;
}

/// What is free is less than what is kept free for decisions and uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReserveTouched {
    /// Free for this user.
    pub free_bytes: u64,
    /// To be kept free.
    pub reserve_bytes: u64,
}

fn why_full(reserve: Option<&ReserveTouched>) -> String {
    let mib = |bytes: u64| bytes >> 20;
    match reserve {
        None => "the disk is full: ".to_owned(),
        Some(reserve) => format!(
            "nothing more is captured: {} MB are free, and {} MB are kept free for decisions and uploads \
             (storage.reserve_mb in station.toml); ",
            mib(reserve.free_bytes),
            mib(reserve.reserve_bytes)
        ),
    }
}

/// The disk or the database did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No such part.
    #[error("there is no inspection {id}")]
    NotFound {
        /// The part.
        id: InspectionId,
    },
    /// Decided before, by another try; that decision stands.
    #[error("inspection {id} is already decided")]
    AlreadyDecided {
        /// The part.
        id: InspectionId,
    },
    /// No room, or none but the reserve.
    #[error("{}free space in {data_dir}, then try again", why_full(reserve.as_ref()))]
    DiskFull {
        /// The data directory.
        data_dir: String,
        /// How the disk stands, where it is the reserve that would be touched; none where nothing is free.
        reserve: Option<ReserveTouched>,
    },
    /// It cannot be written.
    #[error(
        "{data_dir} cannot be written: check its permissions and that its disk is not mounted read-only"
    )]
    ReadOnly {
        /// The data directory.
        data_dir: String,
    },
    /// A picture's bytes are not those that were captured, or are gone.
    #[error("the picture of inspection {id} is damaged or missing: {reason}")]
    ImageDamaged {
        /// The part.
        id: InspectionId,
        /// In words.
        reason: String,
    },
    /// A picture that is verified in the cloud was removed here to make room.
    #[error(
        "the picture of inspection {id} was removed here {after_days} days after its capture, to make room; it lies in S3 at {image_url}"
    )]
    ImageRemoved {
        /// The part.
        id: InspectionId,
        /// Whole days from its capture until it was removed.
        after_days: u64,
        /// Where it lies, `s3://bucket/key`.
        image_url: String,
    },
    /// Another process works on the same data directory.
    #[error("another station works in {data_dir}: close it, or choose another data directory")]
    InUse {
        /// The data directory.
        data_dir: String,
    },
    /// Made by a newer version of the station.
    #[error(
        "the database in {data_dir} was made by a newer version of the station: install that version"
    )]
    TooNew {
        /// The data directory.
        data_dir: String,
    },
    /// A rule of the records forbids the change, and will forbid it the next time.
    #[error("the records refuse this: {reason}; a fault of the station, please report it")]
    Refused {
        /// In words.
        reason: String,
    },
    /// The disk or the database failed; nothing is captured until a person has looked.
    #[error("storage fault: {reason}")]
    Fault {
        /// In words.
        reason: String,
    },
}

impl StoreError {
    /// True where no further part may be captured before a person has looked.
    pub fn stops_capture(&self) -> bool {
        !matches!(
            self,
            Self::NotFound { .. }
                | Self::AlreadyDecided { .. }
                | Self::ImageDamaged { .. }
                | Self::ImageRemoved { .. }
        )
    }
}
