//! What an issuer offers before anything is made, and what comes of accepting it.

use countersign_agent_api::{Brings, CertificateCheck};
use countersign_privacyidea::{PushLink, container::ContainerLink};
use countersign_protocol::{Issuer, wire::OtpLink};

use super::{Binding, native};
use crate::{keystore::KeyKind, net::Trust};

/// What an issuer offers, before anything is made.
#[derive(Clone)]
pub struct Offer {
    /// The issuer.
    pub issuer: Issuer,
    /// Its name, in its own words.
    pub issuer_name: String,
    /// The account label.
    pub account: String,
    /// What people compare to know the issuer's key. Empty if it shows its key only to whom it has enrolled.
    pub fingerprint: String,
    /// Whether a one-time code comes with it.
    pub delivers_code: bool,
    /// When the offer ends, by this computer's clock.
    pub expires_at: i64,
    /// What is trusted for this account alone.
    pub trust: Trust,
    /// What the link says about checking the server's certificate.
    pub check: CertificateCheck,
    pub(super) terms: Terms,
}

/// What one protocol has to know to accept an offer.
#[derive(Debug, Clone)]
pub enum Terms {
    /// Of the native protocol.
    Native(native::Terms),
    /// Of a PUSH token: the link itself.
    PrivacyIdea(Box<PushLink>),
    /// Of a container of tokens: the link itself.
    Container(Box<ContainerLink>),
}

impl Offer {
    /// Which kind of key accepts it.
    pub fn key_kind(&self) -> KeyKind {
        match &self.terms {
            Terms::Native(_) => KeyKind::Es256,
            Terms::PrivacyIdea(_) => KeyKind::Rsa3072,
            Terms::Container(_) => KeyKind::P384,
        }
    }

    /// The name of the device at the issuer, where the offer says it: several accounts may have one label.
    pub fn device(&self) -> Option<&str> {
        match &self.terms {
            Terms::Native(_) => None,
            Terms::PrivacyIdea(link) => Some(link.serial.as_str()),
            Terms::Container(link) => Some(link.serial.as_str()),
        }
    }

    /// Whether further accounts and one-time codes come with it.
    pub fn brings(&self) -> Brings {
        match &self.terms {
            Terms::Native(_) | Terms::PrivacyIdea(_) => Brings::Account,
            Terms::Container(_) => Brings::Collection,
        }
    }
}

impl std::fmt::Debug for Offer {
    /// Without the terms: they have the code in them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer")
            .field("issuer", &self.issuer)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Offer {
    /// The same, of a token.
    pub(crate) fn with_link(self, link: &str) -> Self {
        let terms = Terms::PrivacyIdea(Box::new(PushLink::parse(link).unwrap()));
        Self { terms, ..self }
    }

    /// What an issuer might offer.
    pub(crate) fn for_tests(
        issuer: Issuer,
        account: &str,
        issuer_keys: countersign_protocol::KeySet,
        expires_at: i64,
    ) -> Self {
        let fingerprint = issuer_keys.first().map(countersign_protocol::fingerprint);
        Self {
            issuer,
            issuer_name: "Alder Group".into(),
            account: account.into(),
            fingerprint: fingerprint.unwrap_or_default(),
            delivers_code: false,
            expires_at,
            trust: Trust::default(),
            check: CertificateCheck::Wanted,
            terms: Terms::Native(native::Terms::for_tests(issuer_keys)),
        }
    }
}

/// A device was bound.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// What to keep.
    pub binding: Binding,
    /// The issuer's name, in its own words.
    pub issuer_name: String,
    /// A one-time code of the same account, to be kept.
    pub otp: Option<OtpLink>,
}
