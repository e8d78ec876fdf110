//! `approval-keys+jwt`: an issuer's old key introduces the new ones (section 2.8).

use serde::{Deserialize, Serialize};

use crate::claims::{Claims, ClaimsError, Timestamp, Validity, require, require_instant};
use crate::id::{DeviceId, Jti};
use crate::issuer::Issuer;
use crate::jwk::KeySet;

/// The complete key set of an issuer from now on, signed by a key that is already pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalKeys {
    /// The issuer.
    pub iss: Issuer,
    /// The device.
    pub aud: DeviceId,
    /// When it was signed.
    pub iat: Timestamp,
    /// Names this message.
    pub jti: Jti,
    /// The keys, 1 to 8.
    pub keys: KeySet,
}

impl Claims for ApprovalKeys {
    const TYP: &'static str = "approval-keys+jwt";

    fn check(&self) -> Result<(), ClaimsError> {
        require_instant(self.iat, "iat")?;
        require(
            (1..=8).contains(&self.keys.len()),
            "keys",
            "has not 1 to 8 members",
        )
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
