//! SQLite's errors in the store's terms: what is worth another try, and what somebody has to look at.

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

pub(super) trait StoreErrorExt {
    /// Something that was read cannot be.
    fn corrupt(what: impl Into<String>) -> StoreError {
        StoreError::Corrupt(what.into())
    }
}

impl StoreErrorExt for StoreError {}

/// For `map_err`.
pub(super) fn fail(error: Error) -> StoreError {
    let passing = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
                | ErrorCode::NoLargeFileSupport
                | ErrorCode::FileLockingProtocolFailed
        )
    );
    if passing {
        StoreError::Unavailable(error.to_string())
    } else {
        StoreError::Corrupt(error.to_string())
    }
}

/// For operations whose thread is gone.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
