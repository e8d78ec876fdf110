//! Everything between the agent and an issuer's host: TLS roots, proxy, HTTP and the errors people can act upon.
//!
//! Invariants: TLS 1.2 or 1.3 by `rustls` with `ring`; the roots are the bundled web PKI and the certificate files named in the
//! configuration, never the operating system's store; every connection, body and wait has a limit; no redirect is followed.

mod error;
mod http;
mod proxy;
mod tls;

pub use error::NetError;
pub use http::{Http, HttpAnswer};
pub use proxy::{Proxy, ProxyError};
pub use tls::{RootsError, client_config};

use std::path::PathBuf;

/// The network settings of the agent.
#[derive(Debug, Clone, Default)]
pub struct NetSettings {
    /// The way out.
    pub proxy: ProxyChoice,
    /// PEM files with further certificate authorities to trust (a company's own, for instance).
    pub ca_files: Vec<PathBuf>,
}

/// Which proxy to use.
#[derive(Debug, Clone, Default)]
pub enum ProxyChoice {
    /// `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment, in either case.
    #[default]
    Environment,
    /// None.
    Direct,
    /// This one, for everything.
    Fixed(Proxy),
}
