//! Row 12: another key in the issuer's place. Row 13: certificates that are not to be trusted.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use countersign_agent_api::{ErrorCode, Reply, Request, Role, client::ClientError};
use countersign_tests::{
    front::SOON,
    harness::{Agent, AgentOptions, Ca, Gateway, GatewayOptions, Screens, Session, SessionOptions, USER},
    stories::{connected, enrol},
    wire::{RelyingSide, http_client},
};

const WITH_KEYRING: SessionOptions = SessionOptions {
    screens: Screens::None,
    notifications: false,
    keyring: true,
};

#[tokio::test]
async fn a_gateway_with_another_key_shows_nothing_until_it_is_enrolled_again() -> Result<()> {
    let session = Session::with(WITH_KEYRING).await?;
    let mut gateway = Gateway::start(&session).await?;
    let secret = gateway
        .add_application(&session, "treasury", "Treasury Portal")
        .await?;
    let relying = RelyingSide::new(http_client(session.ca.pem())?, &gateway.url, &secret);
    let agent = Agent::start(&session, "laptop").await?;
    enrol(&session, &gateway, &agent).await?;
    let mut watch = agent.watch(Role::Terminal).await?;
    connected(&mut watch).await?;
    let pinned = watch.accounts.first().map(|a| a.fingerprint.clone());

    // Somebody puts a key of their own into the gateway; everything else stays.
    let other = Gateway::start(&session).await?;
    gateway.stop().await?;
    std::fs::copy(
        other.data_dir().join("keys.json"),
        gateway.data_dir().join("keys.json"),
    )?;
    gateway.serve(&session).await?;
    connected(&mut watch).await?;
    let asked = relying.ask(&RelyingSide::payment(USER)).await?;
    // The cancellation comes after the request, on the same connection, and is as unsigned to the agent as that one.
    relying.cancel(&asked.txn).await?;
    let log = session.logs().dir().join("agent-laptop.log");
    countersign_tests::front::poll::until("the agent to say that it dropped a request", SOON, async || {
        Ok(std::fs::read_to_string(&log)?
            .contains("does not verify")
            .then_some(()))
    })
    .await?;
    ensure!(
        watch.call(Request::Requests).await? == Reply::Requests(Vec::new()),
        "a request of a stranger is shown"
    );
    ensure!(
        watch.accounts.first().map(|a| a.fingerprint.clone()) == pinned,
        "another key was pinned"
    );

    // Only enrolling again helps, and it shows another fingerprint.
    if let Some(account) = watch.accounts.first().map(|a| a.id.clone()) {
        watch.call(Request::RemoveAccount { account }).await?;
    }
    enrol(&session, &gateway, &agent).await?;
    watch
        .until("an account with another fingerprint", SOON, |w| {
            let other = |f: &String| pinned.as_ref().is_some_and(|pinned| f != pinned);
            w.accounts.first().filter(|a| other(&a.fingerprint)).map(drop)
        })
        .await?;
    connected(&mut watch).await?;
    let asked = relying.ask(&RelyingSide::payment(USER)).await?;
    watch.pending(&asked.txn).await?;
    Ok(())
}

/// What a leaked key calls for: a new one, and then an end to the old one.
#[tokio::test]
async fn a_device_follows_a_rotated_key_and_needs_nothing_when_the_old_one_is_retired() -> Result<()> {
    let session = Session::with(WITH_KEYRING).await?;
    let mut gateway = Gateway::start(&session).await?;
    let secret = gateway
        .add_application(&session, "treasury", "Treasury Portal")
        .await?;
    let relying = RelyingSide::new(http_client(session.ca.pem())?, &gateway.url, &secret);
    let agent = Agent::start(&session, "laptop").await?;
    enrol(&session, &gateway, &agent).await?;
    let mut watch = agent.watch(Role::Terminal).await?;
    connected(&mut watch).await?;
    let keys = gateway.json(&session, &["keys", "list"]).await?;
    let old = keys[0]["kid"].as_str().context("no key")?.to_owned();

    gateway.command(&session, &["keys", "rotate"]).await?;
    gateway.stop().await?;
    gateway.serve(&session).await?;
    let keys = gateway.json(&session, &["keys", "list"]).await?;
    let new = keys.as_array().into_iter().flatten();
    let new = new
        .filter(|key| key["active"] == true)
        .find_map(|key| key["fingerprint"].as_str());
    let new = new.context("no active key")?.to_owned();
    watch
        .until("the new key to be pinned", SOON, |w| {
            w.accounts.first().filter(|a| a.fingerprint == new).map(drop)
        })
        .await?;

    gateway.command(&session, &["keys", "retire", &old]).await?;
    gateway.stop().await?;
    gateway.serve(&session).await?;
    connected(&mut watch).await?;
    let asked = relying.ask(&RelyingSide::payment(USER)).await?;
    watch.pending(&asked.txn).await?;
    Ok(())
}

#[tokio::test]
async fn only_certificates_of_configured_authorities_are_trusted() -> Result<()> {
    let session = Session::with(WITH_KEYRING).await?;
    let gateway = Gateway::start(&session).await?;
    let link = gateway.enrolment_link(&session, USER).await?;

    // The authority is in the system's store, where any program run once as administrator can put one.
    let store = vec![("SSL_CERT_FILE", session.ca.file().as_os_str().to_owned())];
    let options = AgentOptions {
        without_ca: true,
        environment: store,
        ..AgentOptions::default()
    };
    let agent = Agent::with(&session, "system-store", options).await?;
    unknown(&agent, &link).await?;

    // Another authority is configured.
    let rogue = Ca::new(session.dir(), "Rogue authority")?;
    let options = AgentOptions {
        without_ca: true,
        extra_ca: Some(rogue.file().to_owned()),
        ..AgentOptions::default()
    };
    let agent = Agent::with(&session, "other-authority", options).await?;
    unknown(&agent, &link).await?;

    // The right authority, and a certificate that does not hold.
    let agent = Agent::start(&session, "right-authority").await?;
    for (what, server) in [
        ("an expired certificate", expired(&session).await?),
        ("another host", elsewhere(&session).await?),
    ] {
        let link = server.enrolment_link(&session, USER).await?;
        refused(&agent, &link, what).await?;
    }
    agent.enrol(&link).await?;
    Ok(())
}

/// Nothing is offered: who vouches for the server is for the person to judge.
async fn unknown(agent: &Agent, link: &str) -> Result<()> {
    let watch = agent.watch(Role::Terminal).await?;
    let preview = Request::PreviewEnrolment {
        link: link.to_owned(),
        trust: None,
    };
    let reply = watch.call(preview).await?;
    ensure!(matches!(reply, Reply::Untrusted(_)), "it gave {reply:?}");
    Ok(())
}

async fn refused(agent: &Agent, link: &str, what: &str) -> Result<()> {
    let watch = agent.watch(Role::Terminal).await?;
    let preview = watch
        .call(Request::PreviewEnrolment {
            link: link.to_owned(),
            trust: None,
        })
        .await;
    let code = match &preview {
        Err(ClientError::Api(error)) => Some(error.code),
        Ok(_) | Err(_) => None,
    };
    ensure!(
        code == Some(ErrorCode::UntrustedCertificate),
        "{what} gave {preview:?}"
    );
    Ok(())
}

async fn expired(session: &Session) -> Result<Gateway> {
    let mut gateway = Gateway::with(session, GatewayOptions::default()).await?;
    let cert = session
        .ca
        .issue_with(&session.dir().join("expired"), &["127.0.0.1"], |params| {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        })?;
    replace(&mut gateway, session, &cert.cert, &cert.key).await?;
    Ok(gateway)
}

async fn elsewhere(session: &Session) -> Result<Gateway> {
    let mut gateway = Gateway::with(session, GatewayOptions::default()).await?;
    let cert = session
        .ca
        .issue(&session.dir().join("elsewhere"), &["approve.example.com"])?;
    replace(&mut gateway, session, &cert.cert, &cert.key).await?;
    Ok(gateway)
}

/// Gives a gateway another certificate.
async fn replace(gateway: &mut Gateway, session: &Session, cert: &Path, key: &Path) -> Result<()> {
    gateway.stop().await?;
    let text = std::fs::read_to_string(gateway.config())?;
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some(("cert", _)) => format!("cert = {cert:?}"),
        Some(("key", _)) => format!("key = {key:?}"),
        Some(_) | None => line.to_owned(),
    });
    std::fs::write(gateway.config(), lines.collect::<Vec<_>>().join("\n"))?;
    gateway.serve(session).await
}
