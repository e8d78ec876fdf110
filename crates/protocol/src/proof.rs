//! `approval-proof+jwt`: which device calls (section 2.5).

use serde::{Deserialize, Serialize};

use crate::claims::{Claims, ClaimsError, Timestamp, Validity, require, require_instant};
use crate::id::{DeviceId, Jti};
use crate::issuer::Issuer;

/// A device's proof that it makes this call now, shaped like DPoP (RFC 9449).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalProof {
    /// The device.
    pub iss: DeviceId,
    /// The issuer called.
    pub aud: Issuer,
    /// The HTTP method, in capitals.
    pub htm: String,
    /// The URL without query and fragment.
    pub htu: String,
    /// When it was signed, in issuer time.
    pub iat: Timestamp,
    /// Names this message.
    pub jti: Jti,
    /// The issuer's latest `Countersign-Nonce`: 1 to 128 visible ASCII characters.
    pub nonce: String,
}

impl Claims for ApprovalProof {
    const TYP: &'static str = "approval-proof+jwt";

    fn check(&self) -> Result<(), ClaimsError> {
        require_instant(self.iat, "iat")?;
        let is_method =
            (1..=16).contains(&self.htm.len()) && self.htm.bytes().all(|b| b.is_ascii_uppercase());
        require(is_method, "htm", "is not an HTTP method")?;
        let is_bare_url = (1..=1024).contains(&self.htu.len())
            && self
                .htu
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#');
        require(is_bare_url, "htu", "is not a URL without query and fragment")?;
        let is_nonce =
            (1..=128).contains(&self.nonce.len()) && self.nonce.bytes().all(|b| b.is_ascii_graphic());
        require(is_nonce, "nonce", "is not 1 to 128 visible ASCII characters")
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
