//! What to do about an error of Bedrock. What it means for the work is said by [`wiko_aws::classify`]
//! alone; here are the words for the cases in which Bedrock means something of its own by a common code.

use super::models::DEFAULT_MODEL_ID;
use aws_sdk_bedrockruntime::{
    error::{ProvideErrorMetadata, SdkError},
    operation::converse::ConverseError,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use wiko_core::{ports::Hindered, service::Service};

/// What stands in the way.
pub(super) fn hindered_by(
    error: &SdkError<ConverseError, HttpResponse>,
    model_id: &str,
) -> Hindered {
    let common = wiko_aws::classify(Service::Bedrock, "Claude on Bedrock", error);
    let code = error.code().unwrap_or_default();
    let message = error.message().unwrap_or_default();
    match advice(code, message, model_id) {
        Some(advice) => Hindered {
            // All of these are the account's or the settings', never one part's.
            service: Some(Service::Bedrock),
            reason: format!("Claude on Bedrock: {code}: {advice}"),
            ..common
        },
        None => common,
    }
}

fn advice(code: &str, message: &str, model_id: &str) -> Option<String> {
    let says = |part: &str| message.to_ascii_lowercase().contains(part);
    match code {
        "AccessDeniedException" => Some(format!(
            "the station may not use {model_id}: in the Bedrock console grant access to the model (use-case \
             form, Marketplace subscription) and allow bedrock:InvokeModel on it and its inference profile; \
             it may take 15 minutes to hold, then retry"
        )),
        "ResourceNotFoundException" => Some(format!(
            "the model {model_id} is not offered here any more (Legacy) or not in this region: set \
             aws.bedrock_model_id to {DEFAULT_MODEL_ID}, or correct the region"
        )),
        "ValidationException" if says("model identifier is invalid") || says("model id") => {
            Some(format!(
                "\"{model_id}\" is no model of this region: set aws.bedrock_model_id to {DEFAULT_MODEL_ID}, or \
                 correct the region"
            ))
        }
        "ThrottlingException" if says("tokens per day") => Some(
            "the day's tokens are used up: have the quota raised in AWS Service Quotas, or wait for the \
             next day and retry"
                .to_owned(),
        ),
        _ => None,
    }
}
