//! The ways to an issuer: one [`IssuerProtocol`] per protocol, all with the same typed events and answers.
//!
//! Invariants: what comes out of a channel is verified with the account's pinned keys, addressed to this device and
//! account, and has a statement; anything else becomes a counted [`ChannelEvent::Rejected`] and is never shown. A channel
//! delivers at least once and does not deduplicate: the engine does, by `txn`. A channel never ends a request by itself and
//! never approves. The engine does not know which protocol it talks to; what one cannot do is said in the binding's capabilities.

mod backoff;
mod binding;
mod contents;
mod handle;
pub mod native;
mod offer;
pub mod privacyidea;
mod protocols;
mod request;

pub use binding::{Binding, Commitment, Farewell, Polled, Ties};
pub use contents::{Contents, Part, PartKind};
pub use handle::{AnswerRequest, ChannelCommand, ChannelHandle, FarEnd, Subscription, subscription};
pub use offer::{Enrolled, Offer, Terms};
pub use protocols::{OwnTrust, Protocols};
pub use request::{Decision, Matched, RequestClaims, Signed, VerifiedRequest, Warns};

use countersign_agent_api::{CertificateCheck, ErrorCode, KeyringState, Transport, TrustChoice};
use countersign_privacyidea::{ChallengeError, LinkError as PushLinkError};
use countersign_protocol::{
    ApprovalReceipt, LinkError, StatementError, Txn, VerifyError, wire::ConfigurationError,
};
use futures_util::future::BoxFuture;

use crate::{
    edge::Moment,
    keystore::{DeviceKey, KeyStoreError},
    net::{InvalidTrust, NetError, Presented},
};

/// One protocol that issuers speak.
pub trait IssuerProtocol: std::fmt::Debug + Send + Sync {
    /// Reads an enrolment link and asks the issuer what it offers. Changes nothing anywhere. `trust` is what the person trusts for this
    /// account beside what everybody trusts.
    ///
    /// # Errors
    /// [`EnrolmentError`]; the link is refused before anything is sent if it is not acceptable.
    fn preview<'a>(
        &'a self,
        link: &'a str,
        trust: Option<&'a TrustChoice>,
    ) -> BoxFuture<'a, Result<Offer, EnrolmentError>>;

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
    /// [`countersign_agent_api::Capabilities::can_revoke`]. `other_key` is there after a rotation of which nobody knows how it ended: the issuer may
    /// have taken it in place of the binding's.
    ///
    /// # Errors
    /// As for [`IssuerProtocol::enrol`].
    fn revoke<'a>(
        &'a self,
        binding: &'a Binding,
        other_key: Option<&'a DeviceKey>,
    ) -> BoxFuture<'a, Result<(), EnrolmentError>>;

    /// Signs what a person decided about a request of this binding, with a dialog of the key store if need be.
    ///
    /// # Errors
    /// If the key cannot be used. Nothing was answered then.
    fn sign<'a>(
        &'a self,
        binding: &'a Binding,
        request: &'a VerifiedRequest,
        decision: Decision,
    ) -> BoxFuture<'a, Result<Signed, KeyStoreError>>;

    /// Starts a channel: a task that keeps a connection until the [`Subscription`] is dropped or the device is revoked.
    fn subscribe(&self, binding: Binding) -> Subscription;
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
    /// These, answered or not, are all that the issuer lists now. Of others it does not say why: answered elsewhere, taken back or expired. Sent only
    /// by channels that ask for a list, when it has changed, and once after they have started.
    Listed(Vec<Txn>),
    /// What this device knows of the issuer was replaced by the issuer, provably: keep it.
    TiesChanged(Box<Ties>),
    /// What the account brings along, as the issuer lists it now.
    Contents(Box<Contents>),
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
    /// A policy of the issuer is against it.
    #[error("the issuer does not allow this computer to ask. Its administrator has to change that")]
    Forbidden,
    /// The issuer reported an error.
    #[error("the issuer answered with an error ({0})")]
    Issuer(countersign_protocol::ErrorCode),
    /// The issuer's frames make no sense.
    #[error("the issuer's answer is not understood")]
    Protocol(&'static str),
}

/// Whether what was sent may have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It has not left this computer.
    Impossible,
    /// It may have.
    Possible,
}

impl ChannelProblem {
    /// Whether what was being sent may have arrived all the same.
    pub fn arrival(&self) -> Arrival {
        match self {
            Self::Net(error) if !error.sent() => Arrival::Impossible,
            Self::Net(_)
            | Self::Closed
            | Self::Silent
            | Self::Restarting
            | Self::Replaced
            | Self::ProofRefused
            | Self::Forbidden
            | Self::Issuer(_)
            | Self::Protocol(_) => Arrival::Possible,
        }
    }
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
    /// A challenge that the server's key has not signed, or not for this token.
    #[error("it is not acceptable")]
    Challenge(#[source] ChallengeError),
    /// A receipt for another transaction or decision, or the time in answer to another call.
    #[error("it is about something else")]
    Inconsistent,
    /// New keys, on a connection whose issuer has not proven what time it is: they may be old ones.
    #[error("it may be an old one")]
    Unproven,
}

/// An answer's way, once it is signed.
#[derive(Debug)]
pub enum DecisionOutcome {
    /// The issuer has recorded this decision. The receipt fits it.
    Recorded(Box<VerifiedReceipt>),
    /// The issuer has taken this answer, and gives no receipt.
    Taken {
        /// What to type where the action started.
        code: Option<String>,
    },
    /// The issuer has not taken this answer, takes no other, and does not say why: too late, answered elsewhere, or the wrong choice.
    NotTaken,
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

/// A signed answer for a transaction.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Which transaction.
    pub txn: Txn,
    /// The exact signed message. Sent again unchanged after [`DecisionOutcome::NotDelivered`].
    pub decision: String,
}

/// Enrolment, rotation or revocation failed.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// Not an enrolment link, or one that is not acceptable.
    #[error("this is not an enrolment link. Copy the whole link, or ask for a new one")]
    InvalidLink(#[source] LinkError),
    /// A link of another protocol, not acceptable.
    #[error("this enrolment link cannot be used. Ask for a new one")]
    InvalidPushLink(#[source] PushLinkError),
    /// The issuer wants the account behind a PIN or a biometric.
    #[error(
        "this account has to be behind a PIN or a biometric, which this app does not ask for. Ask for another link"
    )]
    NeedsUnlock,
    /// The issuer wants a passphrase with the link.
    #[error("this link needs a passphrase, which this app does not ask for. Ask for a link without one")]
    NeedsPassphrase,
    /// The code is unknown, used or expired.
    #[error("the issuer does not accept this link (any more). Ask for a new one")]
    Refused,
    /// The network or TLS.
    #[error(transparent)]
    Net(#[from] NetError),
    /// Nobody here knows who vouches for the server: that is for the person to judge.
    #[error("the certificate of {} is not trusted: its authority is unknown here", .0.host)]
    Unknown(Box<Presented>, CertificateCheck),
    /// What the person wants to trust is no certificate.
    #[error("the certificate file cannot be used: {0}")]
    InvalidTrust(#[from] InvalidTrust),
    /// The organisation lets nobody trust a certificate of their own.
    #[error(
        "your organisation does not allow trusting a certificate for one account. Ask its administrators"
    )]
    TrustNotAllowed,
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
            Self::InvalidLink(_) | Self::InvalidPushLink(_) => ErrorCode::InvalidLink,
            Self::Refused | Self::NeedsUnlock | Self::NeedsPassphrase => ErrorCode::OfferRefused,
            Self::Unknown(..) => ErrorCode::UntrustedCertificate,
            Self::InvalidTrust(_) => ErrorCode::InvalidValue,
            Self::TrustNotAllowed => ErrorCode::Locked,
            Self::Net(e) => e.code(),
            Self::BadAnswer(_) | Self::Configuration(_) => ErrorCode::BadAnswer,
            Self::Issuer { .. } => ErrorCode::Refused,
            Self::Key(e) => e.code(),
        }
    }

    /// Whether the issuer has heard nothing of the enrolment that ended like this, so that it can be tried again as it is.
    pub fn nothing_sent(&self) -> bool {
        match self {
            Self::Net(e) => !e.sent(),
            // Signing comes before sending.
            Self::Key(_) => true,
            Self::InvalidLink(_)
            | Self::InvalidPushLink(_)
            | Self::NeedsUnlock
            | Self::NeedsPassphrase
            | Self::Unknown(..)
            | Self::InvalidTrust(_)
            | Self::TrustNotAllowed
            | Self::Refused
            | Self::Configuration(_)
            | Self::BadAnswer(_)
            | Self::Issuer { .. } => false,
        }
    }

    /// Whether the issuer may have carried it out although no answer came.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Net(e) => e.sent(),
            Self::BadAnswer(_) => true,
            Self::InvalidLink(_)
            | Self::InvalidPushLink(_)
            | Self::NeedsUnlock
            | Self::NeedsPassphrase
            | Self::Unknown(..)
            | Self::InvalidTrust(_)
            | Self::TrustNotAllowed
            | Self::Refused
            | Self::Configuration(_)
            | Self::Issuer { .. }
            | Self::Key(_) => false,
        }
    }
}
