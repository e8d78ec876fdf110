//! The server's key for one token: pinned at enrolment, verifies every challenge.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    digest,
    signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};

use crate::{der::Reader, encoding};

/// The longest key text that is read, in bytes: over that of 8192 bits.
const MAX_TEXT: usize = 2048;

/// An RSA public key of 2048 to 8192 bits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerKey {
    /// PKCS #1 `RSAPublicKey`.
    der: Vec<u8>,
}

/// Not a server's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerKeyError {
    /// Not base 64 of a PKCS #1 key.
    #[error("it is not an RSA public key")]
    Form,
    /// Fewer than 2048 or more than 8192 bits, or an exponent that is too small.
    #[error("it is of an unacceptable size")]
    Size,
}

impl ServerKey {
    /// Reads base 64 (line breaks allowed) of a PKCS #1 `RSAPublicKey`.
    ///
    /// # Errors
    /// If it is none, or of another size.
    pub fn parse(text: &str) -> Result<Self, ServerKeyError> {
        if text.len() > MAX_TEXT {
            return Err(ServerKeyError::Form);
        }
        let compact: String = text.split_ascii_whitespace().collect();
        let der = STANDARD.decode(compact).map_err(|_| ServerKeyError::Form)?;
        let (modulus, exponent) = parts(&der).ok_or(ServerKeyError::Form)?;
        let bits = modulus.len() * 8 - modulus.first().map_or(0, |b| b.leading_zeros() as usize);
        // `ring` asks for the same; said here so that a key which never verifies anything is not pinned.
        let acceptable = (2048..=8192).contains(&bits)
            && modulus.last().is_some_and(|b| b & 1 == 1)
            && exponent.last().is_some_and(|b| b & 1 == 1)
            && (exponent.len() > 1 || exponent.first().is_some_and(|b| *b >= 3))
            && exponent.len() <= 4;
        if acceptable {
            Ok(Self { der })
        } else {
            Err(ServerKeyError::Size)
        }
    }

    /// SHA-256 of the key's PKCS #1 form: what people compare.
    pub fn digest(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, &self.der).as_ref());
        out
    }

    /// Whether `signature` (base 32) is the server's over `message`.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        encoding::from_base32(signature).is_some_and(|signature| {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der)
                .verify(message, &signature)
                .is_ok()
        })
    }
}

fn parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::new(der);
    let mut key = outer.sequence()?;
    outer.end()?;
    let parts = (key.integer()?, key.integer()?);
    key.end()?;
    Some(parts)
}

impl TryFrom<String> for ServerKey {
    type Error = ServerKeyError;

    fn try_from(text: String) -> Result<Self, ServerKeyError> {
        Self::parse(&text)
    }
}

impl From<ServerKey> for String {
    fn from(key: ServerKey) -> Self {
        STANDARD.encode(key.der)
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKey").finish_non_exhaustive()
    }
}
