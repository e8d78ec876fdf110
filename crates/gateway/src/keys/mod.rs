//! The issuer's private keys and secrets. They live in their own file, never in the database.

mod file;

use std::{fmt::Debug, sync::Arc};

use countersign_protocol::{Jwk, Signer};
use zeroize::Zeroizing;

pub use self::file::{IssuerKeys, KeyFile, KeyFileError, ListedKey, MAX_KEYS};

/// The issuer's keys at one moment: one that signs, and older ones that devices may still have pinned.
///
/// Invariant: there is at least one key.
pub trait KeyRing: Debug + Send + Sync {
    /// The key that signs everything but key introductions and the time.
    fn current(&self) -> &dyn Signer;

    /// The oldest key, which signs `approval-keys+jwt` and what comes before it, so that every device that pinned any key
    /// of the ring can follow (protocol section 2.8).
    fn oldest(&self) -> &dyn Signer;

    /// All public keys, the current one first.
    fn public(&self) -> Vec<Jwk>;

    /// Whether keys were ever rotated. Devices may then have pinned keys that are no longer in the ring.
    fn rotated(&self) -> bool;

    /// A secret for one purpose, the same for the whole life of the key file. Rotation does not change it.
    fn secret(&self, purpose: &str) -> Zeroizing<[u8; 32]>;
}

/// Where the keys come from. Read at the start and again after each rotation.
pub trait KeySource: Debug + Send + Sync {
    /// Reads the keys as they are now.
    ///
    /// # Errors
    /// When they cannot be read or make no sense. The keys in use stay in use then.
    fn load(&self) -> Result<Arc<dyn KeyRing>, KeyError>;
}

/// The keys could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the key file cannot be used: {0}")]
pub struct KeyError(pub String);
