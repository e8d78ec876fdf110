//! A key store in memory, for tests: as strict as the real one, and it can be put into every named state.

use std::{
    collections::HashMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use countersign_protocol::{Evidenced, KeyProtection, ProtectionLevel};
use ring::rand::SystemRandom;
use zeroize::Zeroizing;

use super::{
    DeviceKey, Interaction, KeyKind, KeyRef, KeyStore, KeyStoreError, LoadedKey, MAX_SECRET, Purpose,
    SecretStore,
};

/// How the store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryState {
    /// As it should.
    Ready,
    /// Locked; a person who is asked does not unlock it.
    Locked,
    /// Locked; a person who is asked unlocks it.
    LockedButUnlockable,
    /// Nobody answers the bus.
    NoService,
    /// The service has lost its keyring.
    NoCollection,
    /// Calls block until the state changes.
    Hanging,
}

/// Keys in memory.
#[derive(Debug)]
pub struct MemoryKeyStore {
    rng: SystemRandom,
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    state: MemoryState,
    keys: HashMap<KeyRef, Zeroizing<Vec<u8>>>,
    secrets: HashMap<KeyRef, Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("state", &self.state)
            .field("keys", &self.keys.len())
            .finish()
    }
}

/// Ready and empty.
impl Default for MemoryKeyStore {
    fn default() -> Self {
        let inner = Inner {
            state: MemoryState::Ready,
            keys: HashMap::new(),
            secrets: HashMap::new(),
        };
        Self {
            rng: crate::edge::random(),
            inner: Mutex::new(inner),
            changed: Condvar::new(),
        }
    }
}

impl MemoryKeyStore {
    /// Ready and empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts it into another state.
    pub fn set_state(&self, state: MemoryState) {
        self.lock().state = state;
        self.changed.notify_all();
    }

    /// Loses all keys and secrets.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.keys.clear();
        inner.secrets.clear();
    }

    /// Number of secrets kept.
    pub fn secrets(&self) -> usize {
        self.lock().secrets.len()
    }

    /// Puts something else in every secret's place.
    pub fn spoil_secrets(&self, bytes: &[u8]) {
        for secret in self.lock().secrets.values_mut() {
            *secret = Zeroizing::new(bytes.to_vec());
        }
    }

    /// Number of keys kept.
    pub fn count(&self) -> usize {
        self.lock().keys.len()
    }

    /// Puts something else in a key's place.
    pub fn replace(&self, reference: &KeyRef, bytes: &[u8]) {
        self.lock()
            .keys
            .insert(reference.clone(), Zeroizing::new(bytes.to_vec()));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self, interaction: Interaction) -> Result<MutexGuard<'_, Inner>, KeyStoreError> {
        let mut inner = self
            .changed
            .wait_while(self.lock(), |inner| inner.state == MemoryState::Hanging)
            .unwrap_or_else(PoisonError::into_inner);
        match (inner.state, interaction) {
            (MemoryState::Ready, _) => Ok(inner),
            (MemoryState::LockedButUnlockable, Interaction::Allowed) => {
                inner.state = MemoryState::Ready;
                Ok(inner)
            }
            (MemoryState::Locked | MemoryState::LockedButUnlockable, _) => Err(KeyStoreError::Locked),
            (MemoryState::NoService, _) => Err(KeyStoreError::NoService(None)),
            (MemoryState::NoCollection, _) => Err(KeyStoreError::NoCollection),
            (MemoryState::Hanging, _) => unreachable!("waited for above"),
        }
    }
}

impl SecretStore for MemoryKeyStore {
    fn keep(
        &self,
        reference: &KeyRef,
        _: Purpose,
        secret: &[u8],
        interaction: Interaction,
    ) -> Result<(), KeyStoreError> {
        assert!((1..=MAX_SECRET).contains(&secret.len()));
        let mut inner = self.ready(interaction)?;
        let earlier = inner
            .secrets
            .insert(reference.clone(), Zeroizing::new(secret.to_vec()));
        assert!(earlier.is_none(), "the reference has to be new");
        Ok(())
    }

    fn secret(
        &self,
        reference: &KeyRef,
        interaction: Interaction,
    ) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        let inner = match self.ready(interaction) {
            Err(KeyStoreError::NoCollection) => return Err(KeyStoreError::NoEntry),
            other => other?,
        };
        inner
            .secrets
            .get(reference)
            .cloned()
            .ok_or(KeyStoreError::NoEntry)
    }

    fn forget(&self, reference: &KeyRef, interaction: Interaction) -> Result<(), KeyStoreError> {
        match self.ready(interaction) {
            Ok(mut inner) => {
                inner.secrets.remove(reference);
                Ok(())
            }
            Err(KeyStoreError::NoCollection) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl KeyStore for MemoryKeyStore {
    fn create(
        &self,
        reference: &KeyRef,
        kind: KeyKind,
        interaction: Interaction,
    ) -> Result<DeviceKey, KeyStoreError> {
        let mut inner = self.ready(interaction)?;
        let reference = reference.clone();
        let bytes = LoadedKey::generate_pkcs8(kind, &self.rng)?;
        let public = LoadedKey::from_pkcs8(&bytes, &self.rng)?.public_key();
        inner.keys.insert(reference.clone(), bytes);
        Ok(DeviceKey { reference, public })
    }

    fn load(&self, reference: &KeyRef, interaction: Interaction) -> Result<LoadedKey, KeyStoreError> {
        let inner = match self.ready(interaction) {
            Err(KeyStoreError::NoCollection) => return Err(KeyStoreError::NoEntry),
            other => other?,
        };
        let bytes = inner.keys.get(reference).ok_or(KeyStoreError::NoEntry)?;
        LoadedKey::from_pkcs8(bytes, &self.rng)
    }

    fn delete(&self, reference: &KeyRef, interaction: Interaction) -> Result<(), KeyStoreError> {
        self.ready(interaction)?.keys.remove(reference);
        Ok(())
    }

    fn protection(&self) -> KeyProtection {
        KeyProtection {
            level: ProtectionLevel::Sw,
            evidence: Evidenced::Claimed,
        }
    }

    fn probe(&self, interaction: Interaction) -> Result<(), KeyStoreError> {
        self.ready(interaction).map(|_| ())
    }
}
