//! Row 30: what slow, many and huge clients cost. Row 19: a full disk.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use countersign_protocol::{Verdict, wire::MAX_BODY};
use countersign_tests::{
    harness::{GatewayOptions, USER, pss_kib},
    wire::RelyingSide,
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::ground::Ground;

/// Clients that connect and then say almost nothing.
const STALLED: usize = 1_500;
/// What all of them together may cost, in KiB: 16 each, with room for the allocator.
const MEMORY: u64 = 32 * 1024;

#[tokio::test]
async fn slow_many_and_huge_clients_cost_little() -> Result<()> {
    let ground = Ground::start().await?;
    let device = ground.device(USER).await?;
    let mut frames = device.stream(ground.session.ca.client()?).await?;
    ensure!(frames.next().await?.is_ok(), "no frame on a fresh connection");
    let pid = ground.gateway.process()?.pid();
    let before = pss_kib(pid)?;

    // Half of them send nothing, half the beginning of a TLS record whose rest never comes.
    let stalled: Vec<TcpStream> = (0..STALLED)
        .map(|n| {
            let mut stream = TcpStream::connect(ground.gateway.address)?;
            if n % 2 == 0 {
                stream.write_all(&[0x16, 0x03, 0x01, 0x40, 0x00, 0x01])?;
            }
            Ok(stream)
        })
        .collect::<Result<_>>()?;
    // Everybody else is served meanwhile.
    let (asked, request) = ground.payment(&device).await?;
    device
        .decide(&request, Verdict::Approve, Some(asked.code()?))
        .await?;
    ensure!(
        ground.relying.state(&asked.txn).await? == "approved",
        "nobody else was served"
    );

    // What is too large is refused before it is kept.
    let huge = json!({ "user": USER, "binding_message": "x".repeat(16 * 1024 * 1024) });
    let answered = ground
        .relying
        .call(Method::POST, "/v1/approvals", Some(&huge))
        .await;
    if let Ok((status, answer)) = answered {
        ensure!(
            status == StatusCode::PAYLOAD_TOO_LARGE,
            "16 MiB were answered with {status} {answer}"
        );
    }
    let many_names: serde_json::Map<_, _> = (0..500).map(|n| (format!("name{n}"), "value".into())).collect();
    let mut broad = RelyingSide::payment(USER);
    broad["authorization_details"][0]["more"] = many_names.into();
    let (status, _) = ground
        .relying
        .call(Method::POST, "/v1/approvals", Some(&broad))
        .await?;
    ensure!(
        status == StatusCode::BAD_REQUEST,
        "500 fields were answered with {status}"
    );
    // It may be closed before all of it was sent.
    if frames.send_text("x".repeat(16 * MAX_BODY)).await.is_ok() {
        let closed = frames.closed().await;
        ensure!(!matches!(closed, Ok(1000)), "a huge frame was accepted");
    }

    let cost = pss_kib(pid)?.saturating_sub(before);
    ensure!(
        cost < MEMORY,
        "{STALLED} stalled clients and huge messages cost {cost} KiB"
    );

    // And none of them stays.
    for mut stream in [stalled.first(), stalled.last()].into_iter().flatten() {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(e) => return Err(e).context("a stalled client is still connected"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() -> Result<()> {
    let options = GatewayOptions {
        limits: vec![("requests_per_minute", 600), ("pending_per_user", 50)],
        ..GatewayOptions::default()
    };
    let mut ground = Ground::with(options).await?;
    let device = ground.device(USER).await?;
    let people: Vec<String> = (0..10).map(|n| format!("person{n}@alder.example")).collect();
    for user in &people {
        ground.device(user).await?;
    }
    ground.gateway.stop().await?;

    // No file can grow beyond this: to the gateway the same as no space left.
    let mut largest = 0;
    for file in std::fs::read_dir(ground.gateway.data_dir())? {
        largest = largest.max(file?.metadata()?.len());
    }
    let limit = format!("--fsize={}", largest + 200 * 1024);
    let full = ["env", "--ignore-signal=XFSZ", "prlimit", &limit];
    ground.gateway.serve_under(&ground.session, &full).await?;
    let mut accepted = Vec::new();
    let mut refused = None;
    for user in people.iter().cycle().take(400) {
        let body = RelyingSide::payment(user);
        let (status, answer) = ground
            .relying
            .call(Method::POST, "/v1/approvals", Some(&body))
            .await?;
        if status != StatusCode::CREATED {
            refused = Some((status, answer));
            break;
        }
        accepted.push(answer["txn"].as_str().context("no txn")?.to_owned());
    }
    ensure!(
        !accepted.is_empty(),
        "nothing was accepted before the disk was full"
    );
    let refused = refused.context("the disk does not get full")?;
    ensure!(
        refused.0 == StatusCode::SERVICE_UNAVAILABLE && refused.1["error"] == "unavailable",
        "a full disk was answered with {} {}",
        refused.0,
        refused.1
    );
    // What is left is too little for an approval; readiness is told by a write of its own, which uses up the rest.
    let mut unready = false;
    for _ in 0..100 {
        let ready = ground
            .http
            .get(format!("{}/readyz", ground.gateway.url))
            .send()
            .await?
            .status();
        unready = ready == StatusCode::SERVICE_UNAVAILABLE;
        if unready {
            break;
        }
    }
    ensure!(unready, "/readyz says that a full disk can be written");

    // Space again: everything that was accepted is there, and nothing else.
    ground.gateway.stop().await?;
    ground.gateway.serve(&ground.session).await?;
    ensure!(
        ground.audited("approval.requested").await? == accepted.len(),
        "the audit log has another number"
    );
    for txn in &accepted {
        ensure!(
            ground.relying.state(txn).await? == "pending",
            "{txn} was accepted and is lost"
        );
    }
    let (asked, request) = ground.payment(&device).await?;
    device
        .decide(&request, Verdict::Approve, Some(asked.code()?))
        .await?;
    ensure!(
        ground.relying.state(&asked.txn).await? == "approved",
        "it does not work again"
    );
    Ok(())
}
