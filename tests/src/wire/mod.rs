//! What goes over the network, on the tests' own terms: a relying side ([`RelyingSide`]), a second implementation of a
//! device that can also misbehave ([`Device`]), and what may be between device and gateway ([`Relay`], [`NoWebSockets`], [`Meddler`]).
//!
//! Invariant: these speak to the gateway's real sockets, by the text of `docs/protocol.md`; nothing of gateway or agent is
//! linked here.

mod device;
mod meddler;
mod no_websockets;
mod push;
mod relay;
mod relying;

pub use device::{Device, Frames, Refused, decision_for};
pub use meddler::{Conduct, Meddler};
pub use no_websockets::NoWebSockets;
pub use push::PushDevice;
pub use relay::{Fault, Relay};
pub use relying::{Asked, RelyingSide};

use anyhow::{Context, Result};

/// An HTTP client that trusts this certification authority (PEM) and nothing else.
///
/// # Errors
/// When the PEM text holds no certificate.
pub fn http_client(ca: &str) -> Result<reqwest::Client> {
    Ok(builder(ca)?.build()?)
}

/// The same, with a connection for each call: for servers that close idle ones soon (gunicorn after two seconds). What is posted in that moment
/// is lost, and nobody may send it again unasked.
///
/// # Errors
/// As for [`http_client`].
pub fn unpooled_client(ca: &str) -> Result<reqwest::Client> {
    Ok(builder(ca)?.pool_max_idle_per_host(0).build()?)
}

fn builder(ca: &str) -> Result<reqwest::ClientBuilder> {
    install_ring();
    let ca = reqwest::Certificate::from_pem(ca.as_bytes()).context("the CA is not PEM")?;
    Ok(reqwest::Client::builder().tls_certs_only([ca]))
}

/// Makes `ring` the provider of every TLS configuration of this process.
pub fn install_ring() {
    // Installed before: nothing to do.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
