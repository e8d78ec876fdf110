//! Delivers signed results to the addresses that relying sides registered (protocol section 9).
//!
//! The outbox is in the store: a result that was not delivered survives a restart. Delivery is at least once; the receiver
//! verifies the signed result and may see it twice.
//!
//! Invariants: only `https`, or `http` to this computer; no redirect is followed; of an answer only the status counts and
//! little of the body is read; each attempt, the number of attempts at once, and the hour of attempts are limited.

use std::{
    collections::HashMap,
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use countersign_protocol::{Timestamp, Txn};
use reqwest::{Client, redirect};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem, pem::PemObject},
};
use tokio::{task::JoinSet, time::timeout};
use url::{Host, Url};

use crate::{
    audit::{Actor, Entry, Event},
    edge::Rng,
    metrics::{CallbackResult, Metrics},
    service::Gateway,
    store::{Callback, StoreResult},
};

/// For one attempt, from the connection to the answer's head.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Attempts at once, all together and for one client, so that a dead receiver does not hold up the others.
const AT_ONCE: usize = 64;
const AT_ONCE_FOR_CLIENT: usize = 8;
/// What is read of an answer's body, so that the connection can be used again.
const MAX_ANSWER: usize = 16 * 1024;
/// How long a result is offered, in seconds.
const OFFERED: Timestamp = 3600;
/// Longest pause between two attempts, in seconds.
const LONGEST_PAUSE: Timestamp = 300;
/// How long to wait when the store cannot say what is due.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// Why an address is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL.
    #[error("it is not a URL")]
    NotUrl,
    /// Not `https`, and not this computer.
    #[error("it must be https, or http to 127.0.0.1, [::1] or localhost")]
    NotSecure,
    /// Holds a name, a password or a fragment.
    #[error("it must not hold a user name, a password or a fragment")]
    Credentials,
}

/// Whether results may be sent to this address: `https`, or `http` to this computer.
///
/// # Errors
/// Why not.
pub fn check_url(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(|_| UrlError::NotUrl)?;
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err(UrlError::NotSecure);
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(UrlError::Credentials);
    }
    Ok(url)
}

/// The client for callbacks cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CallbackClientError {
    /// The file with the certification authority cannot be read.
    #[error("callbacks.ca: cannot read {} as PEM: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// A certificate in it cannot be used.
    #[error("callbacks.ca: {} holds no certificate that can be used", .0.display())]
    Unusable(PathBuf),
    /// TLS cannot be set up.
    #[error("callbacks cannot use TLS")]
    Tls(#[from] rustls::Error),
    /// The HTTP client cannot be set up.
    #[error("callbacks cannot be made")]
    Client(#[from] reqwest::Error),
}

/// A client that trusts the public certification authorities and this one.
///
/// # Errors
/// When the file cannot be used.
pub fn client(ca: Option<&Path>) -> Result<Client, CallbackClientError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca {
        let read = |source| CallbackClientError::Pem {
            path: path.to_owned(),
            source,
        };
        let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(read)?;
        let (added, ignored) = roots.add_parsable_certificates(certificates);
        if added == 0 || ignored > 0 {
            return Err(CallbackClientError::Unusable(path.to_owned()));
        }
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(ATTEMPT)
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent(concat!("countersign-gateway/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}

/// Delivers what is in the outbox.
#[derive(Debug)]
pub struct Worker {
    gateway: Arc<Gateway>,
    client: Client,
    rng: Arc<dyn Rng>,
    metrics: Arc<Metrics>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Delivered,
    /// With the status that was answered, if there was an answer.
    Failed(Option<u16>),
}

impl Worker {
    /// A worker for this gateway's outbox.
    pub fn new(gateway: Arc<Gateway>, client: Client, rng: Arc<dyn Rng>, metrics: Arc<Metrics>) -> Self {
        Self {
            gateway,
            client,
            rng,
            metrics,
        }
    }

    /// Delivers until `until` resolves; then the attempts that are running come to their end.
    pub async fn run(self, until: impl Future<Output = ()> + Send) {
        let worker = Arc::new(self);
        let mut running = JoinSet::new();
        let mut in_flight: HashMap<Txn, String> = HashMap::new();
        let mut until = std::pin::pin!(until);
        loop {
            let pause = match worker.start_due(&mut running, &mut in_flight).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(event = "callbacks_paused", %error, "cannot read which callbacks are due");
                    Some(STORE_PAUSE)
                }
            };
            tokio::select! {
                () = &mut until => break,
                Some(done) = running.join_next() => match done {
                    Ok(txn) => drop(in_flight.remove(&txn)),
                    // Without its transaction nothing better is known; what is in flight twice is only sent twice.
                    Err(_) => in_flight.clear(),
                },
                () = worker.gateway.callbacks().notified() => {}
                () = sleep_for(pause) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Starts what is due and says when to look again.
    async fn start_due(
        self: &Arc<Self>,
        running: &mut JoinSet<Txn>,
        in_flight: &mut HashMap<Txn, String>,
    ) -> StoreResult<Option<Duration>> {
        let now = self.gateway.clock().now();
        // What is in flight is still due in the store.
        for callback in self
            .gateway
            .store()
            .due_callbacks(now, AT_ONCE + in_flight.len())
            .await?
        {
            let for_client = in_flight
                .values()
                .filter(|client| **client == callback.client)
                .count();
            if in_flight.len() >= AT_ONCE
                || for_client >= AT_ONCE_FOR_CLIENT
                || in_flight.contains_key(&callback.txn)
            {
                continue;
            }
            in_flight.insert(callback.txn.clone(), callback.client.clone());
            running.spawn(Arc::clone(self).deliver(callback));
        }
        let next = self.gateway.store().next_callback().await?;
        // What is due already waits for an attempt to end.
        Ok(next
            .and_then(|at| u64::try_from(at - now).ok())
            .filter(|&seconds| seconds > 0)
            .map(Duration::from_secs))
    }

    async fn deliver(self: Arc<Self>, callback: Callback) -> Txn {
        let attempt = self.attempt(&callback).await;
        let recorded = self.record(&callback, attempt).await;
        if let Err(error) = recorded {
            tracing::error!(event = "callback_not_recorded", txn = %callback.txn, %error, "it will be tried again");
            tokio::time::sleep(STORE_PAUSE).await;
        }
        callback.txn
    }

    async fn attempt(&self, callback: &Callback) -> Attempt {
        let Ok(url) = check_url(&callback.url) else {
            return Attempt::Failed(None);
        };
        let body = match self.gateway.callback_body(&callback.txn).await {
            Ok(Some(body)) => body,
            Ok(None) => return Attempt::Failed(None),
            Err(error) => {
                tracing::error!(event = "callback_not_made", txn = %callback.txn, %error, "no result could be made");
                return Attempt::Failed(None);
            }
        };
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .body(body);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(_) => return Attempt::Failed(None),
        };
        let status = response.status();
        let mut read = 0;
        while let Ok(Ok(Some(chunk))) = timeout(ATTEMPT, response.chunk()).await {
            read += chunk.len();
            if read > MAX_ANSWER {
                break;
            }
        }
        if status.is_success() {
            Attempt::Delivered
        } else {
            Attempt::Failed(Some(status.as_u16()))
        }
    }

    async fn record(&self, callback: &Callback, attempt: Attempt) -> StoreResult<()> {
        let now = self.gateway.clock().now();
        let entry = |event| {
            let attempts = callback.attempts + 1;
            Entry::new(now, Actor::Gateway, event)
                .client(&callback.client)
                .txn(&callback.txn)
                .detail("attempts", attempts)
        };
        match attempt {
            Attempt::Delivered => {
                self.metrics.callback(CallbackResult::Delivered);
                self.gateway
                    .store()
                    .callback_done(&callback.txn, entry(Event::CallbackDelivered))
                    .await
            }
            Attempt::Failed(status) => {
                let again_at = again_at(callback.attempts, callback.created_at, now, self.jitter());
                let (result, event) = match again_at {
                    Some(_) => (CallbackResult::Failed, Event::CallbackFailed),
                    None => (CallbackResult::GivenUp, Event::CallbackAbandoned),
                };
                self.metrics.callback(result);
                tracing::warn!(event = "callback_failed", txn = %callback.txn, client = callback.client, status, again_at);
                let entry = entry(event).detail("status", status);
                self.gateway
                    .store()
                    .callback_failed(&callback.txn, again_at, entry)
                    .await
            }
        }
    }

    /// Spreads attempts, so that not all come back at once after an outage. Needs no good randomness.
    fn jitter(&self) -> u8 {
        self.rng.bytes::<1>().map_or(0, |[byte]| byte)
    }
}

/// When to try again: after 1, 2, 4, … at most 300 seconds, up to a quarter more by chance; never after the hour.
fn again_at(attempts: u32, created_at: Timestamp, now: Timestamp, jitter: u8) -> Option<Timestamp> {
    let pause = Timestamp::from(1_u32.checked_shl(attempts.min(16)).unwrap_or(u32::MAX)).min(LONGEST_PAUSE);
    let at = now + pause + pause * Timestamp::from(jitter) / 1024;
    (at <= created_at + OFFERED).then_some(at)
}

async fn sleep_for(pause: Option<Duration>) {
    match pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
