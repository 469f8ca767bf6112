//! Contract of the secrets port.

use secrecy::{ExposeSecret, SecretString};
use wiko_core::ports::{SecretName, Secrets, SecretsError};

/// What every store of secrets that can be changed keeps to. It begins and ends empty.
pub async fn keeps_secrets(secrets: &dyn Secrets) {
    for name in SecretName::ALL.iter().copied() {
        secrets
            .clear(name)
            .await
            .expect("clearing what is not there");
        assert!(secrets.get(name).await.unwrap().is_none(), "{name} is set");
    }

    let read = async |name| {
        let found = secrets.get(name).await.unwrap();
        found.map(|secret| secret.expose_secret().to_owned())
    };
    let (aws, azure) = (SecretName::AwsAccessKey, SecretName::AzureApiKey);
    secrets.set(aws, "first \"密\"\n".into()).await.unwrap();
    secrets.set(azure, "other".into()).await.unwrap();
    assert_eq!(read(aws).await.as_deref(), Some("first \"密\"\n"));

    secrets.set(aws, "second".into()).await.unwrap();
    assert_eq!(read(aws).await.as_deref(), Some("second"), "not replaced");
    assert_eq!(read(azure).await.as_deref(), Some("other"), "names mix");

    let longest = "k".repeat(2_560);
    secrets.set(aws, longest.clone().into()).await.unwrap();
    assert_eq!(read(aws).await, Some(longest));
    let too_long = secrets
        .set(aws, SecretString::from("k".repeat(2_561)))
        .await;
    assert_eq!(
        too_long,
        Err(SecretsError::TooLong { limit_bytes: 2_560 }),
        "every keyring must take what one takes"
    );
    assert_eq!(read(aws).await.map(|kept| kept.len()), Some(2_560));

    secrets.clear(aws).await.unwrap();
    assert_eq!(read(aws).await, None);
    assert_eq!(read(azure).await.as_deref(), Some("other"));
    secrets.clear(azure).await.unwrap();
}
