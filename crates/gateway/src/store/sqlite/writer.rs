//! The one thread that writes, and group commit.
//!
//! Operations that wait are taken together, at most [`BATCH`], and committed by one sync. If one of them fails, all are
//! undone and done again, each in a savepoint: failing is rare, and savepoints cost copies of the pages that change.
//! Nobody is answered before the commit. There is no artificial delay: a lone operation is committed at once.

use std::{sync::Arc, thread};

use rusqlite::Connection;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::error::{closed, fail};
use crate::store::{CommitObserver, StoreError, StoreResult};

/// Most operations in one commit.
const BATCH: usize = 64;
/// Most operations that wait. Whoever comes then waits for a place.
const QUEUE: usize = 1024;

/// The way to the thread that writes.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::Sender<Box<dyn Job>>);

/// The thread ends when the last [`Writer`] is dropped and everything accepted is committed.
pub(super) fn start(connection: Connection, observer: Arc<dyn CommitObserver>) -> StoreResult<Writer> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || run(connection, receiver, &*observer))
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(Writer(sender))
}

impl Writer {
    /// Runs `operation` in a transaction, perhaps more than once; answers when it is durable. If it fails, nothing of
    /// it happened.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        operation: impl Fn(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (reply, answer) = oneshot::channel();
        let job = Operation {
            operation,
            result: None,
            reply: Some(reply),
        };
        self.0.send(Box::new(job)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

trait Job: Send {
    /// Runs it; `false` if what it did has to be undone.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells the one who waits, after the commit or with the reason why there was none.
    fn answer(&mut self, not_committed: Option<&str>);
}

struct Operation<T, F> {
    operation: F,
    result: Option<StoreResult<T>>,
    reply: Option<oneshot::Sender<StoreResult<T>>>,
}

impl<T, F> Job for Operation<T, F>
where
    T: Send,
    F: Fn(&Connection) -> StoreResult<T> + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        let result = (self.operation)(connection);
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(&mut self, not_committed: Option<&str>) {
        let result = match (not_committed, self.result.take()) {
            (None, Some(result)) => result,
            (None, None) => Err(closed()),
            // What the operation itself complained about says more than the failed commit.
            (Some(_), Some(Err(error))) => Err(error),
            (Some(why), Some(Ok(_)) | None) => Err(StoreError::Unavailable(why.to_owned())),
        };
        if let Some(reply) = self.reply.take() {
            // Whoever asked may have gone; what was done stays done.
            let _ = reply.send(result);
        }
    }
}

fn run(connection: Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>, observer: &dyn CommitObserver) {
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(first) = jobs.blocking_recv() {
        batch.push(first);
        while batch.len() < BATCH {
            let Ok(job) = jobs.try_recv() else { break };
            batch.push(job);
        }
        let started = Instant::now();
        let not_committed = commit(&connection, &mut batch).err();
        observer.committed(batch.len(), started.elapsed());
        if let Some(error) = &not_committed {
            tracing::error!(operations = batch.len(), error = %error, "the store could not commit");
        }
        let not_committed = not_committed.map(reason);
        for mut job in batch.drain(..) {
            job.answer(not_committed.as_deref());
        }
    }
}

/// Why a commit failed, to be told to each of its operations as [`StoreError::Unavailable`].
fn reason(error: StoreError) -> String {
    match error {
        StoreError::Unavailable(why) => why,
        other @ (StoreError::Corrupt(_) | StoreError::NewerSchema { .. }) => other.to_string(),
    }
}

/// One transaction for the batch.
fn commit(db: &Connection, batch: &mut [Box<dyn Job>]) -> StoreResult<()> {
    if transaction(db, || Ok(batch.iter_mut().all(|job| job.run(db))))? {
        return Ok(());
    }
    transaction(db, || {
        batch
            .iter_mut()
            .try_for_each(|job| separately(db, job.as_mut()))
            .map(|()| true)
    })
    .map(|_| ())
}

/// Commits if `work` says so. Whether it was.
fn transaction(db: &Connection, work: impl FnOnce() -> StoreResult<bool>) -> StoreResult<bool> {
    control(db, "BEGIN IMMEDIATE")?;
    let done = work().and_then(|keep| {
        if keep {
            control(db, "COMMIT")?;
        }
        Ok(keep)
    });
    if !matches!(done, Ok(true)) && !db.is_autocommit() {
        control(db, "ROLLBACK")?;
    }
    done
}

fn separately(db: &Connection, job: &mut dyn Job) -> StoreResult<()> {
    control(db, "SAVEPOINT operation")?;
    if !job.run(db) {
        if db.is_autocommit() {
            // SQLite undid the whole transaction (disk full, for one): nothing of this batch happened.
            return Err(StoreError::Unavailable("the transaction was undone".to_owned()));
        }
        control(db, "ROLLBACK TO operation")?;
    }
    control(db, "RELEASE operation")
}

/// These are run with every operation, so they are not parsed each time.
fn control(db: &Connection, sql: &str) -> StoreResult<()> {
    db.prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map(|_| ())
        .map_err(fail)
}
