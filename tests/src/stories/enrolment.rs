//! A computer comes and goes: enrolment in the main window, and revocation.

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Connection, ErrorCode, Reply, Request, Verdict, client::ClientError};
use fantoccini::{Client, Locator};
use reqwest::{Method, StatusCode};

use super::{Setup, Stage, connected};
use crate::{
    front::{SOON, found, poll},
    harness::{Launch, USER},
    wire::RelyingSide,
};

pub(super) fn not_enrolled() -> Setup {
    Setup {
        not_enrolled: true,
        ..Setup::default()
    }
}

pub(super) async fn enrol_by_link(stage: &mut Stage) -> Result<()> {
    // An offer that will expire while the person looks at it.
    let create = ["enrolment", "create", "--user", USER, "--expires-in", "30"];
    let made = stage.gateway.json(&stage.session, &create).await?;
    let short = made["link"].as_str().context("no link")?.to_owned();
    let Reply::Offer(offer) = stage
        .watch
        .call(Request::PreviewEnrolment {
            link: short,
            trust: None,
        })
        .await?
    else {
        anyhow::bail!("no offer for a fresh link")
    };

    let link = stage.gateway.enrolment_link(&stage.session, USER).await?;
    // A click on the link starts the app with it; nothing happens before the person agrees.
    let app = stage.driver().await?.open(Launch::by_hand(&[&link])).await?;
    let page = &app.page;
    press(page, "Continue").await?;
    title(page, "Is this the right account?").await?;
    let text = page.find(Locator::Css("main")).await?.text().await?;
    let host = stage.gateway.url.trim_start_matches("https://");
    for part in [
        "Alder Group",
        host,
        USER,
        "Any program running as you can read it.",
    ] {
        ensure!(text.contains(part), "the offer does not show {part}:\n{text}");
    }
    let fingerprint = page.find(Locator::Css(".fingerprint")).await?.text().await?;
    ensure!(
        hex(&fingerprint).len() == 32,
        "the fingerprint is {fingerprint:?}"
    );
    stage.picture(&app, "enrolment-offer").await?;
    ensure!(
        stage.watch.accounts.is_empty(),
        "an account exists before the person agreed"
    );
    ensure!(
        stage.session.keyring.items().await? == 0,
        "a key exists before the person agreed"
    );
    press(page, "It matches. Add account").await?;
    let account = stage
        .watch
        .until("the account", SOON, |w| w.accounts.first().cloned())
        .await?;
    ensure!(
        hex(&account.fingerprint) == hex(&fingerprint),
        "another fingerprint was shown than is pinned"
    );
    connected(&mut stage.watch).await?;
    title(page, "Account added").await?;
    stage.picture(&app, "enrolment-done").await?;
    app.close().await?;

    // The link is used up; and what is not acceptable is refused before anything is sent.
    let plain = link.replace("https", "http");
    for (link, wanted) in [(&link, ErrorCode::OfferRefused), (&plain, ErrorCode::InvalidLink)] {
        let again = stage
            .watch
            .call(Request::PreviewEnrolment {
                link: link.clone(),
                trust: None,
            })
            .await;
        ensure!(
            is(&again, wanted),
            "a link that must be refused as {wanted:?} gave {again:?}"
        );
    }

    let left = u64::try_from(offer.expires_at - crate::edge::now()).unwrap_or(0);
    // Expiry itself is the story here: only time brings it about.
    tokio::time::sleep(std::time::Duration::from_secs(left + 1)).await;
    let accept = Request::AcceptEnrolment {
        offer: offer.id,
        device_name: "late".to_owned(),
    };
    let late = stage.watch.call(accept).await;
    ensure!(
        is(&late, ErrorCode::OfferRefused) || is(&late, ErrorCode::NotFound),
        "an expired offer gave {late:?}"
    );
    ensure!(
        stage.watch.call(Request::Accounts).await? == Reply::Accounts(stage.watch.accounts.clone()),
        "an account more"
    );
    let events: Vec<_> = stage.audit().await?.iter().map(|r| r["event"].clone()).collect();
    let enrolled = events.iter().filter(|e| **e == "device.enrolled").count();
    ensure!(enrolled == 1, "{enrolled} devices were enrolled: {events:?}");
    ensure!(
        events.iter().any(|e| e == "enrolment.refused"),
        "no refusal in the audit log: {events:?}"
    );
    Ok(())
}

pub(super) async fn device_revoked(stage: &mut Stage) -> Result<()> {
    let (asked, view) = stage.payment().await?;
    let devices = stage.gateway.json(&stage.session, &["device", "list"]).await?;
    let id = device_id(&devices).with_context(|| format!("no device in {devices}"))?;
    stage
        .gateway
        .command(&stage.session, &["device", "revoke", &id])
        .await?;
    stage
        .watch
        .until("the revocation", SOON, |w| {
            w.accounts
                .iter()
                .any(|a| a.connection == Connection::Revoked)
                .then_some(())
        })
        .await?;
    let late = stage
        .watch
        .decide(&view, Verdict::Approve, Some(asked.code()?))
        .await;
    let state = stage.relying.state(&asked.txn).await?;
    ensure!(late.is_err() || state != "approved", "a revoked device approved");
    let body = RelyingSide::payment(USER);
    let (status, answer) = stage
        .relying
        .call(Method::POST, "/v1/approvals", Some(&body))
        .await?;
    let refused = status == StatusCode::UNPROCESSABLE_ENTITY && answer["error"] == "no_device";
    ensure!(refused, "a user without a device was asked: {status} {answer}");
    ensure!(
        !stage.watch.accounts.is_empty(),
        "the account vanished instead of saying what happened"
    );
    let events: Vec<_> = stage.audit().await?.iter().map(|r| r["event"].clone()).collect();
    ensure!(
        events.iter().any(|e| e == "device.revoked"),
        "no revocation in the audit log: {events:?}"
    );

    // The person removes what is of no further use, and enrols anew.
    let account = stage.watch.accounts.first().context("no account")?.id.clone();
    stage.watch.call(Request::RemoveAccount { account }).await?;
    super::enrol(&stage.session, &stage.gateway, &stage.agent).await?;
    stage
        .watch
        .until("the new account to connect", SOON, |w| {
            let connected = |c: &Connection| matches!(c, Connection::Connected { .. });
            w.accounts.iter().any(|a| connected(&a.connection)).then_some(())
        })
        .await?;
    stage.approved_payment().await?;
    Ok(())
}

/// Waits until the assistant is at the step with this title.
async fn title(page: &Client, wanted: &str) -> Result<()> {
    poll::until(&format!("the step “{wanted}”"), SOON, async || {
        let Some(heading) = found(page.find(Locator::Css("#step-title")).await)? else {
            return Ok(None);
        };
        let title = found(heading.text().await)?;
        Ok((title.as_deref() == Some(wanted)).then_some(()))
    })
    .await
}

async fn press(page: &Client, label: &str) -> Result<()> {
    let locator = format!("//button[normalize-space()='{label}' and not(@aria-disabled='true')]");
    let what = format!("the button “{label}”");
    let button = poll::until(&what, SOON, async || {
        found(page.find(Locator::XPath(&locator)).await)
    })
    .await?;
    Ok(button.click().await?)
}

fn hex(text: &str) -> String {
    text.chars().filter(char::is_ascii_hexdigit).collect()
}

fn device_id(devices: &serde_json::Value) -> Option<String> {
    Some(devices.as_array()?.first()?["device_id"].as_str()?.to_owned())
}

fn is(result: &Result<Reply, ClientError>, code: ErrorCode) -> bool {
    matches!(result, Err(ClientError::Api(error)) if error.code == code)
}
