//! Over a real socket, with the test in place of the engine.

use std::os::unix::fs::MetadataExt;

use countersign_agent_api::{
    API_VERSION, Call, ErrorCode, Event, Reply,
    client::{Client, ClientError},
    frame,
};

use super::*;

struct Bench {
    _home: tempfile::TempDir,
    path: PathBuf,
    inbound: mpsc::Receiver<Inbound>,
    server: tokio::task::JoinHandle<()>,
}

async fn bench() -> Bench {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("countersign/agent.sock");
    let server = Server::bind(&path).await.unwrap();
    let (sender, inbound) = mpsc::channel(8);
    Bench {
        _home: home,
        path,
        inbound,
        server: tokio::spawn(server.serve(sender)),
    }
}

impl Bench {
    async fn greeted(&mut self, role: Role) -> mpsc::Sender<Message> {
        match self.inbound.recv().await.unwrap() {
            Inbound::Connected {
                role: found, outbox, ..
            } => {
                assert_eq!(found, role);
                outbox
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_socket_is_private() {
    let bench = bench().await;
    assert_eq!(fs::metadata(&bench.path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(bench.path.parent().unwrap()).unwrap().mode() & 0o777,
        0o700
    );
}

#[tokio::test]
async fn a_call_reaches_the_engine_and_its_answer_comes_back() {
    let mut bench = bench().await;
    let (client, _events) = Client::connect(&bench.path, Role::Terminal).await.unwrap();
    let outbox = bench.greeted(Role::Terminal).await;
    let engine = async {
        let Some(Inbound::Call {
            id,
            request: Request::Shutdown,
            ..
        }) = bench.inbound.recv().await
        else {
            panic!("no call")
        };
        outbox
            .send(Message::Reply {
                id,
                reply: Box::new(Reply::Done),
            })
            .await
            .unwrap();
    };
    let (answer, ()) = tokio::join!(client.call(Request::Shutdown), engine);
    assert_eq!(answer.unwrap(), Reply::Done);
    client.close().await;
    assert!(matches!(
        bench.inbound.recv().await,
        Some(Inbound::Disconnected { .. })
    ));
}

#[tokio::test]
async fn an_answer_that_no_frame_holds_fails_its_call_and_not_the_connection() {
    let mut bench = bench().await;
    let (client, mut events) = Client::connect(&bench.path, Role::App).await.unwrap();
    let outbox = bench.greeted(Role::App).await;
    let engine = async {
        let long = "x".repeat(frame::MAX_FRAME);
        for reply in [Reply::Evidence(long), Reply::Done] {
            let Some(Inbound::Call { id, .. }) = bench.inbound.recv().await else {
                panic!("no call")
            };
            let reply = Box::new(reply);
            outbox.send(Message::Reply { id, reply }).await.unwrap();
        }
    };
    let front_end = async {
        let refused = client.call(Request::Status).await.unwrap_err();
        assert_eq!(refused.into_api().code, ErrorCode::Unavailable);
        assert_eq!(client.call(Request::Status).await.unwrap(), Reply::Done);
    };
    tokio::join!(engine, front_end);
    let locked_by = Some("x".repeat(frame::MAX_FRAME));
    let mut settings = crate::config::Effective::default().view(false);
    let event = Box::new(Event::Settings(settings.clone()));
    settings.locked_by = locked_by;
    let long = Box::new(Event::Settings(settings));
    outbox.send(Message::Event { event: long }).await.unwrap();
    outbox
        .send(Message::Event { event: event.clone() })
        .await
        .unwrap();
    assert_eq!(events.recv().await, Some(*event));
}

#[tokio::test]
async fn a_call_before_hello_is_refused() {
    let bench = bench().await;
    let mut stream = UnixStream::connect(&bench.path).await.unwrap();
    frame::write(
        &mut stream,
        &Call {
            id: 3,
            request: Request::Status,
        },
    )
    .await
    .unwrap();
    let Message::Failed { id: 3, error } = frame::read(&mut stream).await.unwrap() else {
        panic!()
    };
    assert_eq!(error.code, ErrorCode::InvalidCall);
    assert!(matches!(
        frame::read::<Message>(&mut stream).await,
        Err(frame::FrameError::Closed)
    ));
}

#[tokio::test]
async fn another_version_is_refused() {
    let bench = bench().await;
    let mut stream = UnixStream::connect(&bench.path).await.unwrap();
    let hello = Request::Hello {
        version: API_VERSION + 1,
        role: Role::App,
    };
    frame::write(
        &mut stream,
        &Call {
            id: 1,
            request: hello,
        },
    )
    .await
    .unwrap();
    let Message::Failed { error, .. } = frame::read(&mut stream).await.unwrap() else {
        panic!()
    };
    assert_eq!(error.code, ErrorCode::IncompatibleVersion);
}

#[tokio::test]
async fn one_connection_too_many_is_closed() {
    let mut bench = bench().await;
    let mut clients = Vec::new();
    let mut outboxes = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        clients.push(Client::connect(&bench.path, Role::App).await.unwrap());
        outboxes.push(bench.greeted(Role::App).await);
    }
    let refused = Client::connect(&bench.path, Role::App).await;
    assert!(matches!(refused, Err(ClientError::Broken(_))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed() {
    let bench = bench().await;
    let mut stream = UnixStream::connect(&bench.path).await.unwrap();
    assert!(matches!(
        frame::read::<Message>(&mut stream).await,
        Err(frame::FrameError::Closed)
    ));
}

#[tokio::test]
async fn letting_go_of_the_outbox_closes_the_connection() {
    let mut bench = bench().await;
    let (_client, mut events) = Client::connect(&bench.path, Role::App).await.unwrap();
    drop(bench.greeted(Role::App).await);
    assert_eq!(events.recv().await, None);
}

#[tokio::test]
async fn the_last_answer_arrives_although_the_agent_ends() {
    let mut bench = bench().await;
    let (client, _events) = Client::connect(&bench.path, Role::Terminal).await.unwrap();
    let outbox = bench.greeted(Role::Terminal).await;
    let path = bench.path.clone();
    let agent = async {
        let Some(Inbound::Call { id, .. }) = bench.inbound.recv().await else {
            panic!("no call")
        };
        outbox
            .send(Message::Reply {
                id,
                reply: Box::new(Reply::Done),
            })
            .await
            .unwrap();
        drop(outbox);
        bench.inbound.close();
        bench.server.await.unwrap();
    };
    let (answer, ()) = tokio::join!(client.call(Request::Shutdown), agent);
    assert_eq!(answer.unwrap(), Reply::Done);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("s/agent.sock");
    create_private_dir(path.parent().unwrap()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _server = Server::bind(&path).await.unwrap();
    assert!(matches!(Server::bind(&path).await, Err(BindError::InUse(_))));
}
