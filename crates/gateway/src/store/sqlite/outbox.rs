//! Results that are still to be sent to relying sides, in SQLite.

use countersign_protocol::{Timestamp, Txn};
use rusqlite::{Connection, params};

use super::{
    column::{get, limit, parsed, unsigned},
    execute, log, one, rows,
};
use crate::{
    audit::Entry,
    store::{Callback, StoreResult},
};

pub(super) fn due(db: &Connection, now: Timestamp, count: usize) -> StoreResult<Vec<Callback>> {
    rows(
        db,
        "SELECT * FROM callbacks WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2",
        params![now, limit(count)],
        |row| {
            Ok(Callback {
                txn: parsed(row, "txn")?,
                client: get(row, "client_id")?,
                url: get(row, "url")?,
                created_at: get(row, "created_at")?,
                attempts: unsigned(row, "attempts")?,
            })
        },
    )
}

pub(super) fn next(db: &Connection) -> StoreResult<Option<Timestamp>> {
    let next: Option<Option<Timestamp>> = one(
        db,
        "SELECT min(due_at) AS next FROM callbacks WHERE due_at IS NOT NULL",
        [],
        |row| get(row, "next"),
    )?;
    Ok(next.flatten())
}

/// Notes an attempt: done or given up (`None`), or again at that time.
pub(super) fn attempted(
    db: &Connection,
    txn: &Txn,
    again_at: Option<Timestamp>,
    entry: &Entry,
) -> StoreResult<()> {
    let noted = execute(
        db,
        "UPDATE callbacks SET attempts = attempts + 1, due_at = ?1 WHERE txn = ?2 AND due_at IS NOT NULL",
        params![again_at, txn.as_str()],
    )?;
    if noted == 1 {
        log::append(db, entry)?;
    }
    Ok(())
}
