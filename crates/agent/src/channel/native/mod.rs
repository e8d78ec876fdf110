//! The native approval protocol (docs/protocol.md): WebSocket first, long poll where it is blocked.
//!
//! One task per account owns its connection (`task`); what arrives is judged in `verify`, which does no I/O.

mod answer;
mod backoff;
mod device;
mod enrol;
mod exchange;
mod poll;
mod revoke;
mod stream;
mod task;
#[cfg(test)]
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects; everything else fails it"
)]
mod tests;
mod time;
mod verify;

pub use task::Timing;
#[cfg(test)]
pub(crate) use tests::{Agent as TestAgent, FakeIssuer, configuration, proof_for_tests};

use std::sync::Arc;

use countersign_agent_api::Capabilities;
use futures_util::{FutureExt as _, future::BoxFuture};
use ring::rand::SecureRandom;

use super::{Binding, Enrolled, EnrolmentError, IssuerProtocol, Offer, Subscription, subscription};
use crate::{
    edge::Clock,
    keystore::{DeviceKey, Keys},
    net::Net,
};

/// Issuers that speak the native protocol. Cheap to clone.
#[derive(Clone)]
pub struct Native {
    net: Net,
    keys: Keys,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRandom + Send + Sync>,
    timing: Timing,
}

impl Native {
    /// Over this network, with these keys.
    pub fn new(
        net: Net,
        keys: Keys,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Self {
        Self {
            net,
            keys,
            clock,
            rng,
            timing: Timing::default(),
        }
    }
}

impl std::fmt::Debug for Native {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Native").finish_non_exhaustive()
    }
}

impl IssuerProtocol for Native {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            signed_requests: true,
            signs_statement: true,
            can_report: true,
            has_expiry: true,
            can_revoke: true,
        }
    }

    fn preview<'a>(&'a self, link: &'a str) -> BoxFuture<'a, Result<Offer, EnrolmentError>> {
        enrol::preview(self, link).boxed()
    }

    fn enrol<'a>(
        &'a self,
        offer: &'a Offer,
        key: &'a DeviceKey,
        device_name: &'a str,
    ) -> BoxFuture<'a, Result<Enrolled, EnrolmentError>> {
        enrol::enrol(self, offer, key, device_name).boxed()
    }

    fn rotate<'a>(
        &'a self,
        binding: &'a Binding,
        new: &'a DeviceKey,
    ) -> BoxFuture<'a, Result<(), EnrolmentError>> {
        enrol::rotate(self, binding, new).boxed()
    }

    fn revoke<'a>(
        &'a self,
        binding: &'a Binding,
        other_key: Option<&'a DeviceKey>,
    ) -> BoxFuture<'a, Result<(), EnrolmentError>> {
        revoke::revoke(self, binding, other_key).boxed()
    }

    fn subscribe(&self, binding: Binding) -> Subscription {
        let (near, far) = subscription();
        tokio::spawn(task::run(self.clone(), binding, far));
        near
    }
}
