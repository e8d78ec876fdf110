//! A private certification authority, as many companies have one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// The authority.
#[derive(Debug)]
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    file: PathBuf,
}

/// A server certificate with its key, as PEM files and as what `rustls` wants.
#[derive(Debug)]
pub struct ServerCert {
    /// Certificate, PEM.
    pub cert: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Both, for a server in this process.
    pub server: Arc<ServerConfig>,
}

impl Ca {
    /// Makes one, with its certificate in `dir`.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn new(dir: &Path, name: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        let file = dir.join(format!("{}.pem", name.replace(' ', "-")));
        std::fs::write(&file, &pem)?;
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate: der,
            pem,
            file,
        })
    }

    /// Its certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The file with its certificate.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// A server certificate for these names and addresses, valid now.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn issue(&self, dir: &Path, names: &[&str]) -> Result<ServerCert> {
        self.issue_with(dir, names, |_| {})
    }

    /// A server certificate with anything changed: another validity, say.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn issue_with(
        &self,
        dir: &Path,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Result<ServerCert> {
        let mut params = CertificateParams::new(names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name.push(
            DnType::CommonName,
            *names.first().context("a certificate needs a name")?,
        );
        change(&mut params);
        let pair = KeyPair::generate()?;
        let certificate = params.signed_by(&pair, &self.issuer)?;
        std::fs::create_dir_all(dir)?;
        let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        std::fs::write(&cert, certificate.pem())?;
        std::fs::write(&key, pair.serialize_pem())?;
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        Ok(ServerCert {
            cert,
            key,
            server: Arc::new(server),
        })
    }

    /// What trusts this authority and nothing else.
    ///
    /// # Errors
    /// When its certificate is not accepted.
    pub fn client(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}
