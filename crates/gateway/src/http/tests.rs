//! The interfaces as callers see them: requests through the router, and WebSockets over a real connection.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, header, request::Builder},
};
use countersign_protocol::{
    EnrolmentCode, Expect, Verdict, jws,
    wire::{Configuration, NONCE_HEADER, PROOF_HEADER, ServerFrame},
};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest as _},
};
use tower::ServiceExt as _;

use super::{path, reply::failure, router};
use crate::{
    audit::{Actor, Entry, Event},
    config::Limits,
    edge::Clock as _,
    hub::Outgoing,
    service::{
        ServiceError,
        testing::{ISSUER, SECRET, TestDevice, World, issuer, key, wrong_code},
    },
    store::{Store as _, StoreError},
};

async fn call(world: &World, request: Request<Body>) -> Response<Body> {
    router(Arc::clone(&world.gateway)).oneshot(request).await.unwrap()
}

async fn json_of(response: Response<Body>) -> Value {
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap()
}

fn request(method: &str, uri: &str) -> Builder {
    Request::builder().method(method).uri(uri)
}

fn as_client(method: &str, uri: &str) -> Builder {
    request(method, uri).header(header::AUTHORIZATION, format!("Bearer {SECRET}"))
}

async fn ask(world: &World, body: &Value) -> Response<Body> {
    call(
        world,
        as_client("POST", path::APPROVALS)
            .body(Body::from(body.to_string()))
            .unwrap(),
    )
    .await
}

async fn post(world: &World, uri: &str, body: &Value) -> Response<Body> {
    call(
        world,
        request("POST", uri).body(Body::from(body.to_string())).unwrap(),
    )
    .await
}

async fn decide(
    world: &World,
    device: &TestDevice,
    txn: &str,
    verdict: Verdict,
    code: Option<&str>,
) -> Response<Body> {
    let request = world.request(device, &txn.parse().unwrap()).await;
    let decision = device.sign(&world.decision(device, &request, verdict, code));
    post(world, path::DECISIONS, &json!({ "decision": decision })).await
}

async fn error_of(response: Response<Body>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = json_of(response).await;
    assert!(!body["message"].as_str().unwrap().is_empty());
    (status, body["error"].as_str().unwrap().to_owned())
}

// --- what devices call ------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_configuration_is_that_of_the_issuer_and_its_endpoints_are_there() {
    let world = World::new().await;
    let response = call(
        &world,
        request("GET", "/.well-known/countersign-configuration")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert!(response.headers().contains_key(NONCE_HEADER));
    let configuration: Configuration = serde_json::from_value(json_of(response).await).unwrap();
    configuration.check(&issuer()).unwrap();
    assert_eq!(configuration.keys, world.gateway.keys());
    for endpoint in [
        &configuration.enrolment_preview_endpoint,
        &configuration.enrolment_endpoint,
        &configuration.decision_endpoint,
        &configuration.rotation_endpoint,
    ] {
        let response = post(&world, endpoint.strip_prefix(ISSUER).unwrap(), &json!({})).await;
        assert!(response.headers().contains_key(NONCE_HEADER), "{endpoint}");
        assert_eq!(
            error_of(response).await,
            (400, "invalid_request".to_owned()),
            "{endpoint}"
        );
    }
    let keys = call(&world, request("GET", path::JWKS).body(Body::empty()).unwrap()).await;
    let keys = json_of(keys).await;
    let kid = world.gateway.keys().first().unwrap().thumbprint().to_string();
    assert_eq!(
        (&keys["keys"][0]["kid"], &keys["keys"][0]["use"]),
        (&json!(kid), &json!("sig"))
    );
}

#[tokio::test]
async fn a_device_enrols_over_http() {
    let world = World::new().await;
    let code = world.offer("ada").await;
    let preview = post(&world, path::PREVIEW, &json!({ "code": code.as_str() })).await;
    assert_eq!(preview.status(), StatusCode::OK);
    assert_eq!(json_of(preview).await["account"], "ada@example.com");
    let enrolment = json!({ "enrolment": world.enrolment(&code, &key()) });
    let enrolled = post(&world, path::ENROLMENT, &enrolment).await;
    assert_eq!(enrolled.status(), StatusCode::CREATED);
    assert!(
        json_of(enrolled).await["device_id"]
            .as_str()
            .unwrap()
            .starts_with("dev_")
    );
    let again = post(&world, path::ENROLMENT, &enrolment).await;
    assert_eq!(error_of(again).await, (403, "invalid_code".to_owned()));
    let unknown = EnrolmentCode::from_random([9; 16]);
    let preview = post(&world, path::PREVIEW, &json!({ "code": unknown.as_str() })).await;
    assert_eq!(error_of(preview).await, (403, "invalid_code".to_owned()));
}

#[tokio::test]
async fn a_decision_is_answered_with_its_receipt_and_later_ones_with_the_same_outcome() {
    let world = World::new().await;
    let (one, two) = (world.device("ada").await, world.device("ada").await);
    let asked = json_of(ask(&world, &json!({ "user": "ada" })).await).await;
    let (txn, code) = (
        asked["txn"].as_str().unwrap(),
        asked["match_code"].as_str().unwrap(),
    );
    let request = world.request(&two, &txn.parse().unwrap()).await;
    let late = two.sign(&world.decision(&two, &request, Verdict::Deny, None));

    let accepted = decide(&world, &one, txn, Verdict::Approve, Some(code)).await;
    assert_eq!(accepted.status(), StatusCode::OK);
    assert!(json_of(accepted).await["receipt"].is_string());
    let told = post(&world, path::DECISIONS, &json!({ "decision": late })).await;
    assert_eq!(told.status(), StatusCode::CONFLICT);
    let told = json_of(told).await;
    assert_eq!(
        (&told["error"], &told["time"]),
        (&json!("already_decided"), &json!(world.clock.now()))
    );
    assert!(told["receipt"].is_string());
}

#[tokio::test]
async fn a_wrong_code_says_how_many_attempts_are_left() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let refused = decide(
        &world,
        &device,
        asked.txn.as_str(),
        Verdict::Approve,
        Some(&wrong_code(&asked)),
    )
    .await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let refused = json_of(refused).await;
    assert_eq!(
        (&refused["error"], &refused["attempts_left"]),
        (&json!("wrong_code"), &json!(4))
    );
}

#[tokio::test]
async fn a_call_without_a_good_proof_is_challenged_and_given_a_nonce() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let url = format!("{ISSUER}{}", path::POLL);
    let poll = async |proof: Option<String>| {
        let mut request = request("GET", "/v1/device/poll?wait=0");
        if let Some(proof) = proof {
            request = request.header(PROOF_HEADER, proof);
        }
        call(&world, request.body(Body::empty()).unwrap()).await
    };
    let refused = poll(None).await;
    assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], "Countersign-Proof");
    let nonce = refused.headers()[NONCE_HEADER].to_str().unwrap().to_owned();
    assert_eq!(error_of(refused).await, (401, "use_nonce".to_owned()));
    let now = world.clock.now();
    let refused = poll(Some(device.proof("GET", &url, "old", now))).await;
    assert_eq!(error_of(refused).await, (401, "use_nonce".to_owned()));
    let refused = poll(Some(device.proof("GET", &url, &nonce, now - 3600))).await;
    assert_eq!(error_of(refused).await, (401, "stale".to_owned()));
    let accepted = poll(Some(device.proof("GET", &url, &nonce, now))).await;
    assert_eq!(accepted.status(), StatusCode::OK);
    assert_eq!(json_of(accepted).await["frames"], json!([]));
}

#[tokio::test]
async fn a_device_revokes_itself_once_and_for_all() {
    let world = World::new().await;
    let (device, other) = (world.device("ada").await, world.device("ada").await);
    let asked = world.ask("ada").await;
    let pending = world.request(&device, &asked.txn).await;
    let decision = device.sign(&world.decision(&device, &pending, Verdict::Deny, None));
    let served = Served::new(&world).await;
    let mut stream = served.subscribe(&device).await;
    next(&mut stream).await;
    let url = format!("{ISSUER}{}", path::DEVICE);
    let nonce = world.gateway.nonce();
    let revoke = async |proof: String| {
        let request = request("DELETE", path::DEVICE).header(PROOF_HEADER, proof);
        call(&world, request.body(Body::empty()).unwrap()).await
    };
    let now = world.clock.now();
    let for_another_call = device.proof("GET", &format!("{ISSUER}{}", path::POLL), &nonce, now);
    assert_eq!(
        error_of(revoke(for_another_call).await).await,
        (401, "unauthorized".to_owned())
    );
    for _ in 0..2 {
        let revoked = revoke(device.proof("DELETE", &url, &nonce, now)).await;
        assert_eq!(revoked.status(), StatusCode::OK);
        assert_eq!(json_of(revoked).await, json!({}));
    }
    assert_eq!(next(&mut stream).await, ServerFrame::Revoked {});
    assert_eq!(close_code(&mut stream).await, 4403);
    let refused = post(&world, path::DECISIONS, &json!({ "decision": decision })).await;
    assert_eq!(error_of(refused).await, (403, "device_revoked".to_owned()));
    let actors = revocations(&world).await;
    assert_eq!(actors, [format!("device:{}", device.id)]);
    world.decide(&other, &asked, Verdict::Deny).await.unwrap();
}

/// Who revoked devices, from the audit log.
async fn revocations(world: &World) -> Vec<String> {
    let log = world.gateway.store().audit_records(0, 1_000).await.unwrap();
    let records = log
        .iter()
        .map(|record| serde_json::from_str::<Value>(&record.line).unwrap());
    records
        .filter(|record| record["event"] == Event::DeviceRevoked.as_str())
        .map(|record| record["actor"].as_str().unwrap().to_owned())
        .collect()
}

// --- what relying sides call ------------------------------------------------------------------------------------

#[tokio::test]
async fn an_approval_is_asked_for_read_and_cancelled() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let body = json!({
        "user": "ada",
        "acr": "high",
        "binding_message": "Pay the rent",
        "authorization_details": [{ "type": "payment_initiation", "creditorName": "Landlord" }],
        "context": { "origin": "another_device", "ip": "203.0.113.7", "hints": ["new payee"] },
        "requires": { "match": { "type": "code", "digits": 4 }, "verification": "none", "surface": "window" },
        "expires_in": 60,
    });
    let created = ask(&world, &body).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let created = json_of(created).await;
    assert_eq!(created["match_code"].as_str().unwrap().len(), 4);
    assert_eq!(created["expires_at"], world.clock.now() + 60);
    let txn = created["txn"].as_str().unwrap();
    let uri = format!("/v1/approvals/{txn}");
    let read = json_of(call(&world, as_client("GET", &uri).body(Body::empty()).unwrap()).await).await;
    assert_eq!(
        read,
        json!({ "txn": txn, "state": "pending", "expires_at": world.clock.now() + 60 })
    );

    decide(
        &world,
        &device,
        txn,
        Verdict::Approve,
        created["match_code"].as_str(),
    )
    .await;
    let read = json_of(
        call(
            &world,
            as_client("GET", &format!("{uri}?wait=30"))
                .body(Body::empty())
                .unwrap(),
        )
        .await,
    )
    .await;
    assert_eq!(
        (&read["state"], &read["acr"], &read["verdict"]),
        (&json!("approved"), &json!("high"), &json!("approve"))
    );
    assert_eq!(read["authorization_details"], body["authorization_details"]);
    let signed = serde_json::to_value(world.result(read["result"].as_str().unwrap())).unwrap();
    for (claim, value) in signed.as_object().unwrap() {
        assert_eq!(&read[claim], value, "{claim}");
    }
    let cancelled = json_of(call(&world, as_client("DELETE", &uri).body(Body::empty()).unwrap()).await).await;
    assert_eq!(cancelled["state"], "approved");

    let second = json_of(ask(&world, &body).await).await;
    let uri = format!("/v1/approvals/{}", second["txn"].as_str().unwrap());
    let cancelled = json_of(call(&world, as_client("DELETE", &uri).body(Body::empty()).unwrap()).await).await;
    assert_eq!(cancelled["state"], "cancelled");
}

#[tokio::test]
async fn who_goes_away_before_the_answer_interrupts_nothing() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let connection = world.gateway.hub().connect(&device.id);
    let body = Body::from(json!({ "user": "ada" }).to_string());
    let mut asking = Box::pin(call(
        &world,
        as_client("POST", path::APPROVALS).body(body).unwrap(),
    ));
    assert!(asking.as_mut().now_or_never().is_none(), "it waits for the store");
    drop(asking);
    let told = tokio::time::timeout(Duration::from_secs(60), connection.next())
        .await
        .unwrap();
    assert!(matches!(told, Outgoing::Frame(_)));
    assert_eq!(world.pending(&device).await.len(), 1);
}

#[tokio::test]
async fn only_a_known_secret_is_a_client() {
    let world = World::new().await;
    let uri = "/v1/approvals/txn_AAAAAAAAAAAAAAAAAAAAAA";
    for authorization in [
        None,
        Some("Bearer cs_wrong"),
        Some("Basic YTpi"),
        Some("Bearer"),
        Some(""),
    ] {
        let mut request = request("GET", uri);
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let refused = call(&world, request.body(Body::empty()).unwrap()).await;
        assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(
            error_of(refused).await,
            (401, "unauthorized".to_owned()),
            "{authorization:?}"
        );
    }
    let known = call(&world, as_client("GET", uri).body(Body::empty()).unwrap()).await;
    assert_eq!(error_of(known).await, (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_malformed_request_is_refused_with_what_is_wrong() {
    let world = World::new().await;
    world.device("ada").await;
    for body in [
        "",
        "[]",
        "{",
        r#"{"user":"ada","user":"bob"}"#,
        r#"{"user":"ada","usr":"bob"}"#,
        r#"{"user":""}"#,
        r#"{"user":"ada","acr":null}"#,
        r#"{"user":"ada","expires_in":"60"}"#,
        r#"{"user":"ada","expires_in":5}"#,
        r#"{"user":"ada","authorization_details":[]}"#,
        r#"{"user":"ada","authorization_details":[{"no":"type"}]}"#,
        r#"{"user":"ada","requires":{"match":{"type":"code","digits":9},"verification":"none","surface":"any"}}"#,
        r#"{"user":"ada","requires":{"match":{"type":"choice","options":["1","2"]},"verification":"none","surface":"any"}}"#,
        r#"{"user":"ada","callback_url":"https://evil.example/"}"#,
    ] {
        let refused = call(
            &world,
            as_client("POST", path::APPROVALS).body(Body::from(body)).unwrap(),
        )
        .await;
        assert_eq!(
            error_of(refused).await,
            (400, "invalid_request".to_owned()),
            "{body}"
        );
    }
    for uri in ["?wait=61", "?wait=-1", "?wait=1&wait=1", "?wiat=1"] {
        let uri = format!("/v1/approvals/txn_AAAAAAAAAAAAAAAAAAAAAA{uri}");
        let refused = call(&world, as_client("GET", &uri).body(Body::empty()).unwrap()).await;
        assert_eq!(
            error_of(refused).await,
            (400, "invalid_request".to_owned()),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn a_body_over_64_kib_is_too_large() {
    let world = World::new().await;
    let body = json!({ "user": "x".repeat(64 * 1024) });
    assert_eq!(
        error_of(ask(&world, &body).await).await,
        (413, "too_large".to_owned())
    );
    assert_eq!(
        error_of(post(&world, path::DECISIONS, &body).await).await,
        (413, "too_large".to_owned())
    );
}

#[tokio::test]
async fn an_idempotency_key_is_checked_and_honoured() {
    let world = World::new().await;
    world.device("ada").await;
    let ask = async |key: &str, body: Value| {
        let request = as_client("POST", path::APPROVALS).header("Idempotency-Key", key);
        call(&world, request.body(Body::from(body.to_string())).unwrap()).await
    };
    let first = json_of(ask("k", json!({ "user": "ada" })).await).await;
    assert_eq!(json_of(ask("k", json!({ "user": "ada" })).await).await, first);
    let conflict = ask("k", json!({ "user": "ada", "acr": "high" })).await;
    assert_eq!(error_of(conflict).await, (409, "idempotency_conflict".to_owned()));
    for key in ["", "two words", &"k".repeat(129)] {
        let refused = ask(key, json!({ "user": "ada" })).await;
        assert_eq!(
            error_of(refused).await,
            (400, "invalid_request".to_owned()),
            "{key}"
        );
    }
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_try_again() {
    let world = World::with_limits(Limits {
        requests_per_minute: 1,
        ..Limits::default()
    })
    .await;
    world.device("ada").await;
    ask(&world, &json!({ "user": "ada" })).await;
    let refused = ask(&world, &json!({ "user": "ada" })).await;
    assert_eq!(refused.headers()[header::RETRY_AFTER], "61");
    assert_eq!(error_of(refused).await, (429, "rate_limited".to_owned()));
    let refused = ask(&world, &json!({ "user": "nobody" })).await;
    assert_eq!(error_of(refused).await, (422, "no_device".to_owned()));
}

#[tokio::test]
async fn the_store_being_full_is_unavailable_and_its_damage_is_internal() {
    for (error, status, code) in [
        (
            StoreError::Unavailable("disk full".to_owned()),
            503,
            "unavailable",
        ),
        (StoreError::Corrupt("page 7".to_owned()), 500, "internal"),
    ] {
        let response = failure(&ServiceError::Store(error), None);
        assert_eq!(response.status().as_u16(), status);
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"], code);
        assert!(!body.to_string().contains("page 7") && !body.to_string().contains("disk full"));
    }
}

#[tokio::test]
async fn health_is_told_and_unknown_addresses_and_methods_are_refused() {
    let world = World::new().await;
    for uri in ["/healthz", "/readyz"] {
        let response = call(&world, request("GET", uri).body(Body::empty()).unwrap()).await;
        assert_eq!(
            (response.status(), json_of(response).await),
            (StatusCode::OK, json!({ "status": "ok" }))
        );
    }
    let unknown = call(&world, request("GET", "/v2").body(Body::empty()).unwrap()).await;
    assert_eq!(error_of(unknown).await, (404, "not_found".to_owned()));
    let method = call(
        &world,
        as_client("PUT", path::APPROVALS).body(Body::empty()).unwrap(),
    )
    .await;
    assert_eq!(error_of(method).await, (405, "invalid_request".to_owned()));
}

// --- the stream -------------------------------------------------------------------------------------------------

type Socket = WebSocketStream<TcpStream>;

struct Served<'a> {
    world: &'a World,
    address: std::net::SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl<'a> Served<'a> {
    async fn new(world: &'a World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router: Router = router(Arc::clone(&world.gateway));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            world,
            address,
            server,
        }
    }

    async fn connect(
        &self,
        device: &TestDevice,
        protocol: Option<&str>,
    ) -> Result<Socket, tungstenite::Error> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let mut request = format!("ws://{}{}", self.address, path::STREAM)
            .into_client_request()
            .unwrap();
        let proof = device.proof(
            "GET",
            &format!("wss://gateway.example{}", path::STREAM),
            &self.world.gateway.nonce(),
            self.world.clock.now(),
        );
        request.headers_mut().insert(PROOF_HEADER, proof.parse().unwrap());
        if let Some(protocol) = protocol {
            request
                .headers_mut()
                .insert("Sec-WebSocket-Protocol", protocol.parse().unwrap());
        }
        tokio_tungstenite::client_async(request, stream)
            .await
            .map(|(socket, _)| socket)
    }

    async fn subscribe(&self, device: &TestDevice) -> Socket {
        let mut socket = self.connect(device, Some("countersign.v1")).await.unwrap();
        assert!(matches!(next(&mut socket).await, ServerFrame::Welcome { .. }));
        socket
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(socket: &mut Socket) -> ServerFrame {
    // The first ping comes after 25 s, later than any test.
    let message = socket.next().await.unwrap().unwrap();
    ServerFrame::parse(message.to_text().unwrap().as_bytes()).unwrap()
}

async fn close_code(socket: &mut Socket) -> u16 {
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(Message::Text(_) | Message::Ping(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_stream_carries_requests_decisions_and_receipts() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let served = Served::new(&world).await;
    let mut socket = served.subscribe(&device).await;
    let asked = world.ask("ada").await;
    let ServerFrame::Request { request, .. } = next(&mut socket).await else {
        panic!("no request")
    };
    let send = async |socket: &mut Socket, code: &str| {
        let decision = device.sign(&world.decision(&device, &request, Verdict::Approve, Some(code)));
        let frame = json!({ "type": "decision", "decision": decision });
        socket
            .send(Message::Text(frame.to_string().into()))
            .await
            .unwrap();
        next(socket).await
    };
    let refused = send(&mut socket, &wrong_code(&asked)).await;
    let ServerFrame::Refused {
        txn,
        attempts_left: Some(4),
        ..
    } = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(txn.as_ref(), Some(&asked.txn));
    let ServerFrame::Receipt { receipt, .. } = send(&mut socket, asked.match_code.as_deref().unwrap()).await
    else {
        panic!("not accepted")
    };
    let expect = Expect {
        issuer: Some(ISSUER),
        audience: device.id.as_str(),
        now: world.clock.now(),
    };
    let receipt: countersign_protocol::ApprovalReceipt =
        jws::verify(&receipt, &world.gateway.keys(), &expect).unwrap();
    assert_eq!(receipt.txn, asked.txn);

    socket.send(Message::Text("{}".into())).await.unwrap();
    assert!(
        matches!(next(&mut socket).await, ServerFrame::Refused { txn: None, .. }),
        "and the stream goes on"
    );
    world.ask("ada").await;
    assert!(matches!(next(&mut socket).await, ServerFrame::Request { .. }));
}

#[tokio::test]
async fn a_stream_is_closed_with_the_reason() {
    let world = World::new().await;
    let (one, two) = (world.device("ada").await, world.device("ada").await);
    let served = Served::new(&world).await;
    let mut replaced = served.subscribe(&one).await;
    let mut revoked = served.subscribe(&one).await;
    assert_eq!(close_code(&mut replaced).await, 4409);
    let entry = Entry::new(
        world.clock.now(),
        Actor::Admin("root".to_owned()),
        Event::DeviceRevoked,
    );
    world
        .other_process()
        .revoke_device(&one.id, world.clock.now(), entry)
        .await
        .unwrap();
    world.gateway.notice_changes().await.unwrap();
    assert_eq!(next(&mut revoked).await, ServerFrame::Revoked {});
    assert_eq!(close_code(&mut revoked).await, 4403);
    let refused = served.connect(&one, Some("countersign.v1")).await.unwrap_err();
    let tungstenite::Error::Http(response) = refused else {
        panic!("{refused}")
    };
    assert_eq!(response.status(), 403);
    let mut restarted = served.subscribe(&two).await;
    world.gateway.shut_down();
    assert_eq!(close_code(&mut restarted).await, 1012);
}

#[tokio::test]
async fn a_handshake_without_proof_or_sub_protocol_is_refused_before_it_is_a_stream() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let served = Served::new(&world).await;
    let thief = TestDevice {
        id: device.id.clone(),
        key: key(),
        counter: 1.into(),
    };
    for (device, protocol, status) in [
        (&device, None, 400),
        (&device, Some("other"), 400),
        (&thief, Some("countersign.v1"), 401),
    ] {
        let refused = served.connect(device, protocol).await.unwrap_err();
        let tungstenite::Error::Http(response) = refused else {
            panic!("{refused}")
        };
        assert_eq!(response.status(), status, "{protocol:?}");
        assert!(response.headers().contains_key(NONCE_HEADER));
    }
    assert_eq!(world.gateway.hub().connections(), 0);
}

#[tokio::test]
async fn a_frame_that_is_too_long_ends_the_stream() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let served = Served::new(&world).await;
    let mut socket = served.subscribe(&device).await;
    // The server may close while this is still being sent.
    let _ = socket.send(Message::Text("x".repeat(64 * 1024 + 1).into())).await;
    let ended = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .unwrap();
}
