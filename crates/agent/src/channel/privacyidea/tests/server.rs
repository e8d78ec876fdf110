//! A server that keeps to the protocol, and does what a test tells it beside.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_privacyidea::{RsaKey, poll};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};
use tokio_rustls::TlsAcceptor;
use url::{Url, form_urlencoded};

use super::NOW;
use crate::keystore::DeviceKey;

const SERIAL: &str = "PIPU0001";
const CREDENTIAL: &str = "ea73cc79cacf5677a63cc48d54b0217dd1cff692";

/// Who vouches for the server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Certified {
    ByAuthority,
    ByItself,
    /// It shows its own certificate alone, which is no authority's.
    ByAStranger,
    /// It shows its own certificate twice.
    Twice,
    /// For a host of another name.
    ForAnother,
    /// For a time that is over.
    LongAgo,
}

pub(super) struct FakeServer {
    url: String,
    ca_dir: tempfile::TempDir,
    state: Arc<Mutex<State>>,
}

/// Where polls can be held up.
#[derive(Default)]
struct Gate {
    closed: watch::Sender<bool>,
    /// How many polls have come to it while it was closed.
    held: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    url: String,
    gate: Arc<Gate>,
    /// The time in the last poll that was let through.
    polled: String,
    /// PKCS #1 of the device's key.
    device: Option<Vec<u8>>,
    waiting: Vec<Waiting>,
    taken: Vec<String>,
    connections: usize,
    answers_once: bool,
    lists_answered: bool,
    reasons: bool,
    codes: bool,
    alter: (String, String),
    /// Behind every question.
    padding: String,
    trouble: String,
}

struct Waiting {
    nonce: String,
    right: Option<String>,
    answered: bool,
}

impl FakeServer {
    pub(super) async fn start() -> Self {
        Self::with(Certified::ByAuthority).await
    }

    pub(super) async fn with(certified: Certified) -> Self {
        let ca_dir = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority
            .distinguished_name
            .push(DnType::CommonName, "Alder internal CA");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(ca_dir.path().join("ca.pem"), authority.pem()).unwrap();
        let pair = KeyPair::generate().unwrap();
        let host = match certified {
            Certified::ForAnother => "approve.example.com",
            Certified::ByAuthority
            | Certified::ByItself
            | Certified::ByAStranger
            | Certified::Twice
            | Certified::LongAgo => "127.0.0.1",
        };
        let mut leaf = CertificateParams::new(vec![host.to_owned()]).unwrap();
        if let Certified::LongAgo = certified {
            leaf.not_before = rcgen::date_time_ymd(2020, 1, 1);
            leaf.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        if let Certified::ByItself | Certified::Twice = certified {
            // As tools make them: an authority of its own.
            leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let chain = match certified {
            Certified::ByItself => vec![leaf.self_signed(&pair).unwrap().der().clone()],
            Certified::Twice => vec![leaf.self_signed(&pair).unwrap().der().clone(); 2],
            Certified::ByAStranger => vec![leaf.signed_by(&pair, &authority).unwrap().der().clone()],
            Certified::ByAuthority | Certified::ForAnother | Certified::LongAgo => {
                let leaf = leaf.signed_by(&pair, &authority).unwrap();
                vec![leaf.der().clone(), authority.der().clone()]
            }
        };
        Self::presenting(chain, &pair, ca_dir).await
    }

    /// Shows this chain, whose first certificate is of this key.
    pub(super) async fn presenting(
        chain: Vec<CertificateDer<'static>>,
        pair: &KeyPair,
        ca_dir: tempfile::TempDir,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::try_from(pair.serialize_der()).unwrap())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/ttype/push", listener.local_addr().unwrap());
        let state = State {
            url: url.clone(),
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
                shared.lock().unwrap().connections += 1;
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(tcp).await else {
                        return;
                    };
                    let asked = AtomicUsize::new(0);
                    let service = service_fn(move |request| {
                        let again = asked.fetch_add(1, Ordering::Relaxed) > 0;
                        let closes = again && shared.lock().unwrap().answers_once;
                        let answer = serve(Arc::clone(&shared), request);
                        async move {
                            if closes {
                                return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
                            }
                            Ok(answer.await)
                        }
                    });
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { url, ca_dir, state }
    }

    /// Host and port.
    pub(super) fn address(&self) -> &str {
        let rest = self.url.trim_start_matches("https://");
        rest.split('/').next().unwrap_or(rest)
    }

    pub(super) fn url(&self) -> Url {
        self.url.parse().unwrap()
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.ca_dir.path().join("ca.pem")
    }

    pub(super) fn link(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("url", &self.url)
            .append_pair("ttl", "10")
            .append_pair("issuer", "Alder Group")
            .append_pair("enrollment_credential", CREDENTIAL)
            .append_pair("v", "1")
            .append_pair("serial", SERIAL)
            .append_pair("sslverify", "1")
            .append_pair("poll_only", "True")
            .finish();
        format!("otpauth://pipush/{SERIAL}?{}", query.replace('+', "%20"))
    }

    pub(super) fn nonce(&self, number: u8) -> String {
        base32(&[number; 20])
    }

    /// Something waits; with options, of which this one is right.
    pub(super) fn challenge(&self, number: u8, right: Option<&str>) {
        let waiting = Waiting {
            nonce: self.nonce(number),
            right: right.map(str::to_owned),
            answered: false,
        };
        self.state().waiting.push(waiting);
    }

    pub(super) fn withdraw(&self) {
        self.state().waiting.clear();
    }

    pub(super) fn taken(&self) -> Vec<String> {
        self.state().taken.clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.state().connections
    }

    /// A connection is closed in the moment in which it is used a second time.
    pub(super) fn answers_once_a_connection(&self) {
        self.state().answers_once = true;
    }

    /// Questions are as long as this makes them.
    pub(super) fn pad(&self, padding: &str) {
        padding.clone_into(&mut self.state().padding);
    }

    pub(super) fn keep_listing(&self) {
        self.state().lists_answered = true;
    }

    pub(super) fn understands_reasons(&self) {
        self.state().reasons = true;
    }

    pub(super) fn gives_codes(&self) {
        self.state().codes = true;
    }

    /// Somebody on the way replaces one text by another.
    pub(super) fn alter(&self, from: &str, to: &str) {
        self.state().alter = (from.to_owned(), to.to_owned());
    }

    pub(super) fn trouble(&self, kind: &str) {
        kind.clone_into(&mut self.state().trouble);
    }

    pub(super) fn forget_key(&self) {
        self.state().device = None;
    }

    pub(super) fn take_key(&self, key: &DeviceKey) {
        self.state().device = Some(pkcs1(&key.rsa().unwrap().to_wire()));
    }

    /// Polls are not answered until they are let through.
    pub(super) fn hold_polls(&self) {
        self.state().gate.closed.send_replace(true);
    }

    pub(super) fn let_polls_through(&self) {
        self.state().gate.closed.send_replace(false);
    }

    /// Until a poll waits to be let through.
    pub(super) async fn holds_a_poll(&self) {
        let gate = Arc::clone(&self.state().gate);
        gate.held.subscribe().wait_for(|held| *held > 0).await.unwrap();
    }

    /// The time in the last poll that was let through.
    pub(super) fn polled(&self) -> String {
        self.state().polled.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Gate {
    async fn pass(&self) {
        let mut closed = self.closed.subscribe();
        if *closed.borrow_and_update() {
            self.held.send_modify(|held| *held += 1);
            closed.wait_for(|closed| !closed).await.unwrap();
        }
    }
}

async fn serve(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let fields = match head.uri.query() {
        Some(query) => form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        None => form_urlencoded::parse(&body).into_owned().collect(),
    };
    if head.uri.query().is_some() {
        let gate = Arc::clone(&state.lock().unwrap().gate);
        gate.pass().await;
    }
    let mut state = state.lock().unwrap();
    let (status, text) = match state.trouble.as_str() {
        "500" => (500, "{}".to_owned()),
        // It would be an answer, but for its size.
        "large" => {
            let answer = json!({"result": {"status": true, "value": []}, "time": NOW});
            (200, format!("{answer}{}", " ".repeat(10 * 1024 * 1024)))
        }
        "html" => (200, "<html>".to_owned()),
        "forbidden" => {
            let answer = json!({"result": {"status": false, "error": {"code": 303, "message": "no"}}});
            (403, answer.to_string())
        }
        _ => {
            let fields = Fields(fields);
            let answer = if head.uri.query().is_some() {
                state.listed(&fields)
            } else if fields.has("enrollment_credential") {
                state.enrol(&fields)
            } else {
                state.answer(&fields)
            };
            match answer {
                Ok((value, detail)) => {
                    let result = json!({"status": true, "value": value});
                    let answer = json!({"result": result, "detail": detail, "time": NOW});
                    (200, answer.to_string())
                }
                Err((status, code, message)) => {
                    let error = json!({"code": code, "message": message});
                    let answer = json!({"result": {"status": false, "error": error}, "time": NOW});
                    (status, answer.to_string())
                }
            }
        }
    };
    let (from, to) = state.alter.clone();
    let text = if from.is_empty() {
        text
    } else {
        text.replace(&from, &to)
    };
    let response = Response::builder().status(status);
    response.body(Full::new(Bytes::from(text))).unwrap()
}

struct Fields(Vec<(String, String)>);

impl Fields {
    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }
}

type Said = Result<(Value, Value), (u16, i64, &'static str)>;

impl State {
    fn enrol(&mut self, fields: &Fields) -> Said {
        if fields.get("enrollment_credential") != CREDENTIAL {
            return Err((400, 905, "no"));
        }
        if self.device.is_some() || fields.get("serial") != SERIAL {
            return Err((404, 601, "no"));
        }
        assert!(fields.has("fbtoken"), "a real server wants it");
        self.device = Some(pkcs1(fields.get("pubkey")));
        let key = pkcs1(&key().public_key().to_wire());
        Ok((true.into(), json!({"public_key": STANDARD.encode(key)})))
    }

    fn listed(&mut self, fields: &Fields) -> Said {
        let at = fields.get("timestamp");
        at.clone_into(&mut self.polled);
        let right = (NOW - 60..=NOW + 60).any(|time| poll::timestamp(time) == at);
        if !right {
            return Err((400, 10, "ERR10: Timestamp not in valid range."));
        }
        let input = format!("{}|{at}", fields.get("serial"));
        if !self.signed(&input, fields.get("signature")) {
            return Err((400, 10, "ERR10: Could not verify signature!"));
        }
        let waiting = self.waiting.iter().filter(|w| !w.answered || self.lists_answered);
        Ok((
            waiting.map(|waiting| self.challenge(waiting)).collect(),
            Value::Null,
        ))
    }

    fn challenge(&self, waiting: &Waiting) -> Value {
        let (question, title) = (format!("Log in to the portal{}", self.padding), "Alder portal");
        let (nonce, url) = (&waiting.nonce, &self.url);
        let mut signed = format!("{nonce}|{url}|{SERIAL}|{question}|{title}|1");
        let mut challenge = json!({
            "nonce": nonce, "url": url, "serial": SERIAL, "question": question, "title": title, "sslverify": "1",
        });
        if let Some(right) = &waiting.right {
            let options = format!("10,01,{right}");
            signed = format!("{signed}|{options}");
            challenge["require_presence"] = options.into();
            challenge["version"] = "2".into();
        }
        challenge["signature"] = sign(&signed).into();
        if self.reasons {
            let signed = format!(r#"{{"capabilities":{{"decline_reason":true}},"nonce":"{nonce}"}}"#);
            challenge["capabilities"] = r#"{"decline_reason": true}"#.into();
            challenge["capabilities_signature"] = sign(&signed).into();
        }
        challenge
    }

    fn answer(&mut self, fields: &Fields) -> Said {
        let mut input = format!("{}|{SERIAL}", fields.get("nonce"));
        let mut said = "accept".to_owned();
        if fields.get("decline") == "1" {
            input.push_str("|decline");
            said = "decline".to_owned();
            if fields.has("decline_reason") && self.reasons {
                input = format!("{input}|{}", fields.get("decline_reason"));
                said = format!("{said} {}", fields.get("decline_reason"));
            }
        }
        let picked = fields.get("presence_answer");
        if !picked.is_empty() {
            input = format!("{input}|{picked}");
            said = format!("{said} {picked}");
        }
        let signed = self.signed(&input, fields.get("signature"));
        let (nonce, codes) = (fields.get("nonce").to_owned(), self.codes);
        let waiting = self.waiting.iter_mut().find(|w| w.nonce == nonce && !w.answered);
        let Some(waiting) = waiting.filter(|_| signed) else {
            return Ok((false.into(), Value::Null));
        };
        let accepts = said.starts_with("accept");
        if accepts && waiting.right.as_deref().is_some_and(|right| right != picked) {
            return Ok((false.into(), Value::Null));
        }
        waiting.answered = true;
        self.taken.push(said);
        let detail = if codes && accepts {
            json!({"display_code": "42"})
        } else {
            Value::Null
        };
        Ok((true.into(), detail))
    }

    fn signed(&self, input: &str, signature: &str) -> bool {
        let Some(device) = &self.device else { return false };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, device)
            .verify(input.as_bytes(), &from_base32(signature))
            .is_ok()
    }
}

fn key() -> &'static RsaKey {
    static KEY: OnceLock<RsaKey> = OnceLock::new();
    KEY.get_or_init(|| RsaKey::from_pkcs8(&RsaKey::generate_pkcs8(&[3; 32]).unwrap()).unwrap())
}

fn sign(text: &str) -> String {
    base32(&key().sign(text.as_bytes(), &crate::edge::random()).unwrap())
}

/// What is in a `SubjectPublicKeyInfo` of 3072 bits, behind its fixed beginning.
fn pkcs1(wire: &str) -> Vec<u8> {
    STANDARD.decode(wire).unwrap()[24..].to_vec()
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let digit = |five: &[u8]| {
        let five = format!("{:0<5}", std::str::from_utf8(five).unwrap());
        char::from(ALPHABET.as_bytes()[usize::from_str_radix(&five, 2).unwrap()])
    };
    let text: String = bits.as_bytes().chunks(5).map(digit).collect();
    let padding = (8 - text.len() % 8) % 8;
    text + &"=".repeat(padding)
}

fn from_base32(text: &str) -> Vec<u8> {
    let digit = |c| ALPHABET.find(c).expect("upper case, as RFC 4648 writes it");
    let bits: String = text
        .trim_end_matches('=')
        .chars()
        .map(|c| format!("{:05b}", digit(c)))
        .collect();
    let byte = |eight: &[u8]| u8::from_str_radix(std::str::from_utf8(eight).unwrap(), 2).unwrap();
    bits.as_bytes().chunks_exact(8).map(byte).collect()
}
