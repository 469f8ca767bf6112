//! Fake of the uploader port.

use std::{collections::HashMap, sync::Mutex};
use wiko_core::{
    id::InspectionId,
    image::{EncodedImage, Sha256},
    inspection::Inspection,
    ports::{Hindered, UploadReceipt, Uploader},
    queue::Obstacle,
};

/// A cloud in memory, which can be taken away.
#[derive(Debug, Default)]
pub struct FakeUploader {
    parts: Mutex<HashMap<InspectionId, (Sha256, Inspection)>>,
    trouble: Mutex<Option<Hindered>>,
}

impl FakeUploader {
    /// Answers every call with this; none ends it.
    pub fn hinder(&self, trouble: Option<Hindered>) {
        *self.trouble.lock().unwrap() = trouble;
    }

    /// What lies there of a part.
    pub fn stored(&self, id: InspectionId) -> Option<Inspection> {
        let parts = self.parts.lock().unwrap();
        parts.get(&id).map(|(_, inspection)| inspection.clone())
    }

    /// How many parts lie there.
    pub fn count(&self) -> usize {
        self.parts.lock().unwrap().len()
    }
}

#[async_trait::async_trait]
impl Uploader for FakeUploader {
    async fn upload(
        &self,
        inspection: &Inspection,
        image: &EncodedImage,
    ) -> Result<UploadReceipt, Hindered> {
        self.keep(inspection, Some(image.facts().sha256)).await
    }

    async fn upload_record(&self, inspection: &Inspection) -> Result<UploadReceipt, Hindered> {
        self.keep(inspection, None).await
    }

    async fn reach(&self) -> Result<(), Hindered> {
        self.trouble.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl FakeUploader {
    /// Keeps a part with the picture given, or with the one that is there already.
    async fn keep(
        &self,
        inspection: &Inspection,
        image: Option<Sha256>,
    ) -> Result<UploadReceipt, Hindered> {
        self.reach().await?;
        let refuse = |reason: &str| Hindered {
            service: None,
            obstacle: Obstacle::NeedsPerson,
            reason: reason.to_owned(),
            retry_after: None,
        };
        let sha256 = image.unwrap_or(inspection.image.sha256);
        if inspection.decision.is_none() || sha256 != inspection.image.sha256 {
            return Err(refuse("not decided, or not the picture that was captured"));
        }
        let capture = &inspection.capture;
        let mut parts = self.parts.lock().unwrap();
        match parts.get(&capture.id) {
            None if image.is_none() => return Err(refuse("its picture is not there any more")),
            Some((there, _)) if *there != sha256 => {
                return Err(refuse(&format!("{there} is there, not {sha256}")));
            }
            Some((_, there)) if there.revision >= inspection.revision => {}
            _ => {
                parts.insert(capture.id, (sha256, inspection.clone()));
            }
        }
        Ok(UploadReceipt {
            image_url: format!(
                "s3://fake/inspections/{}/{}/{}.jpg",
                capture.facility, capture.product_sku, capture.id
            ),
        })
    }
}
