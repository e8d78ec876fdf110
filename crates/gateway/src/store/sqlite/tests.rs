//! The contract on SQLite, and what only a file can do: damage, other versions, a full disk.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::audit::{Actor, Event};

fn database() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.db");
    (dir, path)
}

fn entry() -> Entry {
    Entry::new(1_800_000_000, Actor::Gateway, Event::AuditExported)
}

fn raw(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    crate::store::contract::run(async || {
        number.set(number.get() + 1);
        SqliteStore::open(&dir.path().join(format!("{}.db", number.get()))).unwrap()
    })
    .await;
}

#[tokio::test]
async fn only_the_owner_reads_the_files() {
    let (dir, path) = database();
    let store = SqliteStore::open(&path).unwrap();
    store.audit(entry()).await.unwrap();
    let files: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap())
        .collect();
    assert_eq!(files.len(), 3, "database, write-ahead log and its index");
    for file in files {
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            file.path()
        );
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let (_dir, path) = database();
    let store = SqliteStore::open(&path).unwrap();
    for _ in 0..10 {
        store.audit(entry()).await.unwrap();
    }
    drop(store);
    let records = SqliteStore::open(&path)
        .unwrap()
        .audit_records(0, 100)
        .await
        .unwrap();
    assert_eq!(records.len(), 10);
}

#[tokio::test]
async fn operations_that_come_together_are_committed_together_and_each_is_answered() {
    let (_dir, path) = database();
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let tasks: Vec<_> = (0..500)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                if number % 5 == 0 {
                    // Fails on its own: its neighbours in the same commit do not.
                    store
                        .writer
                        .write(|db| execute(db, "INSERT INTO probe VALUES (1, 0)", []).map(|_| ()))
                        .await
                } else {
                    store.audit(entry()).await
                }
            })
        })
        .collect();
    let mut failed = 0;
    for task in tasks {
        failed += usize::from(task.await.unwrap().is_err());
    }
    assert_eq!(failed, 100);
    assert_eq!(store.audit_records(0, 1_000).await.unwrap().len(), 400);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let (_dir, path) = database();
    drop(SqliteStore::open(&path).unwrap());
    raw(&path).pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(
        SqliteStore::open(&path),
        Err(StoreError::NewerSchema { found: 99, known: 3 })
    ));
    let version: i32 = raw(&path)
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 99);
}

#[tokio::test]
async fn a_database_of_the_first_schema_is_brought_up_to_date() {
    let (_dir, path) = database();
    let db = raw(&path);
    db.execute_batch(include_str!("schema/1.sql")).unwrap();
    db.pragma_update(None, "application_id", 0x4373_676e).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    db.execute_batch("INSERT INTO clients VALUES ('bank', 'Bank', x'01', 'application', '[]', 1);")
        .unwrap();
    drop(db);
    let store = SqliteStore::open(&path).unwrap();
    let txn = Txn::from_random([1; 16]);
    assert_eq!(store.reported_at(&txn).await.unwrap(), None);
    assert_eq!(
        raw(&path)
            .query_row("SELECT count(*) FROM clients", [], |row| row.get::<_, u32>(0))
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn the_database_of_something_else_is_refused_and_left_alone() {
    let (_dir, path) = database();
    raw(&path)
        .execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        .unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Corrupt(_))));
    assert!(fs::read(&path).unwrap() == before, "it was changed");
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_alone() {
    let (_dir, path) = database();
    fs::write(
        &path,
        "this is no database, but it may be all that is left of one",
    )
    .unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Corrupt(_))));
    assert!(fs::read(&path).unwrap() == before, "it was changed");
}

#[tokio::test]
async fn a_damaged_page_is_noticed_and_left_alone() {
    let (dir, path) = database();
    let store = SqliteStore::open(&path).unwrap();
    for _ in 0..200 {
        store.audit(entry()).await.unwrap();
    }
    raw(&path)
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    let damaged = dir.path().join("damaged.db");
    let mut bytes = fs::read(&path).unwrap();
    let page = bytes.len() - 4096;
    bytes[page..page + 64].fill(0xff);
    fs::write(&damaged, &bytes).unwrap();
    store.check().await.unwrap();
    // Opening alone may notice it, or not, depending on what the page holds.
    let found = match SqliteStore::open(&damaged) {
        Ok(store) => store.check().await,
        Err(error) => Err(error),
    };
    assert!(matches!(found, Err(StoreError::Corrupt(_))), "{found:?}");
    assert!(fs::read(&damaged).unwrap() == bytes, "it was changed");
}

#[tokio::test]
async fn the_audit_log_cannot_be_changed_or_shortened() {
    let (_dir, path) = database();
    let store = SqliteStore::open(&path).unwrap();
    store.audit(entry()).await.unwrap();
    for tampering in [
        "UPDATE audit SET line = '{}'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit VALUES (1, 'x', 'y', 'z')",
    ] {
        let connection = raw(&path);
        connection
            .pragma_update(None, "recursive_triggers", true)
            .unwrap();
        let refused = connection.execute(tampering, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{tampering}: {refused}");
    }
    assert_eq!(store.audit_records(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_log_whose_end_was_changed_stops_the_start() {
    let (_dir, path) = database();
    let store = SqliteStore::open(&path).unwrap();
    store.audit(entry()).await.unwrap();
    drop(store);
    let connection = raw(&path);
    connection
        .execute_batch("DROP TRIGGER audit_is_not_changed")
        .unwrap();
    connection
        .execute("UPDATE audit SET line = replace(line, 'gateway', 'somebody')", [])
        .unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_what_was_there_stays() {
    let (_dir, path) = database();
    let store = SqliteStore::open(&path).unwrap();
    store.audit(entry()).await.unwrap();
    // SQLite reports a database at its page limit exactly as it reports a full disk.
    let limit = |pages: i64| {
        store.writer.write(move |db| {
            db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| {
                row.get::<_, i64>(0)
            })
            .map_err(fail)
        })
    };
    limit(1).await.unwrap();
    let mut refused = 0;
    for _ in 0..200 {
        refused += u32::from(matches!(
            store.audit(entry()).await,
            Err(StoreError::Unavailable(_))
        ));
    }
    assert!(refused > 0);
    let kept = store.audit_records(0, 1_000).await.unwrap().len();
    assert_eq!(
        kept,
        201 - usize::try_from(refused).unwrap(),
        "exactly what was answered is there"
    );

    limit(1_000_000).await.unwrap();
    store.audit(entry()).await.unwrap();
    store.ready().await.unwrap();
    let lines: String = store
        .audit_records(0, 1_000)
        .await
        .unwrap()
        .iter()
        .map(|record| format!("{}\n", record.line))
        .collect();
    assert_eq!(
        crate::audit::verify(lines.as_bytes()).unwrap().records,
        u64::try_from(kept + 1).unwrap()
    );
}

#[tokio::test]
async fn two_processes_write_one_chain() {
    let (_dir, path) = database();
    let (serving, admin) = (
        SqliteStore::open(&path).unwrap(),
        SqliteStore::open(&path).unwrap(),
    );
    let (one, other) = tokio::join!(
        async {
            for _ in 0..50 {
                serving.audit(entry()).await.unwrap();
            }
        },
        async {
            for _ in 0..50 {
                admin.audit(entry()).await.unwrap();
            }
        },
    );
    let ((), ()) = (one, other);
    let records = serving.audit_records(0, 1_000).await.unwrap();
    let lines: String = records
        .iter()
        .map(|record| format!("{}\n", record.line))
        .collect();
    assert_eq!(crate::audit::verify(lines.as_bytes()).unwrap().records, 100);
}
