//! The tables, and how older files are brought up to date.
//!
//! Invariants: `user_version` counts the migrations done; a file that is not ours, or newer than this gateway, is left
//! as it is.

use rusqlite::{Connection, TransactionBehavior};

use super::error::{StoreErrorExt as _, fail};
use crate::store::{StoreError, StoreResult};

/// Marks the file as ours: `Csgn`.
const APPLICATION_ID: i32 = 0x4373_676e;

/// Each brings the schema one version further. Never changed once released, only added to.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
];

/// Brings the schema up to date.
///
/// # Errors
/// As [`version`].
pub(super) fn migrate(connection: &mut Connection) -> StoreResult<()> {
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(fail)?;
    let found = version(&tx)?;
    for (done, migration) in (1_u32..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        tx.execute_batch(migration).map_err(fail)?;
        tx.pragma_update(None, "user_version", done).map_err(fail)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(fail)?;
    }
    tx.commit().map_err(fail)
}

/// The version of the schema, 0 for an empty file. Changes nothing.
///
/// # Errors
/// [`StoreError::NewerSchema`], or [`StoreError::Corrupt`] if the file is something else.
pub(super) fn version(connection: &Connection) -> StoreResult<u32> {
    let pragma = |name| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i32>(0))
            .map_err(fail)
    };
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(fail)?;
    if application != APPLICATION_ID && (version != 0 || application != 0 || tables != 0) {
        return Err(StoreError::corrupt(
            "the file is not the database of a Countersign gateway",
        ));
    }
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let found = u32::try_from(version).map_err(|_| StoreError::corrupt("the schema version is negative"))?;
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    Ok(found)
}
