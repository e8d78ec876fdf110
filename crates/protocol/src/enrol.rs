//! `approval-enrol+jwt`: a device offers its new key (section 2.6).

use serde::{Deserialize, Serialize};

use crate::claims::{
    Claims, ClaimsError, KeySource, Timestamp, Validity, require, require_lifetime, require_text,
};
use crate::decision::KeyProtection;
use crate::id::{EnrolmentCode, Jti};
use crate::issuer::Issuer;

/// The longest validity of an enrolment or rotation, in seconds.
pub(crate) const MAX_LIFETIME: i64 = 300;

/// The longest attestation, in bytes.
const MAX_ATTESTATION: usize = 8 * 1024;

/// A device asks to be enrolled with the key in the message's header, and proves that it has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalEnrol {
    /// The issuer.
    pub aud: Issuer,
    /// When it was signed.
    pub iat: Timestamp,
    /// At most 300 s later.
    pub exp: Timestamp,
    /// Names this message.
    pub jti: Jti,
    /// The code of the offer.
    pub code: EnrolmentCode,
    /// The computer.
    pub device: DeviceDescription,
    /// How the key is kept.
    pub key_protection: KeyProtection,
    /// The key's attestation; opaque in version 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<String>,
}

/// A computer, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceDescription {
    /// Its label, 1 to 64 characters.
    pub name: String,
    /// Its system, 1 to 64 characters.
    pub platform: String,
    /// The app's release, 1 to 32 characters.
    pub app_version: String,
}

impl Claims for ApprovalEnrol {
    const TYP: &'static str = "approval-enrol+jwt";
    const KEY_SOURCE: KeySource = KeySource::Embedded;

    fn check(&self) -> Result<(), ClaimsError> {
        require_lifetime(self.iat, self.exp, MAX_LIFETIME)?;
        require_text(&self.device.name, 64, "device.name")?;
        require_text(&self.device.platform, 64, "device.platform")?;
        require_text(&self.device.app_version, 32, "device.app_version")?;
        let fits = self
            .attestation
            .as_ref()
            .is_none_or(|attestation| attestation.len() <= MAX_ATTESTATION);
        require(fits, "attestation", "is longer than 8 KiB")
    }

    fn issuer(&self) -> Option<&str> {
        None
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
