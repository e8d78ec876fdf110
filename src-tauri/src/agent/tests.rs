//! Against an agent of the test's own on a real socket.

use countersign_agent_api::{
    API_VERSION, AccountId, AgentInfo, Call, Event, HistoryEntry, HistoryFilter, HistoryPage, Message,
    Outcome, ReceiptState, RequestId, frame,
};
use tokio::{
    io::AsyncWriteExt,
    net::{UnixListener, UnixStream},
};

use super::*;

/// An agent that answers `hello` and `subscribe` on one connection.
async fn greet(listener: &UnixListener) -> UnixStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let hello = frame::read::<Call>(&mut stream).await.unwrap();
    assert_eq!(
        hello.request,
        Request::Hello {
            version: API_VERSION,
            role: Role::App
        }
    );
    let info = AgentInfo {
        api_version: API_VERSION,
        agent_version: "0.1.0".into(),
    };
    reply(&mut stream, hello.id, Reply::Hello(info)).await;
    let subscribe = frame::read::<Call>(&mut stream).await.unwrap();
    assert_eq!(subscribe.request, Request::Subscribe);
    reply(&mut stream, subscribe.id, Reply::Done).await;
    stream
}

async fn reply(stream: &mut UnixStream, id: u64, reply: Reply) {
    frame::write(
        stream,
        &Message::Reply {
            id,
            reply: Box::new(reply),
        },
    )
    .await
    .unwrap();
}

struct Fixture {
    directory: tempfile::TempDir,
    agent: Agent,
    inputs: mpsc::Receiver<Input>,
}

/// Runs a connector against a socket in a new directory.
fn connect(program: &str) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.sock");
    let (sender, inputs) = mpsc::channel(16);
    let (agent, mut connector) = connector(AgentProgram(program.into()), sender);
    tokio::spawn(async move { while connector.session(&path).await {} });
    Fixture {
        directory,
        agent,
        inputs,
    }
}

fn listen(directory: &tempfile::TempDir) -> UnixListener {
    let path = directory.path().join("agent.sock");
    let _ = std::fs::remove_file(&path);
    UnixListener::bind(path).unwrap()
}

#[tokio::test]
async fn snapshots_are_loaded_again_after_the_agent_restarts() {
    let mut fixture = connect("/nonexistent");
    for round in 0..2 {
        let listener = listen(&fixture.directory);
        let mut stream = greet(&listener).await;
        for event in [Event::Requests(Vec::new()), Event::Accounts(Vec::new())] {
            frame::write(
                &mut stream,
                &Message::Event {
                    event: Box::new(event),
                },
            )
            .await
            .unwrap();
        }
        let mut fresh = Vec::new();
        loop {
            match fixture.inputs.recv().await.unwrap() {
                Input::Agent(event) => fresh.push(event),
                Input::Link(AgentLink::Connected) => break,
                Input::Link(AgentLink::Lost) => assert_eq!(round, 1),
                Input::Link(AgentLink::NotRunning { .. }) => {}
                other @ (Input::Link(_)
                | Input::Page(_)
                | Input::LinkTaken(_)
                | Input::Accent(_)
                | Input::Open(_)) => {
                    panic!("{other:?}")
                }
            }
        }
        assert_eq!(fresh, [Event::Requests(Vec::new()), Event::Accounts(Vec::new())]);
    }
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let mut fixture = connect("/nonexistent/countersign-agent");
    let Input::Link(AgentLink::NotRunning {
        problem: Some(problem),
    }) = fixture.inputs.recv().await.unwrap()
    else {
        panic!("not told");
    };
    assert!(problem.contains("/nonexistent/countersign-agent"), "{problem}");
}

#[tokio::test]
async fn an_agent_of_another_version_is_refused_with_its_words() {
    let mut fixture = connect("/nonexistent");
    let listener = listen(&fixture.directory);
    let (mut stream, _) = listener.accept().await.unwrap();
    let hello = frame::read::<Call>(&mut stream).await.unwrap();
    let error = ApiError::new(
        ErrorCode::IncompatibleVersion,
        "Restart the agent: it is older than the app.",
    );
    frame::write(
        &mut stream,
        &Message::Failed {
            id: hello.id,
            error: error.clone(),
        },
    )
    .await
    .unwrap();
    loop {
        match fixture.inputs.recv().await.unwrap() {
            Input::Link(AgentLink::NotRunning { .. }) => {}
            Input::Link(AgentLink::Refused { message }) => break assert_eq!(message, error.message),
            other @ (Input::Link(_)
            | Input::Agent(_)
            | Input::Page(_)
            | Input::LinkTaken(_)
            | Input::Accent(_)
            | Input::Open(_)) => {
                panic!("{other:?}")
            }
        }
    }
}

/// What the person is told of an agent that does this when it is called.
async fn said_of(mut fixture: Fixture, listener: UnixListener, answer: Option<&'static [u8]>) -> String {
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            frame::read::<Call>(&mut stream).await.unwrap();
            if let Some(bytes) = answer {
                stream.write_all(bytes).await.unwrap();
            }
        }
    });
    loop {
        match fixture.inputs.recv().await.unwrap() {
            Input::Link(AgentLink::NotRunning { .. }) => {}
            Input::Link(AgentLink::Refused { message }) => break message,
            other @ (Input::Link(_)
            | Input::Agent(_)
            | Input::Page(_)
            | Input::LinkTaken(_)
            | Input::Accent(_)
            | Input::Open(_)) => {
                panic!("{other:?}")
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_greeting_makes_no_sense_is_not_waited_for() {
    let malformed: &[u8] = b"\0\0\0\x02{}";
    let something_else: &[u8] = b"\0\0\0\x20{\"kind\":\"reply\",\"id\":1,\"reply\":1}";
    for answer in [Some(malformed), Some(something_else), None] {
        let fixture = connect("/nonexistent");
        let listener = listen(&fixture.directory);
        let said = said_of(fixture, listener, answer).await;
        assert!(said.contains("is not understood. Restart it"), "{said}");
    }
}

#[tokio::test]
async fn a_call_without_a_connection_says_what_to_do() {
    let fixture = connect("/nonexistent");
    let error = fixture.agent.call(Request::Accounts).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable);
    assert!(error.message.contains("Start it"), "{}", error.message);
}

#[tokio::test]
async fn the_history_is_asked_for_page_by_page_until_there_are_as_many_as_wanted() {
    let mut fixture = connect("/nonexistent");
    let listener = listen(&fixture.directory);
    let mut stream = greet(&listener).await;
    for event in [Event::Requests(Vec::new()), Event::Accounts(Vec::new())] {
        let event = Box::new(event);
        frame::write(&mut stream, &Message::Event { event })
            .await
            .unwrap();
    }
    while fixture.inputs.recv().await.unwrap() != Input::Link(AgentLink::Connected) {}
    let entry = |id: &str| HistoryEntry {
        id: RequestId(id.into()),
        txn: String::new(),
        at: 0,
        account: AccountId("a1".into()),
        issuer_name: String::new(),
        account_label: String::new(),
        client_name: String::new(),
        lines: Vec::new(),
        outcome: Outcome::Denied,
        by_this_device: true,
        device_name: None,
        receipt: ReceiptState::None,
        reported_at: None,
    };
    let agent = async {
        for (limit, before, ids, more) in [
            (3, None, vec!["c", "b"], true),
            (1, Some("b"), vec!["a"], true),
            (3, None, vec!["c"], false),
        ] {
            let call = frame::read::<Call>(&mut stream).await.unwrap();
            let wanted = Request::History {
                limit,
                before: before.map(|id: &str| RequestId(id.into())),
                filter: HistoryFilter::default(),
            };
            assert_eq!(call.request, wanted);
            let entries = ids.into_iter().map(entry).collect();
            reply(
                &mut stream,
                call.id,
                Reply::History(HistoryPage { entries, more }),
            )
            .await;
        }
    };
    let app = async {
        for wanted in [vec!["c", "b", "a"], vec!["c"]] {
            let found = fixture.agent.history(3, None, &HistoryFilter::default()).await;
            let ids: Vec<_> = found.unwrap().into_iter().map(|entry| entry.id.0).collect();
            assert_eq!(ids, wanted);
        }
    };
    tokio::join!(agent, app);
}
