//! What can go wrong on the way to a host, in terms of what to do about it.

use std::io;

use countersign_agent_api::ErrorCode;

/// The way to a host failed. `Display` is a sentence for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The URL is not one to dial.
    #[error("{0} is not an address to connect to")]
    InvalidUrl(String),
    /// The name has no address.
    #[error("the address of {host} cannot be found. Check the network connection")]
    Resolve {
        /// Which name.
        host: String,
        /// The resolver's words.
        #[source]
        source: io::Error,
    },
    /// Nobody answers there.
    #[error("{host} cannot be reached. Check the network connection")]
    Connect {
        /// Which host (of the proxy, if there is one).
        host: String,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// The proxy does not let us through.
    #[error("the proxy does not let this computer connect to {host} (it answered {status})")]
    ProxyRefused {
        /// Which host.
        host: String,
        /// Its HTTP status.
        status: u16,
    },
    /// The proxy is not one.
    #[error("the proxy's answer is not understood. Check the proxy setting")]
    ProxyBroken(#[source] Option<io::Error>),
    /// The certificate is not acceptable.
    #[error("the certificate of {host} is not trusted: {why}")]
    Untrusted {
        /// Which host.
        host: String,
        /// At which port.
        port: u16,
        /// Why not.
        why: Untrusted,
        /// The verifier's words.
        #[source]
        source: rustls::Error,
    },
    /// TLS failed for another reason.
    #[error("no secure connection to {host} could be made")]
    Tls {
        /// Which host.
        host: String,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// Nothing was sent in time.
    #[error("{host} did not answer in time")]
    TimedOut {
        /// Which host.
        host: String,
        /// Whether a request may have arrived.
        sent: bool,
    },
    /// The connection broke while an answer was awaited.
    #[error("the connection to {host} broke")]
    Broken {
        /// Which host.
        host: String,
        /// What failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer over the limit.
    #[error("the answer of {0} is too large")]
    TooLarge(String),
    /// An HTTP status that has no meaning here.
    #[error("{host} answered with the unexpected status {status}")]
    Status {
        /// Which host.
        host: String,
        /// Its HTTP status.
        status: u16,
    },
}

/// Why a certificate is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// No trusted authority has issued it.
    #[error("its authority is unknown here. If it is your company's own, name its file in the configuration")]
    UnknownAuthority,
    /// It is over.
    #[error("it has expired, or this computer's clock is wrong")]
    Expired,
    /// It has not begun.
    #[error("it is not valid yet, or this computer's clock is wrong")]
    NotYetValid,
    /// It is somebody else's.
    #[error("it belongs to another host")]
    WrongHost,
    /// Anything else.
    #[error("it is not acceptable")]
    Other,
}

impl NetError {
    /// The same for callers of the agent.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Untrusted { .. } => ErrorCode::UntrustedCertificate,
            Self::TooLarge(_) | Self::Status { .. } => ErrorCode::BadAnswer,
            Self::InvalidUrl(_)
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::ProxyRefused { .. }
            | Self::ProxyBroken(_)
            | Self::Tls { .. }
            | Self::TimedOut { .. }
            | Self::Broken { .. } => ErrorCode::Unreachable,
        }
    }

    /// Whether a request may have arrived at the host.
    pub fn sent(&self) -> bool {
        match self {
            Self::TimedOut { sent, .. } => *sent,
            Self::Broken { .. } | Self::TooLarge(_) | Self::Status { .. } => true,
            Self::InvalidUrl(_)
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::ProxyRefused { .. }
            | Self::ProxyBroken(_)
            | Self::Untrusted { .. }
            | Self::Tls { .. } => false,
        }
    }

    /// Sorts out why a TLS handshake failed.
    pub(super) fn from_handshake(host: &str, port: u16, source: io::Error) -> Self {
        let certificate = source
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            .and_then(|e| certificate_problem(e).map(|why| (why, e.clone())));
        match certificate {
            Some((why, source)) => Self::Untrusted {
                host: host.to_owned(),
                port,
                why,
                source,
            },
            None => Self::Tls {
                host: host.to_owned(),
                source,
            },
        }
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "rustls' error enums are non-exhaustive"
)]
fn certificate_problem(error: &rustls::Error) -> Option<Untrusted> {
    use rustls::CertificateError as E;
    match error {
        rustls::Error::InvalidCertificate(e) => Some(match e {
            // The second: an authority that only shares its name with one that is trusted.
            E::UnknownIssuer | E::BadSignature => Untrusted::UnknownAuthority,
            E::Expired | E::ExpiredContext { .. } => Untrusted::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Untrusted::NotYetValid,
            E::NotValidForName | E::NotValidForNameContext { .. } => Untrusted::WrongHost,
            _ => Untrusted::Other,
        }),
        _ => None,
    }
}
