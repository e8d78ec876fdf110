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
//! Invariant: nothing here changes a vault file that is there, and no key is made for one.

use std::{io, path::Path, sync::Arc};

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
    /// The entries and their key.
    Vault(Codes, VaultKey),
    /// It cannot be used, and what callers are told.
    Unusable(VaultState, ApiError),
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
    match spawn_blocking(move || vault::read(&file, &with)).await {
        Ok(Ok(Some(codes))) => {
            if made.made_at.is_none() {
                // The first write was complete after all.
                let made_at = Some(now);
                kept.vault = Some(Made { made_at, ..made });
                note_made(&state, &kept);
            }
            Opened::Vault(codes, key)
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
