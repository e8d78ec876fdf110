//! `approval-rotate+jwt`: the old key signs in the new one, and the new one signs too (section 2.7).

use serde::{Deserialize, Serialize};

use crate::claims::{Claims, ClaimsError, KeySource, Timestamp, Validity, require_lifetime};
use crate::decision::KeyProtection;
use crate::enrol::MAX_LIFETIME;
use crate::id::{DeviceId, Jti};
use crate::issuer::Issuer;
use crate::jwk::Jwk;
use crate::jws::{Expect, VerifyError, verify_with_embedded_key};

/// The outer message, signed by the old key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRotate {
    /// The device.
    pub iss: DeviceId,
    /// The issuer.
    pub aud: Issuer,
    /// When it was signed.
    pub iat: Timestamp,
    /// At most 300 s later.
    pub exp: Timestamp,
    /// Names this message.
    pub jti: Jti,
    /// A [`RotateNew`] as compact JWS.
    pub new: String,
}

/// The inner message, signed by the new key, which is in its header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateNew {
    /// The device.
    pub iss: DeviceId,
    /// The issuer.
    pub aud: Issuer,
    /// When it was signed.
    pub iat: Timestamp,
    /// At most 300 s later.
    pub exp: Timestamp,
    /// Names this message.
    pub jti: Jti,
    /// How the new key is kept.
    pub key_protection: KeyProtection,
}

impl ApprovalRotate {
    /// Verifies the inner message of a verified rotation and returns the new key.
    ///
    /// # Errors
    /// As [`verify_with_embedded_key`].
    pub fn new_key(&self, now: Timestamp) -> Result<(RotateNew, Jwk), VerifyError> {
        let expect = Expect {
            issuer: Some(self.iss.as_str()),
            audience: self.aud.as_str(),
            now,
        };
        verify_with_embedded_key(&self.new, &expect)
    }
}

impl Claims for ApprovalRotate {
    const TYP: &'static str = "approval-rotate+jwt";

    fn check(&self) -> Result<(), ClaimsError> {
        require_lifetime(self.iat, self.exp, MAX_LIFETIME)
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.iss.as_str())
    }

    fn is_for(&self, audience: &str) -> bool {
        self.aud.as_str() == audience
    }

    fn validity(&self) -> Validity {
        Validity::Until {
            iat: self.iat,
            exp: self.exp,
        }
    }
}

impl Claims for RotateNew {
    const TYP: &'static str = "approval-rotate+jwt";
    const KEY_SOURCE: KeySource = KeySource::Embedded;

    fn check(&self) -> Result<(), ClaimsError> {
        require_lifetime(self.iat, self.exp, MAX_LIFETIME)
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.iss.as_str())
    }

    fn is_for(&self, audience: &str) -> bool {
        self.aud.as_str() == audience
    }

    fn validity(&self) -> Validity {
        Validity::Until {
            iat: self.iat,
            exp: self.exp,
        }
    }
}
