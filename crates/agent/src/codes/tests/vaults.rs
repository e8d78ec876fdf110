//! The vault file, its key, and each way in which one of them can be missing.

use std::fs;

use super::*;
use crate::keystore::MemoryState;

use countersign_agent_api::KeyringState;

/// A desk with two entries in its vault, restarted.
async fn filled() -> (Desk, Arc<MemoryKeyStore>) {
    let (mut desk, store) = Desk::new();
    desk.add("a", TOTP).await;
    desk.add("b", HOTP).await;
    (desk.restart().await, store)
}

/// Nobody uses the vault for so long that its entries are dropped.
async fn rest(desk: &Desk) {
    desk.clock.pass(state::REST);
    // The task's own timer fires, and nobody waits for it.
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(state::REST.unsigned_abs() + 1)).await;
    tokio::time::resume();
}

fn list() -> CodesRequest {
    CodesRequest::List {
        query: String::new(),
        tag: None,
        from: 0,
        limit: 10,
    }
}

#[tokio::test]
async fn nothing_is_made_before_the_first_entry() {
    let (mut desk, store) = Desk::new();
    assert_eq!(desk.view().await.state, VaultState::Closed);
    assert_eq!(desk.issuers("").await, [""; 0]);
    assert_eq!(desk.view().await.state, VaultState::Open);
    assert!(!desk.vault().exists());
    assert_eq!(store.secrets(), 0);
    desk.add("a", TOTP).await;
    assert!(desk.vault().exists());
    assert_eq!(store.secrets(), 1);
}

#[tokio::test]
async fn what_was_added_is_there_after_a_restart() {
    let (mut desk, _) = filled().await;
    assert_eq!(desk.view().await.state, VaultState::Closed);
    assert_eq!(desk.issuers("").await, ["a", "b"]);
}

#[tokio::test]
async fn a_locked_keyring_is_said_and_the_codes_are_back_with_it() {
    let (mut desk, store) = filled().await;
    let before = fs::read(desk.vault()).unwrap();
    for (state, code, keyring) in [
        (
            MemoryState::Locked,
            ErrorCode::KeyringLocked,
            KeyringState::Locked,
        ),
        (
            MemoryState::NoService,
            ErrorCode::KeyringMissing,
            KeyringState::Missing,
        ),
        (
            MemoryState::NoCollection,
            ErrorCode::KeyMissing,
            KeyringState::Empty,
        ),
    ] {
        store.set_state(state);
        assert_eq!(desk.refusal(list()).await, code);
        assert_eq!(desk.view().await.state, VaultState::NoKey { keyring });
        assert_eq!(desk.view().await.entries, None);
        assert_eq!(desk.inspect().await.state, VaultState::NoKey { keyring });
    }
    assert_eq!(fs::read(desk.vault()).unwrap(), before);
    store.set_state(MemoryState::Ready);
    assert_eq!(desk.issuers("").await, ["a", "b"]);
}

#[tokio::test]
async fn only_what_a_person_asked_for_brings_up_a_dialog() {
    let (mut desk, store) = filled().await;
    store.set_state(MemoryState::LockedButUnlockable);
    let show = CodesRequest::Show { ids: Vec::new() };
    assert_eq!(desk.refusal(show).await, ErrorCode::KeyringLocked);
    let keyring = KeyringState::Locked;
    assert_eq!(desk.inspect().await.state, VaultState::NoKey { keyring });
    assert_eq!(desk.issuers("").await, ["a", "b"]);
}

#[tokio::test]
async fn a_call_behind_a_silent_one_may_still_ask_the_person() {
    let (mut desk, store) = filled().await;
    store.set_state(MemoryState::LockedButUnlockable);
    desk.send(CodesRequest::Show { ids: Vec::new() });
    assert_eq!(desk.issuers("").await, ["a", "b"]);
}

#[tokio::test]
async fn calls_that_wait_for_the_keyring_share_its_answer() {
    let (mut desk, store) = filled().await;
    store.set_state(MemoryState::Hanging);
    let calls: Vec<u64> = (0..5).map(|_| desk.send(list())).collect();
    store.set_state(MemoryState::Locked);
    for call in calls {
        assert_eq!(
            desk.answer(call).await.unwrap_err().code,
            ErrorCode::KeyringLocked
        );
    }
}

#[tokio::test]
async fn a_key_that_is_gone_is_said_and_no_other_one_is_made() {
    let (mut desk, store) = filled().await;
    let before = fs::read(desk.vault()).unwrap();
    store.clear();
    assert_eq!(desk.refusal(list()).await, ErrorCode::KeyMissing);
    let keyring = KeyringState::Empty;
    assert_eq!(desk.view().await.state, VaultState::NoKey { keyring });
    assert_eq!(desk.refusal(adding("c", TOTP)).await, ErrorCode::KeyMissing);
    assert_eq!(store.secrets(), 0);
    assert_eq!(fs::read(desk.vault()).unwrap(), before);
}

#[tokio::test]
async fn another_key_in_its_place_is_said() {
    let (mut desk, store) = filled().await;
    store.spoil_secrets(&[1; 32]);
    assert_eq!(desk.refusal(list()).await, ErrorCode::Storage);
    let VaultState::Unreadable { problem, path } = desk.view().await.state else {
        panic!()
    };
    assert_eq!(problem.finding, "vault.other_key");
    assert!(problem.text.contains("another key"), "{problem:?}");
    assert_eq!(path, desk.vault().display().to_string());
    store.spoil_secrets(b"short");
    assert_eq!(desk.refusal(list()).await, ErrorCode::KeyMissing);
}

#[tokio::test]
async fn a_damaged_vault_is_explained_and_left_as_it_is() {
    let (mut desk, _) = filled().await;
    let whole = fs::read(desk.vault()).unwrap();
    let mut flipped = whole.clone();
    flipped[100] ^= 1;
    for (damaged, finding) in [
        (Vec::new(), "vault.not_a_vault"),
        (whole[..1000].to_vec(), "vault.damaged"),
        (flipped, "vault.damaged"),
        (b"something else".to_vec(), "vault.not_a_vault"),
    ] {
        fs::write(desk.vault(), &damaged).unwrap();
        assert_eq!(desk.refusal(adding("c", TOTP)).await, ErrorCode::Storage);
        assert_eq!(desk.problem().await, finding);
        assert_eq!(fs::read(desk.vault()).unwrap(), damaged);
    }
    fs::write(desk.vault(), &whole).unwrap();
    assert_eq!(desk.issuers("").await, ["a", "b"]);
}

#[tokio::test]
async fn a_vault_that_is_gone_is_not_one_that_never_was() {
    let (mut desk, store) = filled().await;
    let whole = fs::read(desk.vault()).unwrap();
    fs::remove_file(desk.vault()).unwrap();
    let path = desk.vault().display().to_string();
    assert_eq!(desk.refusal(list()).await, ErrorCode::Storage);
    assert_eq!(desk.view().await.state, VaultState::Gone { path });
    assert!(!desk.vault().exists());
    fs::write(desk.vault(), whole).unwrap();
    assert_eq!(desk.issuers("").await, ["a", "b"]);
    // Both are moved away: a new beginning, with a key of its own.
    let mut desk = desk.restart().await;
    fs::remove_file(desk.vault()).unwrap();
    fs::remove_file(desk.path("codes.json")).unwrap();
    assert_eq!(desk.issuers("").await, [""; 0]);
    desk.add("new", TOTP).await;
    assert_eq!(store.secrets(), 2);
}

#[tokio::test]
async fn a_vault_without_the_name_of_its_key_is_left_as_it_is() {
    let (mut desk, _) = filled().await;
    let kept = fs::read(desk.path("codes.json")).unwrap();
    for (content, finding) in [
        (None, "vault.nameless"),
        (Some("{"), "vault.damaged"),
        (Some("{\"version\":9,\"content\":{}}"), "vault.newer"),
    ] {
        fs::remove_file(desk.path("codes.json")).unwrap();
        if let Some(content) = content {
            fs::write(desk.path("codes.json"), content).unwrap();
        }
        assert_eq!(desk.refusal(list()).await, ErrorCode::Storage);
        assert_eq!(desk.problem().await, finding);
        fs::write(desk.path("codes.json"), &kept).unwrap();
    }
    assert_eq!(desk.issuers("").await, ["a", "b"]);
}

#[tokio::test]
async fn a_first_write_that_was_cut_short_is_begun_anew() {
    let (mut desk, store) = Desk::new();
    fs::create_dir(desk.path("codes.vault.new")).unwrap();
    assert_eq!(desk.refusal(adding("a", TOTP)).await, ErrorCode::Storage);
    assert_eq!(store.secrets(), 1);
    let mut desk = desk.restart().await;
    assert_eq!(desk.issuers("").await, [""; 0]);
    fs::remove_dir(desk.path("codes.vault.new")).unwrap();
    desk.entry(adding("a", TOTP)).await;
    assert_eq!(store.secrets(), 1, "the key of the first attempt is deleted");
    let mut desk = desk.restart().await;
    assert_eq!(desk.issuers("").await, ["a"]);
}

#[tokio::test]
async fn a_vault_that_appears_in_the_meantime_is_not_written_over() {
    let (mut desk, _) = Desk::new();
    assert_eq!(desk.issuers("").await, [""; 0]);
    fs::write(desk.vault(), "somebody's").unwrap();
    assert_eq!(desk.refusal(adding("a", TOTP)).await, ErrorCode::Storage);
    assert_eq!(fs::read_to_string(desk.vault()).unwrap(), "somebody's");
    assert_eq!(desk.refusal(list()).await, ErrorCode::Storage);
}

#[tokio::test]
async fn a_vault_that_was_replaced_while_it_was_open_is_not_written_over() {
    let (mut desk, _) = filled().await;
    let earlier = fs::read(desk.vault()).unwrap();
    desk.add("c", TOTP).await;
    // As restored from a backup of the home directory.
    fs::write(desk.vault(), &earlier).unwrap();
    assert_eq!(desk.refusal(adding("d", TOTP)).await, ErrorCode::Storage);
    assert_eq!(fs::read(desk.vault()).unwrap(), earlier);
    assert_eq!(desk.issuers("").await, ["a", "b"]);
    desk.entry(adding("d", TOTP)).await;
    assert_eq!(desk.issuers("").await, ["a", "b", "d"]);
}

#[tokio::test]
async fn a_vault_that_was_moved_away_while_it_was_open_is_not_made_again() {
    for moved in [&[VAULT_FILE][..], &[VAULT_FILE, "codes.json"]] {
        let (mut desk, _) = filled().await;
        assert_eq!(desk.issuers("").await, ["a", "b"]);
        for name in moved {
            fs::rename(desk.path(name), desk.home.path().join(name)).unwrap();
        }
        assert_eq!(desk.refusal(adding("c", TOTP)).await, ErrorCode::Storage);
        assert!(!desk.vault().exists());
        if moved.len() == 1 {
            assert_eq!(desk.refusal(list()).await, ErrorCode::Storage);
            assert!(matches!(desk.view().await.state, VaultState::Gone { .. }));
        } else {
            // A new beginning, as the guide says.
            assert_eq!(desk.issuers("").await, [""; 0]);
        }
    }
}

#[tokio::test]
async fn a_deleted_entry_is_not_put_into_another_vault() {
    let (mut desk, _) = filled().await;
    let earlier = fs::read(desk.vault()).unwrap();
    let id = desk.add("c", TOTP).await.id;
    desk.call(CodesRequest::Remove { id: id.clone() }).await.unwrap();
    fs::write(desk.vault(), &earlier).unwrap();
    let restore = CodesRequest::Restore { id };
    assert_eq!(desk.refusal(restore.clone()).await, ErrorCode::Storage);
    assert_eq!(desk.issuers("").await, ["a", "b"]);
    assert_eq!(desk.refusal(restore).await, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_counters_code_on_display_can_be_copied_however_long_it_is_there() {
    let (mut desk, _) = filled().await;
    let id = desk.page("b").await.entries.remove(0).id;
    assert_eq!(desk.advance(&id).await, COUNTED[0]);
    rest(&desk).await;
    desk.call(CodesRequest::Copy { id }).await.unwrap();
    assert_eq!(
        desk.clipboard.held().map(|(code, _)| code).as_deref(),
        Some(COUNTED[0])
    );
}

#[tokio::test]
async fn entries_that_nobody_uses_are_dropped_and_opened_again() {
    let (mut desk, store) = filled().await;
    assert_eq!(desk.issuers("").await, ["a", "b"]);
    let revision = desk.view().await.revision;
    rest(&desk).await;
    store.set_state(MemoryState::Locked);
    assert_eq!(desk.view().await.entries, Some(2), "nobody sees a difference");
    assert_eq!(desk.refusal(list()).await, ErrorCode::KeyringLocked);
    store.set_state(MemoryState::Ready);
    let page = desk.page("").await;
    assert_eq!(page.total, 2);
    assert!(page.revision > revision);
}

#[tokio::test]
async fn nothing_secret_is_in_the_files() {
    let (desk, _) = filled().await;
    for name in [VAULT_FILE, "codes.json"] {
        let bytes = fs::read(desk.path(name)).unwrap();
        for secret in [SECRET.as_bytes(), b"12345678901234567890", b"ada"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(desk.vault()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
