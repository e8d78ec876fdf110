//! An issuer on loopback. Connections and calls are handed to the test, which answers them.

use std::{
    collections::HashSet,
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_protocol::{
    ApprovalKeys, ApprovalProof, ApprovalReceipt, ApprovalRequest, ApprovalTime, Client, DeviceId, ErrorBody,
    ErrorCode, Es256Key, Expect, Issuer, Jti, Jwk, KeySet, Nonce, Outcome, Requires, Signer, Statement, Txn,
    VerifyError, decision_hash, jws, request_hash,
    wire::{DEVICE_PATH, DeviceFrame, NONCE_HEADER, PROOF_HEADER, SUBPROTOCOL, ServerFrame},
};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::{
    net::TcpListener,
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role},
    },
};

use super::{ACCOUNT, NOW, device};

const FIRST_NONCE: &str = "nonce-1";

/// What happens to WebSockets on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebSockets {
    /// They get through.
    Allowed,
    /// Somebody answers with a page that forbids them.
    Forbidden,
    /// The connection is cut as soon as one is asked for.
    Cut,
    /// The upgrade works and nothing ever comes through.
    Swallowed,
}

/// What the issuer's certificate is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certificate {
    Good,
    Expired,
    NotYetValid,
    OtherHost,
}

/// A call that waits for the test's answer.
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: String,
    /// The `jti` of its proof, if it has one.
    pub(crate) proof: Option<Jti>,
    answer: oneshot::Sender<(u16, String)>,
}

impl Call {
    pub(crate) fn answer(self, status: u16, body: &impl serde::Serialize) {
        self.answer
            .send((status, serde_json::to_string(body).unwrap()))
            .unwrap();
    }

    pub(crate) fn refuse(self, error: ErrorCode) {
        self.answer(error.http_status(), &error_body(error));
    }

    /// Goes away without an answer.
    pub(crate) fn cut(self) {
        drop(self.answer);
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub(crate) fn error_body(error: ErrorCode) -> ErrorBody {
    ErrorBody {
        error,
        message: "A test said so.".into(),
        time: Some(NOW),
        attempts_left: None,
        receipt: None,
    }
}

/// The issuer's end of a WebSocket.
pub(crate) struct Socket {
    stream: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
    pub(crate) query: String,
    /// The `jti` of its proof.
    pub(crate) proof: Jti,
}

impl Socket {
    /// As an issuer greets that does not sign its time.
    pub(crate) async fn welcome(&mut self) {
        self.welcome_with(NOW, None).await;
    }

    pub(crate) async fn welcome_with(&mut self, time: i64, time_proof: Option<String>) {
        self.send(&ServerFrame::Welcome {
            time,
            time_proof,
            cursor: "c0".into(),
            heartbeat: 30,
        })
        .await;
    }

    pub(crate) async fn send(&mut self, frame: &ServerFrame) {
        self.send_text(frame.to_json().unwrap()).await;
    }

    pub(crate) async fn send_text(&mut self, text: String) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn request(&mut self, request: String, cursor: &str) {
        self.send(&ServerFrame::Request {
            request,
            cursor: cursor.into(),
        })
        .await;
    }

    /// The next decision; pings are answered on the way.
    pub(crate) async fn decision(&mut self) -> String {
        loop {
            match self.stream.next().await.unwrap().unwrap() {
                Message::Text(text) => {
                    let DeviceFrame::Decision { decision } = DeviceFrame::parse(text.as_bytes()).unwrap();
                    return decision;
                }
                Message::Ping(_) => {}
                other => panic!("not a decision: {other:?}"),
            }
        }
    }

    /// Waits for a ping of the device.
    pub(crate) async fn ping(&mut self) {
        let message = self.stream.next().await.unwrap().unwrap();
        assert!(matches!(message, Message::Ping(_)), "{message:?}");
        // The answer goes out with the next write.
        self.stream.flush().await.unwrap();
    }

    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.stream.close(Some(frame)).await.unwrap();
    }

    /// Until the device has gone.
    pub(crate) async fn ended(&mut self) {
        while let Some(Ok(_)) = self.stream.next().await {}
    }
}

/// The issuer.
pub(crate) struct FakeIssuer {
    ca_dir: tempfile::TempDir,
    address: SocketAddr,
    key: Es256Key,
    shared: Arc<Shared>,
    sockets: AsyncMutex<mpsc::UnboundedReceiver<Socket>>,
    calls: AsyncMutex<mpsc::UnboundedReceiver<Call>>,
}

struct Shared {
    url: String,
    websockets: WebSockets,
    device_key: Mutex<Option<Jwk>>,
    proofs: Mutex<HashSet<String>>,
    refusal: Mutex<Option<ErrorCode>>,
    sockets: mpsc::UnboundedSender<Socket>,
    calls: mpsc::UnboundedSender<Call>,
}

impl FakeIssuer {
    pub(crate) async fn start() -> Self {
        Self::with(WebSockets::Allowed, Certificate::Good).await
    }

    pub(crate) async fn with(websockets: WebSockets, certificate: Certificate) -> Self {
        Self::on(
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            websockets,
            certificate,
        )
    }

    pub(crate) fn on(listener: TcpListener, websockets: WebSockets, certificate: Certificate) -> Self {
        let ca = authority();
        let ca_dir = tempfile::tempdir().unwrap();
        std::fs::write(ca_dir.path().join("ca.pem"), ca.pem()).unwrap();
        let address = listener.local_addr().unwrap();
        let (socket_sender, sockets) = mpsc::unbounded_channel();
        let (call_sender, calls) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            url: format!("https://127.0.0.1:{}", address.port()),
            websockets,
            device_key: Mutex::default(),
            proofs: Mutex::default(),
            refusal: Mutex::default(),
            sockets: socket_sender,
            calls: call_sender,
        });
        tokio::spawn(accept(listener, acceptor(&ca, certificate), Arc::clone(&shared)));
        let key = new_key();
        let (sockets, calls) = (AsyncMutex::new(sockets), AsyncMutex::new(calls));
        Self {
            ca_dir,
            address,
            key,
            shared,
            sockets,
            calls,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.shared.url.clone()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.ca_dir.path().join("ca.pem")
    }

    pub(crate) fn keys(&self) -> KeySet {
        KeySet::from_iter([self.key.public_key().clone()])
    }

    pub(crate) fn know(&self, device: &Jwk) {
        *self.shared.device_key.lock().unwrap() = Some(device.clone());
    }

    /// Refuses every proof with this.
    pub(crate) fn refuse(&self, error: ErrorCode) {
        *self.shared.refusal.lock().unwrap() = Some(error);
    }

    pub(crate) async fn socket(&self) -> Socket {
        timeout(Duration::from_secs(30), async {
            self.sockets.lock().await.recv().await
        })
        .await
        .expect("a WebSocket")
        .unwrap()
    }

    pub(crate) async fn call(&self, path: &str) -> Call {
        let call = timeout(Duration::from_secs(30), async {
            self.calls.lock().await.recv().await
        })
        .await
        .expect("a call")
        .unwrap();
        assert_eq!(call.path, path);
        call
    }

    /// Whether anything has got past TLS and the proof that the test has not taken yet.
    pub(crate) async fn is_untouched(&self) -> bool {
        self.sockets.lock().await.try_recv().is_err() && self.calls.lock().await.try_recv().is_err()
    }

    pub(crate) fn request(&self, number: u8) -> String {
        self.sign(&self.claims(number))
    }

    pub(crate) fn sign<C: countersign_protocol::Claims>(&self, claims: &C) -> String {
        jws::sign(claims, &self.key).unwrap()
    }

    pub(crate) fn claims(&self, number: u8) -> ApprovalRequest {
        ApprovalRequest {
            iss: self.issuer(),
            aud: device(),
            sub: ACCOUNT.into(),
            iat: NOW,
            exp: NOW + 120,
            jti: Jti::from_random([number; 16]),
            txn: txn(number),
            nonce: Nonce::from_random([number; 16]),
            client: Client {
                id: "treasury".into(),
                name: "Treasury Portal".into(),
            },
            acr: None,
            binding_message: Some("Send €4,250.00".into()),
            authorization_details: None,
            context: None,
            requires: Requires::default(),
        }
    }

    pub(crate) fn receipt(&self, number: u8, decision: Option<&str>, outcome: Outcome) -> ApprovalReceipt {
        let claims = self.claims(number);
        let statement = Statement::from_request(&claims).unwrap();
        ApprovalReceipt {
            iss: self.issuer(),
            aud: vec![device().as_str().to_owned(), "treasury".into()],
            iat: NOW,
            jti: Jti::from_random([number; 16]),
            txn: txn(number),
            outcome,
            decided_by: decision.map(|_| device()),
            device_name: decision.map(|_| "Workstation".into()),
            decision_hash: decision.map(decision_hash),
            request_hash: Some(request_hash(&self.sign(&claims))),
            statement_hash: Some(statement.hash().to_owned()),
            acr: None,
            amr: None,
        }
    }

    pub(crate) fn new_keys(&self, keys: KeySet) -> ApprovalKeys {
        ApprovalKeys {
            iss: self.issuer(),
            aud: device(),
            iat: NOW,
            jti: Jti::from_random([9; 16]),
            keys,
        }
    }

    /// The time in answer to the call with this proof.
    pub(crate) fn time(&self, iat: i64, proof: &Jti) -> ApprovalTime {
        ApprovalTime {
            iss: self.issuer(),
            aud: device(),
            iat,
            jti: Jti::from_random([10; 16]),
            proof_jti: proof.clone(),
        }
    }

    pub(crate) fn issuer(&self) -> Issuer {
        Issuer::parse(&self.shared.url).unwrap()
    }
}

pub(crate) fn txn(number: u8) -> Txn {
    Txn::from_random([number; 16])
}

pub(crate) fn new_key() -> Es256Key {
    let rng = crate::edge::random();
    Es256Key::from_pkcs8(&Es256Key::generate_pkcs8(&rng).unwrap(), &rng).unwrap()
}

pub(crate) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn acceptor(ca: &CertifiedIssuer<'static, KeyPair>, certificate: Certificate) -> TlsAcceptor {
    let name = if certificate == Certificate::OtherHost {
        "id.kestrel.example"
    } else {
        "127.0.0.1"
    };
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    match certificate {
        Certificate::Expired => {
            params.not_before = rcgen::date_time_ymd(2000, 1, 1);
            params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        Certificate::NotYetValid => {
            params.not_before = rcgen::date_time_ymd(3000, 1, 1);
            params.not_after = rcgen::date_time_ymd(3001, 1, 1);
        }
        Certificate::Good | Certificate::OtherHost => {}
    }
    let key = KeyPair::generate().unwrap();
    let signed = params.signed_by(&key, ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![signed.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // A client that does not trust us ends it here.
            let Ok(stream) = tls.accept(tcp).await else { return };
            let service = service_fn(move |request| serve(Arc::clone(&shared), request));
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        });
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
    let path = request.uri().path().to_owned();
    if path == "/stream" {
        match shared.websockets {
            WebSockets::Forbidden => return Ok(page(StatusCode::FORBIDDEN)),
            WebSockets::Cut => return Err(Cut),
            WebSockets::Allowed | WebSockets::Swallowed => {}
        }
    }
    let mut proof = None;
    if let "/stream" | "/poll" | DEVICE_PATH = path.as_str() {
        match shared.check_proof(&request) {
            Ok(jti) => proof = Some(jti),
            Err(error) => return Ok(json(error.http_status(), &error_body(error))),
        }
    }
    if path == "/stream"
        && let Some(proof) = proof
    {
        return Ok(shared.upgrade(request, proof));
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.map_err(|_| Cut)?.to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let (answer, answered) = oneshot::channel();
    shared
        .calls
        .send(Call {
            path,
            query,
            body,
            proof,
            answer,
        })
        .map_err(|_| Cut)?;
    let (status, body) = answered.await.map_err(|_| Cut)?;
    Ok(response(status, body))
}

impl Shared {
    /// Section 2.5, as the gateway checks it. The proof's `jti`.
    fn check_proof(&self, request: &Request<Incoming>) -> Result<Jti, ErrorCode> {
        if let Some(error) = *self.refusal.lock().unwrap() {
            return Err(error);
        }
        let proof = request
            .headers()
            .get(PROOF_HEADER)
            .ok_or(ErrorCode::Unauthorized)?
            .to_str()
            .unwrap();
        let keys = KeySet::from_iter(self.device_key.lock().unwrap().clone());
        let device: DeviceId = device();
        let expect = Expect {
            issuer: Some(device.as_str()),
            audience: &self.url,
            now: NOW,
        };
        let claims: ApprovalProof =
            jws::verify(proof, &keys, &expect).map_err(|e: VerifyError| match e.code() {
                ErrorCode::Stale => ErrorCode::Stale,
                _ => ErrorCode::Unauthorized,
            })?;
        let https = format!("{}{}", self.url, request.uri().path());
        let fits = claims.htm == request.method().as_str()
            && (claims.htu == https || claims.htu == https.replace("https:", "wss:"));
        if !fits {
            return Err(ErrorCode::Unauthorized);
        }
        if claims.nonce != FIRST_NONCE {
            return Err(ErrorCode::UseNonce);
        }
        if self.proofs.lock().unwrap().insert(claims.jti.as_str().to_owned()) {
            Ok(claims.jti)
        } else {
            Err(ErrorCode::Replayed)
        }
    }

    fn upgrade(self: Arc<Self>, mut request: Request<Incoming>, proof: Jti) -> Response<Full<Bytes>> {
        let header = |name| {
            request
                .headers()
                .get(name)
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
        };
        assert!(header(header::UPGRADE).eq_ignore_ascii_case("websocket"));
        assert_eq!(header(header::SEC_WEBSOCKET_PROTOCOL), SUBPROTOCOL);
        let key = header(header::SEC_WEBSOCKET_KEY).to_owned();
        assert_eq!(STANDARD.decode(&key).unwrap().len(), 16);
        let query = request.uri().query().unwrap_or_default().to_owned();
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let io = TokioIo::new(upgrade.await.unwrap());
            if self.websockets == WebSockets::Swallowed {
                std::future::pending::<Infallible>().await;
            }
            let stream = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
            let _ = self.sockets.send(Socket { stream, query, proof });
        });
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::UPGRADE, "websocket")
            .header(header::CONNECTION, "Upgrade")
            .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()))
            .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
            .header(NONCE_HEADER, FIRST_NONCE)
            .body(Full::default())
            .unwrap()
    }
}

fn json(status: u16, body: &impl serde::Serialize) -> Response<Full<Bytes>> {
    response(status, serde_json::to_string(body).unwrap())
}

fn response(status: u16, body: String) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(NONCE_HEADER, FIRST_NONCE)
        .body(Full::from(body))
        .unwrap()
}

fn page(status: StatusCode) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .body(Full::from("<h1>Blocked by policy</h1>"))
        .unwrap()
}
