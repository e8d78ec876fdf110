//! Device keys: made, used and deleted behind [`KeyStore`]; outside this module a key is a [`KeyRef`] and a callback. Beside them
//! [`SecretStore`] keeps the few secrets that something else needs as bytes: the key of the one-time codes.
//!
//! Invariants: private key bytes leave no store and are wiped after each use; a key is read anew for every signature, so
//! locking the keyring takes effect at once (it costs 1–10 ms a signature); *locked*, *gone* and *no answer* are different
//! errors, and none of them ever leads to a new key or to another store. A store may block on a prompt: the agent
//! only talks to it through [`Keys`], which gives every call its own thread and a time limit.

#[cfg(test)]
mod contract;
mod key;
mod keys;
#[cfg(test)]
mod memory;
mod secret_service;

pub use key::{DeviceKey, KeyKind, LoadedKey, P384Jwk, PublicKey, RsaJwk};
pub use keys::{Keys, Limits};
#[cfg(test)]
pub use memory::{MemoryKeyStore, MemoryState};
pub use secret_service::SecretServiceKeyStore;

use countersign_agent_api::{ErrorCode, KeyringState};
use countersign_protocol::{KeyProtection, SignError};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Names one key in its store: 22 random base64url characters, saying nothing about whose key it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyRef(String);

/// A text that is no [`KeyRef`].
#[derive(Debug, thiserror::Error)]
#[error("not a key reference")]
pub struct InvalidKeyRef;

impl KeyRef {
    /// A new reference from 128 random bits.
    pub fn from_random(bits: [u8; 16]) -> Self {
        use base64::Engine as _;
        Self(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bits))
    }

    /// One that was not there before.
    #[cfg(test)]
    pub(crate) fn drawn() -> Self {
        use ring::rand::SecureRandom as _;
        let mut bits = [0; 16];
        crate::edge::random().fill(&mut bits).unwrap();
        Self::from_random(bits)
    }

    /// The 22 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyRef {
    type Error = InvalidKeyRef;

    fn try_from(text: String) -> Result<Self, InvalidKeyRef> {
        let fits = text.len() == 22
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits { Ok(Self(text)) } else { Err(InvalidKeyRef) }
    }
}

impl From<KeyRef> for String {
    fn from(reference: KeyRef) -> Self {
        reference.0
    }
}

/// Whether a call may make the store ask the person (to unlock it, for instance).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interaction {
    /// Nobody asked for this call: a locked store is an error at once, no dialog appears.
    Forbidden,
    /// A person waits for this call: a dialog may appear and the call may take as long as the person does.
    Allowed,
}

/// What a secret is for, so what people see of it in their keyring's own program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Encrypts the vault of one-time codes.
    Codes,
    /// The password of the regular backups of one-time codes.
    Backups,
}

/// The largest secret, in bytes.
pub const MAX_SECRET: usize = 1024;

/// Secrets that are kept as bytes. Every method may block; see [`Keys`] for the asynchronous way.
pub trait SecretStore: std::fmt::Debug + Send + Sync {
    /// Keeps a secret of 1 to [`MAX_SECRET`] bytes under this reference, which is new, and reads it back.
    ///
    /// # Errors
    /// All but [`KeyStoreError::NoEntry`] and [`KeyStoreError::Message`]. After an error nothing is kept.
    fn keep(
        &self,
        reference: &KeyRef,
        purpose: Purpose,
        secret: &[u8],
        interaction: Interaction,
    ) -> Result<(), KeyStoreError>;

    /// The secret under this reference.
    ///
    /// # Errors
    /// [`KeyStoreError::NoEntry`] if it is not there, [`KeyStoreError::Damaged`] if that is no secret.
    fn secret(
        &self,
        reference: &KeyRef,
        interaction: Interaction,
    ) -> Result<Zeroizing<Vec<u8>>, KeyStoreError>;

    /// Deletes a secret. One that is not there any more counts as deleted.
    ///
    /// # Errors
    /// All but [`KeyStoreError::NoEntry`].
    fn forget(&self, reference: &KeyRef, interaction: Interaction) -> Result<(), KeyStoreError>;
}

/// Where device keys are kept. Every method may block; see [`Keys`] for the asynchronous way.
pub trait KeyStore: SecretStore {
    /// Makes a key of this kind and keeps it under this reference, which is new.
    ///
    /// # Errors
    /// All but [`KeyStoreError::NoEntry`]. After an error nothing is kept.
    fn create(
        &self,
        reference: &KeyRef,
        kind: KeyKind,
        interaction: Interaction,
    ) -> Result<DeviceKey, KeyStoreError>;

    /// Reads a key, for the time of one signature.
    ///
    /// # Errors
    /// [`KeyStoreError::NoEntry`] if it is not there; [`KeyStoreError::Damaged`] if what is there is none.
    fn load(&self, reference: &KeyRef, interaction: Interaction) -> Result<LoadedKey, KeyStoreError>;

    /// Signs `message` with `key`; the result is the raw signature: 64 bytes of ES256 (RFC 7515, appendix A.3), 384 of RSA, DER of P-384.
    ///
    /// # Errors
    /// [`KeyStoreError::NoEntry`] if the key is not there; [`KeyStoreError::Damaged`] if what is there is another one.
    fn sign(
        &self,
        key: &DeviceKey,
        message: &[u8],
        interaction: Interaction,
    ) -> Result<Vec<u8>, KeyStoreError> {
        let loaded = self.load(&key.reference, interaction)?;
        if loaded.public_key() != key.public {
            return Err(KeyStoreError::Damaged);
        }
        loaded.sign(message)
    }

    /// Reads the key's public half from the store: proof that the key is there and usable.
    ///
    /// # Errors
    /// As for [`KeyStore::sign`].
    fn public_key(&self, reference: &KeyRef, interaction: Interaction) -> Result<PublicKey, KeyStoreError> {
        Ok(self.load(reference, interaction)?.public_key())
    }

    /// Deletes the key. One that is not there any more counts as deleted.
    ///
    /// # Errors
    /// All but [`KeyStoreError::NoEntry`].
    fn delete(&self, reference: &KeyRef, interaction: Interaction) -> Result<(), KeyStoreError>;

    /// What protects the keys of this store, as honestly as it can be said.
    fn protection(&self) -> KeyProtection;

    /// Whether keys could be made and used now.
    ///
    /// # Errors
    /// All but [`KeyStoreError::NoEntry`] and [`KeyStoreError::Damaged`].
    fn probe(&self, interaction: Interaction) -> Result<(), KeyStoreError>;
}

/// Why a key could not be used. None of these is a reason to make a new key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The store is locked, or the person closed its unlock dialog. The keys are still in it.
    #[error("the keyring is locked. Unlock it and try again; your accounts are still there")]
    Locked,
    /// No session bus, or nobody provides the Secret Service on it.
    #[error("no keyring service answers. Start one (GNOME Keyring, KWallet or KeePassXC) and try again")]
    NoService(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The service has no default collection, so it holds no key and can take none.
    #[error("the keyring service has no default keyring. Create one, for instance by logging in again")]
    NoCollection,
    /// The store answers, and this key is not in it.
    #[error("this account's key is not in the keyring. Restore the keyring, or enrol this computer again")]
    NoEntry,
    /// No answer in time.
    #[error(
        "the keyring did not answer in time. Look for an open unlock dialog, or restart the keyring service"
    )]
    TimedOut,
    /// What is kept under the reference is not the key that was enrolled.
    #[error("the keyring holds something else in place of this account's key. Enrol this computer again")]
    Damaged,
    /// The message is not one that can be signed. Nothing is wrong with the key.
    #[error("this cannot be signed")]
    Message(#[source] SignError),
    /// Anything else.
    #[error("the keyring failed. Restart its service and try again")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl KeyStoreError {
    /// The named state that people are shown.
    pub fn state(&self) -> KeyringState {
        match self {
            Self::Locked => KeyringState::Locked,
            Self::NoService(_) | Self::Failed(_) => KeyringState::Missing,
            Self::NoCollection | Self::NoEntry | Self::Damaged => KeyringState::Empty,
            Self::TimedOut => KeyringState::Hanging,
            Self::Message(_) => KeyringState::Ready,
        }
    }

    /// The same for callers of the agent.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Locked => ErrorCode::KeyringLocked,
            Self::NoService(_) | Self::NoCollection | Self::Failed(_) => ErrorCode::KeyringMissing,
            Self::NoEntry | Self::Damaged => ErrorCode::KeyMissing,
            Self::TimedOut => ErrorCode::KeyringTimeout,
            Self::Message(_) => ErrorCode::InvalidCall,
        }
    }
}
