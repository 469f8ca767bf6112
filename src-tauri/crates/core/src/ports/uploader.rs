use super::Hindered;
use crate::{image::EncodedImage, inspection::Inspection};

/// Brings a decided part to the cloud.
#[async_trait::async_trait]
pub trait Uploader: Send + Sync {
    /// Sends the image, then the record, and returns once both are verified to be there as sent.
    /// Sending the same revision again changes nothing; an older revision never replaces a newer one.
    async fn upload(
        &self,
        inspection: &Inspection,
        image: &EncodedImage,
    ) -> Result<UploadReceipt, Hindered>;

    /// Sends the record alone, of a part whose image was verified before and is no longer here: returns once
    /// the image is found to be there still, as it was captured, and the record is verified.
    async fn upload_record(&self, inspection: &Inspection) -> Result<UploadReceipt, Hindered>;

    /// Asks the services for a sign of life, without needing more than the rights to upload.
    async fn reach(&self) -> Result<(), Hindered>;
}

/// Proof that a part is in the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadReceipt {
    /// Where the image lies, `s3://bucket/key`.
    pub image_url: String,
}
