//! The shared secret of an entry, and base32, the form in which secrets travel.
//!
//! Invariants: a [`Secret`] holds 1 to [`MAX_SECRET`] bytes, is wiped when dropped and never shown by `Debug`.

use std::fmt;

use zeroize::Zeroizing;

/// The longest secret, in bytes. RFC 4226 asks for 16 at least; nobody is known to give out more than 128.
pub const MAX_SECRET: usize = 1024;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The secret that both sides know.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why something is no secret. The text never repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nothing there.
    #[error("the secret is empty")]
    Empty,
    /// Longer than [`MAX_SECRET`].
    #[error("the secret is longer than {MAX_SECRET} bytes")]
    TooLong,
    /// A character that base32 does not have.
    #[error("the secret has a character that does not belong into it (A to Z and 2 to 7 do)")]
    NotBase32,
}

impl Secret {
    /// Takes the bytes over.
    ///
    /// # Errors
    /// [`SecretError`] if there are none or too many.
    pub fn from_bytes(bytes: impl Into<Zeroizing<Vec<u8>>>) -> Result<Self, SecretError> {
        let bytes = bytes.into();
        match bytes.len() {
            0 => Err(SecretError::Empty),
            1..=MAX_SECRET => Ok(Self(bytes)),
            _ => Err(SecretError::TooLong),
        }
    }

    /// Reads base32 as people and programs write it: any case, blanks and hyphens between groups, padding or not.
    /// Bits that do not fill a byte are dropped, as the common apps do.
    ///
    /// # Errors
    /// [`SecretError`]. Digits that look like letters (0, 1, 8) are refused, not guessed.
    pub fn from_base32(text: &str) -> Result<Self, SecretError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 1));
        let (mut bits, mut count) = (0_u32, 0_u32);
        let text = text.trim_end_matches(|c: char| c == '=' || c.is_whitespace());
        for character in text.chars() {
            let value = match character {
                'A'..='Z' => u32::from(character) - u32::from('A'),
                'a'..='z' => u32::from(character) - u32::from('a'),
                '2'..='7' => u32::from(character) - u32::from('2') + 26,
                '-' => continue,
                _ if character.is_whitespace() => continue,
                _ => return Err(SecretError::NotBase32),
            };
            bits = (bits << 5 | value) & 0xfff;
            count += 5;
            if count >= 8 {
                count -= 8;
                if bytes.len() == MAX_SECRET {
                    return Err(SecretError::TooLong);
                }
                // The mask leaves one byte.
                bytes.push((bits >> count & 0xff) as u8);
            }
        }
        Self::from_bytes(bytes)
    }

    /// Upper case base32 without padding, as `otpauth://` has it.
    pub fn to_base32(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.0.len().div_ceil(5) * 8));
        let (mut bits, mut count) = (0_u32, 0_u32);
        for byte in self.0.iter() {
            bits = (bits << 8 | u32::from(*byte)) & 0xffff;
            count += 8;
            while count >= 5 {
                count -= 5;
                text.push(symbol(bits >> count));
            }
        }
        if count > 0 {
            text.push(symbol(bits << (5 - count)));
        }
        text
    }

    /// The bytes. Whoever calls this must not keep a copy that is not wiped.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

fn symbol(value: u32) -> char {
    char::from(ALPHABET[(value & 31) as usize])
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            let secret = Secret::from_bytes(bytes.as_bytes().to_vec()).unwrap();
            assert_eq!(secret.to_base32().as_str(), text);
            assert_eq!(Secret::from_base32(text), Ok(secret));
        }
    }

    #[test]
    fn base32_is_read_as_people_write_it() {
        let secret = Secret::from_base32("MZXW6YTBOI").unwrap();
        for text in [
            "mzxw 6ytb oi",
            "MZXW-6YTB-OI======",
            " mzxw6ytboi= ",
            "MZXW6YTBOI\n",
        ] {
            assert_eq!(Secret::from_base32(text).as_ref(), Ok(&secret), "{text}");
        }
    }

    #[test]
    fn what_is_no_base32_is_refused() {
        for text in ["MZXW0", "MZXW1", "MZXW8", "MZ=XW", "MZXWä", "MZXW_"] {
            assert_eq!(Secret::from_base32(text), Err(SecretError::NotBase32), "{text}");
        }
        for text in ["", " ", "====", "M"] {
            assert_eq!(Secret::from_base32(text), Err(SecretError::Empty), "{text}");
        }
    }

    #[test]
    fn the_limit_is_exact() {
        let fits = Secret::from_bytes(vec![7; MAX_SECRET]).unwrap();
        assert_eq!(Secret::from_base32(&fits.to_base32()), Ok(fits));
        assert_eq!(
            Secret::from_bytes(vec![7; MAX_SECRET + 1]),
            Err(SecretError::TooLong)
        );
        assert_eq!(
            Secret::from_base32(&"A".repeat(100_000)),
            Err(SecretError::TooLong)
        );
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::from_base32("MZXW6YTBOI").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
