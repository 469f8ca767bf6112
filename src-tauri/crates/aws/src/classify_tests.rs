use super::*;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::{body::SdkBody, error::ErrorMetadata};
use rstest::rstest;
use std::{fmt, io};
use wiko_core::ports::SecretsError;

#[derive(Debug)]
struct Answered(ErrorMetadata);

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("service error")
    }
}

impl Error for Answered {}

impl ProvideErrorMetadata for Answered {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

fn response(status: u16) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty())
}

fn answer(status: u16, code: &str, message: &str) -> Hindered {
    let mut meta = ErrorMetadata::builder().message(message);
    if !code.is_empty() {
        meta = meta.code(code);
    }
    classify(
        Service::S3,
        "S3 bucket b",
        &SdkError::service_error(Answered(meta.build()), response(status)),
    )
}

#[rstest]
#[case(503, "SlowDown", "", Obstacle::Transient)]
#[case(500, "", "", Obstacle::Transient)]
#[case(599, "NeverHeardOf", "", Obstacle::Transient)]
#[case(429, "", "", Obstacle::Transient)]
#[case(400, "ProvisionedThroughputExceededException", "", Obstacle::Transient)]
#[case(408, "ModelTimeoutException", "", Obstacle::Transient)]
#[case(424, "ModelErrorException", "", Obstacle::Transient)]
#[case(403, "RequestTimeTooSkewed", "", Obstacle::Transient)]
#[case(
    400,
    "InvalidSignatureException",
    "Signature expired: 20260101 is now earlier than 20260102",
    Obstacle::Transient
)]
#[case(400, "InvalidSignatureException", "", Obstacle::Credentials)]
#[case(403, "SignatureDoesNotMatch", "", Obstacle::Credentials)]
#[case(400, "ExpiredTokenException", "", Obstacle::Credentials)]
#[case(400, "UnrecognizedClientException", "", Obstacle::Credentials)]
#[case(403, "InvalidAccessKeyId", "", Obstacle::Credentials)]
#[case(403, "", "", Obstacle::Credentials)]
#[case(403, "AccessDenied", "", Obstacle::NeedsPerson)]
#[case(404, "NoSuchBucket", "", Obstacle::NeedsPerson)]
#[case(
    400,
    "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
    "",
    Obstacle::NeedsPerson
)]
#[case(400, "ValidationException", "", Obstacle::NeedsPerson)]
#[case(
    429,
    "ThrottlingException",
    "Too many tokens per day, please wait",
    Obstacle::NeedsPerson
)]
#[case(429, "ThrottlingException", "Too many requests", Obstacle::Transient)]
#[case(407, "", "", Obstacle::NeedsPerson)]
#[case(301, "PermanentRedirect", "", Obstacle::NeedsPerson)]
#[case(200, "NeverHeardOf", "", Obstacle::NeedsPerson)]
#[case(418, "NeverHeardOf", "", Obstacle::NeedsPerson)]
fn each_answer_has_its_class_and_names_the_service(
    #[case] status: u16,
    #[case] code: &str,
    #[case] message: &str,
    #[case] expected: Obstacle,
) {
    let met = answer(status, code, message);
    assert_eq!(met.obstacle, expected, "{}", met.reason);
    assert!(met.reason.starts_with("S3 bucket b: "), "{}", met.reason);
}

#[test]
fn what_a_refused_signature_repeats_is_not_told() {
    let canonical = "The Canonical String was x-amz-security-token:SESSION-TOKEN";
    for code in ["SignatureDoesNotMatch", "InvalidSignatureException"] {
        let met = answer(403, code, canonical);
        assert!(!met.reason.contains("SESSION-TOKEN"), "{}", met.reason);
    }
}

#[test]
fn other_messages_are_told_on_one_line_and_not_at_any_length() {
    let met = answer(400, "ValidationException", &"two\nwords ".repeat(500));
    assert!(
        met.reason
            .contains("ValidationException (two words two words")
    );
    assert!(met.reason.len() < 600 && !met.reason.contains('\n'));
}

#[test]
fn what_the_service_asks_to_wait_is_heard() {
    let mut asked = response(503);
    asked.headers_mut().insert("retry-after", "7");
    let error = SdkError::service_error(Answered(ErrorMetadata::builder().build()), asked);
    assert_eq!(
        classify(Service::S3, "DynamoDB", &error).retry_after,
        Some(Duration::from_secs(7))
    );

    let mut asked = response(503);
    asked.headers_mut().insert("x-amz-retry-after", "250");
    let error = SdkError::service_error(Answered(ErrorMetadata::builder().build()), asked);
    assert_eq!(
        classify(Service::S3, "DynamoDB", &error).retry_after,
        Some(Duration::from_millis(250))
    );
}

#[test]
fn what_any_part_would_meet_is_the_service_s_and_what_nobody_knows_may_be_the_part_s() {
    for (status, code) in [
        (503, "SlowDown"),
        (403, "AccessDenied"),
        (404, "NoSuchBucket"),
        (400, "ExpiredToken"),
        (407, ""),
    ] {
        assert_eq!(
            answer(status, code, "").service,
            Some(Service::S3),
            "{code}"
        );
    }
    for (status, code) in [(400, "ValidationException"), (418, "")] {
        let met = answer(status, code, "");
        assert_eq!((met.service, met.obstacle), (None, Obstacle::NeedsPerson));
    }
}

#[test]
fn trouble_with_credentials_is_found_however_deep_it_lies() {
    for trouble in [
        CredentialsTrouble::Missing,
        CredentialsTrouble::Unreachable(SecretsError::Locked),
    ] {
        let told = trouble.to_string();
        let error: SdkError<Answered, HttpResponse> = SdkError::dispatch_failure(
            ConnectorError::other(CredentialsError::provider_error(trouble).into(), None),
        );
        let met = classify(Service::S3, "DynamoDB table t", &error);
        assert_eq!(met.obstacle, Obstacle::Credentials);
        assert!(met.reason.contains(&told), "{}", met.reason);
    }
}

#[test]
fn a_network_that_is_away_is_transient_and_only_the_last_cause_is_told() {
    #[derive(Debug, thiserror::Error)]
    #[error("proxy http://user:hunter2@proxy:3128 failed")]
    struct Proxy(#[source] io::Error);

    let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
    let error: SdkError<Answered, HttpResponse> =
        SdkError::dispatch_failure(ConnectorError::io(Proxy(refused).into()));
    let met = classify(Service::S3, "S3", &error);
    assert_eq!(met.obstacle, Obstacle::Transient);
    assert!(met.reason.contains("connection refused"), "{}", met.reason);
    assert!(!met.reason.contains("hunter2"), "{}", met.reason);

    let error: SdkError<Answered, HttpResponse> = SdkError::timeout_error(io::Error::other("slow"));
    assert_eq!(
        classify(Service::S3, "S3", &error).obstacle,
        Obstacle::Transient
    );
}

#[test]
fn an_untrusted_certificate_says_what_to_do() {
    let untrusted = io::Error::other("invalid peer certificate: UnknownIssuer");
    let error: SdkError<Answered, HttpResponse> =
        SdkError::dispatch_failure(ConnectorError::io(untrusted.into()));
    let met = classify(Service::S3, "S3", &error);
    assert!(met.reason.contains("ca_bundle"), "{}", met.reason);
}

/// How the clients report a page that a proxy sends; the uploader's tests meet it on a real socket.
#[rstest]
#[case(200)]
#[case(204)]
#[case(302)]
#[case(307)]
fn a_page_in_place_of_a_reply_is_transient(#[case] status: u16) {
    let met = answer(status, "", "");
    assert_eq!(met.obstacle, Obstacle::Transient);
    assert!(met.reason.contains("sign-in page"), "{}", met.reason);
}

#[test]
fn a_request_that_cannot_be_made_needs_a_person() {
    let error: SdkError<Answered, HttpResponse> =
        SdkError::construction_failure(io::Error::other("no host"));
    assert_eq!(
        classify(Service::S3, "S3", &error).obstacle,
        Obstacle::NeedsPerson
    );
}
