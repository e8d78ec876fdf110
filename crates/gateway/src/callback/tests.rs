//! Calling back: until it is answered, never elsewhere, never for ever.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use super::*;
use crate::{
    edge::SystemRng,
    service::testing::{START, World, ask},
    store,
};

const OK: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A gateway with one result to be sent, and who receives it.
struct Outbox {
    world: World,
    worker: Arc<Worker>,
    client: store::Client,
    receiver: TcpListener,
    url: String,
}

impl Outbox {
    async fn new() -> Self {
        let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/cb", receiver.local_addr().unwrap());
        let world = World::new().await;
        let client = store::Client {
            callback_urls: vec![url.clone()],
            ..world.client.clone()
        };
        let worker = Worker::new(
            Arc::clone(&world.gateway),
            super::client(None).unwrap(),
            Arc::new(SystemRng::new()),
            Arc::new(Metrics::new()),
        );
        Self {
            world,
            worker: Arc::new(worker),
            client,
            receiver,
            url,
        }
    }

    /// An approval that has ended.
    async fn ended(&self) -> Txn {
        let wish = crate::service::Ask {
            callback_url: Some(self.url.clone()),
            ..ask("amelie")
        };
        let asked = self.world.gateway.ask(&self.client, wish).await.unwrap();
        self.world.gateway.cancel(&self.client, &asked.txn).await.unwrap();
        asked.txn
    }

    async fn due(&self) -> Vec<Callback> {
        let gateway = &self.world.gateway;
        gateway.store().due_callbacks(gateway.now(), 10).await.unwrap()
    }

    /// Delivers what is due while the receiver answers so. Gives what it received.
    async fn attempt(&self, answer: &str) -> String {
        let due = self.due().await;
        let [callback] = due.as_slice() else {
            panic!("{due:?} is due")
        };
        let (_, received) = tokio::join!(
            Arc::clone(&self.worker).deliver(callback.clone()),
            take(&self.receiver, answer)
        );
        received
    }

    async fn next(&self) -> Option<Timestamp> {
        self.world.gateway.store().next_callback().await.unwrap()
    }
}

/// Takes one request and answers it. Gives its body.
async fn take(receiver: &TcpListener, answer: &str) -> String {
    let (mut stream, _) = receiver.accept().await.unwrap();
    let body = read_request(&mut stream).await;
    stream.write_all(answer.as_bytes()).await.unwrap();
    body
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            assert!(head.starts_with("post /cb http/1.1"), "{head}");
            assert!(head.contains("content-type: application/json"), "{head}");
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if Some(body.len()) == length {
                return body.to_owned();
            }
        }
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "the request ended early: {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
}

#[tokio::test]
async fn a_failed_attempt_is_repeated_later_and_success_ends_it() {
    let outbox = Outbox::new().await;
    outbox.world.device("amelie").await;
    let txn = outbox.ended().await;
    let first = outbox.attempt(BROKEN).await;
    assert_eq!(outbox.due().await, []);
    assert_eq!(outbox.next().await, Some(START + 1));

    outbox.world.clock.advance(1);
    let second = outbox.attempt(OK).await;
    assert_eq!(outbox.next().await, None);
    for body in [first, second] {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (body["txn"].as_str(), body["outcome"].as_str()),
            (Some(txn.as_str()), Some("cancelled"))
        );
        assert_eq!(outbox.world.result(body["result"].as_str().unwrap()).txn, txn);
    }
    let events = outbox.world.events().await;
    assert!(
        events.ends_with(&["callback.failed".to_owned(), "callback.delivered".to_owned()]),
        "{events:?}"
    );
}

#[tokio::test]
async fn after_an_hour_it_is_given_up() {
    let outbox = Outbox::new().await;
    outbox.world.device("amelie").await;
    outbox.ended().await;
    outbox.world.clock.advance(OFFERED);
    outbox.attempt(BROKEN).await;
    assert_eq!(outbox.next().await, None);
    assert_eq!(outbox.world.events().await.last().unwrap(), "callback.abandoned");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let outbox = Outbox::new().await;
    outbox.world.device("amelie").await;
    outbox.ended().await;
    let location = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        outbox.url
    );
    outbox.attempt(&location).await;
    // A second request would still be waiting to be accepted.
    assert_eq!(outbox.next().await, Some(START + 1));
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let outbox = Outbox::new().await;
    outbox.world.device("amelie").await;
    outbox.ended().await;
    let callback = outbox.due().await.remove(0);
    let flood = async {
        let (mut stream, _) = outbox.receiver.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        // Ends only when the other side closes.
        while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
    };
    tokio::join!(Arc::clone(&outbox.worker).deliver(callback), flood);
    assert_eq!(outbox.next().await, None);
}

#[tokio::test]
async fn the_worker_wakes_up_for_a_new_result_and_ends_when_told() {
    let outbox = Outbox::new().await;
    outbox.world.device("amelie").await;
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = Worker::new(
        Arc::clone(&outbox.world.gateway),
        client(None).unwrap(),
        Arc::new(SystemRng::new()),
        Arc::new(Metrics::new()),
    );
    let running = tokio::spawn(worker.run(async {
        let _ = stopped.await;
    }));
    let first = outbox.ended().await;
    assert!(take(&outbox.receiver, OK).await.contains(first.as_str()));
    let second = outbox.ended().await;
    assert!(take(&outbox.receiver, OK).await.contains(second.as_str()));
    stop.send(()).unwrap();
    running.await.unwrap();
    assert_eq!(outbox.next().await, None);
}

#[test]
fn only_https_and_this_computer_are_called() {
    for url in [
        "https://a.example/cb",
        "http://127.0.0.1:9/cb",
        "http://[::1]:9/",
        "http://localhost:3000/a?b=c",
    ] {
        assert!(check_url(url).is_ok(), "{url}");
    }
    for (url, why) in [
        ("a.example", UrlError::NotUrl),
        ("http://a.example/", UrlError::NotSecure),
        ("http://127.0.0.1.a.example/", UrlError::NotSecure),
        ("http://10.0.0.1/", UrlError::NotSecure),
        ("file:///etc/passwd", UrlError::NotSecure),
        ("https://me@a.example/", UrlError::Credentials),
        ("https://a.example/#x", UrlError::Credentials),
    ] {
        assert_eq!(check_url(url), Err(why), "{url}");
    }
}

#[test]
fn pauses_grow_and_end_with_the_hour() {
    let pauses: Vec<_> = (0..10)
        .map(|attempts| again_at(attempts, 0, 0, 0).unwrap())
        .collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert_eq!(again_at(9, 0, 0, 255), Some(374));
    assert_eq!(again_at(9, 0, 3_300, 0), Some(3_600));
    assert_eq!(again_at(9, 0, 3_301, 0), None);
    assert_eq!(again_at(u32::MAX, 0, 0, 0), Some(300));
}
