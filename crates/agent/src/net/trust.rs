//! Certificates that a person trusts for one account: a company's own authority, or one server's own certificate.
//!
//! Invariants: they count beside everybody's authorities, and for that account alone; names and dates are checked as ever, and the server
//! has to prove that it holds the key. Only an authority vouches for other certificates: a server's own is compared. Nothing here turns a
//! check off.

use std::sync::{Arc, Mutex, PoisonError};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};
use serde::{Deserialize, Serialize};

use super::{CertificateSummary, certificate::is_authority};

/// The most certificates trusted for one account.
const MAX_CERTIFICATES: usize = 8;

/// The largest certificate, in bytes.
const MAX_CERTIFICATE: usize = 16 * 1024;

/// What is trusted for one account beside what everybody trusts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<KeptCertificate>", into = "Vec<KeptCertificate>")]
pub struct Trust(Vec<(PresentedKind, CertificateDer<'static>)>);

/// How one is written down.
#[derive(Serialize, Deserialize)]
struct KeptCertificate {
    kind: PresentedKind,
    der: String,
}

/// Not certificates that can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no certificate in it, more than {MAX_CERTIFICATES}, or one that cannot be read. It must be PEM text"
)]
pub struct InvalidTrust;

/// What a server presented although nobody here trusts it. For a person to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// Where.
    pub host: String,
    /// Whose certificate would be trusted.
    pub kind: PresentedKind,
    /// That certificate.
    pub trust: Trust,
}

/// What stands at the end of what a server presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresentedKind {
    /// An authority, which may issue others.
    Authority,
    /// The server's own certificate, and nothing else.
    Server,
}

impl Trust {
    /// Reads PEM text.
    ///
    /// # Errors
    /// [`InvalidTrust`].
    pub fn read(pem: &str) -> Result<Self, InvalidTrust> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let kind = |der: CertificateDer<'static>| match is_authority(&der) {
            true => (PresentedKind::Authority, der),
            false => (PresentedKind::Server, der),
        };
        Self::new(read.map_err(|_| InvalidTrust)?.into_iter().map(kind).collect())
    }

    fn new(certificates: Vec<(PresentedKind, CertificateDer<'static>)>) -> Result<Self, InvalidTrust> {
        let usable = |der: &CertificateDer<'_>| {
            der.len() <= MAX_CERTIFICATE && CertificateSummary::read(der.as_ref()).is_some()
        };
        if certificates.is_empty()
            || certificates.len() > MAX_CERTIFICATES
            || !certificates.iter().all(|(_, der)| usable(der))
        {
            return Err(InvalidTrust);
        }
        Ok(Self(certificates))
    }

    /// Whether it is what everybody trusts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What people want to know of it.
    pub fn summaries(&self) -> Vec<CertificateSummary> {
        let read = |(_, der): &(_, CertificateDer<'_>)| CertificateSummary::read(der.as_ref());
        self.0.iter().filter_map(read).collect()
    }

    /// Those that vouch for others.
    pub(super) fn authorities(&self) -> impl Iterator<Item = CertificateDer<'static>> {
        let authorities = self
            .0
            .iter()
            .filter(|(kind, _)| *kind == PresentedKind::Authority);
        authorities.map(|(_, der)| der.clone())
    }

    /// What a chain leaves to be trusted: the authority at the end of it, or else the server's own certificate.
    pub(super) fn end_of(chain: &[CertificateDer<'static>]) -> Option<(PresentedKind, Self)> {
        let (own, end) = (chain.first()?, chain.last()?);
        let (kind, trusted) = if end != own && is_authority(end) {
            (PresentedKind::Authority, end)
        } else {
            (PresentedKind::Server, own)
        };
        Some((kind, Self::new(vec![(kind, trusted.clone())]).ok()?))
    }

    fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        self.0.iter().any(|(_, trusted)| trusted == certificate)
    }
}

impl TryFrom<Vec<KeptCertificate>> for Trust {
    type Error = InvalidTrust;

    fn try_from(kept: Vec<KeptCertificate>) -> Result<Self, InvalidTrust> {
        let read = |kept: &KeptCertificate| {
            let der = STANDARD.decode(&kept.der)?;
            Ok((kept.kind, CertificateDer::from(der)))
        };
        let certificates: Result<Vec<_>, base64::DecodeError> = kept.iter().map(read).collect();
        Self::new(certificates.map_err(|_| InvalidTrust)?)
    }
}

impl From<Trust> for Vec<KeptCertificate> {
    fn from(trust: Trust) -> Self {
        let kept = |(kind, der): &(PresentedKind, CertificateDer<'_>)| KeptCertificate {
            kind: *kind,
            der: STANDARD.encode(der),
        };
        trust.0.iter().map(kept).collect()
    }
}

/// Verifies as ever, with an account's own trust added.
#[derive(Debug)]
pub(super) struct OwnVerifier {
    /// Knows the account's authorities beside everybody's.
    pub(super) authorities: Arc<WebPkiServerVerifier>,
    pub(super) trust: Trust,
}

impl OwnVerifier {
    /// A server's own certificate need not be of an authority: it is the very one that is trusted.
    fn verify_pinned(der: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<(), Error> {
        verify_server_name(&ParsedCertificate::try_from(der)?, name)?;
        let unreadable = Error::InvalidCertificate(rustls::CertificateError::BadEncoding);
        let summary = CertificateSummary::read(der.as_ref()).ok_or(unreadable)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < summary.not_before {
            return Err(Error::InvalidCertificate(rustls::CertificateError::NotValidYet));
        }
        if now > summary.not_after {
            return Err(Error::InvalidCertificate(rustls::CertificateError::Expired));
        }
        Ok(())
    }
}

impl ServerCertVerifier for OwnVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trust.holds(end_entity) {
            return Self::verify_pinned(end_entity, server_name, now)
                .map(|()| ServerCertVerified::assertion());
        }
        self.authorities
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Trusts nobody and remembers what was presented: for a connection that ends before anything is sent.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) authorities: Arc<WebPkiServerVerifier>,
    seen: Mutex<Vec<CertificateDer<'static>>>,
}

impl Recorder {
    pub(super) fn new(authorities: Arc<WebPkiServerVerifier>) -> Self {
        Self {
            authorities,
            seen: Mutex::default(),
        }
    }

    /// The chain, the server's own certificate first.
    pub(super) fn seen(&self) -> Vec<CertificateDer<'static>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let owned = chain.map(|der| der.clone().into_owned()).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = owned;
        Err(Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
