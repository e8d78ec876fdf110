//! A front end's end of the socket.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    API_VERSION, AgentInfo, ApiError, Call, ErrorCode, Event, HistoryEntry, HistoryFilter, Message, Reply,
    Request, RequestId, Role,
    frame::{self, FrameError},
    socket::{self, SocketError},
};

/// How long a call may take. Enrolment and signing may wait for a keyring prompt.
const CALL_LIMIT: Duration = Duration::from_secs(90);

/// How long an agent may take to greet. It waits for nobody then.
const GREETING_LIMIT: Duration = Duration::from_secs(10);

/// The id of the first call.
const GREETING: u64 = 1;

/// A call or connection failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No agent listens there.
    #[error("the Countersign agent is not running. Start it with `countersign-agent run`")]
    NotRunning(#[source] std::io::Error),
    /// The socket is not to be trusted.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The connection broke.
    #[error("the connection to the agent broke")]
    Broken(#[from] FrameError),
    /// No answer in time.
    #[error("the agent did not answer in time")]
    TimedOut,
    /// The agent said no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The agent answered something else than was asked.
    #[error(
        "the agent gave an answer that does not fit. Restart it: app and agent may be of different versions"
    )]
    UnexpectedReply,
}

impl ClientError {
    /// The same as an [`ApiError`], for front ends that know one kind of error.
    pub fn into_api(self) -> ApiError {
        match self {
            Self::Api(e) => e,
            other @ (Self::NotRunning(_)
            | Self::Socket(_)
            | Self::Broken(_)
            | Self::TimedOut
            | Self::UnexpectedReply) => ApiError::new(ErrorCode::Unavailable, other.to_string()),
        }
    }
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Reply, ApiError>>>>>;

/// A connection to the agent. Calls may be made side by side.
#[derive(Debug)]
pub struct Client {
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
    waiting: Waiting,
    next: AtomicU64,
    agent: AgentInfo,
    reader: tokio::task::JoinHandle<()>,
}

impl Client {
    /// Connects, checks the peer and greets. Events arrive at the receiver after [`Request::Subscribe`]; it ends when the
    /// connection does.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`], [`ErrorCode::IncompatibleVersion`], [`ClientError::Broken`] for a greeting that is not
    /// understood, and the socket's.
    pub async fn connect(path: &Path, role: Role) -> Result<(Self, mpsc::Receiver<Event>), ClientError> {
        let stream = UnixStream::connect(path).await.map_err(ClientError::NotRunning)?;
        socket::check_peer(&stream)?;
        let (mut read, mut writer) = stream.into_split();
        let greeted = timeout(GREETING_LIMIT, greet(&mut read, &mut writer, role));
        let agent = greeted.await.map_err(|_| ClientError::TimedOut)??;
        let waiting = Waiting::default();
        let (events, receiver) = mpsc::channel(64);
        let reader = tokio::spawn(dispatch(read, Arc::clone(&waiting), events));
        let client = Self {
            writer: tokio::sync::Mutex::new(writer),
            waiting,
            next: AtomicU64::new(GREETING + 1),
            agent,
            reader,
        };
        Ok((client, receiver))
    }

    /// Who answered.
    pub fn agent(&self) -> &AgentInfo {
        &self.agent
    }

    /// Makes one call and waits for its answer, at most 90 s.
    ///
    /// # Errors
    /// The agent's [`ApiError`], or the connection's.
    pub async fn call(&self, request: Request) -> Result<Reply, ClientError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        lock(&self.waiting).insert(id, sender);
        if self.reader.is_finished() {
            lock(&self.waiting).remove(&id);
            return Err(FrameError::Closed.into());
        }
        let sent = frame::write(&mut *self.writer.lock().await, &Call { id, request }).await;
        if let Err(e) = sent {
            lock(&self.waiting).remove(&id);
            return Err(e.into());
        }
        match timeout(CALL_LIMIT, answer).await {
            Ok(Ok(result)) => Ok(result?),
            Ok(Err(_)) => Err(FrameError::Closed.into()),
            Err(_) => {
                lock(&self.waiting).remove(&id);
                Err(ClientError::TimedOut)
            }
        }
    }

    /// As many entries of the history as are wanted, if there are, newest first: the agent's pages hold fewer when entries are
    /// long.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn history(
        &self,
        limit: u32,
        before: Option<RequestId>,
        filter: &HistoryFilter,
    ) -> Result<Vec<HistoryEntry>, ClientError> {
        let mut entries: Vec<HistoryEntry> = Vec::new();
        let mut before = before;
        let mut left = limit;
        while left > 0 {
            let request = Request::History {
                limit: left,
                before: before.take(),
                filter: filter.clone(),
            };
            let Reply::History(page) = self.call(request).await? else {
                return Err(ClientError::UnexpectedReply);
            };
            left = left.saturating_sub(u32::try_from(page.entries.len()).unwrap_or(u32::MAX));
            entries.extend(page.entries);
            before = entries.last().map(|entry| entry.id.clone());
            if !page.more {
                break;
            }
        }
        Ok(entries)
    }

    /// Ends the connection in good order.
    pub async fn close(self) {
        let _ = self.writer.lock().await.shutdown().await;
    }
}

/// Says hello and reads the answer, before anything else is on the connection.
async fn greet(
    read: &mut OwnedReadHalf,
    writer: &mut OwnedWriteHalf,
    role: Role,
) -> Result<AgentInfo, ClientError> {
    let request = Request::Hello {
        version: API_VERSION,
        role,
    };
    let id = GREETING;
    frame::write(writer, &Call { id, request }).await?;
    let reply = match frame::read::<Message>(read).await? {
        Message::Reply { id: GREETING, reply } => *reply,
        Message::Failed { id: GREETING, error } => return Err(error.into()),
        Message::Reply { .. } | Message::Failed { .. } | Message::Event { .. } => {
            return Err(ClientError::UnexpectedReply);
        }
    };
    let Reply::Hello(info) = reply else {
        return Err(ClientError::UnexpectedReply);
    };
    Ok(info)
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn dispatch(mut read: OwnedReadHalf, waiting: Waiting, events: mpsc::Sender<Event>) {
    while let Ok(message) = frame::read::<Message>(&mut read).await {
        let (id, result) = match message {
            Message::Reply { id, reply } => (id, Ok(*reply)),
            Message::Failed { id, error } => (id, Err(error)),
            Message::Event { event } => {
                // A front end that stopped listening still gets its replies.
                let _ = events.send(*event).await;
                continue;
            }
        };
        if let Some(sender) = lock(&waiting).remove(&id) {
            let _ = sender.send(result);
        }
    }
    lock(&waiting).clear();
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
