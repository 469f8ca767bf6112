//! From decided to verified in the cloud.

use crate::{CloudLink, station::Inner, worker::Source};
use std::sync::Arc;
use wiko_core::{
    event::StationEvent,
    ports::{Hindered, StoreError, Uploader},
    queue::{Obstacle, Queue, UploadWork},
    time::UnixMillis,
};

pub(crate) struct UploadSource {
    pub(crate) inner: Arc<Inner>,
    pub(crate) uploader: Arc<dyn Uploader>,
}

impl Source for UploadSource {
    type Work = UploadWork;

    async fn lease(&self) -> Result<Option<UploadWork>, StoreError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        if inner.upload_pause.holds_until(now).is_some() {
            return Ok(None);
        }
        let until = now.plus(inner.settings.upload_lease);
        let work = inner.records.lease_upload(now, until).await?;
        if work.is_some() {
            inner.upload_pause.passed(now);
        }
        Ok(work)
    }

    async fn process(&self, work: UploadWork) {
        if let Err(error) = self.upload(work).await {
            self.inner.storage_failed(&error);
        }
    }

    async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        let now = self.inner.clock.now();
        match self.inner.upload_pause.holds_until(now) {
            Some(until) => Ok(Some(until)),
            None => self.inner.records.next_due(Queue::Upload, now).await,
        }
    }
}

impl UploadSource {
    async fn upload(&self, work: UploadWork) -> Result<(), StoreError> {
        let inner = &self.inner;
        let id = work.lease.id;
        let sent = inner.upload_pause.lifted();
        let image = match inner.records.image(id).await {
            Ok(image) => image,
            Err(damaged @ StoreError::ImageDamaged { .. }) => {
                let hindered = Hindered {
                    obstacle: Obstacle::NeedsPerson,
                    reason: damaged.to_string(),
                    retry_after: None,
                };
                return inner
                    .set_back(Queue::Upload, &work.lease, hindered, sent)
                    .await;
            }
            Err(error) => return Err(error),
        };
        match self.uploader.upload(&work.inspection, &image.bytes).await {
            Ok(receipt) => {
                let revision = work.inspection.revision;
                let now = inner.clock.now();
                inner
                    .records
                    .uploaded(id, revision, &receipt.image_url, now)
                    .await?;
                tracing::info!(%id, revision, "uploaded");
                inner.upload_pause.lift();
                inner.set_link(CloudLink::Connected);
                inner.tell(StationEvent::Uploaded { id });
                Ok(())
            }
            Err(hindered) => {
                // One part that needs a person says nothing of the link itself.
                if hindered.obstacle != Obstacle::NeedsPerson {
                    inner.set_link(CloudLink::Hindered(hindered.clone()));
                }
                inner
                    .set_back(Queue::Upload, &work.lease, hindered, sent)
                    .await
            }
        }
    }

    /// Asks the cloud for a sign of life.
    pub(crate) async fn reach(&self) {
        let link = match self.uploader.reach().await {
            Ok(()) => {
                let pause = &self.inner.upload_pause;
                if pause.holds_until(self.inner.clock.now()).is_some() {
                    pause.lift();
                    self.inner.knock_upload.notify_one();
                }
                CloudLink::Connected
            }
            Err(hindered) => CloudLink::Hindered(hindered),
        };
        self.inner.set_link(link);
    }
}
