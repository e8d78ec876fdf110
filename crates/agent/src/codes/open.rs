//! Opening the vault, and its first write.
//!
//! | `codes.json` says | `codes.vault` | it is |
//! |---|---|---|
//! | no vault | absent | none yet |
//! | a vault | absent | gone; none yet if its first write was never complete |
//! | no vault | there | unreadable: nobody knows which key opens it |
//! | a vault | there | opened with its key, or without it unusable |
//! | cannot be read | | unreadable |
//!
//! Invariants: nothing here changes a vault file that is there, and no key is made for one. A file that is not the one that was read
//! or written last is never written over ([`check_unchanged`]).

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

use countersign_agent_api::{ApiError, Cause, ErrorCode, VaultState};
use countersign_codes::{
    Codes,
    vault::{self, VaultKey},
};
use ring::rand::SecureRandom;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::{
    VAULT_FILE, causes, errors,
    kept::{Kept, Made},
    state::no_key,
};
use crate::{
    keystore::{Interaction, KeyRef, KeyStoreError, Keys, Purpose},
    state_dir::{Document as _, StateDir},
};

/// What was found.
#[derive(Debug)]
pub(super) enum Opened {
    /// No vault was made yet.
    None,
    /// The entries and the file they are from.
    Vault(Codes, VaultFile),
    /// It cannot be used, and what callers are told.
    Unusable(VaultState, ApiError),
}

/// The vault file that memory agrees with.
#[derive(Debug, Clone)]
pub(super) struct VaultFile {
    /// What opens it.
    pub(super) key: VaultKey,
    /// Its [`fingerprint`].
    pub(super) fingerprint: Option<String>,
}

/// Looks for the vault and opens it.
pub(super) async fn open(state: Arc<StateDir>, keys: Keys, interaction: Interaction, now: i64) -> Opened {
    let path = state.root().join(VAULT_FILE);
    let mut kept: Kept = match state.read() {
        Ok(kept) => kept.unwrap_or_default(),
        Err(error) => return unreadable(&state.root().join(Kept::FILE), causes::kept(&error)),
    };
    let is_there = match std::fs::symlink_metadata(&path) {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return unreadable(&path, causes::looked(&error)),
    };
    let made = match (kept.vault.clone(), is_there) {
        (None | Some(Made { made_at: None, .. }), false) => return Opened::None,
        (Some(Made { made_at: Some(_), .. }), false) => return gone(&path),
        (None, true) => return unreadable(&path, causes::nameless()),
        (Some(made), true) => made,
    };
    let secret = match keys.secret(&made.key, interaction).await {
        Ok(secret) => secret,
        Err(error) => return keyless(&error),
    };
    let Some(key) = VaultKey::from_bytes(&secret) else {
        return keyless(&KeyStoreError::Damaged);
    };
    let file = path.clone();
    let with = key.clone();
    // The fingerprint first: a file that is replaced in between looks changed then, and is not written over.
    let read = move || {
        let fingerprint = fingerprint(&file);
        vault::read(&file, &with).map(|codes| codes.map(|codes| (codes, fingerprint)))
    };
    match spawn_blocking(read).await {
        Ok(Ok(Some((codes, fingerprint)))) => {
            if made.made_at.is_none() {
                // The first write was complete after all.
                let made_at = Some(now);
                kept.vault = Some(Made { made_at, ..made });
                note_made(&state, &kept);
            }
            Opened::Vault(codes, VaultFile { key, fingerprint })
        }
        Ok(Ok(None)) => gone(&path),
        Ok(Err(error)) => unreadable(&path, causes::vault(&error)),
        Err(_) => Opened::Unusable(VaultState::Closed, errors::failed()),
    }
}

/// Makes the key of a vault that was never written: its name is on disk first.
///
/// # Errors
/// What the caller is told. There is no vault then, as before.
pub(super) async fn make_key(
    state: &StateDir,
    keys: &Keys,
    rng: &(dyn SecureRandom + Send + Sync),
) -> Result<VaultKey, ApiError> {
    let mut kept: Kept = read(state)?;
    let mut bits = [0; 16];
    rng.fill(&mut bits).map_err(|_| errors::failed())?;
    let reference = KeyRef::from_random(bits);
    let earlier = kept.vault.replace(Made {
        key: reference.clone(),
        made_at: None,
    });
    state.write(&kept).map_err(|error| errors::storage(&error))?;
    if let Some(earlier) = earlier
        && let Err(error) = keys.forget(&earlier.key, Interaction::Forbidden).await
    {
        tracing::info!(%error, "the key of a vault that was never written stays in the keyring");
    }
    let key = VaultKey::random(rng).map_err(|error| errors::storage(&error))?;
    let secret = Zeroizing::new(key.expose().to_vec());
    keys.keep(&reference, Purpose::Codes, secret, Interaction::Allowed)
        .await
        .map_err(|error| errors::keyring(&error))?;
    Ok(key)
}

/// The vault's first write is complete.
pub(super) fn made(state: &StateDir, now: i64) {
    match state.read::<Kept>() {
        Ok(Some(mut kept)) => {
            if let Some(vault) = &mut kept.vault {
                vault.made_at = Some(now);
                note_made(state, &kept);
            }
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "that there is a vault is noted when it is opened next"),
    }
}

/// What tells one state of a vault file from another: the checksum at its end. None if there is no file.
pub(super) fn fingerprint(vault: &Path) -> Option<String> {
    let mut file = File::open(vault).ok()?;
    file.seek(SeekFrom::End(-32)).ok()?;
    let mut checksum = [0; 32];
    file.read_exact(&mut checksum).ok()?;
    Some(checksum.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether the vault file is the one that memory agrees with, or there is none and never was.
///
/// # Errors
/// It was replaced, changed, moved away or put there by something else.
pub(super) fn check_unchanged(path: &Path, known: Option<&VaultFile>) -> Result<(), ApiError> {
    let is_known = match known {
        Some(file) => file.fingerprint.is_some() && fingerprint(path) == file.fingerprint,
        None => path
            .symlink_metadata()
            .is_err_and(|error| error.kind() == io::ErrorKind::NotFound),
    };
    if is_known {
        return Ok(());
    }
    let text = "The file of your codes was changed by something else. Nothing was written: look at your codes again.";
    Err(ApiError::new(ErrorCode::Storage, text))
}

/// What is kept beside the vault.
///
/// # Errors
/// What the caller is told.
pub(super) fn read(state: &StateDir) -> Result<Kept, ApiError> {
    let kept = state.read::<Kept>().map_err(|error| errors::storage(&error))?;
    Ok(kept.unwrap_or_default())
}

/// The vault itself is complete: this can be done again.
fn note_made(state: &StateDir, kept: &Kept) {
    if let Err(error) = state.write(kept) {
        tracing::warn!(%error, "that there is a vault is noted when it is opened next");
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "codes.json, which says which key opens it, is missing beside it. Restore both from a backup, or move the vault away"
)]
pub(super) struct Nameless;

fn keyless(error: &KeyStoreError) -> Opened {
    Opened::Unusable(no_key(error.state()), errors::keyring(error))
}

fn unreadable(path: &Path, problem: Cause) -> Opened {
    let path = path.display().to_string();
    let text = format!("Your codes cannot be read from {path}. {}", problem.text);
    Opened::Unusable(
        VaultState::Unreadable {
            problem: Box::new(problem),
            path,
        },
        ApiError::new(ErrorCode::Storage, text),
    )
}

fn gone(path: &Path) -> Opened {
    let path = path.display().to_string();
    let text = format!(
        "The file with your codes, {path}, is gone. Put it back from a backup of your home directory. To start without it, \
         move codes.json beside it away; then a backup of the codes can be imported."
    );
    Opened::Unusable(VaultState::Gone { path }, ApiError::new(ErrorCode::Storage, text))
}
