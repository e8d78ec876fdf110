//! The audit log in SQLite.

use countersign_protocol::DeviceId;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;

use super::{
    column::{get, limit, signed, unsigned},
    error::{StoreErrorExt as _, fail},
    rows,
};
use crate::{
    audit::{self, Entry, Event, ExportedRecord, GENESIS},
    store::{Change, Changes, StoreError, StoreResult},
};

/// Most changes that are given at once.
const CHANGES: i64 = 1000;

/// Appends a record. Its `seq` is also its place in the order of events, which cursors count in.
pub(super) fn append(db: &Connection, entry: &Entry) -> StoreResult<u64> {
    let head = db
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        .and_then(|mut head| {
            head.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
                .optional()
        })
        .map_err(fail)?;
    let (last, prev) = head.unwrap_or_else(|| (0, GENESIS.to_owned()));
    let seq = u64::try_from(last + 1).map_err(|_| StoreError::corrupt("column seq"))?;
    let record = audit::seal(entry, seq, &prev).map_err(|error| StoreError::corrupt(error.to_string()))?;
    db.prepare_cached("INSERT INTO audit (seq, event, hash, line) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut insert| {
            insert.execute(params![
                signed(seq),
                entry.event.as_str(),
                record.hash,
                record.line
            ])
        })
        .map_err(fail)?;
    Ok(seq)
}

/// The place of the last event.
pub(super) fn last_seq(db: &Connection) -> StoreResult<u64> {
    let last: i64 = db
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM audit")
        .and_then(|mut last| last.query_row([], |row| row.get(0)))
        .map_err(fail)?;
    u64::try_from(last).map_err(|_| StoreError::corrupt("column seq"))
}

pub(super) fn records(db: &Connection, after: u64, count: usize) -> StoreResult<Vec<ExportedRecord>> {
    rows(
        db,
        "SELECT seq, hash, line FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        params![signed(after), limit(count)],
        |row| {
            Ok(ExportedRecord {
                seq: unsigned(row, "seq")?,
                hash: get(row, "hash")?,
                line: get(row, "line")?,
            })
        },
    )
}

pub(super) fn changes(db: &Connection, after: u64) -> StoreResult<Changes> {
    // The list has to be that of the partial index, or SQLite does not use it.
    let found = rows(
        db,
        "SELECT seq, event, line FROM audit WHERE seq > ?1
            AND event IN ('device.revoked', 'client.added', 'client.removed', 'keys.rotated', 'keys.retired')
            ORDER BY seq LIMIT ?2",
        params![signed(after), CHANGES],
        |row| {
            Ok((
                unsigned::<u64>(row, "seq")?,
                get::<String>(row, "event")?,
                get::<String>(row, "line")?,
            ))
        },
    )?;
    let complete = limit(found.len()) < CHANGES;
    let last = found.last().map_or(after, |(seq, _, _)| *seq);
    let list = found
        .iter()
        .map(|(_, event, line)| change(event, line))
        .collect::<StoreResult<_>>()?;
    Ok(Changes {
        seq: if complete { last_seq(db)? } else { last },
        list,
    })
}

/// Whether the last record is whole. The chain before it is verified by the administrator's command.
pub(super) fn check_head(db: &Connection) -> StoreResult<()> {
    let last = last_seq(db)?;
    let Some(record) = records(db, last.saturating_sub(1), 1)?.into_iter().next() else {
        return Ok(());
    };
    audit::verify(record.line.as_bytes())
        .map(|_| ())
        .map_err(|error| StoreError::corrupt(format!("the end of the audit log: {error}")))
}

fn change(event: &str, line: &str) -> StoreResult<Change> {
    if event == Event::DeviceRevoked.as_str() {
        let record: Value = serde_json::from_str(line).map_err(|_| StoreError::corrupt("an audit record"))?;
        let device = record.pointer("/subject/device").and_then(Value::as_str);
        let device = device.and_then(|id| DeviceId::parse(id).ok());
        return device
            .map(Change::DeviceRevoked)
            .ok_or_else(|| StoreError::corrupt("an audit record"));
    }
    if event == Event::ClientAdded.as_str() || event == Event::ClientRemoved.as_str() {
        return Ok(Change::Clients);
    }
    Ok(Change::IssuerKeys)
}
