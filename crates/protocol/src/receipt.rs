//! `approval-receipt+jwt`: how an approval ended, for device and relying side (section 2.3).

use serde::{Deserialize, Serialize};

use crate::claims::{
    Claims, ClaimsError, Timestamp, Validity, require, require_instant, require_optional_hash,
    require_optional_text,
};
use crate::decision::{Amr, Verdict, check_amr};
use crate::id::{DeviceId, Jti, Txn};
use crate::issuer::Issuer;
use crate::request::MAX_ACR;

/// How an approval ended, signed by the issuer. It is evidence and does not age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalReceipt {
    /// The issuer.
    pub iss: Issuer,
    /// The device it goes to and the client id.
    pub aud: Vec<String>,
    /// When it was made.
    pub iat: Timestamp,
    /// Names this message.
    pub jti: Jti,
    /// Which transaction.
    pub txn: Txn,
    /// How it ended.
    pub outcome: Outcome,
    /// The device that decided, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DeviceId>,
    /// That device's label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// [`decision_hash`](crate::decision_hash) of its decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_hash: Option<String>,
    /// Hash of the request that the addressed device was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
    /// Hash of that request's statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_hash: Option<String>,
    /// The authentication context reached; only if approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// How the person was authenticated; only if approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<Amr>>,
}

/// How an approval ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A person approved.
    Approved,
    /// A person denied.
    Denied,
    /// A person denied and reported.
    Reported,
    /// The relying side took it back.
    Cancelled,
    /// Nobody decided in time.
    Expired,
    /// Too many wrong codes.
    Locked,
}

impl Outcome {
    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Reported => "reported",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Locked => "locked",
        }
    }

    /// The verdict that leads to this outcome; `None` where no device decided.
    pub fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Approved => Some(Verdict::Approve),
            Self::Denied => Some(Verdict::Deny),
            Self::Reported => Some(Verdict::Report),
            Self::Cancelled | Self::Expired | Self::Locked => None,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve => Self::Approved,
            Verdict::Deny => Self::Denied,
            Verdict::Report => Self::Reported,
        }
    }
}

impl Claims for ApprovalReceipt {
    const TYP: &'static str = "approval-receipt+jwt";

    fn check(&self) -> Result<(), ClaimsError> {
        require_instant(self.iat, "iat")?;
        require((1..=4).contains(&self.aud.len()), "aud", "has not 1 to 4 members")?;
        let decided = self.outcome.verdict().is_some();
        for (present, claim) in [
            (self.decided_by.is_some(), "decided_by"),
            (self.device_name.is_some(), "device_name"),
            (self.decision_hash.is_some(), "decision_hash"),
        ] {
            require(present == decided, claim, "is there exactly if a device decided")?;
        }
        require_optional_text(self.device_name.as_deref(), 64, "device_name")?;
        require_optional_hash(self.decision_hash.as_deref(), "decision_hash")?;
        require_optional_hash(self.request_hash.as_deref(), "request_hash")?;
        require_optional_hash(self.statement_hash.as_deref(), "statement_hash")?;
        check_reached(self.outcome, self.acr.as_deref(), self.amr.as_deref())
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.iss.as_str())
    }

    fn is_for(&self, audience: &str) -> bool {
        self.aud.iter().any(|aud| aud == audience)
    }

    fn validity(&self) -> Validity {
        Validity::Ageless { iat: self.iat }
    }
}

/// `acr` and `amr` are claims about an approval only.
pub(crate) fn check_reached(
    outcome: Outcome,
    acr: Option<&str>,
    amr: Option<&[Amr]>,
) -> Result<(), ClaimsError> {
    let approved = outcome == Outcome::Approved;
    require(approved || acr.is_none(), "acr", "is only for approved")?;
    require(approved || amr.is_none(), "amr", "is only for approved")?;
    require_optional_text(acr, MAX_ACR, "acr")?;
    amr.map_or(Ok(()), check_amr)
}
