//! Keys that are missing, wrong or changed meanwhile, and what is missing behind a right one.

use super::*;

#[tokio::test]
async fn without_a_key_the_queue_is_told_to_wait_for_one() {
    let mut settings = CloudSettings::new("b", "t", Facility::Yangjiang);
    settings.s3.endpoint_url = Some("http://127.0.0.1:1".into());
    let uploader = CloudUploader::new(&aws(MemorySecrets::default()), settings);
    let part = builders::decided(1, b"picture", 1);
    let missing = uploader
        .upload(&part, &builders::image(b"picture"))
        .await
        .unwrap_err();
    assert_eq!(
        missing.obstacle,
        Obstacle::Credentials,
        "{}",
        missing.reason
    );
    assert!(
        missing.reason.contains("credentials set"),
        "{}",
        missing.reason
    );
}

/// Keeps what is logged in this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_wrong_secret_is_a_matter_of_credentials_and_is_never_told() {
    let Some(cloud) = Cloud::start().await else {
        return;
    };
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let id = std::env::var("AWS_ACCESS_KEY_ID").unwrap();
    let uploader = uploader_with_key(&id, "hunter2-and-more", cloud.settings.clone()).await;
    let part = builders::decided(1, b"picture", 1);
    let refused = uploader
        .upload(&part, &builders::image(b"picture"))
        .await
        .unwrap_err();
    assert_eq!(
        refused.obstacle,
        Obstacle::Credentials,
        "{}",
        refused.reason
    );
    let unreached = uploader.reach().await.unwrap_err();
    assert_eq!(
        unreached.obstacle,
        Obstacle::Credentials,
        "{}",
        unreached.reason
    );

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.len() > 1_000, "nothing was logged: {logged}");
    for told in [
        logged,
        refused.reason,
        unreached.reason,
        format!("{uploader:?}"),
    ] {
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
async fn a_missing_bucket_or_table_needs_a_person_and_is_named() {
    let Some(cloud) = Cloud::start().await else {
        return;
    };
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let absent = format!("absent-{}", since_epoch.unwrap().as_nanos());
    let part = builders::decided(1, b"picture", 1);
    let mut no_bucket = cloud.settings.clone();
    no_bucket.bucket.clone_from(&absent);
    let mut no_table = cloud.settings.clone();
    no_table.table.clone_from(&absent);
    for settings in [no_bucket, no_table] {
        let uploader = CloudUploader::new(&aws(EnvironmentSecrets::from_process()), settings);
        for met in [
            uploader
                .upload(&part, &builders::image(b"picture"))
                .await
                .unwrap_err(),
            uploader.reach().await.unwrap_err(),
        ] {
            assert_eq!(met.obstacle, Obstacle::NeedsPerson, "{}", met.reason);
            assert!(met.reason.contains(&absent), "{}", met.reason);
        }
    }
}

#[tokio::test]
async fn s3_tells_the_time_by_its_clock_and_nobody_else_does() {
    let Some(cloud) = Cloud::start().await else {
        return;
    };
    let date = cloud.uploader().s3_date().await.unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now_ms = i64::try_from(now.unwrap().as_millis()).unwrap();
    // The same machine, to the second.
    assert!((now_ms - date.0).abs() < 10_000, "{} and {now_ms}", date.0);

    let mut away = cloud.settings.clone();
    away.s3.endpoint_url = Some("http://127.0.0.1:9".into());
    let aws = aws(EnvironmentSecrets::from_process());
    assert_eq!(CloudUploader::new(&aws, away).s3_date().await, None);
}

/// Holds a wrong key until it is read for the second time: a person has set the right one meanwhile.
struct SetMeanwhile {
    reads: AtomicU32,
    right: EnvironmentSecrets,
}

#[async_trait::async_trait]
impl Secrets for SetMeanwhile {
    fn backing(&self) -> wiko_core::ports::Backing {
        self.right.backing()
    }
    async fn get(
        &self,
        name: SecretName,
    ) -> Result<Option<secrecy::SecretString>, wiko_core::ports::SecretsError> {
        if self.reads.fetch_add(1, Ordering::SeqCst) == 0 {
            let wrong = AwsAccessKey::new("AKIAWRONG", "wrong").unwrap();
            return Ok(Some(wrong.to_secret()));
        }
        self.right.get(name).await
    }
    async fn set(
        &self,
        _: SecretName,
        _: secrecy::SecretString,
    ) -> Result<(), wiko_core::ports::SecretsError> {
        Err(wiko_core::ports::SecretsError::ReadOnly)
    }
    async fn clear(&self, _: SecretName) -> Result<(), wiko_core::ports::SecretsError> {
        Err(wiko_core::ports::SecretsError::ReadOnly)
    }
}

#[tokio::test]
async fn a_key_that_was_set_while_the_old_one_was_refused_is_used_at_once() {
    let Some(cloud) = Cloud::start().await else {
        return;
    };
    let secrets = SetMeanwhile {
        reads: AtomicU32::new(0),
        right: EnvironmentSecrets::from_process(),
    };
    let uploader = CloudUploader::new(&aws(secrets), cloud.settings.clone());
    let part = builders::decided(7, b"picture", 1);
    uploader
        .upload(&part, &builders::image(b"picture"))
        .await
        .unwrap();
    assert_eq!(cloud.objects().await, 1);
}
