//! The asynchronous way to a key store: every call on a thread of its own, with a time limit.

use std::{sync::Arc, time::Duration};

use countersign_protocol::{Claims, Jwk, KeyProtection, SignError, Signer, jws};
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

use zeroize::Zeroizing;

use super::{DeviceKey, Interaction, KeyKind, KeyRef, KeyStore, KeyStoreError, PublicKey, Purpose};

/// Calls that may be stuck in a store at the same time. Each holds a thread until the store lets go of it.
const MAX_THREADS: usize = 4;

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// With [`Interaction::Forbidden`].
    pub silent: Duration,
    /// With [`Interaction::Allowed`]: as long as a person takes to type a passphrase. Below the 90 s that a front end waits.
    pub interactive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silent: Duration::from_secs(5),
            interactive: Duration::from_secs(60),
        }
    }
}

impl Limits {
    fn of(self, interaction: Interaction) -> Duration {
        match interaction {
            Interaction::Forbidden => self.silent,
            Interaction::Allowed => self.interactive,
        }
    }
}

/// A key store for asynchronous callers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keys {
    store: Arc<dyn KeyStore>,
    limits: Limits,
    threads: Arc<Semaphore>,
}

impl Keys {
    /// In front of `store`.
    pub fn new(store: Arc<dyn KeyStore>, limits: Limits) -> Self {
        Self {
            store,
            limits,
            threads: Arc::new(Semaphore::new(MAX_THREADS)),
        }
    }

    /// What protects the keys.
    pub fn protection(&self) -> KeyProtection {
        self.store.protection()
    }

    /// See [`KeyStore::create`]. A key that is made after the time limit is deleted again.
    ///
    /// # Errors
    /// As there, and [`KeyStoreError::TimedOut`].
    pub async fn create(
        &self,
        reference: &KeyRef,
        kind: KeyKind,
        interaction: Interaction,
    ) -> Result<DeviceKey, KeyStoreError> {
        let reference = reference.clone();
        let undo = |store: &dyn KeyStore, late: DeviceKey| {
            if let Err(error) = store.delete(&late.reference, Interaction::Forbidden) {
                tracing::warn!(%error, "a key that was made too late could not be deleted");
            }
        };
        self.run(
            interaction,
            move |store| store.create(&reference, kind, interaction),
            undo,
        )
        .await
    }

    /// Signs a protocol message.
    ///
    /// # Errors
    /// As [`KeyStore::sign`], [`KeyStoreError::TimedOut`] and [`KeyStoreError::Message`].
    pub async fn sign_jws<C>(
        &self,
        key: &DeviceKey,
        claims: C,
        interaction: Interaction,
    ) -> Result<String, KeyStoreError>
    where
        C: Claims + Send + 'static,
    {
        let key = key.clone();
        let work = move |store: &dyn KeyStore| {
            jws::sign(
                &claims,
                &StoreSigner {
                    store,
                    key: &key,
                    public: key.es256()?,
                    interaction,
                },
            )
            .map_err(from_sign_error)
        };
        self.run(interaction, work, |_, _| {}).await
    }

    /// See [`KeyStore::sign`].
    ///
    /// # Errors
    /// As there, and [`KeyStoreError::TimedOut`].
    pub async fn sign(
        &self,
        key: &DeviceKey,
        message: Vec<u8>,
        interaction: Interaction,
    ) -> Result<Vec<u8>, KeyStoreError> {
        // A nonce may be in it that is a secret until it has been used.
        let (key, message) = (key.clone(), Zeroizing::new(message));
        let work = move |store: &dyn KeyStore| store.sign(&key, &message, interaction);
        self.run(interaction, work, |_, _| {}).await
    }

    /// See [`KeyStore::public_key`].
    ///
    /// # Errors
    /// As there, and [`KeyStoreError::TimedOut`].
    pub async fn public_key(
        &self,
        reference: &KeyRef,
        interaction: Interaction,
    ) -> Result<PublicKey, KeyStoreError> {
        let reference = reference.clone();
        self.run(
            interaction,
            move |store| store.public_key(&reference, interaction),
            |_, _| {},
        )
        .await
    }

    /// See [`KeyStore::delete`].
    ///
    /// # Errors
    /// As there, and [`KeyStoreError::TimedOut`].
    pub async fn delete(&self, reference: &KeyRef, interaction: Interaction) -> Result<(), KeyStoreError> {
        let reference = reference.clone();
        self.run(
            interaction,
            move |store| store.delete(&reference, interaction),
            |_, ()| {},
        )
        .await
    }

    /// See [`super::SecretStore::keep`]. A secret that is kept after the time limit is deleted again.
    ///
    /// # Errors
    /// As there, and [`KeyStoreError::TimedOut`].
    pub async fn keep(
        &self,
        reference: &KeyRef,
        purpose: Purpose,
        secret: Zeroizing<Vec<u8>>,
        interaction: Interaction,
    ) -> Result<(), KeyStoreError> {
        let (reference, late) = (reference.clone(), reference.clone());
        let undo = move |store: &dyn KeyStore, ()| {
            if let Err(error) = store.forget(&late, Interaction::Forbidden) {
                tracing::warn!(%error, "a secret that was kept too late could not be deleted");
            }
        };
        let work = move |store: &dyn KeyStore| store.keep(&reference, purpose, &secret, interaction);
        self.run(interaction, work, undo).await
    }

    /// See [`super::SecretStore::secret`].
    ///
    /// # Errors
    /// As there, and [`KeyStoreError::TimedOut`].
    pub async fn secret(
        &self,
        reference: &KeyRef,
        interaction: Interaction,
    ) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        let reference = reference.clone();
        let work = move |store: &dyn KeyStore| store.secret(&reference, interaction);
        self.run(interaction, work, |_, _| {}).await
    }

    /// See [`super::SecretStore::forget`].
    ///
    /// # Errors
    /// As there, and [`KeyStoreError::TimedOut`].
    pub async fn forget(&self, reference: &KeyRef, interaction: Interaction) -> Result<(), KeyStoreError> {
        let reference = reference.clone();
        let work = move |store: &dyn KeyStore| store.forget(&reference, interaction);
        self.run(interaction, work, |_, ()| {}).await
    }

    /// See [`KeyStore::probe`].
    ///
    /// # Errors
    /// As there, and [`KeyStoreError::TimedOut`].
    pub async fn probe(&self, interaction: Interaction) -> Result<(), KeyStoreError> {
        self.run(interaction, move |store| store.probe(interaction), |_, ()| {})
            .await
    }

    /// `undo` gets a result that nobody waits for any more.
    async fn run<T, W, U>(&self, interaction: Interaction, work: W, undo: U) -> Result<T, KeyStoreError>
    where
        T: Send + 'static,
        W: FnOnce(&dyn KeyStore) -> Result<T, KeyStoreError> + Send + 'static,
        U: FnOnce(&dyn KeyStore, T) + Send + 'static,
    {
        let started = async {
            let permit = Arc::clone(&self.threads)
                .acquire_owned()
                .await
                .map_err(|_| KeyStoreError::TimedOut)?;
            let (sender, result) = oneshot::channel();
            let store = Arc::clone(&self.store);
            let thread = move || {
                if let Err(Ok(late)) = sender.send(work(store.as_ref())) {
                    undo(store.as_ref(), late);
                }
                drop(permit);
            };
            std::thread::Builder::new()
                .name("keystore".into())
                .spawn(thread)
                .map_err(|e| KeyStoreError::Failed(Box::new(e)))?;
            result
                .await
                .map_err(|_| KeyStoreError::Failed("the key store's thread ended".into()))?
        };
        timeout(self.limits.of(interaction), started)
            .await
            .unwrap_or(Err(KeyStoreError::TimedOut))
    }
}

/// One key of a store, as the protocol's signing callback.
struct StoreSigner<'a> {
    store: &'a dyn KeyStore,
    key: &'a DeviceKey,
    public: &'a Jwk,
    interaction: Interaction,
}

impl Signer for StoreSigner<'_> {
    fn public_key(&self) -> &Jwk {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.store
            .sign(self.key, message, self.interaction)
            .map_err(|e| SignError::Signer(Box::new(e)))
    }
}

/// Gets the store's own error out again.
fn from_sign_error(error: SignError) -> KeyStoreError {
    match error {
        SignError::Signer(inner) => match inner.downcast::<KeyStoreError>() {
            Ok(own) => *own,
            Err(other) => KeyStoreError::Failed(other),
        },
        other @ (SignError::Claims(_) | SignError::TooLong { .. } | SignError::Json(_)) => {
            KeyStoreError::Message(other)
        }
        other @ (SignError::KeyRejected | SignError::Unavailable | SignError::InvalidSignature) => {
            KeyStoreError::Failed(Box::new(other))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keystore::{MemoryKeyStore, MemoryState};

    fn keys() -> (Arc<MemoryKeyStore>, Keys) {
        let store = Arc::new(MemoryKeyStore::new());
        let limits = Limits {
            silent: Duration::from_millis(50),
            interactive: Duration::from_millis(50),
        };
        (Arc::clone(&store), Keys::new(store, limits))
    }

    #[tokio::test]
    async fn a_hanging_store_times_out_and_recovers() {
        let (store, keys) = keys();
        let key = keys
            .create(&KeyRef::drawn(), KeyKind::Es256, Interaction::Forbidden)
            .await
            .unwrap();
        store.set_state(MemoryState::Hanging);
        for _ in 0..MAX_THREADS + 2 {
            let hung = keys.public_key(&key.reference, Interaction::Forbidden).await;
            assert!(matches!(hung, Err(KeyStoreError::TimedOut)));
        }
        store.set_state(MemoryState::Ready);
        let found = keys
            .public_key(&key.reference, Interaction::Forbidden)
            .await
            .unwrap();
        assert_eq!(found, key.public);
    }

    #[tokio::test]
    async fn a_key_that_is_made_too_late_is_deleted_again() {
        let (store, keys) = keys();
        store.set_state(MemoryState::Hanging);
        assert!(matches!(
            keys.create(&KeyRef::drawn(), KeyKind::Es256, Interaction::Forbidden)
                .await,
            Err(KeyStoreError::TimedOut)
        ));
        store.set_state(MemoryState::Ready);
        // Every permit is back only after the late thread has finished.
        let all = keys.threads.acquire_many(MAX_THREADS as u32).await.unwrap();
        assert_eq!(store.count(), 0);
        drop(all);
    }

    #[tokio::test]
    async fn the_stores_own_error_survives_signing() {
        let (store, keys) = keys();
        let key = keys
            .create(&KeyRef::drawn(), KeyKind::Es256, Interaction::Forbidden)
            .await
            .unwrap();
        store.set_state(MemoryState::Locked);
        let proof = crate::channel::native::proof_for_tests();
        let signed = keys.sign_jws(&key, proof, Interaction::Forbidden).await;
        assert!(matches!(signed, Err(KeyStoreError::Locked)));
    }
}
