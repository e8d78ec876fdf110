//! The one TLS configuration of the agent.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The largest certificate file that is read, in bytes.
const MAX_CA_FILE: u64 = 1024 * 1024;

/// A configured certificate file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// It cannot be read.
    #[error("the certificate file {path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// It is over the limit of 1 MiB.
    #[error("the certificate file {0} is too large. Name a file with only your own authorities in it")]
    TooLarge(PathBuf),
    /// It has no certificate that can be trusted in it.
    #[error("the certificate file {0} holds no usable certificate. It must be PEM text")]
    Unusable(PathBuf),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// The configuration for all connections: bundled web PKI roots and these files, HTTP/1.1 only (a WebSocket needs it and one
/// request at a time needs no more).
///
/// # Errors
/// [`RootsError`] if one of the files cannot be used: trusting fewer authorities than configured would only show later.
pub fn client_config(ca_files: &[PathBuf]) -> Result<Arc<ClientConfig>, RootsError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for path in ca_files {
        for certificate in read_certificates(path)? {
            roots
                .add(certificate)
                .map_err(|_| RootsError::Unusable(path.clone()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let unreadable = |source| RootsError::Unreadable {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_CA_FILE {
        return Err(RootsError::TooLarge(path.to_owned()));
    }
    let text = std::fs::read(path).map_err(unreadable)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) | Err(_) => Err(RootsError::Unusable(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str) -> Result<Arc<ClientConfig>, RootsError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, text).unwrap();
        client_config(&[path])
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        assert!(matches!(
            with_file("not a certificate"),
            Err(RootsError::Unusable(_))
        ));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(with_file(broken), Err(RootsError::Unusable(_))));
    }

    #[test]
    fn a_missing_file_is_refused() {
        let missing = client_config(&[PathBuf::from("/nonexistent/ca.pem")]);
        assert!(matches!(missing, Err(RootsError::Unreadable { .. })));
    }
}
