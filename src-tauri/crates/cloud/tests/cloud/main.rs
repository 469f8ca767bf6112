//! The uploader against real servers, where tests/services/run.py has started them.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, missing_docs)]

mod credentials;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use aws_sdk_s3::primitives::ByteStream;
use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use wiko_aws::{Aws, AwsAccessKey, AwsSettings};
use wiko_cloud::{CloudSettings, CloudUploader};
use wiko_core::{
    facility::Facility,
    inspection::{Inspection, OperatorCall, OperatorDecision},
    ports::{SecretName, Secrets, Uploader},
    queue::Obstacle,
    verdict::VerdictCode,
};
use wiko_secrets::{EnvironmentSecrets, MemorySecrets};
use wiko_testkit::{
    builders,
    contracts::uploader::{Stored, brings_each_part_once},
    fakes::{lossy_proxy::LossyProxy, portal::Portal, uploader::FakeUploader},
};

/// A bucket and a table of this test's own, on real servers.
struct Cloud {
    settings: CloudSettings,
    s3: aws_sdk_s3::Client,
    dynamodb: aws_sdk_dynamodb::Client,
}

fn aws(secrets: impl Secrets + 'static) -> Aws {
    Aws::new(AwsSettings::new("ap-east-1"), Arc::new(secrets)).unwrap()
}

async fn uploader_with_key(id: &str, secret: &str, settings: CloudSettings) -> CloudUploader {
    let secrets = MemorySecrets::default();
    let key = AwsAccessKey::new(id, secret).unwrap().to_secret();
    secrets.set(SecretName::AwsAccessKey, key).await.unwrap();
    CloudUploader::new(&aws(secrets), settings)
}

impl Cloud {
    /// None, and the skipped test is noted, where the servers are not running.
    async fn start() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let variable = |name: &str| std::env::var(name).ok();
        let (Some(s3_url), Some(dynamodb_url)) = (
            variable("WIKO_TEST_S3_ENDPOINT"),
            variable("WIKO_TEST_DYNAMODB_ENDPOINT"),
        ) else {
            wiko_testkit::skip::skip_without_service("S3 and DynamoDB are not running");
            return None;
        };
        let name = format!(
            "wiko-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::SeqCst)
        );
        let mut settings = CloudSettings::new(&name, &name, Facility::Yangjiang);
        settings.s3.endpoint_url = Some(s3_url);
        settings.dynamodb.endpoint_url = Some(dynamodb_url);
        // The station's own key may not create or list.
        let admin = EnvironmentSecrets::from_variables(|name| {
            variable(&name.replace("AWS_", "WIKO_TEST_ADMIN_"))
        });
        let aws = aws(admin);
        let config = aws_sdk_s3::config::Builder::from(&aws.sdk_config(&settings.s3))
            .force_path_style(true)
            .build();
        let cloud = Self {
            s3: aws_sdk_s3::Client::from_conf(config),
            dynamodb: aws_sdk_dynamodb::Client::new(&aws.sdk_config(&settings.dynamodb)),
            settings,
        };
        cloud.s3.create_bucket().bucket(&name).send().await.unwrap();
        let mut table = cloud
            .dynamodb
            .create_table()
            .table_name(&name)
            .billing_mode(BillingMode::PayPerRequest);
        for (attribute, attribute_type, key_type) in [
            ("defect_id", ScalarAttributeType::S, KeyType::Hash),
            ("timestamp", ScalarAttributeType::N, KeyType::Range),
        ] {
            let definition = AttributeDefinition::builder()
                .attribute_name(attribute)
                .attribute_type(attribute_type);
            let element = KeySchemaElement::builder()
                .attribute_name(attribute)
                .key_type(key_type);
            table = table
                .attribute_definitions(definition.build().unwrap())
                .key_schema(element.build().unwrap());
        }
        table.send().await.unwrap();
        Some(cloud)
    }

    fn uploader(&self) -> CloudUploader {
        let aws = aws(EnvironmentSecrets::from_process());
        CloudUploader::new(&aws, self.settings.clone())
    }

    fn key(part: &Inspection) -> String {
        format!("inspections/yangjiang/WK-KN-200/{}.jpg", part.capture.id)
    }

    async fn rows(&self) -> Vec<std::collections::HashMap<String, AttributeValue>> {
        let scan = self.dynamodb.scan().table_name(&self.settings.table);
        scan.send().await.unwrap().items.unwrap_or_default()
    }

    async fn stored(&self, part: &Inspection) -> Option<Stored> {
        let rows = self.rows().await;
        let id = AttributeValue::S(part.capture.id.to_string());
        let row = rows.iter().find(|row| row["defect_id"] == id)?;
        let got = self.s3.get_object().bucket(&self.settings.bucket);
        let got = got.key(Self::key(part)).send().await.unwrap();
        Some(Stored {
            revision: row["revision"].as_n().unwrap().parse().unwrap(),
            image: Some(got.body.collect().await.unwrap().to_vec()),
        })
    }

    async fn objects(&self) -> usize {
        let listed = self.s3.list_objects_v2().bucket(&self.settings.bucket);
        listed.send().await.unwrap().contents().len()
    }
}

#[tokio::test]
async fn the_fake_keeps_to_the_contract() {
    let fake = FakeUploader::default();
    brings_each_part_once(&fake, 1, async |part: &Inspection| {
        let there = fake.stored(part.capture.id)?;
        Some(Stored {
            revision: there.revision,
            image: None,
        })
    })
    .await;
}

#[tokio::test]
async fn s3_and_dynamodb_keep_to_the_contract() {
    let Some(cloud) = Cloud::start().await else {
        return;
    };
    let stored = async |part: &Inspection| cloud.stored(part).await;
    Box::pin(brings_each_part_once(&cloud.uploader(), 1, stored)).await;
    assert_eq!((cloud.objects().await, cloud.rows().await.len()), (1, 1));
}

#[tokio::test]
async fn the_row_has_the_form_that_the_factory_reads() {
    let Some(cloud) = Cloud::start().await else {
        return;
    };
    let part = builders::decided(7, b"picture", 1);
    let receipt = cloud
        .uploader()
        .upload(&part, &builders::image(b"picture"))
        .await
        .unwrap();
    let row = &cloud.rows().await[0];
    assert_eq!(
        row["timestamp"],
        AttributeValue::N(part.capture.captured_at.seconds().to_string())
    );
    assert_eq!(row["facility"], AttributeValue::S("yangjiang".into()));
    assert_eq!(row["product_sku"], AttributeValue::S("WK-KN-200".into()));
    assert_eq!(row["image_url"], AttributeValue::S(receipt.image_url));
    assert_eq!(
        row["created_at"],
        AttributeValue::S("2026-03-01T08:00:07.000Z".into())
    );
    let analysis = row["analysis"].as_m().unwrap();
    assert_eq!(analysis["has_defect"], AttributeValue::Bool(true));
    assert_eq!(
        analysis["defect_type"],
        AttributeValue::S("blade_scratch".into())
    );
    let location = analysis["location"].as_m().unwrap();
    let box_percent = location["bounding_box"].as_m().unwrap();
    assert_eq!(box_percent["x"], AttributeValue::N("10".into()));
    let finding = row["findings"].as_l().unwrap()[0].as_m().unwrap();
    assert_eq!(
        finding["box"].as_m().unwrap()["width"],
        AttributeValue::N("96".into())
    );
    let head = cloud.s3.head_object().bucket(&cloud.settings.bucket);
    let head = head.key(Cloud::key(&part)).send().await.unwrap();
    assert_eq!(head.content_type(), Some("image/jpeg"));
    assert_eq!(
        head.metadata().unwrap()["sha256"],
        part.image.sha256.to_string()
    );
}

#[tokio::test]
async fn a_lost_reply_becomes_a_verified_success_and_leaves_one_object_and_one_row() {
    let Some(mut cloud) = Cloud::start().await else {
        return;
    };
    let host = |url: &Option<String>| url.as_deref().unwrap().replace("http://", "");
    let s3 = LossyProxy::before(&host(&cloud.settings.s3.endpoint_url)).await;
    let dynamodb = LossyProxy::before(&host(&cloud.settings.dynamodb.endpoint_url)).await;
    cloud.settings.s3.endpoint_url = Some(s3.url());
    cloud.settings.dynamodb.endpoint_url = Some(dynamodb.url());
    let uploader = cloud.uploader();
    s3.lose(1);
    dynamodb.lose(1);
    let part = builders::decided(1, b"picture", 1);
    uploader
        .upload(&part, &builders::image(b"picture"))
        .await
        .unwrap();
    assert_eq!((s3.still_to_lose(), dynamodb.still_to_lose()), (0, 0));
    assert_eq!((cloud.objects().await, cloud.rows().await.len()), (1, 1));
    assert_eq!(cloud.stored(&part).await.unwrap().revision, 1);
}

#[tokio::test]
async fn an_object_that_somebody_else_put_there_is_kept_and_shown_with_both_hashes() {
    let Some(cloud) = Cloud::start().await else {
        return;
    };
    let part = builders::decided(1, b"picture", 1);
    // Without our metadata and our checksum: it has to be read to be known.
    let put = async |bytes: &'static [u8]| {
        let request = cloud.s3.put_object().bucket(&cloud.settings.bucket);
        let request = request.key(Cloud::key(&part));
        request
            .body(ByteStream::from_static(bytes))
            .send()
            .await
            .unwrap();
    };
    put(b"not ours").await;
    let clash = cloud
        .uploader()
        .upload(&part, &builders::image(b"picture"))
        .await
        .unwrap_err();
    assert_eq!(clash.obstacle, Obstacle::NeedsPerson);
    assert!(clash.reason.contains(&part.image.sha256.to_string()));
    assert!(cloud.rows().await.is_empty(), "a row without its image");

    put(b"picture").await;
    cloud
        .uploader()
        .upload(&part, &builders::image(b"picture"))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_same_revision_with_another_verdict_or_call_is_kept_and_needs_a_person() {
    let Some(cloud) = Cloud::start().await else {
        return;
    };
    let uploader = cloud.uploader();
    let bytes = b"restored";
    let before = builders::decided(1, bytes, 2);
    uploader
        .upload(&before, &builders::image(bytes))
        .await
        .unwrap();
    let mut other = before.clone();
    other.operator_decisions.push(OperatorDecision {
        call: OperatorCall::Accept,
        operator: "op-9".into(),
        reason: Some("reflection".into()),
        decided_at: builders::NOON,
    });
    let refused = uploader
        .upload(&other, &builders::image(bytes))
        .await
        .unwrap_err();
    assert_eq!(refused.obstacle, Obstacle::NeedsPerson);
    assert!(refused.reason.contains("revision 2"), "{}", refused.reason);
    let other_calls = other.operator_decisions;
    let mut other = before.clone();
    other.decision.as_mut().unwrap().verdict = VerdictCode::Undetermined;
    uploader
        .upload(&other, &builders::image(bytes))
        .await
        .unwrap_err();
    // Of a later revision there too: what the station says is not in it.
    let mut later = before.clone();
    later.revision = 1;
    later.operator_decisions = other_calls;
    let refused = uploader
        .upload(&later, &builders::image(bytes))
        .await
        .unwrap_err();
    assert_eq!(refused.obstacle, Obstacle::NeedsPerson);
    // What is said anew goes over it, and the same again changes nothing.
    uploader
        .upload(&before, &builders::image(bytes))
        .await
        .unwrap();
    other.revision = 3;
    uploader
        .upload(&other, &builders::image(bytes))
        .await
        .unwrap();
    assert_eq!((cloud.objects().await, cloud.rows().await.len()), (1, 1));
}

#[tokio::test]
async fn a_cloud_that_does_not_listen_is_transient_within_the_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    // Takes connections and never answers.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", deaf.local_addr().unwrap());
    drop(listener);
    for url in [closed, silent] {
        let mut settings = CloudSettings::new("b", "t", Facility::Yangjiang);
        settings.s3 = wiko_aws::ServiceSettings::new(300, 800).at(Some(url.clone()));
        settings.dynamodb = settings.s3.clone();
        let uploader = uploader_with_key("AKIA", "hunter2", settings).await;
        let began = Instant::now();
        let part = builders::decided(1, b"picture", 1);
        let away = uploader
            .upload(&part, &builders::image(b"picture"))
            .await
            .unwrap_err();
        assert_eq!(away.obstacle, Obstacle::Transient, "{}", away.reason);
        assert!(began.elapsed() < Duration::from_secs(5));
        assert!(uploader.reach().await.is_err());
    }
}

const PAGE: &str = "<html><body>Please sign in</body></html>";
const OK_HTML: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html";
/// With the checksum of the bytes `picture`.
const S3_KEEPS_PICTURE: &str = "HTTP/1.1 200 OK\r\nx-amz-request-id: 1\r\n\
    x-amz-checksum-sha256: LOonTQvtw57Eq2up5Z7IiePtb7VqHPCIpk2bODN43Jc=";
/// With the checksum of 100,000 zeros.
const S3_KEEPS_ZEROS: &str = "HTTP/1.1 200 OK\r\nx-amz-request-id: 1\r\n\
    x-amz-checksum-sha256: kZLCW3NPy62+MtrcKAicYNsOOfkMwgzi5XM/VyYazAw=";
const OK_JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0";

#[tokio::test]
async fn whatever_answers_in_place_of_s3_a_part_is_neither_verified_nor_parked() {
    for (head, body) in [
        (OK_HTML, PAGE),
        (OK_HTML, ""),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://portal.invalid/",
            PAGE,
        ),
    ] {
        let portal = Portal::answering(head, body).await;
        let mut settings = CloudSettings::new("b", "t", Facility::Yangjiang);
        settings.s3.endpoint_url = Some(portal.url());
        let uploader = uploader_with_key("AKIA", "hunter2", settings).await;
        let part = builders::decided(1, b"picture", 1);
        for met in [
            uploader
                .upload(&part, &builders::image(b"picture"))
                .await
                .unwrap_err(),
            uploader.reach_s3().await.unwrap_err(),
        ] {
            assert_eq!(met.obstacle, Obstacle::Transient, "{}", met.reason);
            assert!(met.reason.contains("sign-in page"), "{}", met.reason);
        }
    }
}

#[tokio::test]
async fn whatever_answers_in_place_of_dynamodb_a_part_is_neither_verified_nor_parked() {
    for (head, body) in [
        (OK_JSON, "{}"),
        (OK_JSON, ""),
        (OK_HTML, PAGE),
        (OK_JSON, r#"{"ConsumedCapacity":{"TableName":"another"}}"#),
    ] {
        let portal = Portal::answering(head, body).await;
        // An S3 that says what it keeps, so that the row's turn comes.
        let picture = b"picture";
        let s3 = Portal::answering(S3_KEEPS_PICTURE, "").await;
        let mut settings = CloudSettings::new("b", "t", Facility::Yangjiang);
        settings.s3.endpoint_url = Some(s3.url());
        settings.dynamodb.endpoint_url = Some(portal.url());
        let uploader = uploader_with_key("AKIA", "hunter2", settings).await;
        let part = builders::decided(1, picture, 1);
        for met in [
            uploader
                .upload(&part, &builders::image(picture))
                .await
                .unwrap_err(),
            uploader.reach_dynamodb().await.unwrap_err(),
        ] {
            assert_eq!(met.obstacle, Obstacle::Transient, "{body}: {}", met.reason);
            assert!(met.reason.contains("sign-in page"), "{}", met.reason);
            assert!(met.reason.contains("DynamoDB table t"), "{}", met.reason);
        }
    }
}

#[tokio::test]
async fn a_large_picture_has_longer_than_any_other_call() {
    const A_LITTLE: Duration = Duration::from_millis(400);
    // Stands for an uplink that takes so long for the picture.
    let s3 = Portal::answering_after(A_LITTLE * 3, S3_KEEPS_ZEROS, "").await;
    let dynamodb = Portal::answering(OK_JSON, r#"{"ConsumedCapacity":{"TableName":"t"}}"#).await;
    let timeout_ms = A_LITTLE.as_millis() as u64;
    let mut settings = CloudSettings::new("b", "t", Facility::Yangjiang);
    settings.s3 = wiko_aws::ServiceSettings::new(timeout_ms, timeout_ms * 2).at(Some(s3.url()));
    settings.dynamodb.endpoint_url = Some(dynamodb.url());
    let uploader = uploader_with_key("AKIA", "hunter2", settings).await;
    let picture = [0; 100_000];
    let part = builders::decided(1, &picture, 1);
    uploader
        .upload(&part, &builders::image(&picture))
        .await
        .unwrap();
    assert!(uploader.longest_upload() > Duration::from_secs(15 * 60));
}
