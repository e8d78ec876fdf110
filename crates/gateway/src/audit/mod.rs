//! The audit log: an append-only chain of records in which none can be changed or left out unnoticed.
//!
//! A record is a JSON object `{actor, details, event, hash, prev, seq, subject, time}`. `hash` is the lower-case
//! hexadecimal SHA-256 of the RFC 8785 form of the record without `hash`; `prev` is the `hash` of the record before,
//! 64 zeros for the first; `seq` counts from 1 without gaps.
//!
//! Invariant: records hold what happened and to whom, never a secret, a code or the text of a request.

mod chain;
mod entries;

use std::collections::BTreeMap;

use countersign_protocol::{DeviceId, Timestamp, Txn};
use serde_json::Value;

pub use self::{
    chain::{ChainError, ExportedRecord, GENESIS, Verified, seal, verify},
    entries::{decided, ended, enrolled, reported_late, requested, user_locked, wrong_code},
};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// An administrator, by the name of the account that ran the command.
    Admin(String),
    /// A relying side.
    Client(String),
    /// A device.
    Device(DeviceId),
    /// The gateway itself.
    Gateway,
    /// Somebody who did not prove who they are.
    Unknown,
}

impl Actor {
    /// How it is written in the log.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Admin(name) => format!("admin:{name}"),
            Self::Client(id) => format!("client:{id}"),
            Self::Device(id) => format!("device:{id}"),
            Self::Gateway => "gateway".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A gateway was set up.
    Initialised,
    /// A relying side was registered.
    ClientAdded,
    /// A relying side was removed.
    ClientRemoved,
    /// An enrolment offer was made.
    OfferCreated,
    /// A device enrolled.
    DeviceEnrolled,
    /// An enrolment was refused.
    EnrolmentRefused,
    /// A device was revoked.
    DeviceRevoked,
    /// A device changed its key.
    DeviceRotated,
    /// An approval was accepted.
    ApprovalRequested,
    /// An approval was refused before it reached a device.
    ApprovalRefused,
    /// An approval ended with the person's yes.
    ApprovalApproved,
    /// An approval ended with the person's no.
    ApprovalDenied,
    /// The person said that it was not them.
    ApprovalReported,
    /// The person said so of an approval that had ended.
    EndedApprovalReported,
    /// The relying side cancelled.
    ApprovalCancelled,
    /// Nobody answered in time.
    ApprovalExpired,
    /// An approval ended because of too many wrong codes.
    ApprovalLocked,
    /// A wrong match code was typed.
    WrongCode,
    /// A user's approvals were locked.
    UserLocked,
    /// An administrator unlocked a user.
    UserUnlocked,
    /// A decision was refused.
    DecisionRefused,
    /// A proof was refused.
    ProofRefused,
    /// A callback was answered with success.
    CallbackDelivered,
    /// A callback was given up.
    CallbackAbandoned,
    /// A callback failed and will be tried again.
    CallbackFailed,
    /// The issuer has a new signing key.
    KeysRotated,
    /// The log was exported.
    AuditExported,
}

impl Event {
    /// Its name in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initialised => "gateway.initialised",
            Self::ClientAdded => "client.added",
            Self::ClientRemoved => "client.removed",
            Self::OfferCreated => "enrolment.offered",
            Self::DeviceEnrolled => "device.enrolled",
            Self::EnrolmentRefused => "enrolment.refused",
            Self::DeviceRevoked => "device.revoked",
            Self::DeviceRotated => "device.rotated",
            Self::ApprovalRequested => "approval.requested",
            Self::ApprovalRefused => "approval.refused",
            Self::ApprovalApproved => "approval.approved",
            Self::ApprovalDenied => "approval.denied",
            Self::ApprovalReported => "approval.reported",
            Self::EndedApprovalReported => "approval.reported_late",
            Self::ApprovalCancelled => "approval.cancelled",
            Self::ApprovalExpired => "approval.expired",
            Self::ApprovalLocked => "approval.locked",
            Self::WrongCode => "code.wrong",
            Self::UserLocked => "user.locked",
            Self::UserUnlocked => "user.unlocked",
            Self::DecisionRefused => "decision.refused",
            Self::ProofRefused => "proof.refused",
            Self::CallbackDelivered => "callback.delivered",
            Self::CallbackAbandoned => "callback.abandoned",
            Self::CallbackFailed => "callback.failed",
            Self::KeysRotated => "keys.rotated",
            Self::AuditExported => "audit.exported",
        }
    }
}

/// What it happened to. Each part is there if it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The user.
    pub user: Option<String>,
    /// The relying side.
    pub client: Option<String>,
    /// The device.
    pub device: Option<DeviceId>,
    /// The approval.
    pub txn: Option<Txn>,
}

/// A record to be appended. The store gives it its place in the chain.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it happened.
    pub time: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What happened.
    pub event: Event,
    /// To what.
    pub subject: Subject,
    /// More about it: names and numbers, no secrets.
    pub details: BTreeMap<&'static str, Value>,
}

impl Entry {
    /// An entry without details.
    #[must_use]
    pub fn new(time: Timestamp, actor: Actor, event: Event) -> Self {
        Self {
            time,
            actor,
            event,
            subject: Subject::default(),
            details: BTreeMap::new(),
        }
    }

    /// About this user.
    #[must_use]
    pub fn user(mut self, id: &str) -> Self {
        self.subject.user = Some(id.to_owned());
        self
    }

    /// About this relying side.
    #[must_use]
    pub fn client(mut self, id: &str) -> Self {
        self.subject.client = Some(id.to_owned());
        self
    }

    /// About this device.
    #[must_use]
    pub fn device(mut self, id: &DeviceId) -> Self {
        self.subject.device = Some(id.clone());
        self
    }

    /// About this approval.
    #[must_use]
    pub fn txn(mut self, txn: &Txn) -> Self {
        self.subject.txn = Some(txn.clone());
        self
    }

    /// With a detail more.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.details.insert(name, value.into());
        self
    }
}
