//! Forged, moved, replayed and late decisions; text that deceives; revocation.

use anyhow::{Result, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::{
    ApprovalDecision, DecidedOn, ErrorCode, Es256Key, Issuer, Nonce, Signer, Verdict, jws,
};
use countersign_tests::{
    edge,
    harness::USER,
    wire::{Device, RelyingSide, decision_for},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::ground::{Ground, refusal, refused_as};

const OTHER_USER: &str = "jonas.weber@alder.example";

/// Row 9.
#[tokio::test]
async fn a_decision_counts_once_and_only_for_its_own_request() -> Result<()> {
    let ground = Ground::start().await?;
    let device = ground.device(USER).await?;
    let second = ground.device(USER).await?;
    let foreign = ground.device(OTHER_USER).await?;
    let (asked, request) = ground.payment(&device).await?;
    let (other, other_request) = ground.payment(&device).await?;
    let code = Some(asked.code()?);
    let other_claims = device.verified(&other_request)?;
    let stranger = key()?;

    type Change<'a> = Box<dyn Fn(&mut ApprovalDecision) + 'a>;
    let elsewhere = Issuer::parse("https://elsewhere.example")?;
    let changes: Vec<(&str, Change<'_>, ErrorCode)> = vec![
        (
            "moved to another request",
            Box::new(|d| d.txn = other_claims.txn.clone()),
            ErrorCode::InvalidMessage,
        ),
        (
            "with the other request's nonce",
            Box::new(|d| d.nonce = other_claims.nonce.clone()),
            ErrorCode::InvalidMessage,
        ),
        (
            "with a nonce of its own",
            Box::new(|d| d.nonce = Nonce::from_random([7; 16])),
            ErrorCode::InvalidMessage,
        ),
        (
            "for another issuer",
            Box::new(|d| d.aud = elsewhere.clone()),
            ErrorCode::InvalidMessage,
        ),
        (
            "from another device's name",
            Box::new(|d| d.iss = second.id.clone()),
            ErrorCode::InvalidMessage,
        ),
        (
            "over another request's bytes",
            Box::new(|d| d.request_hash = "A".repeat(43)),
            ErrorCode::InvalidMessage,
        ),
        (
            "over another statement",
            Box::new(|d| d.statement_hash = "A".repeat(43)),
            ErrorCode::InvalidMessage,
        ),
        (
            "given in a notification",
            Box::new(|d| d.surface = DecidedOn::Notification),
            ErrorCode::InvalidMessage,
        ),
        (
            "without the code",
            Box::new(|d| d.match_code = None),
            ErrorCode::InvalidMessage,
        ),
        ("of yesterday", Box::new(|d| shift(d, -86_400)), ErrorCode::Stale),
        ("of tomorrow", Box::new(|d| shift(d, 86_400)), ErrorCode::Stale),
    ];
    let mut tried = 0;
    for (what, change, wanted) in &changes {
        let mut decision = device.decision(&request, Verdict::Approve, code)?;
        change(&mut decision);
        refused_as(
            what,
            device.send(&jws::sign(&decision, device.key())?).await,
            &[*wanted],
        )?;
        tried += 1;
    }
    let decision = device.decision(&request, Verdict::Approve, code)?;
    let by_stranger = jws::sign(&decision, &stranger)?;
    refused_as(
        "signed with an unknown key",
        device.send(&by_stranger).await,
        &[ErrorCode::InvalidMessage],
    )?;
    let by_foreign = jws::sign(&decision, foreign.key())?;
    refused_as(
        "signed by another account",
        device.send(&by_foreign).await,
        &[ErrorCode::InvalidMessage],
    )?;
    let claims = device.verified(&request)?;
    let mut own = decision_for(&request, &claims, Verdict::Approve, code, 1)?;
    own.iss = foreign.id.clone();
    let own = jws::sign(&own, foreign.key())?;
    let wanted = [ErrorCode::NotFound, ErrorCode::InvalidMessage];
    refused_as("from another account", foreign.send(&own).await, &wanted)?;
    for txn in [&asked.txn, &other.txn] {
        ensure!(
            ground.relying.state(txn).await? == "pending",
            "a forged decision counted"
        );
    }
    ensure!(
        ground.audited("decision.refused").await? >= tried + 3,
        "not every refusal is in the audit log"
    );

    let genuine = device.sign(&request, Verdict::Approve, code)?;
    let receipt = device.send(&genuine).await?.receipt;
    ensure!(
        device.send(&genuine).await?.receipt == receipt,
        "the same decision again gets another receipt"
    );
    let changed = device.decide(&request, Verdict::Deny, None).await;
    refused_as(
        "another decision afterwards",
        changed,
        &[ErrorCode::AlreadyDecided],
    )?;
    ensure!(
        ground.relying.state(&asked.txn).await? == "approved",
        "the genuine decision does not count"
    );
    ensure!(
        ground.audited("approval.approved").await? == 1,
        "it was approved more than once"
    );
    Ok(())
}

/// Row 10, at the running gateway; the whole corpus is in `vectors/`.
#[tokio::test]
async fn forged_headers_are_refused() -> Result<()> {
    let ground = Ground::start().await?;
    let device = ground.device(USER).await?;
    let (asked, request) = ground.payment(&device).await?;
    let kid = device.key().public_key().thumbprint().as_str().to_owned();
    let jwk: Value = serde_json::from_str(&device.key().public_key().to_json())?;
    let good = json!({ "alg": "ES256", "kid": kid, "typ": "approval-decision+jwt" });
    let with = |name: &str, value: Value| {
        let mut header = good.clone();
        header[name] = value;
        header
    };
    let headers = [
        with("alg", "none".into()),
        with("alg", "HS256".into()),
        with("alg", "RS256".into()),
        with("typ", "approval-request+jwt".into()),
        with("typ", "JWT".into()),
        with("typ", "APPROVAL-DECISION+JWT".into()),
        with("crit", json!(["exp"])),
        with("jku", "https://attacker.example/keys".into()),
        with("x5u", "https://attacker.example/chain".into()),
        with("jwk", jwk),
        with("b64", false.into()),
        with("kid", "A".repeat(43).into()),
    ];
    let payload = serde_json::to_value(device.decision(&request, Verdict::Approve, Some(asked.code()?))?)?;
    for header in &headers {
        let refused = device.send(&token(header, &payload, &device)?).await;
        refused_as(&header.to_string(), refused, &[ErrorCode::InvalidMessage])?;
    }
    let genuine = token(&good, &payload, &device)?;
    for broken in [
        format!("{genuine}="),
        genuine.replace('.', ".."),
        genuine[..genuine.len() - 1].to_owned(),
    ] {
        let code = refusal(device.send(&broken).await)?;
        ensure!(
            code == ErrorCode::InvalidMessage,
            "a broken token was refused as {code}"
        );
    }
    // The header that all others were made of is one that counts.
    device.send(&genuine).await?;
    ensure!(
        ground.relying.state(&asked.txn).await? == "approved",
        "the genuine one does not count"
    );
    Ok(())
}

/// Row 3, at the edge: what is not plain text of a fitting length is refused whole. What markup does in the windows is
/// `hostile_text_is_only_text` in `window.rs`.
#[tokio::test]
async fn text_that_deceives_is_refused_in_every_field() -> Result<()> {
    let ground = Ground::start().await?;
    let _device = ground.device(USER).await?;
    let evil: Vec<String> = [
        "\u{202e}",
        "\u{2066}",
        "\u{0}",
        "\n",
        "\u{1b}[2J",
        "\u{200b}",
        "\u{2028}",
        "\u{feff}",
    ]
    .iter()
    .map(|bad| format!("a{bad}b"))
    .chain([
        " leading".to_owned(),
        "x".repeat(10_000),
        format!("a{}", "\u{301}".repeat(5)),
    ])
    .collect();
    let fields = [
        "/acr",
        "/binding_message",
        "/authorization_details/0/creditorName",
        "/authorization_details/0/remittanceInformationUnstructured",
        "/authorization_details/0/note",
        "/context/place",
        "/context/agent",
        "/context/hints/0",
    ];
    for field in fields {
        for text in &evil {
            let mut body = RelyingSide::payment(USER);
            body["authorization_details"][0]["note"] = "plain".into();
            *body.pointer_mut(field).expect("the field is there") = text.as_str().into();
            let (status, answer) = ground
                .relying
                .call(Method::POST, "/v1/approvals", Some(&body))
                .await?;
            let refused = status == StatusCode::BAD_REQUEST && answer["error"] == "invalid_request";
            let shown: String = text.chars().take(8).collect();
            ensure!(
                refused,
                "{shown:?} in {field} was answered with {status} {answer}"
            );
        }
    }
    // Names of fields are shown too.
    let mut body = RelyingSide::payment(USER);
    body["authorization_details"][0]["pa\u{202e}yee"] = "x".into();
    let (status, _) = ground
        .relying
        .call(Method::POST, "/v1/approvals", Some(&body))
        .await?;
    ensure!(
        status == StatusCode::BAD_REQUEST,
        "a deceiving name was answered with {status}"
    );
    ensure!(
        ground.audited("approval.requested").await? == 0,
        "something was asked"
    );
    // What the table varies is accepted as it is.
    ground.relying.ask(&RelyingSide::payment(USER)).await?;
    Ok(())
}

/// Row 31.
#[tokio::test]
async fn revocation_closes_the_socket_and_ends_the_key() -> Result<()> {
    let ground = Ground::start().await?;
    let device = ground.device(USER).await?;
    let (asked, request) = ground.payment(&device).await?;
    let decision = device.sign(&request, Verdict::Approve, Some(asked.code()?))?;
    let mut frames = device.stream(ground.session.ca.client()?).await?;
    ensure!(frames.next().await?.is_ok(), "no frame on a fresh connection");
    ground
        .gateway
        .command(&ground.session, &["device", "revoke", device.id.as_str()])
        .await?;
    let code = frames.closed().await?;
    ensure!(code == 4403, "the socket was closed with {code}");
    refused_as(
        "a decision signed before",
        device.send(&decision).await,
        &[ErrorCode::DeviceRevoked],
    )?;
    refused_as("a poll", device.poll(0, None).await, &[ErrorCode::DeviceRevoked])?;
    ensure!(
        ground.relying.state(&asked.txn).await? != "approved",
        "a revoked device approved"
    );
    Ok(())
}

fn token(header: &Value, payload: &Value, device: &Device) -> Result<String> {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", encode(header), encode(payload));
    let signature = match header["alg"].as_str() {
        Some("none") => Vec::new(),
        // A verifier that took the public key for an HMAC secret would accept this.
        Some("HS256") => {
            let public = device.key().public_key().to_json();
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public.as_bytes());
            ring::hmac::sign(&key, input.as_bytes()).as_ref().to_vec()
        }
        _ => device.key().sign(input.as_bytes())?,
    };
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn key() -> Result<Es256Key> {
    let rng = edge::rng();
    Ok(Es256Key::from_pkcs8(&Es256Key::generate_pkcs8(&rng)?, &rng)?)
}

fn shift(decision: &mut ApprovalDecision, seconds: i64) {
    decision.iat += seconds;
    decision.exp += seconds;
    decision.shown_at += seconds;
}
