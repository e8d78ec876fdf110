//! What is told to those who count and notify: metrics and hooks.

use std::{fmt::Debug, time::Duration};

use countersign_protocol::{ErrorCode, Outcome};

use crate::store::Device;

/// Something that happened, for counting and for hooks. The audit log is the record, this is not.
#[derive(Debug, Clone)]
pub enum Happening<'a> {
    /// An approval was accepted and handed to the connected devices.
    Asked {
        /// How many devices were sent it at once.
        reached: usize,
    },
    /// An approval ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// Seconds since it was accepted.
        after: i64,
    },
    /// An approval was reported after it had ended.
    ReportedLate,
    /// Something was refused.
    Refused {
        /// What was asked for: `approval`, `decision`, `enrolment`, `rotation`, `proof`, `client`.
        what: &'static str,
        /// Why.
        code: ErrorCode,
    },
    /// A user was locked.
    UserLocked,
    /// A device enrolled. The user has to be told by another way.
    Enrolled(&'a Device),
    /// A device connected.
    Connected,
    /// A connection ended.
    Disconnected {
        /// How long it lasted.
        after: Duration,
    },
}

/// Who is told.
pub trait Observer: Debug + Send + Sync {
    /// Is told. Must not block: hand over and return.
    fn observe(&self, happening: &Happening<'_>);
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn observe(&self, _: &Happening<'_>) {}
}
