//! The way to the agent: connects, subscribes, connects again, and starts the agent when there is none.
//!
//! Invariants: one connection at a time; the agent is started by itself at most once per run of the app, after that only when
//! the person asks; every wait has a limit.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use countersign_agent_api::{
    ApiError, ErrorCode, Event, HistoryEntry, HistoryFilter, Reply, Request, RequestId, Role,
    client::{Client, ClientError},
    frame::FrameError,
    socket,
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use crate::{shell::Input, view::AgentLink};

/// The first and the longest wait between two attempts.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(3));
/// So many failed attempts in a row are called "not running" (about three seconds).
const PATIENCE: u32 = 7;

/// Starts the agent's program.
#[derive(Debug, Clone)]
pub(crate) struct AgentProgram(PathBuf);

/// The agent could not be started.
#[derive(Debug, thiserror::Error)]
#[error("The agent could not be started ({}). Start it with `countersign-agent run` in a terminal to see why.", path.display())]
pub(crate) struct StartError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl AgentProgram {
    /// `countersign-agent` beside this program.
    ///
    /// # Errors
    /// The system does not say where this program is.
    pub(crate) fn beside_this_one() -> io::Result<Self> {
        Ok(Self(std::env::current_exe()?.with_file_name("countersign-agent")))
    }

    /// Starts `countersign-agent run` in its own process group: it outlives the app.
    fn start(&self) -> Result<(), StartError> {
        // Dropping the handle leaves the child alone; the runtime reaps it.
        tokio::process::Command::new(&self.0)
            .arg("run")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map(drop)
            .map_err(|source| StartError {
                path: self.0.clone(),
                source,
            })
    }
}

/// What the commands use: calls over whichever connection there is.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    client: watch::Receiver<Option<Arc<Client>>>,
    start: mpsc::Sender<()>,
}

impl Agent {
    /// One call.
    ///
    /// # Errors
    /// The agent's, or [`ErrorCode::Unavailable`] without a connection.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply, ApiError> {
        let client = self.client()?;
        client.call(request).await.map_err(ClientError::into_api)
    }

    /// As many entries of the history as are wanted, newest first.
    ///
    /// # Errors
    /// As [`Agent::call`].
    pub(crate) async fn history(
        &self,
        limit: u32,
        before: Option<RequestId>,
        filter: &HistoryFilter,
    ) -> Result<Vec<HistoryEntry>, ApiError> {
        let client = self.client()?;
        let entries = client.history(limit, before, filter).await;
        entries.map_err(ClientError::into_api)
    }

    fn client(&self) -> Result<Arc<Client>, ApiError> {
        self.client.borrow().clone().ok_or_else(|| {
            ApiError::new(
                ErrorCode::Unavailable,
                "The Countersign agent is not running. Start it, then try again.",
            )
        })
    }

    /// Starts the agent now, because the person asked.
    pub(crate) fn start(&self) {
        // One waiting wish is enough.
        let _ = self.start.try_send(());
    }
}

/// The task that keeps the connection.
#[derive(Debug)]
pub(crate) struct Connector {
    client: watch::Sender<Option<Arc<Client>>>,
    start: mpsc::Receiver<()>,
    inputs: mpsc::Sender<Input>,
    program: AgentProgram,
}

/// The two ends: for the commands, and to be run.
pub(crate) fn connector(program: AgentProgram, inputs: mpsc::Sender<Input>) -> (Agent, Connector) {
    let (client_sender, client) = watch::channel(None);
    let (start, start_receiver) = mpsc::channel(1);
    (
        Agent { client, start },
        Connector {
            client: client_sender,
            start: start_receiver,
            inputs,
            program,
        },
    )
}

impl Connector {
    /// Keeps the connection until the shell is gone.
    pub(crate) async fn run(mut self) {
        match socket::path() {
            Ok(path) => while self.session(&path).await {},
            Err(e) => self.refuse(&format!("{e}.")).await,
        }
    }

    /// Connects, stays until the connection breaks, and says whether to go on.
    async fn session(&mut self, path: &Path) -> bool {
        let had_connection = self.client.borrow().is_some();
        if had_connection {
            self.client.send_replace(None);
            self.tell(AgentLink::Lost).await;
        }
        let Some((client, mut events)) = self.connect(path, had_connection).await else {
            return false;
        };
        self.client.send_replace(Some(client));
        // Connected is said once both snapshots are fresh: until then an empty list means nothing.
        let (mut requests, mut accounts, mut said) = (false, false, false);
        while let Some(event) = events.recv().await {
            requests |= matches!(event, Event::Requests(_));
            accounts |= matches!(event, Event::Accounts(_));
            if self.inputs.send(Input::Agent(event)).await.is_err() {
                return false;
            }
            if requests && accounts && !said {
                said = true;
                self.tell(AgentLink::Connected).await;
            }
        }
        !self.inputs.is_closed()
    }

    /// Tries until there is a connection. `None`: the shell is gone.
    async fn connect(&mut self, path: &Path, had_connection: bool) -> Option<Connection> {
        let (mut wait, longest) = BACK_OFF;
        let mut problem = None;
        let mut failures = 0;
        loop {
            match subscribe(path).await {
                Ok(connection) => return Some(connection),
                Err(ClientError::NotRunning(_)) => {
                    failures += 1;
                    // A connection that broke is the agent's restart; it is not started behind the person's back then.
                    if failures == 1 && !had_connection {
                        problem = self.program.start().err();
                    }
                    if failures >= PATIENCE || problem.is_some() {
                        let problem = problem.as_ref().map(ToString::to_string);
                        self.tell(AgentLink::NotRunning { problem }).await;
                    }
                }
                Err(ClientError::Api(e)) => self.refuse(&e.message).await,
                // It may be starting or ending.
                Err(ClientError::Broken(FrameError::Closed | FrameError::Io(_))) if failures < PATIENCE => {
                    failures += 1;
                }
                Err(ClientError::Broken(_) | ClientError::UnexpectedReply) => {
                    self.refuse("The agent’s greeting is not understood. Restart it: app and agent may be of different versions.").await;
                }
                Err(ClientError::TimedOut) => {
                    self.refuse("An agent is there but does not answer. Restart it with `countersign-agent stop`, then open Countersign again.").await;
                }
                Err(e @ ClientError::Socket(_)) => self.refuse(&format!("{e}.")).await,
            }
            if self.inputs.is_closed() {
                return None;
            }
            if let Ok(Some(())) = timeout(wait, self.start.recv()).await {
                problem = self.program.start().err();
                failures = 0;
                (wait, _) = BACK_OFF;
                if problem.is_none() {
                    self.tell(AgentLink::Connecting).await;
                }
            } else {
                wait = (wait * 2).min(longest);
            }
        }
    }

    async fn refuse(&self, message: &str) {
        let message = message.to_owned();
        self.tell(AgentLink::Refused { message }).await;
    }

    async fn tell(&self, link: AgentLink) {
        // The shell is gone only when the app ends.
        let _ = self.inputs.send(Input::Link(link)).await;
    }
}

type Connection = (Arc<Client>, mpsc::Receiver<Event>);

async fn subscribe(path: &Path) -> Result<Connection, ClientError> {
    let (client, events) = Client::connect(path, Role::App).await?;
    client.call(Request::Subscribe).await?;
    Ok((Arc::new(client), events))
}

#[cfg(test)]
mod tests;
