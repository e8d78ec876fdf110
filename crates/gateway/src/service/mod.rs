//! What the gateway does: enrolment, asking, deciding, delivering. No HTTP and no SQL.
//!
//! Invariants: only a verified, fresh, first decision with the right code ends an approval as approved; whatever is
//! answered was durable before; every refusal that names an enrolled device or a client is in the audit log.

mod asking;
mod cache;
mod deciding;
mod delivering;
mod endings;
mod enrolling;
mod error;
mod issuing;
mod observer;
pub mod otp;
mod pending;
mod proof;
mod rate;
mod results;
mod revoking;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod timers;

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use countersign_protocol::{DeviceId, ErrorCode, Issuer, KeySet, Timestamp};
use ring::digest::{SHA256, digest};
use tokio::sync::Notify;

pub(crate) use self::deciding::Taken;
pub use self::{
    asking::{Ask, Asked, ShownClient},
    delivering::{Cursor, Delivery},
    enrolling::MAX_OFFER,
    error::{Refusal, ServiceError, ServiceResult, StartError},
    observer::{Happening, Observer, Unobserved},
    proof::Caller,
    results::Outcome,
};
use self::{
    cache::Cache,
    endings::Endings,
    issuing::Issuing,
    pending::Pending,
    proof::{Nonces, SeenProofs},
    rate::Limiter,
};
use crate::{
    audit::{Actor, Entry},
    config::Limits,
    edge::{Clock, Rng},
    hub::Hub,
    keys::{KeyError, KeySource},
    store::{Client, Device, Hash, Store},
};

/// Devices whose key is kept in memory.
const CACHED_DEVICES: usize = 50_000;
/// Clients whose secret's hash is.
const CACHED_CLIENTS: usize = 10_000;
/// Refusals of strangers that are written to the audit log in a minute; all of them are counted.
const AUDITED_STRANGERS: u32 = 60;
/// The same for each device and each client.
const AUDITED_REFUSALS: u32 = 120;
/// Reports of ended approvals that are taken from each device in a minute.
const LATE_REPORTS: u32 = 30;

/// What the gateway says about itself, and its limits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer.
    pub issuer: Issuer,
    /// The issuer's name for people.
    pub name: String,
    /// Limits on what others can make the gateway do.
    pub limits: Limits,
}

/// What a gateway is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Its memory.
    pub store: Arc<dyn Store>,
    /// Its keys.
    pub keys: Arc<dyn KeySource>,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Its random numbers.
    pub rng: Arc<dyn Rng>,
    /// Who is told what happens.
    pub observer: Arc<dyn Observer>,
    /// What it says about itself.
    pub settings: Settings,
}

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    parts: Parts,
    hub: Hub,
    issuing: RwLock<Arc<Issuing>>,
    nonces: Nonces,
    seen_proofs: SeenProofs,
    requests: Limiter,
    late_reports: Limiter,
    audited: Limiter,
    audited_strangers: Limiter,
    endings: Endings,
    /// Clients by the hash of their secret, and devices by id: copies of what the store says.
    clients: Cache<Hash, Client>,
    devices: Cache<DeviceId, Device>,
    /// The devices that can answer for a user.
    devices_of_users: Cache<String, Vec<Device>>,
    pending: Pending,
    /// When the next approval expires; `Timestamp::MAX` if none is pending.
    next_expiry: AtomicI64,
    earlier_expiry: Notify,
    callbacks: Notify,
    /// Up to where the changes that others make were seen.
    seen_changes: Mutex<u64>,
}

impl Gateway {
    /// Reads the keys and starts. Nothing runs by itself until [`Gateway::run_timers`].
    ///
    /// # Errors
    /// When the keys cannot be read, or the store cannot or is damaged.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StartError> {
        parts.store.check().await?;
        let ring = parts.keys.load()?;
        let nonces = Nonces::new(&ring.secret("proof nonce"));
        let seen = parts.store.changes(u64::MAX).await?.seq;
        let next_expiry = parts.store.next_expiry().await?.unwrap_or(Timestamp::MAX);
        let issuing = Issuing::new(parts.settings.issuer.clone(), ring, Arc::clone(&parts.rng));
        Ok(Arc::new(Self {
            hub: Hub::default(),
            issuing: RwLock::new(Arc::new(issuing)),
            nonces,
            seen_proofs: SeenProofs::default(),
            requests: Limiter::per_minute(parts.settings.limits.requests_per_minute),
            late_reports: Limiter::per_minute(LATE_REPORTS),
            audited: Limiter::per_minute(AUDITED_REFUSALS),
            audited_strangers: Limiter::per_minute(AUDITED_STRANGERS),
            endings: Endings::default(),
            clients: Cache::new(CACHED_CLIENTS),
            devices: Cache::new(CACHED_DEVICES),
            devices_of_users: Cache::new(CACHED_DEVICES),
            pending: Pending::default(),
            next_expiry: AtomicI64::new(next_expiry),
            earlier_expiry: Notify::new(),
            callbacks: Notify::new(),
            seen_changes: Mutex::new(seen),
            parts,
        }))
    }

    /// What it says about itself.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// The issuer that it is.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.parts.settings.issuer
    }

    /// Its memory.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// Issuer time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Its public keys, the one that signs first.
    #[must_use]
    pub fn keys(&self) -> KeySet {
        self.issuing().keys().clone()
    }

    /// The devices that are connected.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Is notified when there may be new callbacks to make.
    #[must_use]
    pub fn callbacks(&self) -> &Notify {
        &self.callbacks
    }

    /// Closes all device connections with code 1012, so that clients come back to another process.
    pub fn shut_down(&self) {
        self.hub.shut_down();
    }

    /// Reads the keys again, and tells the devices that are connected.
    ///
    /// # Errors
    /// When they cannot be read. The keys in use stay in use then.
    pub fn reload_keys(&self) -> Result<(), KeyError> {
        let ring = self.parts.keys.load()?;
        let issuing = Issuing::new(self.issuer().clone(), ring, Arc::clone(&self.parts.rng));
        *self.issuing.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(issuing);
        self.introduce_keys();
        Ok(())
    }

    /// The relying side with this bearer secret.
    ///
    /// # Errors
    /// `unauthorized` if there is none.
    pub async fn client(&self, secret: &str) -> ServiceResult<Arc<Client>> {
        let hash = sha256(secret.as_bytes());
        let missing = match self.clients.get(&hash) {
            Ok(client) => return Ok(client),
            Err(missing) => missing,
        };
        let Some(client) = self.parts.store.client_by_secret(hash).await? else {
            self.refused("client", ErrorCode::Unauthorized);
            return Err(Refusal::new(ErrorCode::Unauthorized, "the client secret is not known here").into());
        };
        let client = Arc::new(client);
        self.clients.put(missing, hash, &client);
        Ok(client)
    }

    /// A device that is enrolled and not revoked.
    async fn enrolled(&self, id: &DeviceId) -> ServiceResult<Arc<Device>> {
        let missing = match self.devices.get(id) {
            Ok(device) => return Ok(device),
            Err(missing) => missing,
        };
        let device = self.known(id).await?;
        if device.revoked_at.is_some() {
            return Err(Refusal::new(
                ErrorCode::DeviceRevoked,
                "this device was revoked; enrol it again",
            )
            .into());
        }
        self.devices.put(missing, id.clone(), &device);
        Ok(device)
    }

    /// A device that was enrolled, even if it is revoked.
    async fn known(&self, id: &DeviceId) -> ServiceResult<Arc<Device>> {
        let device = self.parts.store.device(id).await?;
        let unknown = || Refusal::new(ErrorCode::Unauthorized, "this device is not enrolled here");
        Ok(Arc::new(device.ok_or_else(unknown)?))
    }

    /// Notes a new stream.
    pub(crate) fn observe_connected(&self) {
        self.observe(&Happening::Connected);
    }

    /// Notes that a stream ended.
    pub(crate) fn observe_disconnected(&self, after: Duration) {
        self.observe(&Happening::Disconnected { after });
    }

    fn issuing(&self) -> Arc<Issuing> {
        Arc::clone(&self.issuing.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn observe(&self, happening: &Happening<'_>) {
        self.parts.observer.observe(happening);
    }

    /// Counts a refusal.
    fn refused(&self, what: &'static str, code: ErrorCode) {
        self.observe(&Happening::Refused { what, code });
    }

    /// Writes a refusal to the audit log, unless there were very many of the same party just now.
    async fn audit_refusal(&self, entry: Entry, refusal: &Refusal) {
        let now = self.parts.clock.now_ms();
        let room = match &entry.actor {
            Actor::Unknown => self.audited_strangers.take("", now),
            Actor::Admin(_) | Actor::Client(_) | Actor::Device(_) | Actor::Gateway => {
                self.audited.take(&entry.actor.to_text(), now)
            }
        };
        let entry = entry
            .detail("code", refusal.code.as_str())
            .detail("message", refusal.message.as_str());
        if room.is_err() {
            tracing::warn!(event = entry.event.as_str(), code = %refusal.code, "too many refusals to audit each");
            return;
        }
        // The refusal stands whether it can be written or not.
        if let Err(error) = self.parts.store.audit(entry).await {
            tracing::error!(error = %error, "a refusal could not be written to the audit log");
        }
    }

    /// Sees to it that the timer wakes for this expiry.
    fn expires(&self, at: Timestamp) {
        if self.next_expiry.fetch_min(at, Ordering::Relaxed) > at {
            self.earlier_expiry.notify_one();
        }
    }
}

/// The SHA-256 hash, as the store keeps it in place of secrets.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    digest(&SHA256, bytes)
        .as_ref()
        .first_chunk()
        .copied()
        .unwrap_or_default()
}
