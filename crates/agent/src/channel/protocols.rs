//! All protocols behind one face: a link, an offer or a binding says which one it is for, and what is trusted for it.

use std::borrow::Cow;

use countersign_agent_api::{CertificateCheck, TrustChoice};
use countersign_privacyidea::{PushLink, TlsCheck, container::ContainerLink};
use futures_util::{FutureExt as _, future::BoxFuture};

use super::{
    Binding, Decision, Enrolled, EnrolmentError, IssuerProtocol, Offer, Signed, Subscription, Terms, Ties,
    VerifiedRequest, native::Native, privacyidea::PrivacyIdea,
};
use crate::{
    keystore::{DeviceKey, KeyStoreError},
    net::{Net, NetError, Trust, Untrusted},
};

/// Every protocol that this release speaks.
#[derive(Debug)]
pub struct Protocols {
    /// Countersign's own.
    pub native: Native,
    /// PUSH tokens of privacyIDEA.
    pub privacyidea: PrivacyIdea,
    /// To look at what a server presents.
    pub net: Net,
    /// Whether a person may trust a certificate for one account.
    pub own_trust: OwnTrust,
}

/// Whether a person may trust a certificate for one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnTrust {
    /// They are asked, and have to say so.
    #[default]
    Ask,
    /// They may not: only what is configured counts, also for accounts that were added before.
    Refuse,
}

impl Protocols {
    /// Asks the issuer; what nobody here trusts is looked at, for the person to judge.
    async fn previewed(&self, link: &str, choice: Option<&TrustChoice>) -> Result<Offer, EnrolmentError> {
        let given = match (choice, self.own_trust) {
            (None | Some(TrustChoice::Presented { .. }), _) => Trust::default(),
            (Some(TrustChoice::Pem { .. }), OwnTrust::Refuse) => return Err(EnrolmentError::TrustNotAllowed),
            (Some(TrustChoice::Pem { text }), OwnTrust::Ask) => Trust::read(text)?,
        };
        // `Other` too: a server that vouches for itself as an authority. What trust cannot cure, looking at it says again.
        let refused = match self.ask(link, &given).await {
            Err(EnrolmentError::Net(refused)) if self.own_trust == OwnTrust::Ask => refused,
            result => return result,
        };
        let NetError::Untrusted {
            host,
            port,
            why: Untrusted::UnknownAuthority | Untrusted::Other,
            ..
        } = &refused
        else {
            return Err(refused.into());
        };
        let presented = self.net.presented(host, *port).await?;
        let shown = presented.trust.summaries().pop().map(|summary| summary.sha256);
        match choice {
            Some(TrustChoice::Presented { sha256 }) if shown.as_ref() == Some(sha256) => {
                self.ask(link, &presented.trust).await
            }
            // What the person has named does not vouch for it.
            Some(TrustChoice::Pem { .. }) => Err(refused.into()),
            Some(TrustChoice::Presented { .. }) | None => {
                let check = check(link);
                Err(EnrolmentError::Unknown(Box::new(presented), check))
            }
        }
    }

    /// What counts of what was trusted for an account: nothing, where a person may not do so any more.
    fn trust<'a>(&self, given: &'a Trust) -> Cow<'a, Trust> {
        match self.own_trust {
            OwnTrust::Ask => Cow::Borrowed(given),
            OwnTrust::Refuse => Cow::Owned(Trust::default()),
        }
    }

    async fn ask(&self, link: &str, trust: &Trust) -> Result<Offer, EnrolmentError> {
        let offer = if PrivacyIdea::is_meant(link.trim()) {
            self.privacyidea.trusting(trust).preview(link).await?
        } else {
            self.native.trusting(trust).preview(link).await?
        };
        let trust = trust.clone();
        Ok(Offer { trust, ..offer })
    }
}

/// What a link says about checking the certificate.
fn check(link: &str) -> CertificateCheck {
    let container = ContainerLink::parse(link.trim()).map(|link| link.tls);
    match container.or_else(|_| PushLink::parse(link.trim()).map(|link| link.tls)) {
        Ok(TlsCheck::Waived) => CertificateCheck::Waived,
        Ok(TlsCheck::Wanted) | Err(_) => CertificateCheck::Wanted,
    }
}

impl IssuerProtocol for Protocols {
    fn preview<'a>(
        &'a self,
        link: &'a str,
        trust: Option<&'a TrustChoice>,
    ) -> BoxFuture<'a, Result<Offer, EnrolmentError>> {
        self.previewed(link, trust).boxed()
    }

    fn enrol<'a>(
        &'a self,
        offer: &'a Offer,
        key: &'a DeviceKey,
        device_name: &'a str,
    ) -> BoxFuture<'a, Result<Enrolled, EnrolmentError>> {
        async move {
            let trust = &*self.trust(&offer.trust);
            let mut enrolled = match &offer.terms {
                Terms::Native(terms) => {
                    let native = self.native.trusting(trust);
                    native.enrol(offer, terms, key, device_name).await?
                }
                Terms::PrivacyIdea(link) => {
                    let privacyidea = self.privacyidea.trusting(trust);
                    privacyidea.enrol(offer, link, key, device_name).await?
                }
                Terms::Container(link) => {
                    let privacyidea = self.privacyidea.trusting(trust);
                    privacyidea.register(offer, link, key, device_name).await?
                }
            };
            enrolled.binding.trust = trust.clone();
            Ok(enrolled)
        }
        .boxed()
    }

    fn rotate<'a>(
        &'a self,
        binding: &'a Binding,
        new: &'a DeviceKey,
    ) -> BoxFuture<'a, Result<(), EnrolmentError>> {
        match &binding.ties {
            Ties::Native(ties) => {
                let native = self.native.trusting(&self.trust(&binding.trust));
                async move { native.rotate(binding, ties, new).await }.boxed()
            }
            Ties::PrivacyIdea(_) => impossible(),
            Ties::Container(ties) => {
                let privacyidea = self.privacyidea.trusting(&self.trust(&binding.trust));
                async move { privacyidea.roll_over(binding, ties, new).await }.boxed()
            }
        }
    }

    fn revoke<'a>(
        &'a self,
        binding: &'a Binding,
        other_key: Option<&'a DeviceKey>,
    ) -> BoxFuture<'a, Result<(), EnrolmentError>> {
        match &binding.ties {
            Ties::Native(ties) => {
                let native = self.native.trusting(&self.trust(&binding.trust));
                async move { native.revoke(binding, ties, other_key).await }.boxed()
            }
            Ties::PrivacyIdea(_) => impossible(),
            Ties::Container(ties) => {
                let privacyidea = self.privacyidea.trusting(&self.trust(&binding.trust));
                async move { privacyidea.unregister(binding, ties, other_key).await }.boxed()
            }
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
        let trust = self.trust(&binding.trust).into_owned();
        match binding.ties.clone() {
            Ties::Native(ties) => self.native.trusting(&trust).subscribe(binding, ties),
            Ties::PrivacyIdea(ties) => self.privacyidea.trusting(&trust).subscribe(binding, *ties),
            Ties::Container(ties) => {
                let privacyidea = self.privacyidea.trusting(&trust);
                privacyidea.subscribe_container(binding, *ties)
            }
        }
    }
}

/// The engine does not ask this of a protocol that cannot do it.
fn impossible<'a>() -> BoxFuture<'a, Result<(), EnrolmentError>> {
    std::future::ready(Err(EnrolmentError::BadAnswer("its protocol cannot do this"))).boxed()
}
