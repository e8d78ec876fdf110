//! The vault with a real GNOME Keyring, in a session of its own.

use super::*;
use crate::{
    keystore::SecretServiceKeyStore,
    private_session::{assert_inside, run, shell},
};

const START_UNLOCKED: &str = "printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null
    gdbus wait --session --timeout 20 org.freedesktop.secrets";

#[test]
fn the_vault_opens_with_the_key_in_the_keyring_and_not_without_it() {
    run("codes::tests::gnome_keyring::inside_a_session", START_UNLOCKED);
}

#[tokio::test]
#[ignore = "started by the_vault_opens_with_the_key_in_the_keyring_and_not_without_it"]
async fn inside_a_session() {
    assert_inside();
    let mut desk = Desk::with(Arc::new(SecretServiceKeyStore::new(edge::random())));
    let entry = desk.add("Example", HOTP).await;
    assert_eq!(desk.advance(&entry.id).await, COUNTED[0]);
    let mut desk = desk.restart().await;
    assert_eq!(desk.advance(&entry.id).await, COUNTED[1]);
    let mut desk = desk.restart().await;
    let before = std::fs::read(desk.vault()).unwrap();
    shell(
        "gdbus call --session --dest org.freedesktop.secrets --object-path /org/freedesktop/secrets \
         --method org.freedesktop.Secret.Service.Lock \
         \"['/org/freedesktop/secrets/collection/login']\" >/dev/null",
    );
    let show = CodesRequest::Show { ids: Vec::new() };
    assert_eq!(desk.refusal(show).await, ErrorCode::KeyringLocked);
    let keyring = countersign_agent_api::KeyringState::Locked;
    assert_eq!(desk.view().await.state, VaultState::NoKey { keyring });
    assert_eq!(std::fs::read(desk.vault()).unwrap(), before);
}
