//! The ways to an issuer: one [`IssuerProtocol`] per protocol, all with the same typed events and answers.
//!
//! Invariants: what comes out of a channel is verified with the account's pinned keys, addressed to this device and
//! account, and has a statement; anything else becomes a counted [`ChannelEvent::Rejected`] and is never shown. A channel
//! delivers at least once and does not deduplicate: the engine does, by `txn`. A channel never ends a request by itself and
//! never approves. The engine does not know which protocol it talks to; what one cannot do is said in [`Capabilities`].

mod handle;
pub mod native;

pub use handle::{AnswerRequest, ChannelCommand, ChannelHandle, FarEnd, Subscription, subscription};

use countersign_agent_api::{Capabilities, ErrorCode, KeyringState, Transport};
use countersign_protocol::{
    ApprovalReceipt, ApprovalRequest, DeviceId, EnrolmentCode, Issuer, KeySet, LinkError, Statement,
    StatementError, Txn, VerifyError,
    wire::{ConfigurationError, OtpLink},
};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{
    edge::Moment,
    keystore::{DeviceKey, KeyStoreError},
    net::NetError,
};

/// One protocol that issuers speak.
pub trait IssuerProtocol: std::fmt::Debug + Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Reads an enrolment link and asks the issuer what it offers. Changes nothing anywhere.
    ///
    /// # Errors
    /// [`EnrolmentError`]; the link is refused before anything is sent if it is not acceptable.
    fn preview<'a>(&'a self, link: &'a str) -> BoxFuture<'a, Result<Offer, EnrolmentError>>;

    /// Binds `key` to the offered account: the person has agreed, the key was made for this and is in the store.
    ///
    /// # Errors
    /// [`EnrolmentError`]. [`EnrolmentError::outcome_unknown`] says whether the issuer may have bound the key all the same.
    fn enrol<'a>(
        &'a self,
        offer: &'a Offer,
        key: &'a DeviceKey,
        device_name: &'a str,
    ) -> BoxFuture<'a, Result<Enrolled, EnrolmentError>>;

    /// Has the issuer replace the binding's key by `new`, proven by both.
    ///
    /// # Errors
    /// As for [`IssuerProtocol::enrol`].
    fn rotate<'a>(
        &'a self,
        binding: &'a Binding,
        new: &'a DeviceKey,
    ) -> BoxFuture<'a, Result<(), EnrolmentError>>;

    /// Has the issuer revoke the binding's device, at once and for good. Safe to repeat. Only called if
    /// [`Capabilities::can_revoke`]. `other_key` is there after a rotation of which nobody knows how it ended: the issuer may
    /// have taken it in place of the binding's.
    ///
    /// # Errors
    /// As for [`IssuerProtocol::enrol`].
    fn revoke<'a>(
        &'a self,
        binding: &'a Binding,
        other_key: Option<&'a DeviceKey>,
    ) -> BoxFuture<'a, Result<(), EnrolmentError>>;

    /// Starts a channel: a task that keeps a connection until the [`Subscription`] is dropped or the device is revoked.
    fn subscribe(&self, binding: Binding) -> Subscription;
}

/// One account's ties to its issuer. Kept on disk by the engine; holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The issuer.
    pub issuer: Issuer,
    /// This device at the issuer.
    pub device_id: DeviceId,
    /// The account label; every request's `sub`.
    pub account: String,
    /// The issuer's pinned keys, the complete set.
    pub issuer_keys: KeySet,
    /// Where the issuer listens.
    pub endpoints: Endpoints,
    /// The device key.
    pub key: DeviceKey,
    /// Issuer time − own clock in seconds, as last learnt; where a channel starts from.
    pub offset: i64,
}

/// An issuer's endpoints, all of the issuer's own origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// `wss` URL of the WebSocket.
    pub stream: String,
    /// Long poll.
    pub poll: String,
    /// Decisions.
    pub decision: String,
    /// Rotation of the device key.
    pub rotation: String,
}

/// What an issuer offers, before anything is made.
#[derive(Clone)]
pub struct Offer {
    /// The issuer.
    pub issuer: Issuer,
    /// Its name, in its own words.
    pub issuer_name: String,
    /// The account label.
    pub account: String,
    /// Its keys, as they will be pinned; the fingerprint is that of the first.
    pub issuer_keys: KeySet,
    /// Whether a one-time code comes with it.
    pub delivers_code: bool,
    /// When the offer ends, by this computer's clock.
    pub expires_at: i64,
    code: EnrolmentCode,
    endpoints: Endpoints,
    enrolment_endpoint: String,
    offset: i64,
}

impl std::fmt::Debug for Offer {
    /// Without the code.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer")
            .field("issuer", &self.issuer)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Offer {
    /// What an issuer might offer.
    pub(crate) fn for_tests(issuer: Issuer, account: &str, issuer_keys: KeySet, expires_at: i64) -> Self {
        Self {
            issuer,
            issuer_name: "Alder Group".into(),
            account: account.into(),
            delivers_code: false,
            issuer_keys,
            expires_at,
            code: EnrolmentCode::from_random([7; 16]),
            endpoints: Endpoints {
                stream: "wss://id.alder.example/stream".into(),
                poll: "https://id.alder.example/poll".into(),
                decision: "https://id.alder.example/decision".into(),
                rotation: "https://id.alder.example/rotation".into(),
            },
            enrolment_endpoint: "https://id.alder.example/enrol".into(),
            offset: 0,
        }
    }

    /// The endpoints that a binding made from it gets.
    pub(crate) fn endpoints_for_tests(&self) -> Endpoints {
        self.endpoints.clone()
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

/// What a channel tells the engine. Ordered; the queue is bounded and a slow engine slows the channel down.
#[derive(Debug)]
pub enum ChannelEvent {
    /// The connection changed.
    Health(Health),
    /// Issuer time − own clock, in seconds, changed: as the connection says, for the protocol's own purposes.
    Offset(i64),
    /// The issuer signed what time it is.
    SignedTime(SignedTime),
    /// A request for this device, verified. May be one that was delivered before.
    Request(Box<VerifiedRequest>),
    /// A request ended without an answer of this subscription: decided elsewhere, cancelled, expired or locked. Also sent for
    /// requests this device never saw.
    Closed(Box<VerifiedReceipt>),
    /// The issuer's key set was replaced, introduced by a pinned key: keep it.
    KeysAdopted(KeySet),
    /// Something came that did not verify. It was dropped.
    Rejected(Rejection),
}

/// What an issuer's signed time says of this computer's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedTime {
    /// Issuer time − own clock, in seconds.
    pub offset: i64,
    /// When that was so.
    pub at: Moment,
}

/// The way to the issuer.
#[derive(Debug)]
pub enum Health {
    /// An attempt is under way.
    Connecting,
    /// Subscribed; everything pending follows.
    Connected(Transport),
    /// Not subscribed; tried again by itself.
    Retrying {
        /// In how many milliseconds.
        in_ms: u64,
        /// What went wrong.
        problem: ChannelProblem,
    },
    /// The device key cannot be used, so nothing can be proven; looked at again by itself, without any dialog.
    NoKey(KeyringState),
    /// The issuer has revoked this device. The channel has ended.
    Revoked,
}

/// Why there is no connection. `Display` is one sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum ChannelProblem {
    /// The network or TLS.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The issuer closed the connection.
    #[error("the issuer closed the connection")]
    Closed,
    /// Nothing was heard for a minute.
    #[error("the connection went silent")]
    Silent,
    /// The issuer restarts.
    #[error("the issuer is restarting")]
    Restarting,
    /// The same device connected from elsewhere.
    #[error("another connection of this device took over. Is its profile in use on two computers?")]
    Replaced,
    /// The proof was refused.
    #[error("the issuer does not accept this computer's key. Enrol it again if this lasts")]
    ProofRefused,
    /// The issuer reported an error.
    #[error("the issuer answered with an error ({0})")]
    Issuer(countersign_protocol::ErrorCode),
    /// The issuer's frames make no sense.
    #[error("the issuer's answer is not understood")]
    Protocol(&'static str),
}

/// A request that may be shown.
#[derive(Debug, Clone)]
pub struct VerifiedRequest {
    /// The exact JWS.
    pub jws: String,
    /// Its claims.
    pub claims: ApprovalRequest,
    /// What is shown and signed.
    pub statement: Statement,
}

/// A receipt signed by a pinned key and addressed to this device. Whether its hashes fit the request is for the engine to
/// compare: it may concern a request that this device never had.
#[derive(Debug, Clone)]
pub struct VerifiedReceipt {
    /// The exact JWS.
    pub jws: String,
    /// Its claims.
    pub claims: ApprovalReceipt,
}

/// Something that was dropped.
#[derive(Debug)]
pub struct Rejection {
    /// What it claimed to be.
    pub frame: FrameKind,
    /// Why it was dropped.
    pub reason: RejectReason,
    /// How many of this account's frames were dropped since the channel started.
    pub total: u64,
}

/// The signed frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// `request`.
    Request,
    /// `closed` and `receipt`.
    Receipt,
    /// `keys`.
    Keys,
    /// `time_proof`, of a `welcome` or of the answer to a poll.
    Time,
}

/// Why a signed frame was dropped.
#[derive(Debug, thiserror::Error)]
pub enum RejectReason {
    /// Signature, key, type, audience, issuer or time.
    #[error("it does not verify")]
    Unverified(#[source] VerifyError),
    /// For another account.
    #[error("it is for another account")]
    WrongAccount,
    /// Not everything in it can be shown.
    #[error("not everything in it can be shown")]
    Statement(#[source] StatementError),
    /// A receipt for another transaction or decision, or the time in answer to another call.
    #[error("it is about something else")]
    Inconsistent,
}

/// An answer's way, once it is signed.
#[derive(Debug)]
pub enum DecisionOutcome {
    /// The issuer has recorded this decision. The receipt fits it.
    Recorded(Box<VerifiedReceipt>),
    /// It had ended before, as this receipt says; the decision was a report and is on record as one.
    Reported(Box<VerifiedReceipt>),
    /// Somebody or something was first.
    AlreadyDecided(Option<Box<VerifiedReceipt>>),
    /// Not counted; the request is still pending.
    WrongCode {
        /// Attempts left on this account.
        attempts_left: Option<u32>,
    },
    /// Too many wrong codes: the request has ended and the account is locked at the issuer.
    Locked(Option<Box<VerifiedReceipt>>),
    /// The request has expired.
    Expired(Option<Box<VerifiedReceipt>>),
    /// The decision's times were off. An [`ChannelEvent::Offset`] came before this: sign again, once.
    Stale,
    /// Sign again with a higher counter.
    CounterRegression,
    /// The issuer has revoked this device.
    Revoked,
    /// Refused for good.
    Refused {
        /// The issuer's code (docs/protocol.md, section 8).
        error: countersign_protocol::ErrorCode,
        /// One sentence for people.
        message: String,
    },
    /// It is not known whether it arrived. Sending the same bytes again later is safe.
    NotDelivered(ChannelProblem),
}

/// An answer: a signed decision for a transaction.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Which transaction.
    pub txn: Txn,
    /// The exact JWS. Sent again unchanged after [`DecisionOutcome::NotDelivered`].
    pub decision: String,
}

/// Enrolment, rotation or revocation failed.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// Not an enrolment link, or one that is not acceptable.
    #[error("this is not an enrolment link. Copy the whole link, or ask for a new one")]
    InvalidLink(#[source] LinkError),
    /// The code is unknown, used or expired.
    #[error("the issuer does not accept this link (any more). Ask for a new one")]
    Refused,
    /// The network or TLS.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The issuer's configuration is not acceptable.
    #[error("the issuer's configuration is not acceptable. Tell its administrator")]
    Configuration(#[source] ConfigurationError),
    /// The issuer contradicts itself or the protocol.
    #[error("the issuer's answer makes no sense ({0}). Tell its administrator")]
    BadAnswer(&'static str),
    /// The issuer reported an error.
    #[error("the issuer answered with an error: {message}")]
    Issuer {
        /// Its code.
        error: countersign_protocol::ErrorCode,
        /// Its words, plain text.
        message: String,
    },
    /// The key could not be used.
    #[error(transparent)]
    Key(#[from] KeyStoreError),
}

impl EnrolmentError {
    /// The same for callers of the agent.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidLink(_) => ErrorCode::InvalidLink,
            Self::Refused => ErrorCode::OfferRefused,
            Self::Net(e) => e.code(),
            Self::BadAnswer(_) | Self::Configuration(_) => ErrorCode::BadAnswer,
            Self::Issuer { .. } => ErrorCode::Refused,
            Self::Key(e) => e.code(),
        }
    }

    /// Whether the issuer may have carried it out although no answer came.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Net(e) => e.sent(),
            Self::BadAnswer(_) => true,
            Self::InvalidLink(_)
            | Self::Refused
            | Self::Configuration(_)
            | Self::Issuer { .. }
            | Self::Key(_) => false,
        }
    }
}
