//! The real servers that the test run has started, found by the environment.

use crate::station::TestStation;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};
use wiko_aws::{Aws, AwsSettings, ServiceSettings};
use wiko_secrets::EnvironmentSecrets;
use wiko_testkit::skip::skip_without_service;

const REGION: &str = "ap-east-1";

/// S3, DynamoDB and the stand-in for Claude, with a bucket, a table and a script of the test's own.
pub struct Services {
    bedrock: String,
    s3_endpoint: String,
    dynamodb_endpoint: String,
    name: String,
    s3: aws_sdk_s3::Client,
    dynamodb: aws_sdk_dynamodb::Client,
}

impl Services {
    /// The servers, where all are running; notes the skipped test where not. `name` is the test's own.
    pub async fn running(name: &str) -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(s3_endpoint), Some(dynamodb_endpoint), Some(bedrock)) = (
            variable("WIKO_TEST_S3_ENDPOINT"),
            variable("WIKO_TEST_DYNAMODB_ENDPOINT"),
            variable("WIKO_TEST_BEDROCK_ENDPOINT"),
        ) else {
            skip_without_service("S3, DynamoDB and the stand-in for Claude are not running");
            return None;
        };
        // A station's keys may read and write objects only; the test's own make and list buckets.
        let admin = |name: &str| std::env::var(name.replace("AWS_", "WIKO_TEST_ADMIN_")).ok();
        let secrets = Arc::new(EnvironmentSecrets::from_variables(admin));
        let aws = Aws::new(AwsSettings::new(REGION), secrets).unwrap();
        let at = |endpoint: &str| {
            aws.sdk_config(&ServiceSettings::new(10_000, 30_000).at(Some(endpoint.to_owned())))
        };
        let s3_config = aws_sdk_s3::config::Builder::from(&at(&s3_endpoint)).force_path_style(true);
        // Names of buckets have no underscores.
        let name = format!("{}-{}", name.replace('_', "-"), std::process::id());
        let services = Self {
            bedrock: format!("{bedrock}/s/{name}"),
            s3: aws_sdk_s3::Client::from_conf(s3_config.build()),
            dynamodb: aws_sdk_dynamodb::Client::new(&at(&dynamodb_endpoint)),
            s3_endpoint,
            dynamodb_endpoint,
            name,
        };
        services.create().await;
        Some(services)
    }

    async fn create(&self) {
        self.s3
            .create_bucket()
            .bucket(&self.name)
            .send()
            .await
            .unwrap();
        let key = |name: &str, kind| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
                .unwrap()
        };
        let attribute = |name: &str, kind| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(kind)
                .build()
                .unwrap()
        };
        self.dynamodb
            .create_table()
            .table_name(&self.name)
            .key_schema(key("defect_id", KeyType::Hash))
            .key_schema(key("timestamp", KeyType::Range))
            .attribute_definitions(attribute("defect_id", ScalarAttributeType::S))
            .attribute_definitions(attribute("timestamp", ScalarAttributeType::N))
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .unwrap();
    }

    /// A station that knows these servers.
    pub fn station(&self) -> TestStation {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        TestStation::new()
            .with("WIKO_S3_ENDPOINT", &self.s3_endpoint)
            .with("WIKO_DYNAMODB_ENDPOINT", &self.dynamodb_endpoint)
            .with("WIKO_S3_BUCKET", &self.name)
            .with("WIKO_DYNAMODB_TABLE", &self.name)
            .with("WIKO_AWS_REGION", REGION)
            .with("WIKO_BEDROCK_ENDPOINT", &self.bedrock)
            .with("WIKO_CREDENTIALS", "environment")
            .with("AWS_ACCESS_KEY_ID", &variable("AWS_ACCESS_KEY_ID"))
            .with("AWS_SECRET_ACCESS_KEY", &variable("AWS_SECRET_ACCESS_KEY"))
    }

    /// What the stand-in for Claude answers from now on, a step a request.
    pub fn script(&self, steps: &Value) {
        let body = steps.to_string();
        let address = self.bedrock.strip_prefix("http://").unwrap();
        let (host, path) = address.split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "POST /{path}/_control/script HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 2") || answer.starts_with("HTTP/1.0 2"),
            "{answer}"
        );
    }

    /// All items of the table.
    pub async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        self.dynamodb
            .scan()
            .table_name(&self.name)
            .send()
            .await
            .unwrap()
            .items
            .unwrap_or_default()
    }

    /// Keys of all objects in the bucket.
    pub async fn keys(&self) -> Vec<String> {
        let listed = self
            .s3
            .list_objects_v2()
            .bucket(&self.name)
            .send()
            .await
            .unwrap();
        listed
            .contents()
            .iter()
            .filter_map(|object| object.key.clone())
            .collect()
    }

    /// The bytes of an object.
    pub async fn object(&self, key: &str) -> Vec<u8> {
        let got = self
            .s3
            .get_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await
            .unwrap();
        got.body.collect().await.unwrap().to_vec()
    }
}

/// A step in which the stand-in finds the given defects.
pub fn defective(findings: &Value) -> Value {
    json!({"reply": {
        "image_quality": {"usable": true, "reason": ""},
        "verdict": "defective",
        "findings": findings,
        "summary": "刀面有缺陷，不能出货。",
    }})
}
