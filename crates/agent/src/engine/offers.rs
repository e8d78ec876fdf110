//! Offers: what a link leads to is shown first, and only when the person agrees a key is wanted.
//!
//! Invariants: at most [`MAX_OFFERS`] wait for the person, and as many things for an issuer; an offer ends with its time, and is used up when the person
//! agrees, unless its issuer has heard nothing of it.

use countersign_agent_api::{
    AccountId, ApiError, CertificateCheck, CertificateKind, EnrolmentOffer, ErrorCode, Reply, UntrustedServer,
};

use super::{
    Call, Effect, Engine, Enrolment, KeyPurpose,
    event::protection_view,
    keys::{enrolment_error, too_many_accounts},
    views::{host, trusted},
};
use crate::{
    accounts::{Account, MAX_ACCOUNTS},
    channel::{EnrolmentError, Offer},
    net::{Presented, PresentedKind},
};

/// The most offers that wait for the person at a time.
const MAX_OFFERS: usize = 8;

/// The longest name of this computer, in characters (docs/protocol.md, section 2.6).
const MAX_DEVICE_NAME: usize = 64;

/// Offers that the person looks at.
#[derive(Debug, Default)]
pub(super) struct Offers {
    waiting: Vec<(String, Offer)>,
    made: u64,
    /// Previews, enrolments and rotations that wait for an answer.
    underway: usize,
    /// Accounts whose key is being changed, by the call that asked for it.
    rotations: Vec<(Call, AccountId)>,
}

impl Offers {
    pub(super) fn tidy(&mut self, now: i64) {
        self.waiting.retain(|(_, offer)| offer.expires_at > now);
    }

    pub(super) fn next_wake(&self, now: i64) -> Option<i64> {
        self.waiting
            .iter()
            .map(|(_, offer)| offer.expires_at)
            .filter(|at| *at > now)
            .min()
    }

    pub(super) fn begin(&mut self) -> Result<(), ApiError> {
        if self.underway >= MAX_OFFERS {
            return Err(ApiError::new(
                ErrorCode::Unavailable,
                "Too much is under way. Try again in a moment.",
            ));
        }
        self.underway += 1;
        Ok(())
    }

    pub(super) fn done(&mut self) {
        self.underway = self.underway.saturating_sub(1);
    }

    fn keep(&mut self, id: String, offer: Offer) {
        if self.waiting.len() >= MAX_OFFERS {
            self.waiting.remove(0);
        }
        self.waiting.push((id, offer));
    }

    /// Nothing came of an enrolment, and its issuer has not heard of it.
    pub(super) fn reopen(&mut self, enrolment: &Enrolment) {
        if let Some(id) = &enrolment.offered_as {
            self.keep(id.clone(), enrolment.offer.clone());
        }
    }

    /// This call asks for a change of the account's key.
    pub(super) fn rotating(&mut self, call: Call, account: AccountId) {
        self.rotations.push((call, account));
    }

    /// Whether the account's key is being changed.
    pub(super) fn is_rotating(&self, account: &AccountId) -> bool {
        self.rotations.iter().any(|(_, of)| of == account)
    }

    /// The change of a key that this call asked for is over, one way or the other.
    pub(super) fn rotated(&mut self, call: Call) {
        self.rotations.retain(|(of, _)| *of != call);
    }
}

impl Engine {
    /// Whether an offer may be asked for.
    pub(super) fn preview(&mut self, link: &str) -> Result<(), ApiError> {
        Self::check_link(link)?;
        if self.accounts.accounts.len() >= MAX_ACCOUNTS {
            return Err(too_many_accounts());
        }
        self.offers.begin()
    }

    pub(super) fn previewed(
        &mut self,
        call: Call,
        result: Result<Offer, EnrolmentError>,
        fx: &mut Vec<Effect>,
    ) {
        self.offers.done();
        let reply = match result {
            Ok(offer) => self
                .check_new(&offer)
                .map(|()| Reply::Offer(self.keep_offer(offer))),
            Err(EnrolmentError::Unknown(presented, check)) => untrusted(*presented, check),
            Err(error) => Err(enrolment_error(&error)),
        };
        fx.push(Effect::Reply(call, reply));
    }

    fn keep_offer(&mut self, offer: Offer) -> EnrolmentOffer {
        self.offers.made += 1;
        let id = format!("offer-{}", self.offers.made);
        let view = EnrolmentOffer {
            id: id.clone(),
            issuer_name: offer.issuer_name.clone(),
            issuer_host: host(&offer.issuer),
            account: offer.account.clone(),
            fingerprint: offer.fingerprint.clone(),
            brings: offer.brings(),
            key_protection: protection_view(self.settings.key_protection),
            device_name: self.settings.device_name.clone(),
            delivers_code: offer.delivers_code,
            expires_at: offer.expires_at,
            trusted: trusted(&offer.trust),
            check: offer.check,
        };
        self.offers.keep(id, offer);
        view
    }

    pub(super) fn cancel_offer(&mut self, id: &str) -> Result<Reply, ApiError> {
        self.offers.waiting.retain(|(known, _)| known != id);
        Ok(Reply::Done)
    }

    /// The person agreed. Only now a key is made.
    pub(super) fn accept_offer(
        &mut self,
        call: Call,
        id: &str,
        device_name: String,
        fx: &mut Vec<Effect>,
    ) -> Result<(), ApiError> {
        if countersign_protocol::text::check(&device_name, MAX_DEVICE_NAME).is_err() {
            let text = format!("Name this computer in 1 to {MAX_DEVICE_NAME} plain characters.");
            return Err(ApiError::new(ErrorCode::InvalidCall, text));
        }
        let mut waiting = self.offers.waiting.iter();
        let position = waiting.position(|(known, _)| known == id).ok_or_else(|| {
            ApiError::new(
                ErrorCode::NotFound,
                "This offer has ended. Open the link again, or ask for a new one.",
            )
        })?;
        self.offers.begin()?;
        let (id, offer) = self.offers.waiting.remove(position);
        if let Err(error) = self.check_new(&offer) {
            self.offers.done();
            return Err(error);
        }
        fx.push(Effect::ReserveKey(KeyPurpose::Enrolment(Box::new(Enrolment {
            cause: call.into(),
            offer,
            offered_as: Some(id),
            device_name,
        }))));
        Ok(())
    }

    fn check_new(&self, offer: &Offer) -> Result<(), ApiError> {
        let same = |account: &&Account| {
            let same = match offer.device() {
                Some(device) => account.binding.device() == device,
                None => account.binding.account == offer.account,
            };
            same && account.binding.issuer == offer.issuer
        };
        if self.accounts.accounts.iter().any(|account| same(&account)) {
            let text = format!(
                "{} at {} is already on this computer. To enrol it again, remove it first.",
                offer.account,
                host(&offer.issuer)
            );
            return Err(ApiError::new(ErrorCode::AlreadyEnrolled, text));
        }
        Ok(())
    }

    /// Something that waits for an issuer begins.
    pub(super) fn begin_underway(&mut self) -> Result<(), ApiError> {
        self.offers.begin()
    }

    pub(super) fn end_underway(&mut self) {
        self.offers.done();
    }
}

/// What a server presented, for the person to judge.
fn untrusted(presented: Presented, check: CertificateCheck) -> Result<Reply, ApiError> {
    let certificate = trusted(&presented.trust).pop().ok_or_else(|| {
        let text = "The server's certificate cannot be read. Tell its administrator.";
        ApiError::new(ErrorCode::UntrustedCertificate, text)
    })?;
    Ok(Reply::Untrusted(UntrustedServer {
        host: presented.host,
        kind: match presented.kind {
            PresentedKind::Authority => CertificateKind::Authority,
            PresentedKind::Server => CertificateKind::Server,
        },
        certificate,
        check,
    }))
}
