//! What the gateway does: enrolment, asking, deciding, delivering. No HTTP and no SQL.
//!
//! Invariants: only a verified, fresh, first decision with the right code ends an approval as approved; whatever is
//! answered was durable before; every refusal that names an enrolled device or a client is in the audit log.

mod error;
mod observer;

use std::{sync::Arc, time::Duration};

use countersign_protocol::{Context, Requires, Timestamp, Txn};
use tokio::sync::Notify;

pub use self::{
    error::{Refusal, ServiceError, ServiceResult, StartError},
    observer::{Happening, Observer, Unobserved},
};
use crate::{
    config::Limits,
    edge::{Clock, Rng},
    hub::Hub,
    keys::KeySource,
    store::{Client, Store},
};

/// What the gateway says about itself, and its limits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer URL, as devices compare it.
    pub issuer: String,
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

/// A relying side's wish to have somebody asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Who is asked, as the relying side names them.
    pub user: String,
    /// The client that the person sees, if it is not the one that asks: only identity providers may say.
    pub shown_client: Option<ShownClient>,
    /// The level asked for.
    pub acr: Option<String>,
    /// A text for the person.
    pub binding_message: Option<String>,
    /// RFC 9396 details, as JSON.
    pub authorization_details: Option<countersign_protocol::AuthorizationDetails>,
    /// The circumstances.
    pub context: Option<Context>,
    /// What the person has to do. A six digit code in the window unless said otherwise.
    pub requires: Option<Requires>,
    /// Seconds, within the configured limit; the configured default unless said.
    pub expires_in: Option<i64>,
    /// Where the result is sent; has to be registered for the client.
    pub callback_url: Option<String>,
    /// The caller's own reference, given back in the callback.
    pub auth_ref: Option<String>,
    /// So that asking again is not asking twice.
    pub idempotency: Option<crate::store::IdempotencyKey>,
}

/// A client as the person sees it.
#[derive(Debug, Clone)]
pub struct ShownClient {
    /// Its id, 1–128 characters.
    pub id: String,
    /// Its name, 1–64 characters.
    pub name: String,
}

/// An accepted wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The transaction.
    pub txn: Txn,
    /// The code to be shown where the action started, if one is required.
    pub match_code: Option<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    parts: Parts,
    hub: Hub,
    callbacks: Notify,
}

impl Gateway {
    /// Reads the keys and starts. Nothing runs by itself until [`Gateway::run_timers`].
    ///
    /// # Errors
    /// When the keys or the store cannot be read.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StartError> {
        todo!()
    }

    /// What it says about itself.
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// Its memory.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    /// Its clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// The devices that are connected.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Runs what goes by time: expiry, the changes that others make, housekeeping. Ends with `until`.
    pub async fn run_timers(self: Arc<Self>, until: impl Future<Output = ()> + Send) {
        todo!()
    }

    /// Closes all device connections with code 1012, so that clients come back to another process.
    pub fn shut_down(&self) {
        todo!()
    }

    /// The relying side with this bearer secret.
    ///
    /// # Errors
    /// `unauthorized` if there is none.
    pub async fn client(&self, secret: &str) -> ServiceResult<Arc<Client>> {
        todo!()
    }

    /// Asks a person.
    ///
    /// # Errors
    /// As section 9 of the protocol says.
    pub async fn ask(&self, client: &Client, ask: Ask) -> ServiceResult<Asked> {
        todo!()
    }

    /// The body of a callback: `{txn, outcome, result, auth_ref?}`. `None` while the approval is pending.
    ///
    /// # Errors
    /// When the store or the keys fail.
    pub async fn callback_body(&self, txn: &Txn) -> ServiceResult<Option<String>> {
        todo!()
    }

    /// Is notified when there may be new callbacks to make.
    pub fn callbacks(&self) -> &Notify {
        &self.callbacks
    }
}
