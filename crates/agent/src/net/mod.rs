//! Everything between the agent and an issuer's host: TLS roots, proxy, HTTP and the errors people can act upon.
//!
//! Invariants: TLS 1.2 or 1.3 by `rustls` with `ring`; the roots are the bundled web PKI and the certificate files named in the
//! configuration, never the operating system's store, and for one account what its person trusts for it; there is one way to dial, for HTTP and WebSocket alike; every
//! connection, body and wait has a limit; no redirect is followed.

mod certificate;
mod connection;
mod dial;
mod error;
mod proxy;
mod tls;
mod trust;

pub use certificate::CertificateSummary;
pub use connection::{Answer, Connection, Upgraded};
pub use dial::{Hop, Mark, Net, Trace};
pub use error::{NetError, Untrusted};
pub use proxy::{InvalidProxy, Proxy, ProxyChoice, Routes};
pub use tls::{ClientTls, RootsError, client_config};
pub use trust::{InvalidTrust, Presented, PresentedKind, Trust};
