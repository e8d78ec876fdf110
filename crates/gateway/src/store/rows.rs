//! The values that go into the store and come out of it. Plain data: no I/O, no secrets.

use countersign_protocol::{
    Amr, DecidedOn, DeviceId, Jti, Jwk, KeyProtection, Nonce, Outcome, Reason, Requires, Timestamp, Txn,
    Verdict,
};
use serde::{Deserialize, Serialize};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// For whom a client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// An application that asks in its own name.
    Application,
    /// An identity provider, which names the application that the person sees (`client_name`, CIBA).
    IdentityProvider,
}

/// A relying side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// 1–128 characters; `aud` of its results.
    pub id: String,
    /// What people see, 1–64 characters.
    pub name: String,
    /// SHA-256 of its secret. The secret itself has 256 random bits and is shown once.
    pub secret_hash: Hash,
    /// For whom it may ask.
    pub kind: ClientKind,
    /// The addresses that may be called back, compared byte for byte.
    pub callback_urls: Vec<String>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A person who can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name that relying sides use, 1–128 characters.
    pub id: String,
    /// Wrong match codes since the last right one, over all requests.
    pub wrong_codes: u32,
    /// Since when approvals are refused, until an administrator unlocks them.
    pub locked_at: Option<Timestamp>,
    /// When the first offer for this user was made.
    pub created_at: Timestamp,
}

/// An invitation to enrol one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// SHA-256 of the code.
    pub code_hash: Hash,
    /// Whose device it will be.
    pub user: String,
    /// The label of the account on the device (`sub` of its requests), 1–128 characters.
    pub account: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// At most ten minutes later.
    pub expires_at: Timestamp,
    /// A one-time code's link to deliver, sealed under the code.
    pub otp: Option<Vec<u8>>,
}

/// What an enrolling device brings.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Chosen by the issuer.
    pub id: DeviceId,
    /// The device's public key.
    pub key: Jwk,
    /// The computer's name, 1–64 characters.
    pub name: String,
    /// The operating system, 1–64 characters.
    pub platform: String,
    /// 1–32 characters.
    pub app_version: String,
    /// What protects its key, as far as this issuer believes it.
    pub key_protection: KeyProtection,
    /// When it enrols.
    pub now: Timestamp,
}

/// An enrolled device.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Whose it is.
    pub user: String,
    /// The account label accepted at enrolment.
    pub account: String,
    /// Its present public key.
    pub key: Jwk,
    /// The computer's name.
    pub name: String,
    /// The operating system.
    pub platform: String,
    /// The app's version at enrolment.
    pub app_version: String,
    /// What protects its key.
    pub key_protection: KeyProtection,
    /// The counter of its last decision, 0 before the first.
    pub counter: u64,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// Since when its signatures are refused.
    pub revoked_at: Option<Timestamp>,
}

/// How revoking went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// It is revoked now.
    Now,
    /// It was revoked before; nothing changed.
    Before(Timestamp),
    /// There is no such device.
    Unknown,
}

/// A device's change of key.
#[derive(Debug, Clone)]
pub struct DeviceRotation {
    /// The device.
    pub device: DeviceId,
    /// The key that it had.
    pub old: Jwk,
    /// The key that it has from now on.
    pub new: Jwk,
    /// What protects the new one.
    pub key_protection: KeyProtection,
}

/// What a client calls a request, so that asking again is not asking twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Unique for the client.
    pub key: String,
    /// SHA-256 of the body it came with.
    pub body_hash: Hash,
}

/// What an earlier request with the same idempotency key gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotent {
    /// SHA-256 of that request's body.
    pub body_hash: Hash,
    /// Its transaction.
    pub txn: Txn,
}

/// An approval to be accepted.
#[derive(Debug, Clone)]
pub struct NewApproval {
    /// The approval, pending.
    pub approval: Approval,
    /// What the client calls this request.
    pub idempotency: Option<IdempotencyKey>,
    /// How many approvals of the user may be pending, this one included.
    pub max_pending: u32,
    /// What goes to each device; at least one.
    pub requests: Vec<NewRequest>,
}

/// What goes to one device.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// The device.
    pub device: DeviceId,
    /// The nonce in the request.
    pub nonce: Nonce,
    /// The exact request.
    pub jws: String,
    /// Its hash.
    pub request_hash: String,
    /// The hash of its statement.
    pub statement_hash: String,
}

impl NewRequest {
    /// The device as one that was sent the approval.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        Recipient {
            device: self.device.clone(),
            nonce: self.nonce.clone(),
            request_hash: self.request_hash.clone(),
            statement_hash: self.statement_hash.clone(),
        }
    }
}

/// How accepting went.
#[derive(Debug, Clone)]
pub enum Accepted {
    /// It is pending.
    Made {
        /// Its place in the order of events.
        seq: u64,
    },
    /// The client asked before with the same idempotency key.
    Repeated(Idempotent),
    /// The user already has as many pending approvals as allowed.
    TooManyPending,
    /// The user's approvals are locked.
    Locked,
}

/// How a decided approval was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The device.
    pub device: DeviceId,
    /// Its name at that time.
    pub device_name: String,
    /// What the person said.
    pub verdict: Verdict,
    /// The hash of the exact decision.
    pub decision_hash: String,
    /// The hash of the request that was decided.
    pub request_hash: String,
    /// The hash of the statement that was shown.
    pub statement_hash: String,
    /// How the person was authenticated.
    pub amr: Vec<Amr>,
    /// What protects the device's key.
    pub key_protection: KeyProtection,
}

/// How an approval ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The outcome.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
    /// Its place in the order of events.
    pub seq: u64,
    /// By whom, if a device decided.
    pub decided: Option<Decided>,
}

/// Where an approval stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalState {
    /// Nobody has answered.
    Pending,
    /// It has ended, for good.
    Ended(Box<Ending>),
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Its id.
    pub txn: Txn,
    /// Who is asked.
    pub user: String,
    /// Who asks.
    pub client: String,
    /// The level asked for.
    pub acr: Option<String>,
    /// The `authorization_details` asked for, as JSON.
    pub authorization_details: Option<String>,
    /// What the request requires of the person.
    pub requires: Requires,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Where the result is sent.
    pub callback_url: Option<String>,
    /// The caller's own reference.
    pub auth_ref: Option<String>,
    /// Where it stands.
    pub state: ApprovalState,
}

/// A device that was sent an approval, and what it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The device.
    pub device: DeviceId,
    /// The nonce in its request.
    pub nonce: Nonce,
    /// The hash of its request.
    pub request_hash: String,
    /// The hash of its statement.
    pub statement_hash: String,
}

/// An earlier message of the device with the same `jti`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prior {
    /// The hash of the exact message.
    pub decision_hash: String,
    /// What came of it.
    pub answer: PriorAnswer,
}

/// What came of an earlier decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriorAnswer {
    /// It decided; this is its receipt.
    Accepted {
        /// The exact receipt.
        receipt: String,
    },
    /// Its match code was wrong.
    WrongCode {
        /// How many attempts were left.
        attempts_left: u32,
    },
    /// It reported what had ended, and was taken as that.
    Reported,
    /// It came too late to change anything.
    Late,
}

/// Everything a decision is checked against.
#[derive(Debug, Clone, Default)]
pub struct BeforeDecision {
    /// An earlier decision of the device with the same `jti`.
    pub prior: Option<Prior>,
    /// The approval, whoever's it is.
    pub approval: Option<Approval>,
    /// The devices that were sent the approval, and what.
    pub recipients: Vec<Recipient>,
}

/// What the match code of a decision was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeCheck {
    /// The request asks for none, or the decision is not an approval.
    NotAsked,
    /// It is the right one.
    Right,
    /// It is not.
    Wrong,
}

/// A decision whose unchanging parts were checked: signature, times, nonce, hashes.
#[derive(Debug, Clone)]
pub struct DecisionAttempt {
    /// When it came.
    pub now: Timestamp,
    /// The approval.
    pub txn: Txn,
    /// Its `jti`.
    pub jti: Jti,
    /// Its counter.
    pub counter: u64,
    /// The reason that the person gave.
    pub reason: Option<Reason>,
    /// Where it was decided.
    pub surface: DecidedOn,
    /// What its match code was found to be.
    pub code: CodeCheck,
    /// How many wrong codes lock the user.
    pub max_wrong_codes: u32,
    /// What is recorded if it wins.
    pub decided: Decided,
    /// The receipt it gets if it wins.
    pub receipt: String,
}

/// Whether a device has reported an ended approval before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// This is its first report: it counts.
    First,
    /// It has, and this changes nothing.
    Again,
}

/// How a decision went.
#[derive(Debug, Clone)]
pub enum Decision {
    /// It decided.
    Accepted(Box<Approval>),
    /// Its code was wrong.
    WrongCode {
        /// How many are left before the user is locked.
        attempts_left: u32,
    },
    /// Its code was wrong once too often: these approvals of the user ended as `locked`.
    Locked(Vec<Approval>),
    /// The approval had ended before.
    AlreadyEnded(Box<Approval>),
    /// Nobody had noticed yet that the approval expired; it ended now.
    Expired(Box<Approval>),
    /// The approval had ended before; the report of it is on record. It counts once for each device.
    Reported(Box<Approval>, Report),
    /// The device reported it, and nobody had noticed yet that the approval expired; it ended now.
    ExpiredAndReported(Box<Approval>),
    /// The device sent a decision with this `jti` before.
    Seen(Prior),
    /// The counter is not greater than this last one.
    CounterRegression {
        /// The last counter seen.
        last: u64,
    },
    /// The device is revoked.
    Revoked,
    /// There is no such approval, or it is gone.
    Unknown,
}

/// How cancelling went.
#[derive(Debug, Clone)]
pub enum Cancelled {
    /// It is cancelled now.
    Now(Box<Approval>),
    /// It had ended before.
    Before(Box<Approval>),
}

/// From where on a device wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// It just connected: everything pending, and, if it says up to where it knows, what ended after.
    Connect(Option<u64>),
    /// It polls: only what became pending or ended after.
    Poll(u64),
}

/// A pending request of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRequest {
    /// Its place in the order of events.
    pub seq: u64,
    /// The exact request.
    pub jws: String,
}

/// What a device has to know.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    /// Up to where this goes in the order of events.
    pub seq: u64,
    /// What it can decide, oldest first.
    pub pending: Vec<InboxRequest>,
    /// What has ended, oldest first.
    pub ended: Vec<(Approval, Recipient)>,
}

/// A result to be sent to a relying side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// The approval.
    pub txn: Txn,
    /// Whose result it is.
    pub client: String,
    /// Where it goes.
    pub url: String,
    /// When the approval ended.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

/// Something that somebody else changed and that a running gateway has to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A device was revoked: its connection has to be closed.
    DeviceRevoked(DeviceId),
    /// Clients were added or removed.
    Clients,
    /// The issuer has other keys.
    IssuerKeys,
}

/// What others changed.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Up to where this goes in the order of events.
    pub seq: u64,
    /// The changes, oldest first.
    pub list: Vec<Change>,
}
