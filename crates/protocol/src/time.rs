//! `approval-time+jwt`: what time it is, in answer to one call of a device (section 2.9).

use serde::{Deserialize, Serialize};

use crate::claims::{Claims, ClaimsError, Timestamp, Validity, require_instant};
use crate::id::{DeviceId, Jti};
use crate::issuer::Issuer;

/// An issuer's time, bound to the proof of the call that it answers: the same words in answer to another call are worth nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalTime {
    /// The issuer.
    pub iss: Issuer,
    /// The device that called.
    pub aud: DeviceId,
    /// The time.
    pub iat: Timestamp,
    /// Names this message.
    pub jti: Jti,
    /// The `jti` of the device's proof of the call.
    pub proof_jti: Jti,
}

impl Claims for ApprovalTime {
    const TYP: &'static str = "approval-time+jwt";

    fn check(&self) -> Result<(), ClaimsError> {
        require_instant(self.iat, "iat")
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.iss.as_str())
    }

    fn is_for(&self, audience: &str) -> bool {
        self.aud.as_str() == audience
    }

    fn validity(&self) -> Validity {
        Validity::Fresh { iat: self.iat }
    }
}
