//! The server as a process: certificates, signals, results that are called back, what it logs.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use countersign_protocol::EnrolmentLink;
use reqwest::Client;
use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Gateway, enrolment};

#[tokio::test]
async fn a_renewed_certificate_is_used_after_a_hang_up_and_a_broken_one_is_not() {
    let mut gateway = Gateway::with_tls();
    let mut serving = gateway.serve();
    let url = format!("https://{}/healthz", serving.address);
    let before = gateway.client();
    assert_eq!(before.get(&url).send().await.unwrap().status(), 200);

    gateway.renew_certificate();
    assert!(gateway.client().get(&url).send().await.is_err());
    serving.signal(Signal::HUP);
    serving.event("certificate_reloaded");
    assert_eq!(gateway.client().get(&url).send().await.unwrap().status(), 200);

    std::fs::write(gateway.path("cert.pem"), "no certificate").unwrap();
    serving.signal(Signal::HUP);
    serving.event("certificate_rejected");
    assert_eq!(gateway.client().get(&url).send().await.unwrap().status(), 200);

    let (status, log) = serving.stop();
    assert!(status.success(), "{log}");
    assert!(log.contains("\"event\":\"stopped\""), "{log}");
}

#[tokio::test]
async fn metrics_are_served_on_an_address_of_their_own() {
    let gateway = Gateway::plain();
    gateway.configure("enabled = false", "listen = \"127.0.0.1:0\"");
    let serving = gateway.serve();
    let line = serving
        .log
        .lines()
        .find(|line| line.contains("metrics_listening"))
        .unwrap();
    let metrics: Value = serde_json::from_str(line).unwrap();
    let client = gateway.client();
    let main = format!("http://{}", serving.address);
    assert_eq!(
        client
            .get(format!("{main}/healthz"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(
        client
            .get(format!("{main}/metrics"))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    let url = format!("http://{}/metrics", metrics["addr"].as_str().unwrap());
    let text = client.get(url).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("route=\"/healthz\",status=\"200\"} 1"), "{text}");
}

/// The whole of a step-up but the person: enrolment with its hook, a CIBA authentication, its cancellation, the
/// callback; and that nothing secret of it is in the log.
#[tokio::test]
async fn a_cancelled_authentication_is_called_back_and_no_secret_is_logged() {
    let gateway = Gateway::plain();
    let told = gateway.path("told.json");
    let hook = format!("enrolled = [\"/bin/sh\", \"-c\", \"cat > {}\"]", told.display());
    gateway.configure("#enrolled = [\"/usr/local/bin/tell-user\"]", &hook);
    gateway.configure("#level = \"info\"", "level = \"trace\"");
    let (callback_url, callbacks) = receiver();
    let added = gateway.json(&[
        "client",
        "add",
        "op",
        "--name",
        "OP",
        "--identity-provider",
        "--callback-url",
        &callback_url,
    ]);
    let secret = added["secret"].as_str().unwrap().to_owned();
    let mut serving = gateway.serve();
    let base = format!("http://{}", serving.address);
    let client = gateway.client();

    let link = gateway.json(&["enrolment", "create", "--user", "amelie"])["link"]
        .as_str()
        .unwrap()
        .to_owned();
    let code = EnrolmentLink::parse(&link).unwrap().code;
    let response = client
        .post(format!("{base}/v1/device/enrolment"))
        .json(&enrolment(&link))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    let device = response.json::<Value>().await.unwrap();
    serving.event("hook_ran");
    let told: Value = serde_json::from_str(&std::fs::read_to_string(&told).unwrap()).unwrap();
    assert_eq!(
        (&told["user"], &told["device_id"]),
        (&json!("amelie"), &device["device_id"])
    );

    let authentication = json!({
        "auth_ref": "canary-auth-ref",
        "sub": "amelie",
        "client": { "id": "shop", "name": "Shop" },
        "params": { "acr_values": "urn:example:high", "binding_message": "canary-message" },
        "callback_url": callback_url,
    });
    let start = async || ask(&client, &base, &secret, &authentication).await;
    let started = start().await;
    assert_eq!(
        start().await,
        started,
        "the same auth_ref is the same transaction"
    );
    let txn = started["txn"].as_str().unwrap().to_owned();
    let cancelled = client
        .delete(format!("{base}/v1/approvals/{txn}"))
        .bearer_auth(&secret)
        .send()
        .await
        .unwrap();
    assert_eq!(cancelled.json::<Value>().await.unwrap()["state"], "cancelled");

    let called: Value = serde_json::from_str(&callbacks.join().unwrap()).unwrap();
    assert_eq!(called["txn"], txn.as_str());
    assert_eq!(called["outcome"], "cancelled");
    assert_eq!(called["auth_ref"], "canary-auth-ref");
    let result = called["result"].as_str().unwrap().to_owned();

    let (status, log) = serving.stop();
    assert!(status.success(), "{log}");
    assert!(log.contains("/v1/ciba/authentications"));
    let match_code = started["match_code"].as_str().unwrap();
    for canary in [
        &secret,
        code.as_str(),
        match_code,
        "canary-message",
        "canary-auth-ref",
        &result,
        &link,
    ] {
        assert!(!log.contains(canary), "{canary} is in the log:\n{log}");
        assert!(
            !gateway.ok(&["audit", "export"]).contains(canary),
            "{canary} is in the audit log"
        );
    }
    // What approves or logs in is not in the database either; the request's text is, until it is pruned.
    for secret in [&secret, code.as_str()] {
        assert!(!gateway.data_holds(secret), "{secret} is in the data directory");
    }
}

async fn ask(client: &Client, base: &str, secret: &str, body: &Value) -> Value {
    let url = format!("{base}/v1/ciba/authentications");
    let response = client
        .post(url)
        .bearer_auth(secret)
        .json(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    response.json().await.unwrap()
}

/// Takes one callback and gives its body. The first attempt is answered with an error, so that there is a second.
fn receiver() -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/cb", listener.local_addr().unwrap());
    let taken = thread::spawn(move || {
        take(&listener, "500 Internal Server Error");
        take(&listener, "204 No Content")
    });
    (url, taken)
}

fn take(listener: &TcpListener, status: &str) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let request = read_request(&mut stream);
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).unwrap();
    request
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            assert!(head.starts_with("POST /cb "), "{head}");
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return body.to_owned();
            }
        }
        let read = stream.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "the request ended early: {text}");
        bytes.extend_from_slice(&buffer[..read]);
    }
}
