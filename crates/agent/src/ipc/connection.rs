//! One front end's connection: greeting, calls in, messages out.

use std::time::Duration;

use countersign_agent_api::{
    API_VERSION, AgentInfo, ApiError, Call, ErrorCode, Message, Reply, Request, Role,
    frame::{self, FrameError},
};
use tokio::{
    io::AsyncWriteExt,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::timeout,
};

use super::{ConnectionId, Inbound, MAX_WAITING};

/// How long a front end may take to greet, and to take one message.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves one connection until either side ends it.
pub(super) async fn run(stream: UnixStream, connection: ConnectionId, inbound: mpsc::Sender<Inbound>) {
    let (mut read, mut write) = stream.into_split();
    let Ok(Some(role)) = timeout(PATIENCE, greet(&mut read, &mut write)).await else {
        return;
    };
    let (outbox, messages) = mpsc::channel(MAX_WAITING);
    if inbound
        .send(Inbound::Connected {
            connection,
            role,
            outbox,
        })
        .await
        .is_err()
    {
        return;
    }
    let calls = forward(read, connection, &inbound);
    let answers = deliver(write, messages);
    tokio::pin!(calls, answers);
    tokio::select! {
        // The front end has said all it will; what it was still owed has nobody to read it.
        () = &mut calls => {}
        // The engine let go of the outbox, or the front end does not read.
        () = &mut answers => {}
    }
    let _ = inbound.send(Inbound::Disconnected { connection }).await;
}

/// Expects `Hello` of this version and answers it.
async fn greet(read: &mut OwnedReadHalf, write: &mut OwnedWriteHalf) -> Option<Role> {
    let call: Call = frame::read(read).await.ok()?;
    let id = call.id;
    let refuse = |code, text: &str| {
        (
            Message::Failed {
                id,
                error: ApiError::new(code, text),
            },
            None,
        )
    };
    let (message, role) = if let Request::Hello { version, role } = call.request {
        if version == API_VERSION {
            let info = AgentInfo {
                api_version: API_VERSION,
                agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            };
            (
                Message::Reply {
                    id,
                    reply: Box::new(Reply::Hello(info)),
                },
                Some(role),
            )
        } else {
            let text = format!(
                "The app speaks version {version} of the agent's interface, the agent {API_VERSION}. Restart both: \
                 they are of different releases."
            );
            refuse(ErrorCode::IncompatibleVersion, &text)
        }
    } else {
        refuse(
            ErrorCode::InvalidCall,
            "The first call on a connection is `hello`.",
        )
    };
    frame::write(write, &message).await.ok()?;
    role
}

/// Carries calls to the engine until the front end closes or breaks the rules.
async fn forward(mut read: OwnedReadHalf, connection: ConnectionId, inbound: &mpsc::Sender<Inbound>) {
    loop {
        match frame::read::<Call>(&mut read).await {
            Ok(Call {
                request: Request::Hello { .. },
                ..
            }) => {
                tracing::warn!("a front end greeted twice and was dropped");
                return;
            }
            Ok(Call { id, request }) => {
                if inbound
                    .send(Inbound::Call {
                        connection,
                        id,
                        request,
                    })
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Err(FrameError::Closed) => return,
            Err(error @ (FrameError::TooLarge(_) | FrameError::Malformed(_) | FrameError::Io(_))) => {
                tracing::warn!(%error, "a front end was dropped");
                return;
            }
        }
    }
}

/// Writes messages until the engine lets go of the outbox or the front end stops reading.
async fn deliver(mut write: OwnedWriteHalf, mut messages: mpsc::Receiver<Message>) {
    while let Some(message) = messages.recv().await {
        match timeout(PATIENCE, send(&mut write, message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "a front end is gone");
                return;
            }
            Err(_) => {
                tracing::warn!("a front end does not read and was dropped");
                return;
            }
        }
    }
    let _ = write.shutdown().await;
}

/// Writes a message. One that no frame holds is an error of its call, not of the connection.
async fn send(write: &mut OwnedWriteHalf, message: Message) -> Result<(), FrameError> {
    let size = match frame::write(write, &message).await {
        Err(FrameError::TooLarge(size)) => size,
        written => return written,
    };
    tracing::warn!(size, "a message for a front end is too large and was left out");
    let id = match message {
        Message::Reply { id, .. } | Message::Failed { id, .. } => id,
        // Each event is a whole snapshot: the next one says more.
        Message::Event { .. } => return Ok(()),
    };
    let text = "The answer is too long to be shown. Ask for less at once.";
    let error = ApiError::new(ErrorCode::Unavailable, text);
    frame::write(write, &Message::Failed { id, error }).await
}
