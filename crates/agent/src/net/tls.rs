//! The one TLS configuration of the agent.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::OFlags;
use rustls::{
    ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::trust::{OwnVerifier, Recorder, Trust};

/// The largest certificate file that is read, in bytes.
const MAX_CA_FILE: u64 = 1024 * 1024;

/// What is spoken over TLS.
const HTTP: &[u8] = b"http/1.1";

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

/// What all connections share.
#[derive(Debug, Clone)]
pub struct ClientTls {
    roots: Arc<RootCertStore>,
    /// For those who trust what everybody trusts.
    pub(super) common: Arc<ClientConfig>,
}

impl ClientTls {
    /// The same for who trusts this too.
    pub(super) fn trusting(&self, trust: &Trust) -> Result<Arc<ClientConfig>, rustls::Error> {
        let mut roots = RootCertStore::clone(&self.roots);
        // A root vouches for others, whatever it says of itself: a server's own certificate must not become one.
        roots.add_parsable_certificates(trust.authorities());
        let verifier = OwnVerifier {
            authorities: verifier(roots)?,
            trust: trust.clone(),
        };
        configured(Arc::new(verifier))
    }

    /// The same for who trusts nobody and wants to see what is presented.
    pub(super) fn recording(&self) -> Result<(Arc<ClientConfig>, Arc<Recorder>), rustls::Error> {
        let recorder = Arc::new(Recorder::new(verifier(RootCertStore::clone(&self.roots))?));
        Ok((
            configured(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>)?,
            recorder,
        ))
    }
}

/// The one provider of cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn verifier(roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

fn configured(verifier: Arc<dyn ServerCertVerifier>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP.to_vec()];
    Ok(Arc::new(config))
}

/// The configuration for all connections: bundled web PKI roots and these files, HTTP/1.1 only (a WebSocket needs it and one
/// request at a time needs no more).
///
/// # Errors
/// [`RootsError`] if one of the files cannot be used: trusting fewer authorities than configured would only show later.
pub fn client_config(ca_files: &[PathBuf]) -> Result<ClientTls, RootsError> {
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
    let roots = Arc::new(roots);
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::clone(&roots))
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP.to_vec()];
    Ok(ClientTls {
        roots,
        common: Arc::new(config),
    })
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let unreadable = |source| RootsError::Unreadable {
        path: path.to_owned(),
        source,
    };
    // A pipe would keep who opens it waiting, and a device never ends.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(RootsError::Unusable(path.to_owned()));
    }
    let mut text = Vec::new();
    file.take(MAX_CA_FILE + 1)
        .read_to_end(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_CA_FILE {
        return Err(RootsError::TooLarge(path.to_owned()));
    }
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) | Err(_) => Err(RootsError::Unusable(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str) -> Result<ClientTls, RootsError> {
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
    fn what_is_no_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        for path in [pipe, link, dir.path().to_owned()] {
            let refused = client_config(std::slice::from_ref(&path));
            assert!(matches!(refused, Err(RootsError::Unusable(_))), "{path:?}");
        }
    }

    #[test]
    fn a_file_over_the_limit_is_refused() {
        let large = "\n".repeat(usize::try_from(MAX_CA_FILE).unwrap() + 1);
        assert!(matches!(with_file(&large), Err(RootsError::TooLarge(_))));
    }

    #[test]
    fn a_missing_file_is_refused() {
        let missing = client_config(&[PathBuf::from("/nonexistent/ca.pem")]);
        assert!(matches!(missing, Err(RootsError::Unreadable { .. })));
    }
}
