//! The interfaces as callers see them: requests through the router, and WebSockets over a real connection.

mod device;
mod relying;
mod stream;

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
    audit::Event,
    config::Limits,
    edge::Clock as _,
    hub::Outgoing,
    service::{
        ServiceError,
        testing::{ISSUER, SECRET, TestDevice, World, issuer, key, wrong_code},
    },
    store::StoreError,
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
