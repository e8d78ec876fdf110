//! Against real sockets. Time limits run on a paused clock, which jumps ahead when nothing else can happen.

use std::path::Path;

use axum::{
    extract::WebSocketUpgrade,
    routing::{get, post},
};
use futures_util::StreamExt;
use hyper::client::conn;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Notify, oneshot},
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use super::*;

const LOOPBACK: &str = "127.0.0.0/8";

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Ended>,
}

impl Running {
    async fn start(acceptance: Acceptance, router: Router, connections: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new());
        let server = Server {
            listener,
            acceptance,
            router,
            connections,
            limits: TimeLimits::default(),
            metrics,
        };
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address, stop, ended }
    }

    async fn plain(router: Router, connections: usize) -> Self {
        Self::start(trusting(LOOPBACK), router, connections).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stop(self) -> Ended {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap()
    }
}

fn trusting(net: &str) -> Acceptance {
    Acceptance::Plain {
        trusted: [net.parse().unwrap()].into(),
    }
}

fn hello() -> Router {
    Router::new()
        .route(
            "/",
            get(|ConnectInfo(client): ConnectInfo<SocketAddr>| async move { client.ip().to_string() }),
        )
        .route("/echo", post(|body: String| async { body }))
        .route(
            "/ws",
            get(|upgrade: WebSocketUpgrade| async {
                upgrade.on_upgrade(|mut ws| async move { while ws.next().await.is_some() {} })
            }),
        )
}

/// Sends bytes and reads until the server closes.
async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &str) -> String {
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    until_closed(stream).await
}

async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    // A reset is a close too: what was sent could not be read any more.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_request_is_answered_with_the_address_that_the_proxy_says() {
    let server = Running::plain(hello(), 4).await;
    let answer = exchange(&mut server.connect().await, GET).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"),
        "{answer}"
    );
    let forwarded = GET.replace("\r\n\r\n", "\r\nx-forwarded-for: 192.0.2.7\r\n\r\n");
    let answer = exchange(&mut server.connect().await, &forwarded).await;
    assert!(answer.ends_with("192.0.2.7"), "{answer}");
}

#[tokio::test]
async fn without_tls_a_peer_that_is_no_proxy_is_not_served() {
    let server = Running::start(trusting("10.0.0.0/8"), hello(), 4).await;
    let mut stream = server.connect().await;
    let _ = stream.write_all(GET.as_bytes()).await;
    assert_eq!(until_closed(&mut stream).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_head_is_not_waited_for() {
    let server = Running::plain(hello(), 4).await;
    let answer = exchange(&mut server.connect().await, "GET / HTTP/1.1\r\nhost:").await;
    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_request_body_is_not_waited_for() {
    let server = Running::plain(hello(), 4).await;
    let started = tokio::time::Instant::now();
    let answer = exchange(
        &mut server.connect().await,
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(started.elapsed() >= TimeLimits::default().body);
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_that_never_comes_is_not_waited_for() {
    let files = Files::new();
    let (_certificate, receiver) = watch::channel(files.load());
    let server = Running::start(Acceptance::Tls(receiver), hello(), 4).await;
    assert_eq!(until_closed(&mut server.connect().await).await, "");
}

#[tokio::test]
async fn a_request_head_over_the_limit_is_refused() {
    let server = Running::plain(hello(), 4).await;
    let large = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "a".repeat(2 * HTTP1_BUFFER)
    );
    let answer = exchange(&mut server.connect().await, &large).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_websocket_counts_as_a_connection_until_it_ends() {
    let server = Running::plain(hello(), 1).await;
    let (socket, _) = tokio_tungstenite::client_async("ws://a/ws", server.connect().await)
        .await
        .unwrap();
    assert_eq!(
        exchange(&mut server.connect().await, GET).await,
        "",
        "one connection is all there may be"
    );
    drop(socket);
    assert_eq!(server.stop().await, Ended::Drained);
}

#[tokio::test]
async fn shutdown_finishes_what_is_running_and_accepts_nothing_more() {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arriving, going) = (Arc::clone(&arrived), Arc::clone(&go_on));
    let slow = get(async move || {
        arriving.notify_one();
        going.notified().await;
        "done"
    });
    let server = Running::plain(Router::new().route("/", slow), 4).await;
    let address = server.address;
    let mut stream = server.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    arrived.notified().await;
    let mut idle = server.connect().await;
    let stopping = tokio::spawn(server.stop());
    // The idle one is closed as soon as the shutdown begins.
    assert_eq!(until_closed(&mut idle).await, "");
    assert!(TcpStream::connect(address).await.is_err());
    go_on.notify_one();
    assert!(until_closed(&mut stream).await.ends_with("done"));
    assert_eq!(stopping.await.unwrap(), Ended::Drained);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_in_time_is_cut_at_shutdown() {
    let arrived = Arc::new(Notify::new());
    let arriving = Arc::clone(&arrived);
    let endless = get(async move || {
        arriving.notify_one();
        std::future::pending::<()>().await;
    });
    let server = Running::plain(Router::new().route("/", endless), 4).await;
    let mut stream = server.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    arrived.notified().await;
    assert_eq!(server.stop().await, Ended::Cut(1));
}

#[tokio::test]
async fn tls_serves_http1_and_http2_to_those_who_trust_the_authority() {
    let files = Files::new();
    let (_certificate, receiver) = watch::channel(files.load());
    let server = Running::start(Acceptance::Tls(receiver), hello(), 8).await;

    let mut http1 = files.connect(&server, &[b"http/1.1"]).await.unwrap();
    assert!(exchange(&mut http1, GET).await.starts_with("HTTP/1.1 200"));

    let http2 = files.connect(&server, &[b"h2", b"http/1.1"]).await.unwrap();
    let (mut sender, connection) = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(http2))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("https://{}/", server.address))
        .body(String::new())
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    drop(sender);
    connection.await.unwrap().unwrap();

    assert!(
        Files::new().connect(&server, &[b"http/1.1"]).await.is_err(),
        "another authority of the same name"
    );
}

#[tokio::test]
async fn a_renewed_certificate_is_used_for_new_connections() {
    let (old, new) = (Files::new(), Files::new());
    let (certificate, receiver) = watch::channel(old.load());
    let server = Running::start(Acceptance::Tls(receiver), hello(), 8).await;
    assert!(old.connect(&server, &[b"http/1.1"]).await.is_ok());
    certificate.send_replace(new.load());
    assert!(old.connect(&server, &[b"http/1.1"]).await.is_err());
    assert!(new.connect(&server, &[b"http/1.1"]).await.is_ok());
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (one, other) = (Files::new(), Files::new());
    let error = load_tls(&one.cert(), &other.key()).unwrap_err();
    assert!(matches!(error, TlsError::Unusable { .. }), "{error}");
    let error = load_tls(&one.key(), &one.key()).unwrap_err();
    assert!(matches!(error, TlsError::Empty(_)), "{error}");
    let error = load_tls(Path::new("/nonexistent"), &one.key()).unwrap_err();
    assert!(matches!(error, TlsError::Pem { .. }), "{error}");
}

/// A private authority and a certificate of its for 127.0.0.1.
struct Files {
    directory: tempfile::TempDir,
    authority: rcgen::Certificate,
}

impl Files {
    fn new() -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(vec!["127.0.0.1".to_owned()])
            .unwrap()
            .signed_by(&key, &issuer)
            .unwrap();
        let files = Self {
            directory: tempfile::tempdir().unwrap(),
            authority,
        };
        std::fs::write(files.cert(), cert.pem()).unwrap();
        std::fs::write(files.key(), key.serialize_pem()).unwrap();
        files
    }

    fn cert(&self) -> std::path::PathBuf {
        self.directory.path().join("cert.pem")
    }

    fn key(&self) -> std::path::PathBuf {
        self.directory.path().join("key.pem")
    }

    fn load(&self) -> Arc<rustls::ServerConfig> {
        load_tls(&self.cert(), &self.key()).unwrap()
    }

    async fn connect(
        &self,
        server: &Running,
        protocols: &[&[u8]],
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, server.connect().await)
            .await
    }
}
