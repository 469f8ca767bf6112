//! From decided to verified in the cloud.

use crate::{CloudLink, circuits::Pass, inner::Inner, worker::Source};
use std::sync::Arc;
use wiko_core::{
    event::StationEvent,
    ports::{Hindered, StoreError, Uploader},
    queue::{Obstacle, Queue, UploadWork},
    service::Service,
    time::UnixMillis,
};

/// Whom an upload asks, in its order.
pub(crate) const UPLOAD_SERVICES: [Service; 2] = [Service::S3, Service::Dynamodb];

pub(crate) struct UploadSource {
    pub(crate) inner: Arc<Inner>,
    pub(crate) uploader: Arc<dyn Uploader>,
}

impl Source for UploadSource {
    type Work = (UploadWork, [Pass; 2]);

    async fn lease(&self, now: UnixMillis) -> Result<Option<Self::Work>, StoreError> {
        let inner = &self.inner;
        let Ok(passes) = inner.circuits.pass(UPLOAD_SERVICES) else {
            return Ok(None);
        };
        let until = inner.clock.now().plus(inner.settings.upload_lease);
        match inner.records.lease_upload(now, until).await? {
            Some(work) => Ok(Some((work, passes))),
            None => {
                passes.into_iter().for_each(Pass::unused);
                Ok(None)
            }
        }
    }

    async fn process(&self, (work, passes): Self::Work) {
        if let Err(error) = self.upload(work, passes).await {
            self.inner.storage_failed(&error);
        }
    }

    async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        match inner.circuits.longest_wait(&UPLOAD_SERVICES) {
            Some(wait) => Ok(Some(now.plus(wait))),
            None => inner.records.next_due(Queue::Upload, now).await,
        }
    }

    fn failed(&self, error: &StoreError) {
        self.inner.storage_failed(error);
    }
}

impl UploadSource {
    async fn upload(&self, work: UploadWork, passes: [Pass; 2]) -> Result<(), StoreError> {
        let inner = &self.inner;
        let id = work.lease.id;
        let image = match inner.records.image(id).await {
            Ok(image) => Some(image),
            // Verified before it was removed: only the record is to be sent again.
            Err(StoreError::ImageRemoved { .. }) => None,
            // Also one that the disk does not give: it would be tried without end, and nobody would see it.
            Err(damaged @ (StoreError::ImageDamaged { .. } | StoreError::Fault { .. })) => {
                let hindered = Hindered {
                    service: None,
                    obstacle: Obstacle::NeedsPerson,
                    reason: damaged.to_string(),
                    retry_after: None,
                };
                return inner.set_back(Queue::Upload, &work.lease, hindered).await;
            }
            Err(error) => return Err(error),
        };
        let uploaded = match &image {
            Some(image) => self.uploader.upload(&work.inspection, image).await,
            None => self.uploader.upload_record(&work.inspection).await,
        };
        settle(passes, &uploaded);
        match uploaded {
            Ok(receipt) => {
                let revision = work.inspection.revision;
                let now = inner.clock.now();
                inner
                    .records
                    .uploaded(id, revision, &receipt.image_url, now)
                    .await?;
                tracing::info!(%id, revision, "uploaded");
                inner.cloud_answers();
                inner.tell(StationEvent::Uploaded { id });
                Ok(())
            }
            Err(hindered) => {
                // What is wrong with one part says nothing of the link.
                if hindered.service.is_some() {
                    inner.set_link(CloudLink::Hindered(hindered.clone()));
                }
                inner.set_back(Queue::Upload, &work.lease, hindered).await
            }
        }
    }

    /// Asks the cloud for a sign of life.
    pub(crate) async fn reach(&self) {
        match self.uploader.reach().await {
            Ok(()) => {
                for service in UPLOAD_SERVICES {
                    self.inner.circuits.alive(service);
                }
                self.inner.cloud_answers();
            }
            Err(hindered) => self.inner.set_link(CloudLink::Hindered(hindered)),
        }
    }
}

/// Tells each circuit what became of an upload, as far as it is known: the services are asked in their
/// order, so those before the one that failed have answered.
fn settle<T>(passes: [Pass; 2], uploaded: &Result<T, Hindered>) {
    let mut in_order = passes.into_iter();
    match uploaded {
        Ok(_) => in_order.for_each(Pass::answered),
        Err(hindered) => {
            let Some(failed) = hindered.service else {
                return;
            };
            for pass in in_order.by_ref() {
                if pass.service() == failed {
                    pass.failed(hindered);
                    break;
                }
                pass.answered();
            }
        }
    }
}
