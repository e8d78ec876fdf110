//! The threads that read. In WAL mode they wait for nobody and nobody waits for them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::closed;
use crate::store::{StoreError, StoreResult};

/// Most reads that wait. Whoever comes then waits for a place.
const QUEUE: usize = 1024;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The way to the threads that read.
#[derive(Debug, Clone)]
pub(super) struct Reader(mpsc::Sender<Job>);

/// One thread for each connection. They end when the last [`Reader`] is dropped.
pub(super) fn start(connections: Vec<Connection>) -> StoreResult<Reader> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    for connection in connections {
        let receiver = Arc::clone(&receiver);
        thread::Builder::new()
            .name("store-reader".to_owned())
            .spawn(move || run(connection, &receiver))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    }
    Ok(Reader(sender))
}

impl Reader {
    /// Runs `query` on a consistent snapshot.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = connection
                .transaction()
                .map_err(super::error::fail)
                .and_then(|snapshot| query(&snapshot));
            // Whoever asked may have gone.
            let _ = reply.send(result);
        });
        self.0.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

fn run(mut connection: Connection, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let job = jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        let Some(job) = job else { return };
        job(&mut connection);
    }
}
