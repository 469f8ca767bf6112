//! What an error of AWS means for the work that met it.
//!
//! Where a code is unknown, a 5xx is taken to pass by itself and everything else to need a person:
//! parked work is safe and seen, work tried for ever is neither.

use crate::credentials::CredentialsTrouble;
use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{DispatchFailure, SdkError},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::{error::Error, time::Duration};
use wiko_core::{ports::Hindered, queue::Obstacle, service::Service};

/// Classifies the error of a call to `service`, which the reason calls by `name`: `S3 bucket wiko-images`.
pub fn classify<E>(service: Service, name: &str, error: &SdkError<E, HttpResponse>) -> Hindered
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let hindered = |obstacle, reason| Hindered {
        service: Some(service),
        obstacle,
        reason,
        retry_after: None,
    };
    if let Some(trouble) = find::<CredentialsTrouble>(error) {
        return hindered(Obstacle::Credentials, format!("{name}: {trouble}"));
    }
    let transient = |reason: String| hindered(Obstacle::Transient, format!("{name}: {reason}"));
    match error {
        SdkError::TimeoutError(_) => transient(
            "no answer in time; tried again by itself. If it stays so, check the network's speed"
                .to_owned(),
        ),
        SdkError::DispatchFailure(failure) => transient(unreachable_because(failure)),
        SdkError::ResponseError(response) => Hindered {
            retry_after: retry_after(response.raw()),
            ..transient(unreadable(response.raw().status().as_u16()))
        },
        SdkError::ServiceError(answer) => {
            let met = Answer {
                code: answer.err().code().unwrap_or_default(),
                message: answer.err().message().unwrap_or_default(),
                status: answer.raw().status().as_u16(),
            };
            if met.is_no_service_s() {
                return transient(unreadable(met.status));
            }
            let known = met.obstacle();
            let (obstacle, advice) = known.unwrap_or((
                Obstacle::NeedsPerson,
                "tell it to whoever looks after the cloud, then retry",
            ));
            Hindered {
                // What nobody knows may be this part's own.
                service: known.map(|_| service),
                obstacle,
                reason: format!("{name}: {}; {advice}", met.told(obstacle)),
                retry_after: retry_after(answer.raw()),
            }
        }
        // Not sent at all: the settings or the request are wrong.
        other => hindered(
            Obstacle::NeedsPerson,
            format!(
                "{name}: the request cannot be made ({}); check the endpoint and the names in \
                 station.toml",
                innermost(other)
            ),
        ),
    }
}

/// What a service answered.
struct Answer<'a> {
    code: &'a str,
    message: &'a str,
    status: u16,
}

impl Answer<'_> {
    /// Success that cannot be read, or a redirect that no service of AWS sends: a page of something in
    /// between. Of its own redirects S3 tells the code.
    fn is_no_service_s(&self) -> bool {
        self.code.is_empty() && matches!(self.status, 200..=299 | 302 | 303 | 307 | 308)
    }

    /// What stands in the way and what to do, where the answer is one that is known. All of them are the
    /// service's: what is sent next meets the same.
    fn obstacle(&self) -> Option<(Obstacle, &'static str)> {
        use Obstacle::{Credentials, NeedsPerson, Transient};
        const WAITS: &str = "tried again by itself";
        Some(match self.code.rsplit('#').next().unwrap_or_default() {
            // A daily quota does not come back with a short wait.
            code if code.starts_with("Throttl") && self.message.contains("per day") => (
                NeedsPerson,
                "the day's quota is used up: have it raised in AWS Service Quotas, or wait for the next day",
            ),
            "ServiceQuotaExceededException" => (
                NeedsPerson,
                "a quota is used up: have it raised in AWS Service Quotas, then retry",
            ),
            // The client has corrected its clock and asked again by now.
            "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => (
                Transient,
                "this computer's clock is wrong: set it, or let it be set by the network",
            ),
            "InvalidSignatureException"
                if self.message.contains("Signature expired")
                    || self.message.contains("not yet current") =>
            {
                (
                    Transient,
                    "this computer's clock is wrong: set it, or let it be set by the network",
                )
            }
            "ExpiredToken"
            | "ExpiredTokenException"
            | "TokenRefreshRequired"
            | "InvalidToken"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "AuthFailure" => (
                Credentials,
                "the access key is expired, wrong or revoked: set a new one with `wiko-station \
                 credentials set`",
            ),
            "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "AllAccessDisabled" => (
                NeedsPerson,
                "the access key lacks a right: compare its policy with that of a station; a new right \
                 takes some minutes to hold",
            ),
            "NoSuchBucket" | "ResourceNotFoundException" | "TableNotFoundException" => (
                NeedsPerson,
                "check the name and the region in station.toml, and that it has been created",
            ),
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException" => (
                NeedsPerson,
                "it lies in another region: correct the region in station.toml",
            ),
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "LimitExceededException"
            | "SlowDown"
            | "RequestTimeout"
            | "RequestTimeoutException"
            | "OperationAborted"
            | "ConditionalRequestConflict"
            | "TransactionInProgressException"
            | "TransactionConflictException"
            | "ReplicatedWriteConflictException"
            | "BadDigest"
            | "XAmzContentSHA256Mismatch"
            | "XAmzContentChecksumMismatch"
            | "IncompleteBody"
            | "ModelNotReadyException"
            | "ModelTimeoutException"
            | "ModelErrorException"
            | "ModelStreamErrorException"
            | "ServiceUnavailableException"
            | "InternalServerException" => (Transient, WAITS),
            _ => match self.status {
                407 => (
                    NeedsPerson,
                    "the proxy wants to be signed in to: put its user and password into HTTPS_PROXY",
                ),
                // Replies without a body, as to HEAD, do not tell a bad key from a missing right.
                401 | 403 if self.code.is_empty() => (
                    Credentials,
                    "the access key or its rights are refused: check both",
                ),
                408 | 409 | 424 | 425 | 429 | 500.. => (Transient, WAITS),
                _ => return None,
            },
        })
    }

    /// Code and message. The message of a refused signature is left out: it repeats the signed headers,
    /// and a session token is one of them.
    fn told(&self, obstacle: Obstacle) -> String {
        let code = if self.code.is_empty() {
            format!("status {}", self.status)
        } else {
            self.code.to_owned()
        };
        let message: String = self
            .message
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(300)
            .collect();
        if message.is_empty() || obstacle == Obstacle::Credentials || code.contains("Signature") {
            code
        } else {
            format!("{code} ({message})")
        }
    }
}

fn unreadable(status: u16) -> String {
    format!(
        "the reply (status {status}) cannot be read; tried again by itself. If it stays so, look for a \
         proxy or a sign-in page between the station and the internet"
    )
}

fn unreachable_because(failure: &DispatchFailure) -> String {
    let cause = failure
        .as_connector_error()
        .map_or_else(String::new, |error| innermost(error));
    // rustls says so of certificates; it is the only word of it that is stable.
    if cause.contains("certificate") {
        return format!(
            "the server's certificate is not trusted ({cause}); check this computer's clock, and where a \
             proxy inspects traffic give its certificate as ca_bundle in station.toml"
        );
    }
    format!("not reachable ({cause}); tried again by itself. Check the network and the proxy")
}

/// What the service asked to wait: seconds in `Retry-After`, milliseconds in AWS's own header.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let number = |name: &str| {
        let value = response.headers().get(name)?;
        value.trim().parse::<u64>().ok()
    };
    number("retry-after")
        .map(Duration::from_secs)
        .or_else(|| number("x-amz-retry-after").map(Duration::from_millis))
}

/// The first error of a type in a chain of causes.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|error| error.downcast_ref::<T>())
}

/// The words of the last cause. The outer ones may quote URLs, and a proxy's URL holds its password.
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let this = next?;
        next = this.source();
        Some(this)
    })
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
