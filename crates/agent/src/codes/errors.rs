//! What callers are told when something does not work.

use countersign_agent_api::{ApiError, ErrorCode, KeyringState};
use countersign_codes::{ChangeError, TooLong, import::ImportError};

use super::causes;
use crate::{keystore::KeyStoreError, wording::sentence};

pub(super) fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidValue, text)
}

pub(super) fn storage(error: &dyn std::error::Error) -> ApiError {
    ApiError::new(ErrorCode::Storage, sentence(error))
}

pub(super) fn no_entry() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "This entry does not exist any more.")
}

pub(super) fn no_import() -> ApiError {
    let text = "This import is not known any more. Choose the file again.";
    ApiError::new(ErrorCode::NotFound, text)
}

pub(super) fn busy() -> ApiError {
    let text = "Something else that takes long is being done. Try again in a moment.";
    ApiError::new(ErrorCode::Unavailable, text)
}

/// Work that ended without a result.
pub(super) fn failed() -> ApiError {
    ApiError::new(ErrorCode::Unavailable, "That did not work. Try again.")
}

pub(super) fn change(error: ChangeError) -> ApiError {
    let code = match error {
        ChangeError::Unknown => ErrorCode::NotFound,
        ChangeError::Full | ChangeError::Random(_) => ErrorCode::Unavailable,
        ChangeError::NoCounter => ErrorCode::InvalidCall,
        ChangeError::CounterUsedUp => ErrorCode::InvalidValue,
    };
    ApiError::new(code, sentence(&error))
}

pub(super) fn too_long(what: &str, TooLong { limit }: TooLong) -> ApiError {
    invalid(format!("The {what} is longer than {limit} characters."))
}

pub(super) fn import(error: ImportError) -> ApiError {
    let code = match error {
        ImportError::WrongPassword(_) => ErrorCode::WrongPassword,
        ImportError::OutOfMemory => ErrorCode::Unavailable,
        ImportError::TooLarge
        | ImportError::Empty
        | ImportError::Unknown
        | ImportError::Archive
        | ImportError::Picture
        | ImportError::Damaged { .. }
        | ImportError::Json
        | ImportError::Version(_)
        | ImportError::AccountBound
        | ImportError::NoPassword(_)
        | ImportError::TooCostly(_)
        | ImportError::TooMany
        | ImportError::Nothing => ErrorCode::UnknownFormat,
    };
    ApiError::because(code, causes::import(&error))
}

/// The vault's key cannot be had, or not be kept.
pub(super) fn keyring(error: &KeyStoreError) -> ApiError {
    ApiError::new(error.code(), keyring_text(error.state()))
}

fn keyring_text(state: KeyringState) -> &'static str {
    match state {
        KeyringState::Locked => {
            "The keyring is locked. Your codes are still there: unlock the keyring and try again."
        }
        KeyringState::Missing => {
            "No keyring service answers. Your codes are still there: start GNOME Keyring, KWallet or KeePassXC."
        }
        KeyringState::Empty => {
            "The key of your codes is not in the keyring. Restore the keyring it was in; the codes cannot be read without \
             it. A backup can be imported after codes.vault and codes.json were moved away."
        }
        KeyringState::Hanging => {
            "The keyring does not answer. Your codes are still there: look for an open unlock dialog, or restart the \
             keyring service."
        }
        KeyringState::Unknown | KeyringState::Ready => "The keyring refused. Try again.",
    }
}
