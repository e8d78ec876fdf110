//! Keys in the desktop's keyring (Secret Service API 0.2), by the `keyring` project's store for it.
//!
//! A key is kept as base64 text of its PKCS #8 form: KWallet refuses raw bytes. Label and attributes name no person, no issuer
//! and no account: they can be read while the keyring is locked. Any program of the same user can read an unlocked
//! keyring; that is what protection level `sw` says.
//!
//! The store is built here and not taken from the `keyring` crate's process-wide default: that one is tried once and stays
//! failed if the bus was not there yet, and it cannot be renewed when the keyring daemon restarts. The `keyring` store
//! cannot tell a locked keyring, a missing one and a missing key apart, and it asks the person without being told to; so
//! every call looks first, by a bus connection of its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_protocol::{Evidenced, KeyProtection, ProtectionLevel};
use keyring_core::{Entry, Error, api::CredentialStoreApi as _};
use ring::rand::SystemRandom;
use zbus::{
    blocking::{Connection, fdo::DBusProxy},
    names::BusName,
    zvariant::{OwnedObjectPath, OwnedValue},
};
use zbus_secret_service_keyring_store::Store;
use zeroize::Zeroizing;

use super::{
    DeviceKey, Interaction, KeyKind, KeyRef, KeyStore, KeyStoreError, LoadedKey, MAX_SECRET, Purpose,
    SecretStore,
};

const SERVICE_NAME: &str = "org.freedesktop.secrets";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
/// The attribute by which our entries are found.
const APPLICATION: &str = "countersign";
/// What people see in their keyring's own program.
const DEVICE_KEY: &str = "Countersign device key";

/// The desktop's keyring. Connects with the first call, and again after the service or the bus has gone away.
#[derive(Debug)]
pub struct SecretServiceKeyStore {
    rng: SystemRandom,
    session: Mutex<Option<Arc<Session>>>,
}

#[derive(Debug)]
struct Session {
    bus: Connection,
    store: Arc<Store>,
}

/// Where a key is, seen without asking anybody.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Unlocked,
    Locked,
    Absent,
}

impl SecretServiceKeyStore {
    /// New keys and signatures take their randomness from `rng`.
    pub fn new(rng: SystemRandom) -> Self {
        Self {
            rng,
            session: Mutex::default(),
        }
    }

    /// Runs `work` with a session; with a fresh one once more if the old one has gone stale.
    fn with<T>(&self, work: impl Fn(&Session) -> Result<T, Problem>) -> Result<T, KeyStoreError> {
        let held = self.held();
        let fresh = held.is_none();
        let session = match held {
            Some(session) => session,
            None => self.open()?,
        };
        match work(&session) {
            Ok(value) => Ok(value),
            Err(Problem::Named(error)) => Err(error),
            Err(Problem::Broken(_)) if !fresh => {
                let session = self.open()?;
                work(&session).map_err(|problem| self.give_up(&session, problem))
            }
            Err(problem) => Err(self.give_up(&session, problem)),
        }
    }

    fn give_up(&self, session: &Session, problem: Problem) -> KeyStoreError {
        match problem {
            Problem::Named(error) => error,
            Problem::Broken(error) => {
                self.drop_session();
                if session.has_service() {
                    KeyStoreError::Failed(error)
                } else {
                    KeyStoreError::NoService(Some(error))
                }
            }
        }
    }

    fn held(&self) -> Option<Arc<Session>> {
        self.session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn drop_session(&self) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn open(&self) -> Result<Arc<Session>, KeyStoreError> {
        self.drop_session();
        let bus = Connection::session().map_err(|e| KeyStoreError::NoService(Some(Box::new(e))))?;
        let store = Store::new().map_err(|e| KeyStoreError::NoService(Some(Box::new(e))))?;
        let session = Arc::new(Session { bus, store });
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
        Ok(session)
    }
}

impl SecretStore for SecretServiceKeyStore {
    fn keep(
        &self,
        reference: &KeyRef,
        purpose: Purpose,
        secret: &[u8],
        interaction: Interaction,
    ) -> Result<(), KeyStoreError> {
        let label = match purpose {
            Purpose::Codes => "Countersign one-time codes",
            Purpose::Backups => "Countersign backups of one-time codes",
        };
        let text = Zeroizing::new(STANDARD.encode(secret));
        self.with(|session| session.write(reference, label, &text, interaction))?;
        // Read back: what is encrypted under a key that cannot be read again is lost.
        let kept = match self.secret(reference, interaction) {
            Ok(kept) if kept.as_slice() == secret => return Ok(()),
            Ok(_) => Err(KeyStoreError::Damaged),
            Err(error) => Err(error),
        };
        if let Err(leftover) = self.forget(reference, Interaction::Forbidden) {
            tracing::warn!(error = %leftover, "a secret that cannot be read back could not be deleted either");
        }
        kept
    }

    fn secret(
        &self,
        reference: &KeyRef,
        interaction: Interaction,
    ) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        let text = self.with(|session| session.read(reference, interaction))?;
        let decoded = STANDARD.decode(text.as_bytes()).map(Zeroizing::new);
        let secret = decoded.map_err(|_| KeyStoreError::Damaged)?;
        if (1..=MAX_SECRET).contains(&secret.len()) {
            Ok(secret)
        } else {
            Err(KeyStoreError::Damaged)
        }
    }

    fn forget(&self, reference: &KeyRef, interaction: Interaction) -> Result<(), KeyStoreError> {
        match self.with(|session| session.delete(reference, interaction)) {
            Ok(()) | Err(KeyStoreError::NoEntry) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl KeyStore for SecretServiceKeyStore {
    fn create(
        &self,
        reference: &KeyRef,
        kind: KeyKind,
        interaction: Interaction,
    ) -> Result<DeviceKey, KeyStoreError> {
        let bytes = LoadedKey::generate_pkcs8(kind, &self.rng)?;
        let text = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
        self.with(|session| session.write(reference, DEVICE_KEY, &text, interaction))?;
        // Read back: a key that cannot be read again must not be enrolled.
        let public = self.load(reference, interaction).map(|key| key.public_key());
        match public {
            Ok(public) => Ok(DeviceKey {
                reference: reference.clone(),
                public,
            }),
            Err(error) => {
                if let Err(leftover) = self.delete(reference, Interaction::Forbidden) {
                    tracing::warn!(error = %leftover, "a key that cannot be read back could not be deleted either");
                }
                Err(error)
            }
        }
    }

    fn load(&self, reference: &KeyRef, interaction: Interaction) -> Result<LoadedKey, KeyStoreError> {
        let text = self.with(|session| session.read(reference, interaction))?;
        let bytes = Zeroizing::new(
            STANDARD
                .decode(text.as_bytes())
                .map_err(|_| KeyStoreError::Damaged)?,
        );
        LoadedKey::from_pkcs8(&bytes, &self.rng)
    }

    fn delete(&self, reference: &KeyRef, interaction: Interaction) -> Result<(), KeyStoreError> {
        self.forget(reference, interaction)
    }

    fn protection(&self) -> KeyProtection {
        KeyProtection {
            level: ProtectionLevel::Sw,
            evidence: Evidenced::Claimed,
        }
    }

    fn probe(&self, interaction: Interaction) -> Result<(), KeyStoreError> {
        self.with(|session| session.probe(interaction))
    }
}

/// A failed call: one that says what is the matter, or one that may only mean a stale session.
enum Problem {
    Named(KeyStoreError),
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl From<zbus::Error> for Problem {
    fn from(error: zbus::Error) -> Self {
        Self::Broken(Box::new(error))
    }
}

impl From<Error> for Problem {
    /// What the `keyring` store says, after it was seen that the entry is there or may be made.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "keyring's error enum is non-exhaustive"
    )]
    fn from(error: Error) -> Self {
        match error {
            Error::NoEntry => Self::Named(KeyStoreError::NoEntry),
            Error::NoStorageAccess(_) => Self::Named(KeyStoreError::Locked),
            Error::BadEncoding(_) | Error::BadDataFormat(..) | Error::Ambiguous(_) => {
                Self::Named(KeyStoreError::Damaged)
            }
            other => Self::Broken(Box::new(other)),
        }
    }
}

impl Session {
    fn read(&self, reference: &KeyRef, interaction: Interaction) -> Result<Zeroizing<String>, Problem> {
        self.reachable(reference, interaction)?;
        let found = self
            .entry(reference, DEVICE_KEY)?
            .get_password()
            .map(Zeroizing::new);
        self.settle(reference, found)
    }

    fn write(
        &self,
        reference: &KeyRef,
        label: &str,
        text: &str,
        interaction: Interaction,
    ) -> Result<(), Problem> {
        let collection = self
            .default_collection()?
            .ok_or(Problem::Named(KeyStoreError::NoCollection))?;
        if interaction == Interaction::Forbidden && self.is_locked(&collection)? {
            return Err(Problem::Named(KeyStoreError::Locked));
        }
        Ok(self.entry(reference, label)?.set_password(text)?)
    }

    fn delete(&self, reference: &KeyRef, interaction: Interaction) -> Result<(), Problem> {
        self.reachable(reference, interaction)?;
        let deleted = self.entry(reference, DEVICE_KEY)?.delete_credential();
        self.settle(reference, deleted)
    }

    /// "No entry" of a keyring that is still locked means nothing.
    fn settle<T>(&self, reference: &KeyRef, result: Result<T, Error>) -> Result<T, Problem> {
        match result {
            Err(Error::NoEntry) if self.look(reference)? == Seen::Locked => {
                Err(Problem::Named(KeyStoreError::Locked))
            }
            other => Ok(other?),
        }
    }

    fn probe(&self, interaction: Interaction) -> Result<(), Problem> {
        let collection = self
            .default_collection()?
            .ok_or(Problem::Named(KeyStoreError::NoCollection))?;
        if self.is_locked(&collection)? && interaction == Interaction::Allowed {
            // Searching asks the person to unlock what is found locked.
            self.store.search(&HashMap::from([("service", APPLICATION)]))?;
        }
        if self.is_locked(&collection)? {
            Err(Problem::Named(KeyStoreError::Locked))
        } else {
            Ok(())
        }
    }

    /// The label counts only for one that is written.
    fn entry(&self, reference: &KeyRef, label: &str) -> Result<Entry, Problem> {
        let label = HashMap::from([("label", label)]);
        Ok(self.store.build(APPLICATION, reference.as_str(), Some(&label))?)
    }

    /// Refuses what is absent, and what is locked unless the person may be asked.
    fn reachable(&self, reference: &KeyRef, interaction: Interaction) -> Result<(), Problem> {
        match (self.look(reference)?, interaction) {
            (Seen::Unlocked, _) | (Seen::Locked, Interaction::Allowed) => Ok(()),
            (Seen::Locked, Interaction::Forbidden) => Err(Problem::Named(KeyStoreError::Locked)),
            (Seen::Absent, _) => Err(Problem::Named(KeyStoreError::NoEntry)),
        }
    }

    fn look(&self, reference: &KeyRef) -> zbus::Result<Seen> {
        let attributes = HashMap::from([("service", APPLICATION), ("username", reference.as_str())]);
        let reply = self.call(SERVICE_PATH, SERVICE, "SearchItems", &(attributes,))?;
        let (unlocked, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = reply.body().deserialize()?;
        if !unlocked.is_empty() {
            return Ok(Seen::Unlocked);
        }
        if !locked.is_empty() {
            return Ok(Seen::Locked);
        }
        // Some services list nothing of a locked keyring.
        match self.default_collection()? {
            Some(collection) if self.is_locked(&collection)? => Ok(Seen::Locked),
            Some(_) | None => Ok(Seen::Absent),
        }
    }

    fn default_collection(&self) -> zbus::Result<Option<OwnedObjectPath>> {
        let reply = self.call(SERVICE_PATH, SERVICE, "ReadAlias", &("default",))?;
        let path: OwnedObjectPath = reply.body().deserialize()?;
        Ok(Some(path).filter(|p| p.as_str() != "/"))
    }

    fn is_locked(&self, collection: &OwnedObjectPath) -> zbus::Result<bool> {
        let properties = "org.freedesktop.DBus.Properties";
        let reply = self.call(collection.as_str(), properties, "Get", &(COLLECTION, "Locked"))?;
        let value: OwnedValue = reply.body().deserialize()?;
        Ok(bool::try_from(value)?)
    }

    fn has_service(&self) -> bool {
        let Ok(name) = BusName::try_from(SERVICE_NAME) else {
            return false;
        };
        DBusProxy::new(&self.bus)
            .and_then(|bus| Ok(bus.name_has_owner(name)?))
            .unwrap_or(false)
    }

    fn call<B>(&self, path: &str, interface: &str, method: &str, body: &B) -> zbus::Result<zbus::Message>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.bus
            .call_method(Some(SERVICE_NAME), path, Some(interface), method, body)
    }
}
