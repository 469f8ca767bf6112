//! One image to S3, never over another one.

use aws_sdk_s3::{
    Client, error::ProvideErrorMetadata, operation::head_object::HeadObjectOutput,
    primitives::ByteStream, types::ChecksumMode,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use wiko_aws::classify;
use wiko_core::{
    image::{ImageFacts, Sha256},
    inspection::{CaptureFacts, Inspection},
    ports::Hindered,
    queue::Obstacle,
};

const SHA256_METADATA: &str = "sha256";

pub(crate) struct Images {
    pub(crate) client: Client,
    pub(crate) bucket: String,
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
        bytes: &[u8],
    ) -> Result<(), Hindered> {
        let (capture, facts) = (&inspection.capture, &inspection.image);
        let found = Sha256::of(bytes);
        if found != facts.sha256 {
            return Err(needs_person(format!(
                "the picture of {} is not the one that was captured (SHA-256 {found} instead of {}): \
                 restore it from a backup",
                capture.id, facts.sha256
            )));
        }
        let sent = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .if_none_match("*")
            .content_type(facts.format.media_type())
            .checksum_sha256(STANDARD.encode(facts.sha256.bytes()))
            .metadata(SHA256_METADATA, facts.sha256.to_string())
            .metadata("captured-at", capture.captured_at.iso8601())
            .metadata("station", ascii(&capture.station))
            .body(ByteStream::from(bytes.to_vec()))
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
            Err(error) => Err(classify(&self.name(), &error)),
        }
    }

    /// Checks that the object under `key` has the bytes that are meant.
    async fn verify(&self, key: &str, facts: &ImageFacts) -> Result<(), Hindered> {
        let head = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .map_err(|error| {
                // A race with a try that failed after all: the next one puts it there.
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_not_found())
                {
                    return Hindered {
                        obstacle: Obstacle::Transient,
                        reason: format!("{}: {key} is not there yet", self.name()),
                        retry_after: None,
                    };
                }
                classify(&self.name(), &error)
            })?;
        let there = match stored_sha256(&head) {
            Some(stored) => stored,
            None => self.downloaded_sha256(key).await?,
        };
        if there == facts.sha256 {
            return Ok(());
        }
        Err(needs_person(format!(
            "{}: {key} holds another picture (SHA-256 {there} there, {} here); neither is overwritten: \
             find out which one belongs to the part",
            self.name(),
            facts.sha256
        )))
    }

    async fn downloaded_sha256(&self, key: &str) -> Result<Sha256, Hindered> {
        let got = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| classify(&self.name(), &error))?;
        let bytes = got.body.collect().await.map_err(|error| Hindered {
            obstacle: Obstacle::Transient,
            reason: format!("{}: reading {key} broke off ({error})", self.name()),
            retry_after: None,
        })?;
        Ok(Sha256::of(&bytes.into_bytes()))
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
            Ok(_) => Ok(()),
            Err(error) => {
                // Without the right to list, S3 answers 403 for what does not exist, and does not say
                // which of the two it is; a bad key answers the same. A GET tells them apart.
                match error.raw_response().map(|raw| raw.status().as_u16()) {
                    Some(403 | 404) => self.reach_in_words(facility).await,
                    _ => Err(classify(&self.name(), &error)),
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
            Ok(_) => Ok(()),
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "AccessDenied")) => Ok(()),
            Err(error) => Err(classify(&self.name(), &error)),
        }
    }

    fn name(&self) -> String {
        format!("S3 bucket {}", self.bucket)
    }
}

/// The hash that the server computed, or else the one that was sent along.
fn stored_sha256(head: &HeadObjectOutput) -> Option<Sha256> {
    let computed = head.checksum_sha256().and_then(decoded);
    computed.or_else(|| head.metadata()?.get(SHA256_METADATA)?.parse().ok())
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
        obstacle: Obstacle::NeedsPerson,
        reason,
        retry_after: None,
    }
}
