//! What is only forwarded: to an issuer, the key store, the diagnostics. Each is a job of its own, and its answer an event.

use std::sync::Arc;

use countersign_agent_api::{AccountId, Reply, RequestId, TrustChoice};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::{Driver, Input, event};
use crate::{
    channel::{Binding, Signed},
    codes::Inbox,
    doctor::Doctor,
    engine::{AccountFacts, Call, Enrolment, Event, KeyPurpose, Rotation, SignOrder},
    keystore::{DeviceKey, Interaction, KeyRef, KeyStoreError},
};

impl Driver {
    pub(super) fn preview(&mut self, call: Call, link: Zeroizing<String>, trust: Option<TrustChoice>) {
        let issuers = Arc::clone(&self.parts.issuers);
        self.job(async move {
            let result = issuers.preview(&link, trust.as_ref()).await;
            event(Event::Previewed(call, Box::new(result)))
        });
    }

    pub(super) fn reserve_key(&mut self, purpose: KeyPurpose) {
        let mut bits = [0; 16];
        let drawn = self.parts.rng.fill(&mut bits);
        let reserved = drawn
            .map(|()| KeyRef::from_random(bits))
            .map_err(|_| KeyStoreError::Failed("the system has no random numbers".into()));
        self.job(async move { event(Event::KeyReserved(purpose, reserved)) });
    }

    pub(super) fn create_key(&mut self, purpose: KeyPurpose, reference: KeyRef) {
        let keys = self.parts.keys.clone();
        let kind = purpose.kind();
        self.job(async move {
            let result = keys.create(&reference, kind, Interaction::Allowed).await;
            event(Event::KeyCreated(purpose, reference, result))
        });
    }

    pub(super) fn delete_key(&mut self, key: KeyRef, interaction: Interaction) {
        let keys = self.parts.keys.clone();
        self.job(async move {
            let result = keys.delete(&key, interaction).await;
            event(Event::KeyDeleted(key, result))
        });
    }

    pub(super) fn probe_keyring(&mut self, interaction: Interaction) {
        let keys = self.parts.keys.clone();
        self.job(async move { event(Event::KeyringProbed(keys.probe(interaction).await)) });
    }

    pub(super) fn enrol(&mut self, enrolment: Box<Enrolment>, key: DeviceKey) {
        let issuers = Arc::clone(&self.parts.issuers);
        self.job(async move {
            let result = issuers
                .enrol(&enrolment.offer, &key, &enrolment.device_name)
                .await;
            event(Event::Enrolled(enrolment, key, Box::new(result)))
        });
    }

    pub(super) fn rotate(&mut self, rotation: Rotation, binding: Binding, key: DeviceKey) {
        let issuers = Arc::clone(&self.parts.issuers);
        self.job(async move {
            let result = issuers.rotate(&binding, &key).await;
            event(Event::Rotated(rotation, key, result))
        });
    }

    pub(super) fn revoke_device(
        &mut self,
        call: Call,
        account: AccountId,
        binding: Binding,
        other_key: Option<DeviceKey>,
    ) {
        let issuers = Arc::clone(&self.parts.issuers);
        self.job(async move {
            let result = issuers.revoke(&binding, other_key.as_ref()).await;
            event(Event::DeviceRevoked(call, account, result))
        });
    }

    /// Tells the issuer of an account that is removed already; then its keys are nobody's.
    pub(super) fn take_leave(&mut self, binding: Binding, other_key: Option<DeviceKey>) {
        let issuers = Arc::clone(&self.parts.issuers);
        self.job(async move {
            let result = issuers.revoke(&binding, other_key.as_ref()).await;
            let keys = std::iter::once(binding.key).chain(other_key);
            let keys = keys.map(|key| key.reference).collect();
            event(Event::LeaveTaken(keys, result))
        });
    }

    pub(super) fn sign(
        &mut self,
        order: SignOrder,
        signed: fn(RequestId, Result<Signed, KeyStoreError>) -> Event,
    ) {
        let issuers = Arc::clone(&self.parts.issuers);
        self.job(async move {
            let SignOrder {
                request,
                binding,
                source,
                decision,
            } = order;
            let result = issuers.sign(&binding, &source, decision).await;
            event(signed(request, result))
        });
    }

    pub(super) fn diagnose(&mut self, call: Call, accounts: Vec<AccountFacts>) {
        let doctor = Doctor {
            keys: self.parts.keys.clone(),
            net: self.parts.net.clone(),
            clock: Arc::clone(&self.parts.clock),
            app: self.parts.app.clone(),
            state: self.state.root().to_owned(),
        };
        let (answer, vault) = oneshot::channel();
        // One that is not taken is dropped: then nothing is said of the vault.
        let _ = self.codes.tell(Inbox::Inspect(answer));
        self.job(async move {
            let vault = vault.await.ok();
            let variable = |name: &str| std::env::var_os(name);
            let checks = doctor.diagnose(accounts, vault, variable).await;
            Input::Reply(call, Box::new(Ok(Reply::Diagnostics(checks))))
        });
    }
}
