//! Waking up: when the computer has slept, issuers are asked at once and not when a wait is over.
//!
//! Like the tray, this is a front end of its own agent: the engine knows nothing of it. Without a system bus, or without logind on it,
//! nothing is told, and waits end as they would have.

use std::path::{Path, PathBuf};

use countersign_agent_api::{Request, Role, client::Client};
use futures_util::StreamExt as _;
use zbus::{Connection, MatchRule, MessageStream, message::Type};

const NAME: &str = "org.freedesktop.login1";
const INTERFACE: &str = "org.freedesktop.login1.Manager";
/// Signals that may wait.
const QUEUE: usize = 4;

/// Listens on the system's bus for as long as there is one.
pub(crate) async fn run(socket: PathBuf) {
    let ended = async { keep(&Connection::system().await?, &socket).await };
    if let Err(error) = ended.await {
        tracing::debug!(%error, "waking up is not told");
    }
}

async fn keep(bus: &Connection, socket: &Path) -> zbus::Result<()> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(NAME)?
        .interface(INTERFACE)?
        .member("PrepareForSleep")?
        .build();
    let mut signals = MessageStream::for_match_rule(rule, bus, Some(QUEUE)).await?;
    while let Some(signal) = signals.next().await {
        // It says that the computer is going to sleep, and when it has woken, that it is not.
        let awake = signal?.body().deserialize::<bool>().is_ok_and(|sleeps| !sleeps);
        if awake {
            check(socket).await;
        }
    }
    Ok(())
}

async fn check(socket: &Path) {
    let checked = async {
        let (client, _events) = Client::connect(socket, Role::Terminal).await?;
        client.call(Request::CheckNow).await
    };
    if let Err(error) = checked.await {
        tracing::debug!(%error, "the agent was not told that the computer woke");
    }
}

#[cfg(test)]
mod tests {
    use countersign_agent_api::{API_VERSION, AgentInfo, Call, Message, Reply, frame};
    use tokio::net::{UnixListener, UnixStream};

    use super::*;
    use crate::private_session::{assert_inside, run as in_session};

    #[test]
    fn issuers_are_asked_when_the_computer_wakes() {
        in_session("wake::tests::inside_waking", "");
    }

    /// The next call, answered.
    async fn answered(stream: &mut UnixStream, with: impl FnOnce(&Request) -> Reply) -> Request {
        let call: Call = frame::read(stream).await.unwrap();
        let reply = Box::new(with(&call.request));
        frame::write(stream, &Message::Reply { id: call.id, reply })
            .await
            .unwrap();
        call.request
    }

    #[tokio::test]
    #[ignore = "started by issuers_are_asked_when_the_computer_wakes"]
    async fn inside_waking() {
        assert_inside();
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("agent.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let bus = Connection::session().await.unwrap();
        let logind = Connection::session().await.unwrap();
        logind.request_name(NAME).await.unwrap();
        let listening = async {
            let _ = keep(&bus, &socket).await;
        };
        let waking = async {
            let greeted = loop {
                for sleeps in [true, false] {
                    logind
                        .emit_signal(
                            None::<&str>,
                            "/org/freedesktop/login1",
                            INTERFACE,
                            "PrepareForSleep",
                            &sleeps,
                        )
                        .await
                        .unwrap();
                }
                // Emitted until it listens: only then somebody connects.
                let soon = std::time::Duration::from_millis(200);
                if let Ok(accepted) = tokio::time::timeout(soon, listener.accept()).await {
                    break accepted.unwrap().0;
                }
            };
            let mut stream = greeted;
            let hello = |_: &Request| {
                Reply::Hello(AgentInfo {
                    api_version: API_VERSION,
                    agent_version: "0".into(),
                })
            };
            answered(&mut stream, hello).await;
            answered(&mut stream, |_| Reply::Done).await
        };
        tokio::select! {
            () = listening => panic!("the bus is gone"),
            asked = waking => assert_eq!(asked, Request::CheckNow),
        }
    }
}
