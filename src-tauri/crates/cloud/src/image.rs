//! One image to S3, never over another one.

use crate::pace::Pace;
use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_s3::{
    Client, Config,
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextMut,
    },
    error::BoxError,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        RequestId,
        head_object::{HeadObjectError, HeadObjectOutput},
    },
    primitives::{DateTime, DateTimeFormat as Format},
    types::ChecksumMode,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use std::sync::Arc;
use wiko_aws::{ServiceSettings, classify};
use wiko_core::{
    image::{EncodedImage, ImageFacts, Sha256},
    inspection::{CaptureFacts, Inspection},
    ports::Hindered,
    queue::Obstacle,
    service::Service,
    time::UnixMillis,
};

const SHA256_METADATA: &str = "sha256";

pub(crate) struct Images {
    pub(crate) client: Client,
    pub(crate) bucket: String,
    pub(crate) settings: ServiceSettings,
}

/// Signs with the hash of the body that is known, instead of hashing it once more. S3 refuses a body that has
/// another one.
#[derive(Debug)]
struct SignedWith(Sha256);

impl Intercept for SignedWith {
    fn name(&self) -> &'static str {
        "SignedWith"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let sha256 = PayloadSigningOverride::Precomputed(self.0.to_string());
        config.interceptor_state().store_put(sha256);
        Ok(())
    }
}

/// Where the image of a part lies. The ending is `.jpg` whatever the format, as readers expect; the
/// content type tells the truth.
pub(crate) fn key(capture: &CaptureFacts) -> String {
    format!(
        "inspections/{}/{}/{}.jpg",
        capture.facility, capture.product_sku, capture.id
    )
}

impl Images {
    /// Puts the image there, or finds that it is there already.
    pub(crate) async fn put(
        &self,
        key: &str,
        inspection: &Inspection,
        image: &EncodedImage,
    ) -> Result<(), Hindered> {
        let (capture, facts) = (&inspection.capture, &inspection.image);
        let found = image.facts().sha256;
        if found != facts.sha256 {
            return Err(needs_person(format!(
                "the picture of {} is not the one that was captured (SHA-256 {found} instead of {}): \
                 restore it from a backup",
                capture.id, facts.sha256
            )));
        }
        let pace = Pace::of(facts.size_bytes, &self.settings);
        let sent = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .if_none_match("*")
            .content_type(facts.format.media_type())
            .checksum_sha256(STANDARD.encode(found.bytes()))
            .metadata(SHA256_METADATA, found.to_string())
            .metadata("captured-at", capture.captured_at.iso8601())
            .metadata("station", ascii(&capture.station))
            .body(Bytes::from_owner(Arc::clone(image.bytes())).into())
            .customize()
            .config_override(Config::builder().timeout_config(pace.config()))
            .interceptor(SignedWith(found))
            .send()
            .await;
        match sent {
            Ok(reply) if reply.checksum_sha256().and_then(decoded) == Some(facts.sha256) => Ok(()),
            // The server does not say what it keeps, so it is asked.
            Ok(_) => self.verify(key, facts).await,
            // Somebody was first; probably this station, whose reply was lost.
            Err(error)
                if matches!(
                    error.code(),
                    Some("PreconditionFailed" | "ConditionalRequestConflict")
                ) || error
                    .raw_response()
                    .is_some_and(|raw| raw.status().as_u16() == 412) =>
            {
                self.verify(key, facts).await
            }
            Err(error) => Err(classify(Service::S3, &self.name(), &error)),
        }
    }

    /// Checks that the object under `key` has the bytes that are meant.
    async fn verify(&self, key: &str, facts: &ImageFacts) -> Result<(), Hindered> {
        let head = self.head(key).await.map_err(|error| {
            // A race with a try that failed after all: the next one puts it there.
            if not_found(&error) {
                return Hindered {
                    service: None,
                    obstacle: Obstacle::Transient,
                    reason: format!("{}: {key} is not there yet", self.name()),
                    retry_after: None,
                };
            }
            classify(Service::S3, &self.name(), &error)
        })?;
        self.compare(key, facts, &head).await
    }

    /// Finds an image that was verified before and is no longer here.
    pub(crate) async fn find(&self, key: &str, inspection: &Inspection) -> Result<(), Hindered> {
        match self.head(key).await {
            Ok(head) => self.compare(key, &inspection.image, &head).await,
            // Without the right to list, 403 is also the answer for what does not exist, and an answer
            // without a body does not say which. Words tell a bad key from it.
            Err(error)
                if error
                    .raw_response()
                    .is_some_and(|raw| matches!(raw.status().as_u16(), 403 | 404)) =>
            {
                self.find_in_words(key, inspection).await
            }
            Err(error) => Err(classify(Service::S3, &self.name(), &error)),
        }
    }

    async fn find_in_words(&self, key: &str, inspection: &Inspection) -> Result<(), Hindered> {
        let asked = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .range("bytes=0-0")
            .send()
            .await;
        match asked {
            // It is there after all; read once more, in whole.
            Ok(_) => {
                let (there, by_s3) = self.downloaded_sha256(key, &inspection.image).await?;
                self.same_or_refused(key, &inspection.image, there, by_s3)
            }
            Err(error) if matches!(error.code(), Some("NoSuchKey")) => Err(needs_person(format!(
                "{}: {key} is not there any more, and the picture was removed here after it had been \
                 verified: restore it in S3 from an older version or a backup, then retry",
                self.name()
            ))),
            // Said of this part alone: without the right to list, S3 says the same of every picture that is
            // gone, and holds up no other.
            Err(error) if matches!(error.code(), Some("AccessDenied")) => {
                Err(needs_person(format!(
                    "{}: S3 does not say whether {key} is still there, and the picture was removed here after \
                 it had been verified. Give the station's key s3:GetObject and s3:ListBucket, then retry; \
                 if it is gone, restore it in S3 from an older version or a backup",
                    self.name()
                )))
            }
            Err(error) => Err(classify(Service::S3, &self.name(), &error)),
        }
    }

    async fn head(&self, key: &str) -> Result<HeadObjectOutput, SdkError<HeadObjectError>> {
        self.client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
    }

    async fn compare(
        &self,
        key: &str,
        facts: &ImageFacts,
        head: &HeadObjectOutput,
    ) -> Result<(), Hindered> {
        let (there, by_s3) = match stored_sha256(head) {
            Some(stored) => (stored, head.request_id().is_some()),
            None => self.downloaded_sha256(key, facts).await?,
        };
        self.same_or_refused(key, facts, there, by_s3)
    }

    fn same_or_refused(
        &self,
        key: &str,
        facts: &ImageFacts,
        there: Sha256,
        by_s3: bool,
    ) -> Result<(), Hindered> {
        if there == facts.sha256 {
            return Ok(());
        }
        if !by_s3 {
            return Err(self.not_s3());
        }
        Err(needs_person(format!(
            "{}: {key} holds another picture (SHA-256 {there} there, {} here); neither is overwritten: \
             find out which one belongs to the part",
            self.name(),
            facts.sha256
        )))
    }

    /// The hash of what lies there, and whether the answer bears the mark of S3: any page may be
    /// downloaded from a proxy, and is no other picture.
    async fn downloaded_sha256(
        &self,
        key: &str,
        facts: &ImageFacts,
    ) -> Result<(Sha256, bool), Hindered> {
        let got = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| classify(Service::S3, &self.name(), &error))?;
        let by_s3 = got.request_id().is_some();
        let broke_off = |why: String| Hindered {
            service: Some(Service::S3),
            obstacle: Obstacle::Transient,
            reason: format!("{}: reading {key} broke off ({why})", self.name()),
            retry_after: None,
        };
        // The client's timeouts end with the head of the reply.
        let within = Pace::of(facts.size_bytes, &self.settings).attempt;
        let bytes = tokio::time::timeout(within, got.body.collect())
            .await
            .map_err(|_| broke_off("it is too slow".to_owned()))?
            .map_err(|error| broke_off(error.to_string()))?;
        Ok((Sha256::of(&bytes.into_bytes()), by_s3))
    }

    /// Any answer to a signed request, also that the key does not exist, is a sign of life.
    pub(crate) async fn reach(&self, facility: &str) -> Result<(), Hindered> {
        let asked = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(format!("inspections/{facility}/reach"))
            .send()
            .await;
        match asked {
            Ok(reply) if reply.request_id().is_some() => Ok(()),
            Ok(_) => Err(self.not_s3()),
            Err(error) => {
                // Without the right to list, S3 answers 403 for what does not exist, and does not say
                // which of the two it is; a bad key answers the same. A GET tells them apart.
                match error.raw_response().map(|raw| raw.status().as_u16()) {
                    Some(403 | 404) => self.reach_in_words(facility).await,
                    _ => Err(classify(Service::S3, &self.name(), &error)),
                }
            }
        }
    }

    async fn reach_in_words(&self, facility: &str) -> Result<(), Hindered> {
        let asked = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(format!("inspections/{facility}/reach"))
            .send()
            .await;
        match asked {
            Ok(reply) if reply.request_id().is_some() => Ok(()),
            Ok(_) => Err(self.not_s3()),
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "AccessDenied")) => Ok(()),
            Err(error) => Err(classify(Service::S3, &self.name(), &error)),
        }
    }

    /// The time by S3's clock, to the second; none where it does not answer.
    pub(crate) async fn date(&self, facility: &str) -> Option<UnixMillis> {
        // Of what is not there, so that the answer is an error whose headers can be read.
        let asked = self.head(&format!("inspections/{facility}/reach")).await;
        let error = asked.err()?;
        let headers = error.raw_response()?.headers();
        headers.get("x-amz-request-id")?;
        let date = DateTime::from_str(headers.get("date")?, Format::HttpDate).ok()?;
        Some(UnixMillis(date.secs() * 1000))
    }

    fn not_s3(&self) -> Hindered {
        Hindered {
            service: Some(Service::S3),
            obstacle: Obstacle::Transient,
            reason: format!(
                "{}: the answer is not S3's; tried again by itself. If it stays so, check \
                 aws.s3_endpoint, and look for a proxy or a sign-in page between the station and the \
                 internet",
                self.name()
            ),
            retry_after: None,
        }
    }

    fn name(&self) -> String {
        format!("S3 bucket {}", self.bucket)
    }
}

fn not_found(error: &SdkError<HeadObjectError>) -> bool {
    error
        .as_service_error()
        .is_some_and(|error| error.is_not_found())
}

/// The hash that the server computed. The one in the metadata is only what was sent along: bytes that were
/// kept wrongly would pass by it, and the picture here goes one day because of what is found there.
fn stored_sha256(head: &HeadObjectOutput) -> Option<Sha256> {
    head.checksum_sha256().and_then(decoded)
}

fn decoded(base64: &str) -> Option<Sha256> {
    let bytes: [u8; 32] = STANDARD.decode(base64).ok()?.try_into().ok()?;
    Some(Sha256::from(bytes))
}

/// HTTP headers carry no other letters.
fn ascii(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    text.chars().map(fits).collect()
}

fn needs_person(reason: String) -> Hindered {
    Hindered {
        service: None,
        obstacle: Obstacle::NeedsPerson,
        reason,
        retry_after: None,
    }
}
