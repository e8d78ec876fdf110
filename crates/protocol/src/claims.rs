//! What all signed messages have in common: their type, their validity in time, and the rules of their claims.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base64url;
use crate::text::{self, TextError};

/// Seconds since 1970-01-01T00:00:00Z, in issuer time (section 7).
pub type Timestamp = i64;

/// The greatest integer that every JSON implementation reads exactly: 2^53 − 1 (section 2).
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

/// How far two clocks may be apart, in seconds (section 2).
pub(crate) const TOLERANCE: i64 = 60;

/// The payload of one type of signed message.
pub trait Claims: Serialize + DeserializeOwned {
    /// The header `typ`, compared byte for byte.
    const TYP: &'static str;
    /// Where the verification key comes from.
    const KEY_SOURCE: KeySource = KeySource::Pinned;
    /// The longest compact JWS, in bytes.
    const MAX_LENGTH: usize = 32 * 1024;

    /// Checks every rule about the claims that needs no other message and no clock.
    ///
    /// # Errors
    /// The first rule that is broken.
    fn check(&self) -> Result<(), ClaimsError>;

    /// `iss`, where the type has one.
    fn issuer(&self) -> Option<&str>;

    /// Whether `audience` is `aud`, or one of them.
    fn is_for(&self, audience: &str) -> bool;

    /// When the message is acceptable.
    fn validity(&self) -> Validity;
}

/// Where the key that verifies a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// Header `kid`, among the keys pinned for the party.
    Pinned,
    /// Header `jwk`: a proof of possession of a key not known yet (enrolment and rotation only).
    Embedded,
}

/// When a message is acceptable, in issuer time, with a tolerance of 60 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// From `iat` until before `exp`.
    Until {
        /// When it was made.
        iat: Timestamp,
        /// When it ends.
        exp: Timestamp,
    },
    /// Only right after it was made.
    Fresh {
        /// When it was made.
        iat: Timestamp,
    },
    /// Evidence: any time after it was made.
    Ageless {
        /// When it was made.
        iat: Timestamp,
    },
}

/// A claim that breaks a rule of section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// A value or combination of values that is not allowed.
    #[error("`{claim}` {problem}")]
    Invalid {
        /// Which claim.
        claim: &'static str,
        /// What is wrong, completing the sentence that begins with its name.
        problem: &'static str,
    },
    /// A text that breaks section 4.4.
    #[error("`{claim}` {source}")]
    Text {
        /// Which claim.
        claim: &'static str,
        /// Which rule.
        source: TextError,
    },
}

/// Fails unless `holds`.
pub(crate) fn require(holds: bool, claim: &'static str, problem: &'static str) -> Result<(), ClaimsError> {
    if holds {
        Ok(())
    } else {
        Err(ClaimsError::Invalid { claim, problem })
    }
}

pub(crate) fn require_text(text: &str, max: usize, claim: &'static str) -> Result<(), ClaimsError> {
    text::check(text, max).map_err(|source| ClaimsError::Text { claim, source })
}

pub(crate) fn require_optional_text(
    text: Option<&str>,
    max: usize,
    claim: &'static str,
) -> Result<(), ClaimsError> {
    text.map_or(Ok(()), |text| require_text(text, max, claim))
}

pub(crate) fn require_instant(instant: Timestamp, claim: &'static str) -> Result<(), ClaimsError> {
    require((0..=MAX_INTEGER).contains(&instant), claim, "is not an instant")
}

/// `iat < exp` and `exp − iat ≤ longest`.
pub(crate) fn require_lifetime(iat: Timestamp, exp: Timestamp, longest: i64) -> Result<(), ClaimsError> {
    require_instant(iat, "iat")?;
    require_instant(exp, "exp")?;
    require(iat < exp, "exp", "is not after `iat`")?;
    require(exp - iat <= longest, "exp", "is too long after `iat`")
}

pub(crate) fn require_hash(hash: &str, claim: &'static str) -> Result<(), ClaimsError> {
    require(base64url::is_sha256(hash), claim, "is not a base64url SHA-256")
}

pub(crate) fn require_optional_hash(hash: Option<&str>, claim: &'static str) -> Result<(), ClaimsError> {
    hash.map_or(Ok(()), |hash| require_hash(hash, claim))
}
