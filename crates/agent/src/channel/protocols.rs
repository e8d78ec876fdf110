//! All protocols behind one face: a link, an offer or a binding says which one it is for.

use futures_util::{FutureExt as _, future::BoxFuture};

use super::{
    Binding, Decision, Enrolled, EnrolmentError, IssuerProtocol, Offer, Signed, Subscription, Terms, Ties,
    VerifiedRequest, native::Native, privacyidea::PrivacyIdea,
};
use crate::keystore::{DeviceKey, KeyStoreError};

/// Every protocol that this release speaks.
#[derive(Debug)]
pub struct Protocols {
    /// Countersign's own.
    pub native: Native,
    /// PUSH tokens of privacyIDEA.
    pub privacyidea: PrivacyIdea,
}

impl IssuerProtocol for Protocols {
    fn preview<'a>(&'a self, link: &'a str) -> BoxFuture<'a, Result<Offer, EnrolmentError>> {
        if PrivacyIdea::is_meant(link.trim()) {
            return std::future::ready(self.privacyidea.preview(link)).boxed();
        }
        self.native.preview(link)
    }

    fn enrol<'a>(
        &'a self,
        offer: &'a Offer,
        key: &'a DeviceKey,
        device_name: &'a str,
    ) -> BoxFuture<'a, Result<Enrolled, EnrolmentError>> {
        match &offer.terms {
            Terms::Native(terms) => self.native.enrol(offer, terms, key, device_name),
            Terms::PrivacyIdea(link) => self.privacyidea.enrol(offer, link, key, device_name),
            Terms::Container(link) => self.privacyidea.register(offer, link, key, device_name),
        }
    }

    fn rotate<'a>(
        &'a self,
        binding: &'a Binding,
        new: &'a DeviceKey,
    ) -> BoxFuture<'a, Result<(), EnrolmentError>> {
        match &binding.ties {
            Ties::Native(ties) => self.native.rotate(binding, ties, new),
            Ties::PrivacyIdea(_) => impossible(),
            Ties::Container(ties) => self.privacyidea.roll_over(binding, ties, new),
        }
    }

    fn revoke<'a>(
        &'a self,
        binding: &'a Binding,
        other_key: Option<&'a DeviceKey>,
    ) -> BoxFuture<'a, Result<(), EnrolmentError>> {
        match &binding.ties {
            Ties::Native(ties) => self.native.revoke(binding, ties, other_key),
            Ties::PrivacyIdea(_) => impossible(),
            Ties::Container(ties) => self.privacyidea.unregister(binding, ties, other_key),
        }
    }

    fn sign<'a>(
        &'a self,
        binding: &'a Binding,
        request: &'a VerifiedRequest,
        decision: Decision,
    ) -> BoxFuture<'a, Result<Signed, KeyStoreError>> {
        match &binding.ties {
            Ties::Native(_) => self.native.sign(binding, request, decision),
            Ties::PrivacyIdea(ties) => {
                async move { self.privacyidea.sign(binding, ties, request, &decision).await }.boxed()
            }
            // Nothing is ever asked through one.
            Ties::Container(_) => {
                std::future::ready(Err(KeyStoreError::Failed("its protocol asks nothing".into()))).boxed()
            }
        }
    }

    fn subscribe(&self, binding: Binding) -> Subscription {
        match binding.ties.clone() {
            Ties::Native(ties) => self.native.subscribe(binding, ties),
            Ties::PrivacyIdea(ties) => self.privacyidea.subscribe(binding, *ties),
            Ties::Container(ties) => self.privacyidea.subscribe_container(binding, *ties),
        }
    }
}

/// The engine does not ask this of a protocol that cannot do it.
fn impossible<'a>() -> BoxFuture<'a, Result<(), EnrolmentError>> {
    std::future::ready(Err(EnrolmentError::BadAnswer("its protocol cannot do this"))).boxed()
}
