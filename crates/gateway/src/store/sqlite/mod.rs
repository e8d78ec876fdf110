//! The store in one SQLite file: one thread writes, a few read.
//!
//! Durability is SQLite's: WAL with `synchronous=FULL`, so that a commit that was answered survives a crash of the
//! process and of the machine. Several processes may have the file open (the administrator's commands do).

mod approvals;
mod column;
mod decisions;
mod error;
mod log;
mod outbox;
mod reader;
mod registry;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use countersign_protocol::{DeviceId, Jti, Timestamp, Txn};
use rusqlite::{Connection, OpenFlags, Params, Row};

use self::{
    error::{StoreErrorExt as _, fail},
    reader::Reader,
    writer::Writer,
};
use super::{
    Accepted, Approval, BeforeDecision, Callback, Cancelled, Changes, Client, CommitObserver, Decision,
    DecisionAttempt, Device, DeviceRotation, Hash, Idempotent, Inbox, NewApproval, NewDevice, Offer,
    Recipient, Revoked, Since, Store, StoreError, StoreResult, User,
};
use crate::audit::{Entry, ExportedRecord};

/// How many threads read.
const READERS: usize = 2;
/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// Prepared statements that each connection keeps; more than there are.
const STATEMENTS: usize = 128;

#[derive(Debug)]
struct Unobserved;

impl CommitObserver for Unobserved {
    fn committed(&self, _: usize, _: Duration) {}
}

/// A store in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: Writer,
    reader: Reader,
}

impl SqliteStore {
    /// Opens the file, makes it if there is none (mode 0600), and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be opened, [`StoreError::Corrupt`] when it is something else or its
    /// audit log does not end as it should, [`StoreError::NewerSchema`]. What was there is not touched then. Damage
    /// further inside is found by [`Store::check`].
    pub fn open(path: &Path) -> StoreResult<Self> {
        Self::open_observed(path, Arc::new(Unobserved))
    }

    /// The same, with somebody who is told of each commit.
    ///
    /// # Errors
    /// Those of [`SqliteStore::open`].
    pub fn open_observed(path: &Path, observer: Arc<dyn CommitObserver>) -> StoreResult<Self> {
        create(path).map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))?;
        // Before the file is set up for our use: it may not be ours.
        schema::version(&bare(path)?)?;
        let mut writing = connect(path)?;
        schema::migrate(&mut writing)?;
        log::check_head(&writing)?;
        let mut reading = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let connection = connect(path)?;
            connection.pragma_update(None, "query_only", true).map_err(fail)?;
            reading.push(connection);
        }
        Ok(Self {
            writer: writer::start(writing, observer)?,
            reader: reader::start(reading)?,
        })
    }
}

fn create(path: &Path) -> io::Result<()> {
    // SQLite gives its other files (-wal, -shm) the mode of this one.
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map(|_| ())
}

fn bare(path: &Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.busy_timeout(BUSY).map_err(fail)?;
    Ok(connection)
}

fn connect(path: &Path) -> StoreResult<Connection> {
    let connection = bare(path)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    for (name, value) in [
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
        ("foreign_keys", "ON"),
        ("trusted_schema", "OFF"),
        ("cell_size_check", "ON"),
        ("journal_size_limit", "67108864"),
        // Pages of the log after which they are copied to the database: seldom, so that a page that changes often is
        // copied once for many changes.
        ("wal_autocheckpoint", "4000"),
        // KiB, negative: room for the pages in use. The default of 2 MB is too little under load; much more costs time,
        // for SQLite walks through its table of cached pages after each commit that split one.
        ("cache_size", "-16384"),
    ] {
        connection.pragma_update(None, name, value).map_err(fail)?;
    }
    Ok(connection)
}

fn quick_check(connection: &Connection) -> StoreResult<()> {
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(fail)?;
    if found == "ok" {
        Ok(())
    } else {
        Err(StoreError::corrupt(found))
    }
}

fn execute(db: &Connection, sql: &str, params: impl Params) -> StoreResult<usize> {
    db.prepare_cached(sql)
        .and_then(|mut statement| statement.execute(params))
        .map_err(fail)
}

fn rows<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let mut statement = db.prepare_cached(sql).map_err(fail)?;
    let mut found = statement.query(params).map_err(fail)?;
    let mut list = Vec::new();
    while let Some(row) = found.next().map_err(fail)? {
        list.push(read(row)?);
    }
    Ok(list)
}

fn one<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> StoreResult<T>,
) -> StoreResult<Option<T>> {
    let mut statement = db.prepare_cached(sql).map_err(fail)?;
    let mut found = statement.query(params).map_err(fail)?;
    found.next().map_err(fail)?.map(read).transpose()
}

#[async_trait]
impl Store for SqliteStore {
    async fn add_client(&self, client: Client, entry: Entry) -> StoreResult<bool> {
        self.writer
            .write(move |db| registry::add_client(db, &client, &entry))
            .await
    }

    async fn clients(&self) -> StoreResult<Vec<Client>> {
        self.reader.read(registry::clients).await
    }

    async fn remove_client(&self, id: &str, entry: Entry) -> StoreResult<bool> {
        let id = id.to_owned();
        self.writer
            .write(move |db| registry::remove_client(db, &id, &entry))
            .await
    }

    async fn client_by_secret(&self, secret_hash: Hash) -> StoreResult<Option<Client>> {
        self.reader
            .read(move |db| registry::client_by_secret(db, &secret_hash))
            .await
    }

    async fn users(&self) -> StoreResult<Vec<User>> {
        self.reader.read(registry::users).await
    }

    async fn user(&self, id: &str) -> StoreResult<Option<User>> {
        let id = id.to_owned();
        self.reader.read(move |db| registry::user(db, &id)).await
    }

    async fn user_with_devices(&self, id: &str) -> StoreResult<Option<(User, Vec<Device>)>> {
        let id = id.to_owned();
        self.reader
            .read(move |db| registry::user_with_devices(db, &id))
            .await
    }

    async fn unlock_user(&self, id: &str, entry: Entry) -> StoreResult<bool> {
        let id = id.to_owned();
        self.writer
            .write(move |db| registry::unlock_user(db, &id, &entry))
            .await
    }

    async fn add_offer(&self, offer: Offer, entry: Entry) -> StoreResult<()> {
        self.writer
            .write(move |db| registry::add_offer(db, &offer, &entry))
            .await
    }

    async fn offer(&self, code_hash: Hash, now: Timestamp) -> StoreResult<Option<Offer>> {
        self.reader
            .read(move |db| registry::offer(db, &code_hash, now))
            .await
    }

    async fn enrol(&self, code_hash: Hash, device: NewDevice) -> StoreResult<Option<Device>> {
        self.writer
            .write(move |db| registry::enrol(db, &code_hash, &device))
            .await
    }

    async fn devices(&self, user: Option<&str>) -> StoreResult<Vec<Device>> {
        let user = user.map(str::to_owned);
        self.reader
            .read(move |db| registry::devices(db, user.as_deref()))
            .await
    }

    async fn device(&self, id: &DeviceId) -> StoreResult<Option<Device>> {
        let id = id.clone();
        self.reader.read(move |db| registry::device(db, &id)).await
    }

    async fn revoke_device(&self, id: &DeviceId, now: Timestamp, entry: Entry) -> StoreResult<Revoked> {
        let id = id.clone();
        self.writer
            .write(move |db| registry::revoke_device(db, &id, now, &entry))
            .await
    }

    async fn rotate_device(&self, rotation: DeviceRotation, entry: Entry) -> StoreResult<bool> {
        self.writer
            .write(move |db| registry::rotate_device(db, &rotation, &entry))
            .await
    }

    async fn idempotent(&self, client: &str, key: &str) -> StoreResult<Option<Idempotent>> {
        let (client, key) = (client.to_owned(), key.to_owned());
        self.reader
            .read(move |db| approvals::idempotent(db, &client, &key))
            .await
    }

    async fn accept(&self, approval: NewApproval) -> StoreResult<Accepted> {
        self.writer
            .write(move |db| approvals::accept(db, &approval))
            .await
    }

    async fn approval(&self, txn: &Txn) -> StoreResult<Option<Approval>> {
        let txn = txn.clone();
        self.reader.read(move |db| approvals::approval(db, &txn)).await
    }

    async fn before_decision(&self, device: &DeviceId, jti: &Jti, txn: &Txn) -> StoreResult<BeforeDecision> {
        let (device, jti, txn) = (device.clone(), jti.clone(), txn.clone());
        self.reader
            .read(move |db| decisions::before(db, &device, &jti, &txn))
            .await
    }

    async fn decide(&self, attempt: DecisionAttempt) -> StoreResult<Decision> {
        self.writer.write(move |db| decisions::decide(db, &attempt)).await
    }

    async fn reported_at(&self, txn: &Txn) -> StoreResult<Option<Timestamp>> {
        let txn = txn.clone();
        self.reader.read(move |db| decisions::reported_at(db, &txn)).await
    }

    async fn cancel(&self, txn: &Txn, client: &str, now: Timestamp) -> StoreResult<Option<Cancelled>> {
        let (txn, client) = (txn.clone(), client.to_owned());
        self.writer
            .write(move |db| approvals::cancel(db, &txn, &client, now))
            .await
    }

    async fn expire(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Approval>> {
        self.writer
            .write(move |db| approvals::expire(db, now, limit))
            .await
    }

    async fn next_expiry(&self) -> StoreResult<Option<Timestamp>> {
        self.reader.read(approvals::next_expiry).await
    }

    async fn inbox(&self, device: &DeviceId, since: Since) -> StoreResult<Inbox> {
        let device = device.clone();
        self.reader
            .read(move |db| approvals::inbox(db, &device, since))
            .await
    }

    async fn recipients(&self, txn: &Txn) -> StoreResult<Vec<Recipient>> {
        let txn = txn.clone();
        self.reader.read(move |db| approvals::recipients(db, &txn)).await
    }

    async fn due_callbacks(&self, now: Timestamp, limit: usize) -> StoreResult<Vec<Callback>> {
        self.reader.read(move |db| outbox::due(db, now, limit)).await
    }

    async fn next_callback(&self) -> StoreResult<Option<Timestamp>> {
        self.reader.read(outbox::next).await
    }

    async fn callback_done(&self, txn: &Txn, entry: Entry) -> StoreResult<()> {
        let txn = txn.clone();
        self.writer
            .write(move |db| outbox::attempted(db, &txn, None, &entry))
            .await
    }

    async fn callback_failed(&self, txn: &Txn, again_at: Option<Timestamp>, entry: Entry) -> StoreResult<()> {
        let txn = txn.clone();
        self.writer
            .write(move |db| outbox::attempted(db, &txn, again_at, &entry))
            .await
    }

    async fn audit(&self, entry: Entry) -> StoreResult<()> {
        self.writer
            .write(move |db| log::append(db, &entry).map(|_| ()))
            .await
    }

    async fn audit_records(&self, after: u64, limit: usize) -> StoreResult<Vec<ExportedRecord>> {
        self.reader.read(move |db| log::records(db, after, limit)).await
    }

    async fn changes(&self, after: u64) -> StoreResult<Changes> {
        self.reader.read(move |db| log::changes(db, after)).await
    }

    async fn prune(&self, before: Timestamp) -> StoreResult<usize> {
        self.writer.write(move |db| approvals::prune(db, before)).await
    }

    async fn check(&self) -> StoreResult<()> {
        self.reader.read(quick_check).await
    }

    async fn ready(&self) -> StoreResult<()> {
        self.writer
            .write(|db| execute(db, "UPDATE probe SET written = written + 1", []).map(|_| ()))
            .await
    }
}
