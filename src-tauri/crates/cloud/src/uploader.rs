use crate::{
    image::{self, Images},
    item::Item,
    pace,
    record::Rows,
};
use std::{fmt, time::Duration};
use wiko_aws::{Aws, ServiceSettings};
use wiko_core::{
    facility::Facility,
    image::EncodedImage,
    inspection::Inspection,
    ports::{Hindered, UploadReceipt, Uploader},
    queue::Obstacle,
    time::UnixMillis,
};

/// Where a station's records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudSettings {
    /// The bucket of the images.
    pub bucket: String,
    /// The table of the records.
    pub table: String,
    /// Under whose prefix this station may write.
    pub facility: Facility,
    /// S3's endpoint and timeouts.
    pub s3: ServiceSettings,
    /// DynamoDB's endpoint and timeouts.
    pub dynamodb: ServiceSettings,
}

impl CloudSettings {
    /// AWS's own endpoints. The time that a picture's bytes take comes on top.
    pub fn new(bucket: impl Into<String>, table: impl Into<String>, facility: Facility) -> Self {
        Self {
            bucket: bucket.into(),
            table: table.into(),
            facility,
            s3: ServiceSettings::new(30_000, 90_000),
            dynamodb: ServiceSettings::new(10_000, 30_000),
        }
    }
}

/// The uploader to S3 and DynamoDB.
pub struct CloudUploader {
    aws: Aws,
    images: Images,
    rows: Rows,
    facility: Facility,
    longest_upload: Duration,
}

impl CloudUploader {
    /// Asks nobody for anything yet.
    pub fn new(aws: &Aws, settings: CloudSettings) -> Self {
        let longest_upload = pace::longest(&settings.s3, &settings.dynamodb);
        let s3 = aws_sdk_s3::config::Builder::from(&aws.sdk_config(&settings.s3))
            // A server at an endpoint of its own seldom has a name for each bucket.
            .force_path_style(settings.s3.endpoint_url.is_some())
            .build();
        Self {
            aws: aws.clone(),
            images: Images {
                client: aws_sdk_s3::Client::from_conf(s3),
                bucket: settings.bucket,
                settings: settings.s3,
            },
            rows: Rows {
                client: aws_sdk_dynamodb::Client::new(&aws.sdk_config(&settings.dynamodb)),
                table: settings.table,
            },
            longest_upload,
            facility: settings.facility,
        }
    }
}

impl fmt::Debug for CloudUploader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudUploader")
            .field("bucket", &self.images.bucket)
            .field("table", &self.rows.table)
            .finish_non_exhaustive()
    }
}

impl CloudUploader {
    /// The longest that an upload takes before it fails: what a worker's lease has to exceed.
    pub fn longest_upload(&self) -> Duration {
        self.longest_upload
    }

    /// Asks the bucket alone for a sign of life.
    pub async fn reach_s3(&self) -> Result<(), Hindered> {
        self.images.reach(self.facility.code()).await
    }

    /// The time by S3's clock, to the second; none where it does not answer.
    pub async fn s3_date(&self) -> Option<UnixMillis> {
        self.images.date(self.facility.code()).await
    }

    /// Asks the table alone for a sign of life.
    pub async fn reach_dynamodb(&self) -> Result<(), Hindered> {
        self.rows.reach().await
    }
}

#[async_trait::async_trait]
impl Uploader for CloudUploader {
    async fn upload(
        &self,
        inspection: &Inspection,
        image: &EncodedImage,
    ) -> Result<UploadReceipt, Hindered> {
        let (key, item) = self.item(inspection)?;
        self.aws
            .with_credentials(|| self.images.put(&key, inspection, image))
            .await?;
        self.put_row(inspection, &key, &item).await
    }

    async fn upload_record(&self, inspection: &Inspection) -> Result<UploadReceipt, Hindered> {
        let (key, item) = self.item(inspection)?;
        self.aws
            .with_credentials(|| self.images.find(&key, inspection))
            .await?;
        self.put_row(inspection, &key, &item).await
    }

    async fn reach(&self) -> Result<(), Hindered> {
        self.reach_s3().await?;
        self.reach_dynamodb().await
    }
}

impl CloudUploader {
    /// The image's key and the item of a part; refused where it is not decided.
    fn item(&self, inspection: &Inspection) -> Result<(String, Item), Hindered> {
        let key = image::key(&inspection.capture);
        let image_url = self.image_url(&key);
        let Some(item) = Item::of(inspection, &image_url) else {
            return Err(Hindered {
                service: None,
                obstacle: Obstacle::NeedsPerson,
                reason: format!(
                    "{} has no decision and is not to be sent: a fault of the station, please report it",
                    inspection.capture.id
                ),
                retry_after: None,
            });
        };
        Ok((key, item))
    }

    fn image_url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.images.bucket)
    }

    async fn put_row(
        &self,
        inspection: &Inspection,
        key: &str,
        item: &Item,
    ) -> Result<UploadReceipt, Hindered> {
        self.aws
            .with_credentials(|| self.rows.put(inspection, item))
            .await?;
        tracing::debug!(id = %inspection.capture.id, revision = inspection.revision, "uploaded");
        Ok(UploadReceipt {
            image_url: self.image_url(key),
        })
    }
}
