//! The agent's end of the socket that front ends connect to.
//!
//! Invariants: the socket is 0600 in a 0700 directory and every peer's uid is checked; a connection greets first, with
//! the version of [`countersign_agent_api`] that is spoken here; connections, calls in flight, frames and queues are
//! limited; a front end that does not read is dropped, and holds nobody up. What a call means is the engine's
//! business: this module only carries it there and the answers back.

mod connection;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use countersign_agent_api::{Message, Request, Role, socket};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use crate::state_dir::{StateError, create_private_dir};

/// The most connections at a time; further ones are closed at once.
pub const MAX_CONNECTIONS: usize = 16;

/// The most messages that wait for one front end; a front end behind by more is dropped.
pub const MAX_WAITING: usize = 64;

/// How long connections get to read their last messages when the agent ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// The socket cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Its directory is not usable.
    #[error(transparent)]
    Directory(#[from] StateError),
    /// Somebody answers there already.
    #[error("another agent already listens at {}. Stop it first, or use that one", .0.display())]
    InUse(PathBuf),
    /// The system refused.
    #[error("cannot listen at {}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// One connection, for as long as the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// What front ends do, for the engine's task.
#[derive(Debug)]
pub enum Inbound {
    /// Somebody greeted.
    Connected {
        /// Names the connection from here on.
        connection: ConnectionId,
        /// Which kind of front end.
        role: Role,
        /// Where its messages go. Dropping it closes the connection.
        outbox: mpsc::Sender<Message>,
    },
    /// A call. The answer is a message with the same id.
    Call {
        /// From whom.
        connection: ConnectionId,
        /// Echoed in the answer.
        id: u64,
        /// What is asked; never `Hello`.
        request: Request,
    },
    /// The connection is gone.
    Disconnected {
        /// Which.
        connection: ConnectionId,
    },
}

/// A bound socket. The file is removed when this is dropped.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
}

impl Server {
    /// Binds the socket; one left by a dead agent is replaced.
    ///
    /// # Errors
    /// [`BindError::InUse`] if somebody listens there.
    pub async fn bind(path: &Path) -> Result<Self, BindError> {
        let failed = |source| BindError::Io {
            path: path.to_owned(),
            source,
        };
        if let Some(dir) = path.parent() {
            create_private_dir(dir)?;
        }
        match UnixStream::connect(path).await {
            Ok(_) => return Err(BindError::InUse(path.to_owned())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)?;
            }
            Err(e) => return Err(failed(e)),
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Accepts front ends until the receiver of `inbound` is gone, then lets them read what was sent to them.
    pub async fn serve(self, inbound: mpsc::Sender<Inbound>) {
        let mut connections = JoinSet::new();
        let mut next = 0;
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) if connections.len() < MAX_CONNECTIONS => {
                        next += 1;
                        if let Err(refused) = socket::check_peer(&stream) {
                            tracing::warn!(%refused, "front end refused");
                            continue;
                        }
                        connections.spawn(connection::run(stream, ConnectionId(next), inbound.clone()));
                    }
                    Ok(_) => tracing::warn!(limit = MAX_CONNECTIONS, "too many front ends, one was refused"),
                    Err(error) => {
                        // Out of descriptors, most likely: accepting again at once would only spin.
                        tracing::warn!(%error, "cannot accept a front end");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                () = inbound.closed() => break,
            }
        }
        let _ = timeout(FAREWELL, async {
            while connections.join_next().await.is_some() {}
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests;
