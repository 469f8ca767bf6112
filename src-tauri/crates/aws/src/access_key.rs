use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use zeroize::Zeroizing;

/// An access key of AWS, as [`wiko_core::ports::SecretName::AwsAccessKey`] keeps it: a JSON object of
/// `access_key_id`, `secret_access_key` and, for keys lent for a while, `session_token`.
#[derive(Clone)]
pub struct AwsAccessKey {
    /// The id; not secret, and still not shown in full.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: SecretString,
    /// Only with keys lent for a while, which come from the environment; never kept in a keyring.
    pub session_token: Option<SecretString>,
}

/// What lies on the wire; dropped zeroed.
#[derive(serde::Serialize, serde::Deserialize)]
struct Wire {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_token: Option<Zeroizing<String>>,
}

/// The secret is no access key. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an AWS access key: {{\"access_key_id\":\"…\",\"secret_access_key\":\"…\"}} is expected, neither empty"
)]
pub struct NotAnAccessKey;

impl AwsAccessKey {
    /// An id and its secret, spaces around them cut off, as a person pastes them.
    pub fn new(access_key_id: &str, secret_access_key: &str) -> Result<Self, NotAnAccessKey> {
        let fits = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        let (id, secret) = (access_key_id.trim(), secret_access_key.trim());
        if !fits(id) || !fits(secret) {
            return Err(NotAnAccessKey);
        }
        Ok(Self {
            access_key_id: id.to_owned(),
            secret_access_key: secret.to_owned().into(),
            session_token: None,
        })
    }

    /// Reads what [`Self::to_secret`] wrote.
    pub fn from_secret(secret: &SecretString) -> Result<Self, NotAnAccessKey> {
        // The parser's error would quote what it stumbled over.
        let wire: Wire =
            serde_json::from_str(secret.expose_secret()).map_err(|_| NotAnAccessKey)?;
        let mut key = Self::new(&wire.access_key_id, &wire.secret_access_key)?;
        key.session_token = wire
            .session_token
            .filter(|token| !token.is_empty())
            .map(|token| SecretString::from(token.as_str()));
        Ok(key)
    }

    /// As it is kept.
    pub fn to_secret(&self) -> SecretString {
        let wire = Wire {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: Zeroizing::new(self.secret_access_key.expose_secret().to_owned()),
            session_token: self
                .session_token
                .as_ref()
                .map(|token| Zeroizing::new(token.expose_secret().to_owned())),
        };
        // Strings alone cannot fail to be written.
        serde_json::to_string(&wire).unwrap_or_default().into()
    }
}

impl fmt::Debug for AwsAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsAccessKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_as_it_was_kept() {
        let mut key = AwsAccessKey::new(" AKIAEXAMPLE\n", "se/cr+et ").unwrap();
        key.session_token = Some("token".into());
        let read = AwsAccessKey::from_secret(&key.to_secret()).unwrap();
        assert_eq!(read.access_key_id, "AKIAEXAMPLE");
        assert_eq!(read.secret_access_key.expose_secret(), "se/cr+et");
        assert_eq!(read.session_token.unwrap().expose_secret(), "token");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for kept in [
            "",
            "hunter2",
            r#"{"access_key_id":"A"}"#,
            r#"{"access_key_id":"A","secret_access_key":""}"#,
            r#"{"access_key_id":"A B","secret_access_key":"hunter2"}"#,
        ] {
            let error = AwsAccessKey::from_secret(&kept.into()).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn debug_shows_neither_id_nor_secret() {
        let shown = format!("{:?}", AwsAccessKey::new("AKIAEXAMPLE", "hunter2").unwrap());
        assert!(
            !shown.contains("AKIA") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
