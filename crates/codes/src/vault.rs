//! The vault file: all entries, encrypted under a 256-bit key that the caller keeps in the OS keystore (`docs/vault.md`).
//!
//! Invariants: the file is replaced as a whole (temporary file, fsync, rename, fsync of the directory) or not at all; each write
//! has a fresh random nonce; the header is authenticated; a file that cannot be opened is a typed error and is left as it is.

use std::{fmt, path::Path};

use ring::{digest, hmac, rand::SecureRandom};
use zeroize::Zeroizing;

use crate::{
    RandomError, aead,
    codes::{Codes, Written},
    content::{self, ContentError, MAX_CONTENT, TooLarge},
    random,
};

mod file;

pub use file::FileError;

/// The format version that is written.
pub const VERSION: u16 = 1;

const MAGIC: &[u8; 8] = b"CSCODES\n";
const KEY_CHECK: usize = digest::SHA256_OUTPUT_LEN;
const KEY_CHECK_INPUT: &[u8] = b"countersign codes vault: key check";
const HEADER: usize = MAGIC.len() + 2 + KEY_CHECK + aead::NONCE;
const CHECKSUM: usize = digest::SHA256_OUTPUT_LEN;
/// The largest file that is read or written, in bytes.
const MAX_FILE: usize = HEADER + MAX_CONTENT + aead::TAG + CHECKSUM;

/// The key of a vault. It comes from the OS keystore and goes nowhere else.
#[derive(Clone)]
pub struct VaultKey(Zeroizing<[u8; aead::KEY]>);

/// Why a vault cannot be opened. Whatever it is: do not write over the file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not a vault at all: emptied, or another kind of file.
    #[error("this is not a vault of one-time codes. It is left as it is; restore it from a backup")]
    NotAVault,
    /// Cut off or changed: the checksum does not hold.
    #[error("the vault is damaged. It is left as it is; restore it from a backup")]
    Damaged,
    /// The file is whole, but it was written under another key.
    #[error(
        "the vault was written under another key than the keyring has. It is left as it is; unlock the keyring it was made with, or restore a backup"
    )]
    WrongKey,
    /// The file is whole and the key is right, but somebody changed it who can compute a checksum.
    #[error(
        "the vault was changed by something else than Countersign. It is left as it is; restore it from a backup"
    )]
    Forged,
    /// Written by a newer release.
    #[error(
        "the vault was written by a newer release (format {found}; this one knows {VERSION}). Update Countersign; the file is left as it is"
    )]
    Newer {
        /// Its version.
        found: u16,
    },
    /// Authentic, but not what this release or an older one wrote.
    #[error("the vault has content that this release does not understand. It is left as it is")]
    Content(#[source] ContentError),
}

/// Why a vault cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Too much in it.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// No nonce.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Why the file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The vault cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Why the file was not written. The old one is still there.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is nothing to write.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl VaultKey {
    /// A new key.
    ///
    /// # Errors
    /// [`RandomError`] if there is no randomness.
    pub fn random(rng: &dyn SecureRandom) -> Result<Self, RandomError> {
        let mut key = Zeroizing::new([0; aead::KEY]);
        rng.fill(&mut *key).map_err(|_| RandomError)?;
        Ok(Self(key))
    }

    /// The key that was kept. `None` unless there are 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|key| Self(Zeroizing::new(key)))
    }

    /// The bytes, for the keystore alone.
    pub fn expose(&self) -> &[u8; aead::KEY] {
        &self.0
    }

    /// Makes what tells a wrong key from a damaged file, and says nothing about the key.
    fn check_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &*self.0)
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey(..)")
    }
}

/// Encrypts the entries into the bytes of a vault file.
///
/// # Errors
/// [`SealError`].
pub fn seal(codes: &Codes, key: &VaultKey, rng: &dyn SecureRandom) -> Result<Vec<u8>, SealError> {
    let text = content::encode(codes)?;
    let nonce: [u8; aead::NONCE] = random::bytes(rng)?;
    let mut bytes = Vec::with_capacity(HEADER + text.len() + aead::TAG + CHECKSUM);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(hmac::sign(&key.check_key(), KEY_CHECK_INPUT).as_ref());
    bytes.extend_from_slice(&nonce);
    let sealed = aead::seal(&key.0, nonce, &bytes, &text).ok_or(TooLarge)?;
    bytes.extend_from_slice(&sealed);
    let checksum = digest::digest(&digest::SHA256, &bytes);
    bytes.extend_from_slice(checksum.as_ref());
    Ok(bytes)
}

/// Decrypts the bytes of a vault file.
///
/// # Errors
/// [`OpenError`] says what is wrong, as far as it can be told apart.
pub fn open(bytes: &[u8], key: &VaultKey) -> Result<Codes, OpenError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(OpenError::NotAVault)?;
    let (whole, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(OpenError::Damaged)?;
    if digest::digest(&digest::SHA256, whole).as_ref() != checksum {
        return Err(OpenError::Damaged);
    }
    // Magic, version and checksum stay where they are in every version.
    let (version, _) = rest.split_first_chunk().ok_or(OpenError::Damaged)?;
    let version = u16::from_be_bytes(*version);
    if version > VERSION {
        return Err(OpenError::Newer { found: version });
    }
    let (header, sealed) = whole.split_at_checked(HEADER).ok_or(OpenError::Damaged)?;
    let (_, nonce) = header.split_last_chunk().ok_or(OpenError::Damaged)?;
    let check = &header[MAGIC.len() + 2..][..KEY_CHECK];
    if hmac::verify(&key.check_key(), KEY_CHECK_INPUT, check).is_err() {
        return Err(OpenError::WrongKey);
    }
    let text = aead::open(&key.0, *nonce, header, sealed).map_err(|_| OpenError::Forged)?;
    content::decode(&text).map_err(OpenError::Content)
}

/// Reads the vault file at `path`; `None` only if there is none.
///
/// # Errors
/// [`ReadError`]. The file is left as it is, and an unreadable one is never taken for an absent one.
pub fn read(path: &Path, key: &VaultKey) -> Result<Option<Codes>, ReadError> {
    match file::read(path, MAX_FILE)? {
        Some(bytes) => Ok(Some(open(&bytes, key)?)),
        None => Ok(None),
    }
}

/// Replaces the vault file at `path` durably, or changes nothing. The directory has to exist and to be the agent's own;
/// one process at a time writes (the agent holds a lock on its directory).
///
/// # Errors
/// [`WriteError`]; the old file is then still there.
pub fn write(
    path: &Path,
    codes: &Codes,
    key: &VaultKey,
    rng: &dyn SecureRandom,
) -> Result<Written, WriteError> {
    file::replace(path, &seal(codes, key, rng)?)?;
    Ok(codes.written())
}

#[cfg(test)]
mod tests;
