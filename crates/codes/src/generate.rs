//! From secret and time or counter to the code (RFC 4226, RFC 6238, Steam).
//!
//! Time is an argument, in milliseconds since 1970, and whoever calls has added its clock offset already. A [`Code`] is wiped
//! when dropped and not shown by `Debug`.

use std::fmt;

use ring::hmac;
use zeroize::Zeroizing;

use crate::{
    entry::{Algorithm, Details, Digits, Kind, Period},
    secret::Secret,
};

/// The alphabet of Steam's codes.
const STEAM: &[u8; 26] = b"23456789BCDFGHJKMNPQRTVWXY";
const STEAM_LENGTH: usize = 5;

/// A code as it is typed.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Zeroizing<String>);

/// A code that the clock replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedCode {
    /// The code of now.
    pub code: Code,
    /// The code that follows.
    pub next: Code,
    /// How long the code of now is still that, in milliseconds: 1 to `period_ms`.
    pub remaining_ms: u64,
    /// How long each code is shown, in milliseconds.
    pub period_ms: u64,
}

/// What an entry shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A code by time.
    Timed(TimedCode),
    /// Codes by counter: none before one is asked for with [`crate::Codes::advance`].
    OnRequest {
        /// The counter of the next one.
        counter: u64,
    },
}

impl Code {
    /// What is typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

impl Details {
    /// What the entry shows at `now_ms`, milliseconds since 1970.
    pub fn shown_at(&self, now_ms: u64) -> Shown {
        let period = match self.kind {
            Kind::Totp { period, .. } => period,
            Kind::Steam => Period::THIRTY,
            Kind::Hotp { counter, .. } => return Shown::OnRequest { counter },
        };
        let period_ms = period.seconds() * 1000;
        let step = now_ms / period_ms;
        Shown::Timed(TimedCode {
            code: self.code(step),
            next: self.code(step + 1),
            remaining_ms: period_ms - now_ms % period_ms,
            period_ms,
        })
    }

    /// The code of one step or counter value.
    pub(crate) fn code(&self, step: u64) -> Code {
        match self.kind {
            Kind::Totp {
                algorithm, digits, ..
            }
            | Kind::Hotp {
                algorithm, digits, ..
            } => hotp(&self.secret, algorithm, digits, step),
            Kind::Steam => steam(&self.secret, step),
        }
    }
}

/// The code of one counter value (RFC 4226, section 5.3); by time the counter is the number of periods since 1970.
pub fn hotp(secret: &Secret, algorithm: Algorithm, digits: Digits, counter: u64) -> Code {
    let value = u64::from(truncated(secret, algorithm, counter)) % 10_u64.pow(u32::from(digits.get()));
    let width = usize::from(digits.get());
    Code(Zeroizing::new(format!("{value:0width$}")))
}

/// Steam's code: the same truncated value, written with 26 letters and digits.
pub fn steam(secret: &Secret, step: u64) -> Code {
    let mut value = truncated(secret, Algorithm::Sha1, step) as usize;
    let mut text = Zeroizing::new(String::with_capacity(STEAM_LENGTH));
    for _ in 0..STEAM_LENGTH {
        text.push(char::from(STEAM[value % STEAM.len()]));
        value /= STEAM.len();
    }
    Code(text)
}

/// Dynamic truncation: 31 bits of the HMAC (RFC 4226, section 5.3, steps 1 and 2).
fn truncated(secret: &Secret, algorithm: Algorithm, counter: u64) -> u32 {
    let algorithm = match algorithm {
        Algorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::Sha256 => hmac::HMAC_SHA256,
        Algorithm::Sha512 => hmac::HMAC_SHA512,
    };
    let tag = hmac::sign(
        &hmac::Key::new(algorithm, secret.expose()),
        &counter.to_be_bytes(),
    );
    let tag = tag.as_ref();
    // The shortest tag has 20 bytes, so offset + 4 is at most 19.
    let offset = usize::from(tag[tag.len() - 1] & 15);
    u32::from_be_bytes([tag[offset], tag[offset + 1], tag[offset + 2], tag[offset + 3]]) & 0x7fff_ffff
}

#[cfg(test)]
mod tests;
