//! The store in one SQLite file.

use std::path::Path;

use super::StoreError;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore;

impl SqliteStore {
    /// Opens the file, makes it if there is none (mode 0600), and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, or is newer than this gateway.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        todo!()
    }
}
