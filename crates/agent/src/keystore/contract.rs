//! What every key store must do, run against the one in memory and against a real GNOME Keyring; and what the real one says in
//! each of its bad states.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::{
    DeviceKey, Interaction, KeyKind, KeyRef, KeyStore, KeyStoreError, MAX_SECRET, MemoryKeyStore,
    MemoryState, Purpose, SecretStore as _,
};

const SILENT: Interaction = Interaction::Forbidden;

fn verifies(key: &DeviceKey, message: &[u8], signature: &[u8]) -> bool {
    let jwk: serde_json::Value = serde_json::from_str(&key.es256().unwrap().to_json()).unwrap();
    let mut point = vec![4];
    for coordinate in ["x", "y"] {
        point.extend(URL_SAFE_NO_PAD.decode(jwk[coordinate].as_str().unwrap()).unwrap());
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(message, signature)
        .is_ok()
}

fn a_store_keeps_the_contract(store: &dyn KeyStore) {
    store.probe(SILENT).unwrap();
    let key = store.create(&KeyRef::drawn(), KeyKind::Es256, SILENT).unwrap();
    let other = store.create(&KeyRef::drawn(), KeyKind::Es256, SILENT).unwrap();
    assert_ne!(key.reference, other.reference);
    assert_ne!(key.public, other.public);
    assert_eq!(store.public_key(&key.reference, SILENT).unwrap(), key.public);

    let signature = store.sign(&key, b"message", SILENT).unwrap();
    assert_eq!(signature.len(), 64);
    assert!(verifies(&key, b"message", &signature));
    assert!(!verifies(&key, b"another", &signature));
    assert!(!verifies(&other, b"message", &signature));

    let mixed_up = DeviceKey {
        reference: key.reference.clone(),
        public: other.public.clone(),
    };
    assert!(matches!(
        store.sign(&mixed_up, b"message", SILENT),
        Err(KeyStoreError::Damaged)
    ));

    store.delete(&key.reference, SILENT).unwrap();
    store.delete(&key.reference, SILENT).unwrap();
    assert!(matches!(
        store.sign(&key, b"message", SILENT),
        Err(KeyStoreError::NoEntry)
    ));
    assert!(matches!(
        store.public_key(&key.reference, SILENT),
        Err(KeyStoreError::NoEntry)
    ));
    assert_eq!(store.public_key(&other.reference, SILENT).unwrap(), other.public);
    store.delete(&other.reference, SILENT).unwrap();
}

fn a_store_keeps_secrets(store: &dyn KeyStore) {
    let secrets = [vec![0; 32], vec![255; 1], vec![7; MAX_SECRET]];
    let references: Vec<KeyRef> = secrets.iter().map(|_| KeyRef::drawn()).collect();
    for (reference, secret) in references.iter().zip(&secrets) {
        store.keep(reference, Purpose::Codes, secret, SILENT).unwrap();
    }
    for (reference, secret) in references.iter().zip(&secrets) {
        assert_eq!(store.secret(reference, SILENT).unwrap().as_slice(), secret);
    }
    let unknown = store.secret(&KeyRef::drawn(), SILENT);
    assert!(matches!(unknown, Err(KeyStoreError::NoEntry)));
    for reference in &references {
        store.forget(reference, SILENT).unwrap();
        store.forget(reference, SILENT).unwrap();
        let gone = store.secret(reference, SILENT);
        assert!(matches!(gone, Err(KeyStoreError::NoEntry)));
    }
}

/// With a store that has just been locked, and a secret in it.
fn a_locked_store_gives_no_secret(store: &dyn KeyStore, reference: &KeyRef) {
    for interaction in [Interaction::Forbidden, Interaction::Allowed] {
        let results = [
            store.secret(reference, interaction).map(|_| ()),
            store.keep(&KeyRef::drawn(), Purpose::Backups, b"secret", interaction),
            store.forget(reference, interaction),
        ];
        for result in results {
            assert!(matches!(result, Err(KeyStoreError::Locked)));
        }
    }
}

/// With a store that has just been locked.
fn a_locked_store_says_so(store: &dyn KeyStore, key: &DeviceKey) {
    for interaction in [Interaction::Forbidden, Interaction::Allowed] {
        assert!(matches!(store.probe(interaction), Err(KeyStoreError::Locked)));
        assert!(matches!(
            store.sign(key, b"message", interaction),
            Err(KeyStoreError::Locked)
        ));
        assert!(matches!(
            store.create(&KeyRef::drawn(), KeyKind::Es256, interaction),
            Err(KeyStoreError::Locked)
        ));
        assert!(matches!(
            store.delete(&key.reference, interaction),
            Err(KeyStoreError::Locked)
        ));
    }
}

/// With a store that has lost its keyring.
fn a_store_without_a_keyring_says_so(store: &dyn KeyStore, key: &DeviceKey) {
    assert!(matches!(store.probe(SILENT), Err(KeyStoreError::NoCollection)));
    assert!(matches!(
        store.sign(key, b"message", SILENT),
        Err(KeyStoreError::NoEntry)
    ));
    assert!(matches!(
        store.create(&KeyRef::drawn(), KeyKind::Es256, SILENT),
        Err(KeyStoreError::NoCollection)
    ));
}

/// With nobody to talk to.
fn a_store_without_a_service_says_so(store: &dyn KeyStore, key: &DeviceKey) {
    for interaction in [Interaction::Forbidden, Interaction::Allowed] {
        assert!(matches!(
            store.probe(interaction),
            Err(KeyStoreError::NoService(_))
        ));
        assert!(matches!(
            store.sign(key, b"message", interaction),
            Err(KeyStoreError::NoService(_))
        ));
        assert!(matches!(
            store.create(&KeyRef::drawn(), KeyKind::Es256, interaction),
            Err(KeyStoreError::NoService(_))
        ));
    }
}

fn some_key() -> DeviceKey {
    MemoryKeyStore::new()
        .create(&KeyRef::drawn(), KeyKind::Es256, SILENT)
        .unwrap()
}

#[test]
fn the_store_in_memory_keeps_the_contract() {
    let store = MemoryKeyStore::new();
    a_store_keeps_the_contract(&store);
    a_store_keeps_secrets(&store);
    assert_eq!((store.count(), store.secrets()), (0, 0));
    let key = store.create(&KeyRef::drawn(), KeyKind::Es256, SILENT).unwrap();
    let secret = KeyRef::drawn();
    store.keep(&secret, Purpose::Codes, &[1; 32], SILENT).unwrap();
    store.set_state(MemoryState::Locked);
    a_locked_store_says_so(&store, &key);
    a_locked_store_gives_no_secret(&store, &secret);
    store.set_state(MemoryState::NoCollection);
    a_store_without_a_keyring_says_so(&store, &key);
    store.set_state(MemoryState::NoService);
    a_store_without_a_service_says_so(&store, &key);
    store.set_state(MemoryState::Ready);
    assert_eq!(store.public_key(&key.reference, SILENT).unwrap(), key.public);
}

#[test]
fn a_key_reference_is_22_characters_of_base64url() {
    assert!(KeyRef::try_from("AAAAAAAAAAAAAAAAAAAAAA".to_owned()).is_ok());
    for wrong in [
        "",
        "AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAA=",
        "mara@example.com______",
    ] {
        assert!(KeyRef::try_from(wrong.to_owned()).is_err(), "{wrong}");
    }
}

/// Against GNOME Keyring, each in a session of its own.
mod gnome_keyring {
    use std::{collections::HashMap, sync::Arc, time::Duration};

    use zbus::{
        blocking::Connection,
        zvariant::{OwnedObjectPath, OwnedValue, Value},
    };

    use super::*;
    use crate::{
        keystore::{Keys, Limits, SecretServiceKeyStore},
        private_session::{assert_inside, process_of, run, shell},
    };

    const SECRETS: &str = "org.freedesktop.Secret.Service";
    const START_UNLOCKED: &str =
        "printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null
        gdbus wait --session --timeout 20 org.freedesktop.secrets";
    const START_WITHOUT_KEYRING: &str = "gnome-keyring-daemon --start --components=secrets >/dev/null
        gdbus wait --session --timeout 20 org.freedesktop.secrets";

    fn store() -> SecretServiceKeyStore {
        SecretServiceKeyStore::new(crate::edge::random())
    }

    fn service<B>(bus: &Connection, interface: &str, method: &str, body: &B) -> zbus::Message
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        bus.call_method(
            Some("org.freedesktop.secrets"),
            "/org/freedesktop/secrets",
            Some(interface),
            method,
            body,
        )
        .unwrap()
    }

    fn default_collection(bus: &Connection) -> OwnedObjectPath {
        service(bus, SECRETS, "ReadAlias", &("default",))
            .body()
            .deserialize()
            .unwrap()
    }

    fn lock() {
        let bus = Connection::session().unwrap();
        let reply = service(&bus, SECRETS, "Lock", &(vec![default_collection(&bus)],));
        let (locked, _): (Vec<OwnedObjectPath>, OwnedObjectPath) = reply.body().deserialize().unwrap();
        assert_eq!(locked.len(), 1);
    }

    /// As the log-in does it, without a dialog.
    fn unlock() {
        let bus = Connection::session().unwrap();
        let reply = service(&bus, SECRETS, "OpenSession", &("plain", Value::from("")));
        let (_, session): (OwnedValue, OwnedObjectPath) = reply.body().deserialize().unwrap();
        let secret = (session, Vec::<u8>::new(), b"secret".to_vec(), "text/plain");
        let guilty = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface";
        service(
            &bus,
            guilty,
            "UnlockWithMasterPassword",
            &(default_collection(&bus), secret),
        );
    }

    #[test]
    fn it_keeps_the_contract() {
        run(
            "keystore::contract::gnome_keyring::inside_contract",
            START_UNLOCKED,
        );
    }

    #[test]
    #[ignore = "started by it_keeps_the_contract"]
    fn inside_contract() {
        assert_inside();
        a_store_keeps_the_contract(&store());
        a_store_keeps_secrets(&store());
    }

    #[test]
    fn locked_is_not_absent() {
        run("keystore::contract::gnome_keyring::inside_locked", START_UNLOCKED);
    }

    #[test]
    #[ignore = "started by locked_is_not_absent"]
    fn inside_locked() {
        assert_inside();
        let (store, latecomer) = (store(), store());
        let key = store.create(&KeyRef::drawn(), KeyKind::Es256, SILENT).unwrap();
        let secret = KeyRef::drawn();
        store.keep(&secret, Purpose::Codes, &[1; 32], SILENT).unwrap();
        lock();
        a_locked_store_says_so(&store, &key);
        a_locked_store_says_so(&latecomer, &key);
        a_locked_store_gives_no_secret(&latecomer, &secret);
        unlock();
        assert_eq!(store.secret(&secret, SILENT).unwrap().as_slice(), [1; 32]);
        let signature = store.sign(&key, b"message", SILENT).unwrap();
        assert!(verifies(&key, b"message", &signature));
    }

    #[test]
    fn a_missing_keyring_is_not_a_missing_service() {
        run(
            "keystore::contract::gnome_keyring::inside_no_collection",
            START_WITHOUT_KEYRING,
        );
    }

    #[test]
    #[ignore = "started by a_missing_keyring_is_not_a_missing_service"]
    fn inside_no_collection() {
        assert_inside();
        a_store_without_a_keyring_says_so(&store(), &some_key());
    }

    #[test]
    fn a_service_that_starts_later_is_found() {
        run("keystore::contract::gnome_keyring::inside_no_service", "");
    }

    #[test]
    #[ignore = "started by a_service_that_starts_later_is_found"]
    fn inside_no_service() {
        assert_inside();
        let store = store();
        a_store_without_a_service_says_so(&store, &some_key());
        shell(START_UNLOCKED);
        a_store_keeps_the_contract(&store);
    }

    #[test]
    fn no_bus_is_no_service() {
        run(
            "keystore::contract::gnome_keyring::inside_no_bus",
            "export DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent/bus",
        );
    }

    #[test]
    #[ignore = "started by no_bus_is_no_service"]
    fn inside_no_bus() {
        assert_inside();
        a_store_without_a_service_says_so(&store(), &some_key());
    }

    #[test]
    fn a_restarted_service_is_found_again() {
        run(
            "keystore::contract::gnome_keyring::inside_restart",
            START_UNLOCKED,
        );
    }

    #[test]
    #[ignore = "started by a_restarted_service_is_found_again"]
    fn inside_restart() {
        assert_inside();
        let store = store();
        let key = store.create(&KeyRef::drawn(), KeyKind::Es256, SILENT).unwrap();
        let pid = process_of("org.freedesktop.secrets");
        shell(&format!(
            "pid={pid}; kill $pid; while kill -0 $pid 2>/dev/null; do :; done"
        ));
        assert!(matches!(
            store.sign(&key, b"message", SILENT),
            Err(KeyStoreError::NoService(_))
        ));
        shell(START_UNLOCKED);
        let signature = store.sign(&key, b"message", SILENT).unwrap();
        assert!(verifies(&key, b"message", &signature));
    }

    #[test]
    fn labels_and_attributes_name_nobody() {
        run("keystore::contract::gnome_keyring::inside_labels", START_UNLOCKED);
    }

    #[test]
    #[ignore = "started by labels_and_attributes_name_nobody"]
    fn inside_labels() {
        assert_inside();
        the_label_is("Countersign device key", |reference| {
            store().create(reference, KeyKind::Es256, SILENT).unwrap();
        });
        for (purpose, label) in [
            (Purpose::Codes, "Countersign one-time codes"),
            (Purpose::Backups, "Countersign backups of one-time codes"),
        ] {
            the_label_is(label, |reference| {
                store().keep(reference, purpose, b"secret", SILENT).unwrap();
            });
        }
    }

    /// With nothing of ours in the keyring before, and after.
    fn the_label_is(label: &str, make: impl FnOnce(&KeyRef)) {
        let reference = KeyRef::drawn();
        make(&reference);
        let bus = Connection::session().unwrap();
        let get = |path: &OwnedObjectPath, property: &str| {
            bus.call_method(
                Some("org.freedesktop.secrets"),
                path,
                Some("org.freedesktop.DBus.Properties"),
                "Get",
                &("org.freedesktop.Secret.Item", property),
            )
            .unwrap()
            .body()
            .deserialize::<OwnedValue>()
            .unwrap()
        };
        let ours = HashMap::from([("service", "countersign")]);
        let (found, _): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) =
            service(&bus, SECRETS, "SearchItems", &(ours,))
                .body()
                .deserialize()
                .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(String::try_from(get(&found[0], "Label")).unwrap(), label);
        let mut attributes = HashMap::<String, String>::try_from(get(&found[0], "Attributes")).unwrap();
        // Added by libsecret's conventions; says what kind of thing it is.
        attributes.remove("xdg:schema");
        let expected = [("service", "countersign"), ("username", reference.as_str())];
        assert_eq!(
            attributes,
            HashMap::from(expected.map(|(k, v)| (k.to_owned(), v.to_owned())))
        );
        store().forget(&reference, SILENT).unwrap();
    }

    #[test]
    fn a_service_that_never_answers_times_out() {
        run("keystore::contract::gnome_keyring::inside_hanging", "");
    }

    #[tokio::test]
    #[ignore = "started by a_service_that_never_answers_times_out"]
    async fn inside_hanging() {
        assert_inside();
        // Owns the name and reads nothing.
        let mute = zbus::Connection::session().await.unwrap();
        mute.request_name("org.freedesktop.secrets").await.unwrap();
        let limits = Limits {
            silent: Duration::from_millis(300),
            interactive: Duration::from_millis(300),
        };
        let keys = Keys::new(Arc::new(store()), limits);
        assert!(matches!(keys.probe(SILENT).await, Err(KeyStoreError::TimedOut)));
        drop(mute);
    }
}
