//! What an error of Azure OpenAI means for the work that met it. Where a code is unknown, a 5xx is taken to pass by
//! itself and everything else to need a person, as everywhere.

use reqwest::header::HeaderMap;
use std::{error::Error, time::Duration};
use wiko_core::{ports::Hindered, queue::Obstacle, service::Service, text::plain};

/// What was met.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// The service filtered what was sent: an answer, not a failure.
    Filtered,
    /// It did not answer.
    Hindered {
        /// Whether the next request would meet the same.
        service: bool,
        /// What stands in the way.
        obstacle: Obstacle,
        /// In words, with what to do.
        reason: String,
    },
}

/// What a status that is no success means.
pub(super) fn met(status: u16, body: &str) -> Met {
    let error = serde_json::from_str::<serde_json::Value>(body).unwrap_or_default();
    let error = &error["error"];
    let text = |key: &str| error[key].as_str().unwrap_or_default();
    let code = text("code");
    if code == "content_filter" || error["innererror"]["code"] == "ResponsibleAIPolicyViolation" {
        return Met::Filtered;
    }
    use Obstacle::{Credentials, NeedsPerson, Transient};
    const WAITS: &str = "tried again by itself";
    let (service, obstacle, advice) = match (status, code) {
        (401, _) => (
            true,
            Credentials,
            "the key is wrong or revoked: set a new one with `wiko-station credentials set azure_api_key`",
        ),
        (403, _) => (
            true,
            NeedsPerson,
            "the resource refuses this network or key: look at its access control and firewall in the Azure portal",
        ),
        (404, _) => (
            true,
            NeedsPerson,
            "there is no such deployment: correct azure.endpoint, azure.deployment or azure.api_version",
        ),
        (429, "insufficient_quota") => (
            true,
            NeedsPerson,
            "the quota is used up: have it raised in the Azure portal, then retry",
        ),
        (408 | 409 | 429 | 500..=599, _) => (true, Transient, WAITS),
        // Success or a redirect that the service never sends: a page of something in between.
        (200..=399, _) => (
            true,
            Transient,
            "what answers is not the service, such as a proxy's sign-in page; tried again by itself",
        ),
        // A parameter that this deployment does not know: the next request has it too.
        (400, "unsupported_parameter" | "unsupported_value" | "invalid_request_error") => (
            true,
            NeedsPerson,
            "the deployment takes no such request: name a model that looks at pictures and keeps to a schema, such as \
             gpt-4o, or a later azure.api_version",
        ),
        _ => (
            false,
            NeedsPerson,
            "tell it to whoever looks after the cloud, then retry",
        ),
    };
    let said: String = plain(text("message")).chars().take(300).collect();
    let told = match (code.is_empty(), said.is_empty()) {
        (true, true) => format!("status {status}"),
        (true, false) => format!("status {status}, {said}"),
        (false, true) => code.to_owned(),
        (false, false) => format!("{code}: {said}"),
    };
    Met::Hindered {
        service,
        obstacle,
        reason: format!("Azure OpenAI: {told}; {advice}"),
    }
}

/// Nothing came back. The address stays out of the words: a proxy's password may stand in it.
pub(super) fn unreached(error: &reqwest::Error) -> Hindered {
    let cause = innermost(error);
    let why = if cause.contains("certificate") {
        "the server's certificate is not trusted; check this computer's clock, and where a proxy inspects traffic give \
         its certificate as aws.ca_bundle in station.toml"
    } else if cause.contains("proxy auth") {
        "the proxy wants to be signed in to: put its user and password into HTTPS_PROXY"
    } else if cause == "tunnel error: unsuccessful" {
        "the proxy lets no connection through: check its user and password in HTTPS_PROXY, and whether it may reach \
         azure.endpoint"
    } else if error.is_timeout() {
        "no answer in time; tried again by itself. If it stays so, check the network's speed"
    } else if error.is_connect() {
        "cannot be reached; tried again by itself. Check network, proxy and azure.endpoint"
    } else {
        "the connection broke off; tried again by itself"
    };
    Hindered {
        service: Some(Service::Azure),
        obstacle: Obstacle::Transient,
        reason: format!("Azure OpenAI: {why}"),
        retry_after: None,
    }
}

/// The words of the last cause: rustls speaks of certificates there, and the client of a proxy that wants a password
/// (status 407) or answers anything else but success ("unsuccessful").
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// What the service asks to wait: milliseconds of its own header, or the common one's seconds.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    number("retry-after-ms")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::wrong_key(
        401,
        r#"{"error": {"code": "401", "message": "Access denied"}}"#,
        Obstacle::Credentials,
        "credentials set"
    )]
    #[case::firewall(
        403,
        r#"{"error": {"code": "403", "message": "VNet"}}"#,
        Obstacle::NeedsPerson,
        "firewall"
    )]
    #[case::no_deployment(
        404,
        r#"{"error": {"code": "DeploymentNotFound", "message": "x"}}"#,
        Obstacle::NeedsPerson,
        "azure.deployment"
    )]
    #[case::throttled(
        429,
        r#"{"error": {"code": "429", "message": "slow down"}}"#,
        Obstacle::Transient,
        "by itself"
    )]
    #[case::quota(
        429,
        r#"{"error": {"code": "insufficient_quota", "message": "x"}}"#,
        Obstacle::NeedsPerson,
        "quota"
    )]
    #[case::down(503, "<html>", Obstacle::Transient, "status 503")]
    #[case::a_sign_in_page(302, "<html>", Obstacle::Transient, "sign-in page")]
    #[case::a_request_it_does_not_like(
        400,
        r#"{"error": {"code": "invalid", "message": "x"}}"#,
        Obstacle::NeedsPerson,
        "invalid: x"
    )]
    fn each_error_says_what_to_do(
        #[case] status: u16,
        #[case] body: &str,
        #[case] expected: Obstacle,
        #[case] says: &str,
    ) {
        let Met::Hindered {
            obstacle, reason, ..
        } = met(status, body)
        else {
            panic!("filtered");
        };
        assert_eq!(obstacle, expected, "{reason}");
        assert!(reason.contains(says), "{reason}");
    }

    #[test]
    fn what_is_filtered_is_an_answer() {
        let body = r#"{"error": {"code": "content_filter", "message": "x"}}"#;
        assert_eq!(met(400, body), Met::Filtered);
    }
}
