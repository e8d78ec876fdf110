//! The native approval protocol (docs/protocol.md): WebSocket first, long poll where it is blocked.
//!
//! One task per account owns its connection (`task`); what arrives is judged in `verify`, which does no I/O.

mod answer;
mod binding;
mod device;
mod enrol;
mod exchange;
mod poll;
mod request;
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

pub use binding::{Endpoints, Terms, Ties};
pub(crate) use request::restore;
#[cfg(test)]
pub(crate) use request::{decision, verified};
pub use task::Timing;
#[cfg(test)]
pub(crate) use tests::{
    Agent as TestAgent, FakeIssuer, configuration, proof_for_tests, trust::proxy as test_proxy,
};

use std::sync::Arc;

use countersign_agent_api::{Capabilities, Reports};
use countersign_protocol::Jti;
use futures_util::{FutureExt as _, future::BoxFuture};
use ring::rand::SecureRandom;

use super::{
    Binding, Decision, Enrolled, EnrolmentError, Offer, Signed, Subscription, VerifiedRequest, subscription,
};
use crate::{
    edge::Clock,
    keystore::{DeviceKey, Interaction, KeyStoreError, Keys},
    net::{Net, Trust},
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

/// What this protocol can do.
pub(super) const CAPABILITIES: Capabilities = Capabilities {
    signed_requests: true,
    signs_statement: true,
    reports: Reports::Taken,
    has_expiry: true,
    can_revoke: true,
    can_withdraw: true,
    can_rotate: true,
};

impl Native {
    /// The same issuers, for an account that trusts this too.
    pub(super) fn trusting(&self, trust: &Trust) -> Self {
        Self {
            net: self.net.trusting(trust),
            ..self.clone()
        }
    }

    pub(super) async fn preview(&self, link: &str) -> Result<Offer, EnrolmentError> {
        enrol::preview(self, link).await
    }

    pub(super) async fn enrol(
        &self,
        offer: &Offer,
        terms: &Terms,
        key: &DeviceKey,
        device_name: &str,
    ) -> Result<Enrolled, EnrolmentError> {
        enrol::enrol(self, offer, terms, key, device_name).await
    }

    pub(super) async fn rotate(
        &self,
        binding: &Binding,
        ties: &Ties,
        new: &DeviceKey,
    ) -> Result<(), EnrolmentError> {
        enrol::rotate(self, &binding::Binding::of(binding, ties), new).await
    }

    pub(super) async fn revoke(
        &self,
        binding: &Binding,
        ties: &Ties,
        other_key: Option<&DeviceKey>,
    ) -> Result<(), EnrolmentError> {
        revoke::revoke(self, &binding::Binding::of(binding, ties), other_key).await
    }

    pub(crate) fn sign<'a>(
        &'a self,
        binding: &'a Binding,
        request: &'a VerifiedRequest,
        decision: Decision,
    ) -> BoxFuture<'a, Result<Signed, KeyStoreError>> {
        async move {
            let now = self.clock.now().saturating_add(binding.offset);
            let jti = Jti::from_random(device::random(&*self.rng)?);
            let claims = request::decision(request, decision, now, jti)
                .map_err(|error| KeyStoreError::Failed(Box::new(error)))?;
            let exp = Some(claims.exp);
            let message = self
                .keys
                .sign_jws(&binding.key, claims, Interaction::Allowed)
                .await?;
            Ok(Signed { message, exp })
        }
        .boxed()
    }

    pub(super) fn subscribe(&self, binding: Binding, ties: Ties) -> Subscription {
        let (near, far) = subscription();
        let binding = binding::Binding::of(&binding, &ties);
        tokio::spawn(task::run(self.clone(), binding, far));
        near
    }
}
