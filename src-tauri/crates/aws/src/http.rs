//! One HTTP client for all services: rustls with ring, the machine's certificates and the factory's own,
//! the proxy of the environment.

use crate::settings::AwsSettings;
use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::{path::PathBuf, time::Duration};

/// The CA bundle of the settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the CA bundle {} cannot be used: {reason}; give a file of PEM certificates", path.display())]
pub struct BadCaBundle {
    /// The file.
    pub path: PathBuf,
    /// In words.
    pub reason: String,
}

/// Connects once for all services, so that they share connections.
pub(crate) fn client(settings: &AwsSettings) -> Result<SharedHttpClient, BadCaBundle> {
    let tls = TlsContext::builder()
        .with_trust_store(trust_store(settings)?)
        .build()
        .map_err(|error| BadCaBundle {
            path: settings.ca_bundle.clone().unwrap_or_default(),
            reason: error.to_string(),
        })?;
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls)
        .connector_settings(
            HttpConnectorSettings::builder()
                .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
                .build(),
        )
        .proxy_config(ProxyConfig::from_env())
        .build();
    let connector = SharedHttpConnector::new(connector);
    Ok(http_client_fn(move |_, _| connector.clone()))
}

/// The HTTP client takes certificates unchecked and panics over bad ones later, so they are read here
/// first.
fn trust_store(settings: &AwsSettings) -> Result<TrustStore, BadCaBundle> {
    // A machine without any certificate of its own can still talk to plain endpoints.
    let machine_has_some = !rustls_native_certs::load_native_certs().certs.is_empty();
    let mut store = TrustStore::empty().with_native_roots(machine_has_some);
    if let Some(path) = &settings.ca_bundle {
        let bad = |reason: String| BadCaBundle {
            path: path.clone(),
            reason,
        };
        let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("it holds no certificate".to_owned()));
        }
        store = store.with_pem_certificate(pem);
    }
    Ok(store)
}
