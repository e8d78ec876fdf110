//! The name of a token at its server.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest serial, in bytes: what a server's database holds.
const MAX_SERIAL: usize = 40;

/// A token's serial number: 1 to 40 letters, digits, `-`, `_` and `.`, so that it separates cleanly in what is signed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(String);

/// Not a serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token's serial number")]
pub struct InvalidSerial;

impl Serial {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Serial {
    type Error = InvalidSerial;

    fn try_from(text: String) -> Result<Self, InvalidSerial> {
        let fits = (1..=MAX_SERIAL).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if fits { Ok(Self(text)) } else { Err(InvalidSerial) }
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> Self {
        serial.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
