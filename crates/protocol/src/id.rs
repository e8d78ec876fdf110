//! Identifiers and short secrets: valid once they exist.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base64url;

/// A string that is not the identifier it should be. The text never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}")]
pub struct IdError {
    expected: &'static str,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        identifier!(@impls $name, $expected, $valid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
    (secret $(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        identifier!(@impls $name, $expected, $valid);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    };
    (@impls $name:ident, $expected:literal, $valid:expr) => {
        impl $name {
            /// Parses the text form.
            ///
            /// # Errors
            /// If it is not
            #[doc = concat!($expected, ".")]
            pub fn parse(text: &str) -> Result<Self, IdError> {
                Self::try_from(text.to_owned())
            }

            /// The text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) { Ok(Self(text)) } else { Err(IdError { expected: $expected }) }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

identifier! {
    /// One enrolled key on one computer (section 1): `dev_` and 128 bits, chosen by the issuer.
    DeviceId, "a device id (`dev_` and 22 base64url characters)", |text| is_128_bits(text, "dev_")
}
identifier! {
    /// One approval (section 1): `txn_` and 128 bits, chosen by the issuer.
    Txn, "a transaction id (`txn_` and 22 base64url characters)", |text| is_128_bits(text, "txn_")
}
identifier! {
    /// 128 random bits that tie a decision to one request for one device (section 2.1).
    Nonce, "a nonce (22 base64url characters)", |text| is_128_bits(text, "")
}
identifier! {
    /// Names one signed message, so that a repetition is noticed (section 2).
    Jti, "a message id (1 to 64 characters of A-Z, a-z, 0-9, - and _)",
    |text| (1..=64).contains(&text.len()) && base64url::is_alphabet(text)
}
identifier! {
    /// The RFC 7638 SHA-256 thumbprint of a public key, base64url (section 2).
    KeyId, "a key id (43 base64url characters)", base64url::is_sha256
}
identifier! {
    secret
    /// The digits that a person types (section 2.1). Counted attempts keep it safe, so it never enters a log: `Debug` hides it.
    MatchCode, "a match code (2 to 8 digits)",
    |text| (2..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}
identifier! {
    secret
    /// The code of an enrolment link (section 5.2). Whoever has it may enrol: `Debug` hides it.
    EnrolmentCode, "an enrolment code (22 to 64 base64url characters)",
    |text| (22..=64).contains(&text.len()) && base64url::is_alphabet(text)
}

fn is_128_bits(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|bits| bits.len() == 22 && base64url::decode_array::<16>(bits).is_some())
}

impl DeviceId {
    /// Makes an id of 128 random bits.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(format!("dev_{}", base64url::encode(&random)))
    }
}

impl Txn {
    /// Makes an id of 128 random bits.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(format!("txn_{}", base64url::encode(&random)))
    }
}

impl Nonce {
    /// Makes a nonce of 128 random bits.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(base64url::encode(&random))
    }
}

impl Jti {
    /// Makes an id of 128 random bits.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(base64url::encode(&random))
    }
}

impl KeyId {
    pub(crate) fn of_digest(digest: String) -> Self {
        Self(digest)
    }
}

impl EnrolmentCode {
    /// Makes a code of 128 random bits.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(base64url::encode(&random))
    }
}

impl MatchCode {
    /// Makes a code of `digits` digits out of 128 random bits; the bias is below 2^-100.
    ///
    /// # Errors
    /// If `digits` is not 2 to 8.
    pub fn from_random(digits: u8, random: [u8; 16]) -> Result<Self, IdError> {
        let width = usize::from(digits);
        let text = format!("{:039}", u128::from_be_bytes(random));
        Self::parse(text.get(text.len().saturating_sub(width)..).unwrap_or_default())
    }

    /// How many digits it has.
    pub fn digits(&self) -> usize {
        self.0.len()
    }
}
