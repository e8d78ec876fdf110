//! An entry: whose code it is, and how the code is made.
//!
//! Invariants: every field is within its limits once it exists, so nothing behind the edge checks again. An entry keeps its
//! [`EntryId`] for life, whatever is renamed or moved.

use std::fmt;

use ring::rand::SecureRandom;

use crate::{
    RandomError,
    secret::Secret,
    text::{Label, Note},
};

/// The most tags an entry has.
pub const MAX_TAGS: usize = 32;

/// What names an entry for as long as it exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId([u8; 16]);

/// The hash function under the HMAC (RFC 6238, section 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Algorithm {
    /// HMAC-SHA-1, what nearly everybody uses.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// How many digits a code has: 6 to 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digits(u8);

/// How long a code is shown, in seconds: 1 to 86,400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period(u32);

/// How the code is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By time (RFC 6238).
    Totp {
        /// The hash function.
        algorithm: Algorithm,
        /// The length.
        digits: Digits,
        /// The time step.
        period: Period,
    },
    /// By counter (RFC 4226).
    Hotp {
        /// The hash function.
        algorithm: Algorithm,
        /// The length.
        digits: Digits,
        /// The counter of the *next* code.
        counter: u64,
    },
    /// By time, five letters and digits, as Steam has it.
    Steam,
}

/// Everything about an entry that does not change by keeping it: what an import finds and a person edits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// Who asks for the code.
    pub issuer: Label,
    /// Whose code it is.
    pub account: Label,
    /// How it is made.
    pub kind: Kind,
    /// What it is made from.
    pub secret: Secret,
    /// Groups and tags: the same thing here. At most [`MAX_TAGS`]; see [`Details::set_tags`].
    tags: Vec<Label>,
    /// Whether it is kept at the top.
    pub pinned: bool,
    /// What the person wants to remember about it.
    pub note: Note,
}

/// More tags than [`MAX_TAGS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_TAGS} tags")]
pub struct TooManyTags;

/// An entry that is kept. Its place in [`crate::Codes`] is its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What names it.
    pub id: EntryId,
    /// What it says.
    pub details: Details,
    /// When it was added, in seconds since 1970 by the agent's clock.
    pub added_at: u64,
}

impl EntryId {
    /// A new one.
    ///
    /// # Errors
    /// [`RandomError`] if there is no randomness.
    pub fn random(rng: &dyn SecureRandom) -> Result<Self, RandomError> {
        let mut bytes = [0; 16];
        rng.fill(&mut bytes).map_err(|_| RandomError)?;
        Ok(Self(bytes))
    }

    /// Reads the 32 hexadecimal digits that `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = crate::hex::decode(text)?.try_into().ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hex::encode(&self.0))
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryId({self})")
    }
}

impl Algorithm {
    /// The name in `otpauth://` and everywhere else.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// Reads a name as programs write it: `SHA1`, `sha-256`, `HmacSHA512`.
    pub fn parse(name: &str) -> Option<Self> {
        let plain: String = name
            .chars()
            .filter(|c| !matches!(c, '-' | '_'))
            .take(16)
            .flat_map(char::to_uppercase)
            .collect();
        match plain.strip_prefix("HMAC").unwrap_or(&plain) {
            "SHA1" => Some(Self::Sha1),
            "SHA256" => Some(Self::Sha256),
            "SHA512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

impl Digits {
    /// What nearly everybody uses.
    pub const SIX: Self = Self(6);

    /// `None` unless 6 to 10.
    pub fn new(digits: u64) -> Option<Self> {
        u8::try_from(digits)
            .ok()
            .filter(|d| (6..=10).contains(d))
            .map(Self)
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Period {
    /// What nearly everybody uses.
    pub const THIRTY: Self = Self(30);

    /// `None` unless 1 to 86,400 seconds.
    pub fn new(seconds: u64) -> Option<Self> {
        u32::try_from(seconds)
            .ok()
            .filter(|s| (1..=86_400).contains(s))
            .map(Self)
    }

    /// The seconds.
    pub fn seconds(self) -> u64 {
        u64::from(self.0)
    }
}

impl Kind {
    /// TOTP as nearly everybody uses it: SHA-1, six digits, thirty seconds.
    pub const TOTP: Self = Self::Totp {
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        period: Period::THIRTY,
    };

    /// Whether codes are made in the same way, wherever a counter stands.
    pub fn same_way(self, other: Self) -> bool {
        match (self, other) {
            (
                Self::Hotp {
                    algorithm, digits, ..
                },
                Self::Hotp {
                    algorithm: a,
                    digits: d,
                    ..
                },
            ) => algorithm == a && digits == d,
            (Self::Totp { .. } | Self::Hotp { .. } | Self::Steam, _) => self == other,
        }
    }
}

impl Details {
    /// An entry without tags, pin and note.
    pub fn new(issuer: Label, account: Label, kind: Kind, secret: Secret) -> Self {
        Self {
            issuer,
            account,
            kind,
            secret,
            tags: Vec::new(),
            pinned: false,
            note: Note::default(),
        }
    }

    /// The tags, sorted, each once.
    pub fn tags(&self) -> &[Label] {
        &self.tags
    }

    /// Replaces the tags; empty and doubled ones are dropped.
    ///
    /// # Errors
    /// [`TooManyTags`].
    pub fn set_tags(&mut self, tags: impl IntoIterator<Item = Label>) -> Result<(), TooManyTags> {
        let mut kept: Vec<Label> = Vec::new();
        for tag in tags {
            if !tag.is_empty() && !kept.contains(&tag) {
                if kept.len() == MAX_TAGS {
                    return Err(TooManyTags);
                }
                kept.push(tag);
            }
        }
        kept.sort();
        self.tags = kept;
        Ok(())
    }

    /// Whether both would always show the same codes: what makes one a duplicate of the other, whatever their names.
    pub fn same_codes(&self, other: &Self) -> bool {
        self.secret == other.secret && self.kind.same_way(other.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_read_as_programs_write_them() {
        for (name, algorithm) in [
            ("SHA1", Some(Algorithm::Sha1)),
            ("sha-256", Some(Algorithm::Sha256)),
            ("HmacSHA512", Some(Algorithm::Sha512)),
            ("MD5", None),
            ("SHA384", None),
            ("", None),
        ] {
            assert_eq!(Algorithm::parse(name), algorithm, "{name}");
        }
        assert_eq!(Algorithm::parse(&"SHA1-".repeat(100_000)), None);
    }

    #[test]
    fn digits_and_periods_have_limits() {
        let digits: Vec<u64> = (0..300).filter(|d| Digits::new(*d).is_some()).collect();
        assert_eq!(digits, [6, 7, 8, 9, 10]);
        assert_eq!(Period::new(0), None);
        assert_eq!(Period::new(86_400).map(Period::seconds), Some(86_400));
        assert_eq!(Period::new(86_401), None);
        assert_eq!(Period::new(u64::MAX), None);
    }

    #[test]
    fn tags_are_a_set_with_a_limit() {
        let label = |text: &str| Label::new(text).unwrap();
        let secret = Secret::from_bytes(vec![1; 20]).unwrap();
        let mut details = Details::new(label("a"), label("b"), Kind::Steam, secret);
        details.set_tags(["work", "", "bank", "work"].map(label)).unwrap();
        assert_eq!(details.tags(), ["bank", "work"].map(label));
        let many = (0..=MAX_TAGS).map(|i| label(&i.to_string()));
        assert_eq!(details.set_tags(many), Err(TooManyTags));
        assert_eq!(details.tags(), ["bank", "work"].map(label));
    }

    #[test]
    fn a_counter_makes_no_other_entry() {
        let hotp = |counter| Kind::Hotp {
            algorithm: Algorithm::Sha1,
            digits: Digits::SIX,
            counter,
        };
        assert!(hotp(1).same_way(hotp(2)));
        assert!(!hotp(1).same_way(Kind::TOTP));
        assert!(!Kind::Steam.same_way(Kind::TOTP));
    }
}
