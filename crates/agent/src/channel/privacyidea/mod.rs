//! PUSH tokens of a privacyIDEA server: nothing is changed on the server, and nobody's push service takes part.
//!
//! The server never calls: it is asked every few seconds (`task`). What it lists is verified with the key that it gave at
//! enrolment (`request`); a challenge is answered at most once, also after a restart, because the engine keeps its name with the
//! account before the answer leaves ([`Ties::answered`], [`Binding::commit`]). What the protocol cannot do is said in `CAPABILITIES`.

mod container;
mod deliver;
mod enrol;
mod exchange;
mod request;
mod task;
#[cfg(test)]
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names what it expects; everything else fails it"
)]
mod tests;
mod ties;

pub(super) use container::CAPABILITIES as CONTAINER_CAPABILITIES;
pub use container::Ties as ContainerTies;
pub(crate) use request::restore;
pub use task::Timing;
pub use ties::Ties;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use countersign_agent_api::{Capabilities, Reports};
use countersign_privacyidea::{PushLink, container::ContainerLink};
use ring::rand::SecureRandom;
use url::Origin;

use super::{
    Binding, Decision, Enrolled, EnrolmentError, Offer, Signed, Subscription, VerifiedRequest, subscription,
};
use crate::{
    edge::Clock,
    keystore::{DeviceKey, Interaction, KeyStoreError, Keys},
    net::{Net, Trust},
};

/// What this protocol can do: the server signs what it asks; the answer is signed over the challenge's name, not over its text. Whether reports are
/// taken depends on the server, and is signed in each challenge ([`Ties::reports`]).
pub(super) const CAPABILITIES: Capabilities = Capabilities {
    signed_requests: true,
    signs_statement: false,
    reports: Reports::NotSaid,
    has_expiry: false,
    can_revoke: false,
    can_withdraw: false,
    can_rotate: false,
};

/// The line to one server, in turns.
type Turn = tokio::sync::Mutex<exchange::Line>;

/// The lines that are in use, by server and by what is trusted there, and as what: a connection that one account made is none that another would have
/// refused.
type Lines = HashMap<(Origin, Trust), Weak<Turn>>;

/// privacyIDEA servers. Cheap to clone.
#[derive(Clone)]
pub struct PrivacyIdea {
    net: Net,
    keys: Keys,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn SecureRandom + Send + Sync>,
    timing: Timing,
    /// Accounts of one server ask it in turns, over one connection.
    lines: Arc<Mutex<Lines>>,
}

impl PrivacyIdea {
    /// Over this network, with these keys, asking every so many seconds unless an account says otherwise.
    pub fn new(
        net: Net,
        keys: Keys,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn SecureRandom + Send + Sync>,
        poll_seconds: u16,
    ) -> Self {
        Self {
            net,
            keys,
            clock,
            rng,
            timing: Timing::every(poll_seconds),
            lines: Arc::default(),
        }
    }

    /// Whether a link is one of this protocol's.
    pub fn is_meant(link: &str) -> bool {
        PushLink::is_meant(link) || ContainerLink::is_meant(link)
    }

    /// The same servers, for an account that trusts this too.
    pub(super) fn trusting(&self, trust: &Trust) -> Self {
        Self {
            net: self.net.trusting(trust),
            ..self.clone()
        }
    }

    pub(super) async fn preview(&self, link: &str) -> Result<Offer, EnrolmentError> {
        if ContainerLink::is_meant(link.trim()) {
            return container::preview(self, link).await;
        }
        enrol::preview(self, link).await
    }

    pub(super) async fn enrol(
        &self,
        offer: &Offer,
        link: &PushLink,
        key: &DeviceKey,
        device_name: &str,
    ) -> Result<Enrolled, EnrolmentError> {
        enrol::enrol(self, offer, link, key, device_name).await
    }

    pub(super) async fn register(
        &self,
        offer: &Offer,
        link: &ContainerLink,
        key: &DeviceKey,
        device_name: &str,
    ) -> Result<Enrolled, EnrolmentError> {
        container::register(self, offer, link, key, device_name).await
    }

    pub(super) async fn roll_over(
        &self,
        binding: &Binding,
        ties: &ContainerTies,
        new: &DeviceKey,
    ) -> Result<(), EnrolmentError> {
        container::roll_over(self, binding, ties, new).await
    }

    pub(super) async fn unregister(
        &self,
        binding: &Binding,
        ties: &ContainerTies,
        other_key: Option<&DeviceKey>,
    ) -> Result<(), EnrolmentError> {
        container::unregister(self, binding, ties, other_key).await
    }

    pub(super) async fn sign(
        &self,
        binding: &Binding,
        ties: &Ties,
        asked: &VerifiedRequest,
        decision: &Decision,
    ) -> Result<Signed, KeyStoreError> {
        let (challenge, answer) = request::answer(ties, &asked.message, decision)
            .map_err(|error| KeyStoreError::Failed(error.to_string().into()))?;
        let input = challenge
            .signing_input(&answer)
            .map_err(|error| KeyStoreError::Failed(Box::new(error)))?;
        let signature = self
            .keys
            .sign(&binding.key, input.into_bytes(), Interaction::Allowed)
            .await?;
        Ok(Signed {
            message: challenge.form(&answer, &signature),
            exp: None,
        })
    }

    pub(super) fn subscribe(&self, binding: Binding, ties: Ties) -> Subscription {
        let (near, far) = subscription();
        let line = self.line(&binding.trust, &ties);
        let server = Self {
            timing: ties.poll_seconds.map_or(self.timing, Timing::every),
            ..self.clone()
        };
        tokio::spawn(task::run(server, binding, ties, line, far));
        near
    }

    pub(super) fn subscribe_container(&self, binding: Binding, ties: ContainerTies) -> Subscription {
        let (near, far) = subscription();
        tokio::spawn(container::run(self.clone(), binding, ties, far));
        near
    }

    /// The one line to the account's server, for all that trust the same there, in the same way.
    fn line(&self, trust: &Trust, ties: &Ties) -> Arc<Turn> {
        let name = (ties.url.origin(), trust.clone());
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|_, line| line.strong_count() > 0);
        let known = lines.get(&name).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let line = Arc::default();
            lines.insert(name, Arc::downgrade(&line));
            line
        })
    }
}

impl std::fmt::Debug for PrivacyIdea {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivacyIdea").finish_non_exhaustive()
    }
}
