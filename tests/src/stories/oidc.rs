//! Step-up over OpenID Connect: the bank's API answers RFC 9470, the bank starts CIBA at the provider, the provider asks the
//! gateway, the person answers in the window, tokens come back.

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Outcome, RequestView, Verdict};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Setup, Stage, stage::OpenPrompt};
use crate::{
    edge,
    front::{Bank, StepUp},
    harness::{Delivery, DemoOptions},
};

/// The level that a payment needs, as bank and provider have agreed.
const APPROVED: &str = "urn:alder:acr:approved";

pub(super) fn with_bank() -> Setup {
    Setup {
        demo: Some(DemoOptions::default()),
        ..Setup::default()
    }
}

pub(super) fn with_bank_notified() -> Setup {
    Setup {
        demo: Some(DemoOptions {
            delivery: Delivery::Ping,
            ..DemoOptions::default()
        }),
        ..Setup::default()
    }
}

/// Ten seconds, the shortest that the gateway gives.
pub(super) fn with_short_patience() -> Setup {
    Setup {
        demo: Some(DemoOptions {
            expires_in: Some(10),
            ..DemoOptions::default()
        }),
        ..Setup::default()
    }
}

pub(super) async fn oidc_step_up_approved(stage: &mut Stage) -> Result<()> {
    let mut notifications = stage.notifications().await?;
    let mut bank = stage.bank().await?;
    stage.driver().await?;
    let (started, started_ms) = (Instant::now(), edge::now_ms());
    let step_up = bank.pay_with_step_up("4250.00").await?;
    let shown = notifications
        .shown("the request's", |n| n.labels() == ["Review", "Deny"])
        .await?;
    stage.leg_since("notification", started);
    ensure!(
        !format!("{shown:?}").contains(code(&step_up)?),
        "the notification holds the match code"
    );
    let open = stage.prompt().await?;
    stage.leg_since("prompt_painted", started);
    let view = stage.watch.any_pending().await?;
    check_payment(&open, &view, &step_up).await?;
    stage.picture(&open.app, "prompt-waiting").await?;

    open.type_code(code(&step_up)?).await?;
    stage.picture(&open.app, "prompt-ready").await?;
    let pressed_ms = edge::now_ms();
    open.approve().await?;
    let outcome = open.ended("Approved").await?;
    ensure!(
        outcome.text.contains("Receipt verified and saved"),
        "no receipt: {}",
        outcome.text
    );
    stage.picture(&open.app, "prompt-approved").await?;
    stage.watch.ended_as(&view.txn, Outcome::Approved).await?;

    let ended = bank.ended(&step_up).await?;
    check_paid(&ended)?;
    let challenge = step(&ended, "challenge")?;
    ensure!(
        challenge["www_authenticate"].as_str().is_some_and(|header| {
            header.contains("insufficient_user_authentication") && header.contains(APPROVED)
        }),
        "the API's challenge was {challenge}"
    );
    stage.leg("challenge", at(challenge)? - started_ms);
    stage.leg("ciba_accepted", at(step(&ended, "asked")?)? - started_ms);
    stage.leg("approved_to_tokens", at(step(&ended, "tokens")?)? - pressed_ms);
    let audited = stage.audited(&view.txn).await?;
    let wanted = ["approval.requested", "approval.approved", "callback.delivered"];
    ensure!(audited == wanted, "the audit log has {audited:?}");
    Ok(())
}

pub(super) async fn ping_mode(stage: &mut Stage) -> Result<()> {
    let mut bank = stage.bank().await?;
    let step_up = bank.pay_with_step_up("612.50").await?;
    let open = stage.prompt().await?;
    open.type_code(code(&step_up)?).await?;
    open.approve().await?;
    open.ended("Approved").await?;
    let ended = bank.ended(&step_up).await?;
    ensure!(
        step(&ended, "asked")?["mode"] == "ping",
        "the bank did not wait for a ping: {ended}"
    );
    ensure!(ended["state"] == "done", "the bank says {ended}");
    ensure!(
        ended["body"]["acr"] == APPROVED,
        "the payment was made at {}",
        ended["body"]
    );
    Ok(())
}

pub(super) async fn denied(stage: &mut Stage) -> Result<()> {
    let (ended, view) = refused(stage, "prompt-denied", "Denied", async |open| open.deny().await).await?;
    ensure!(ended["state"] == "access_denied", "the bank says {ended}");
    stage.watch.ended_as(&view.txn, Outcome::Denied).await?;
    let audited = stage.audited(&view.txn).await?;
    ensure!(
        audited.contains(&"approval.denied".to_owned()),
        "the audit log has {audited:?}"
    );
    Ok(())
}

pub(super) async fn reported(stage: &mut Stage) -> Result<()> {
    let (ended, view) = refused(stage, "prompt-reported", "Denied and reported", async |open| {
        open.report().await
    })
    .await?;
    ensure!(ended["state"] == "access_denied", "the bank says {ended}");
    stage.watch.ended_as(&view.txn, Outcome::Reported).await?;
    let audited = stage.audited(&view.txn).await?;
    ensure!(
        audited.contains(&"approval.reported".to_owned()),
        "the audit log has {audited:?}"
    );

    // The same client asks again: held back without a word, and no window comes up.
    let mut bank = stage.bank().await?;
    bank.pay_with_step_up("4250.00").await?;
    let held = stage
        .watch
        .until("a request that is held back", crate::front::SOON, |w| {
            w.status
                .as_ref()?
                .held_back
                .first()
                .map(|held| (held.count, held.client_name.clone()))
        })
        .await?;
    ensure!(held == (1, "Treasury Portal".to_owned()), "held back: {held:?}");
    ensure!(
        stage.agent.app.now().await?.is_none(),
        "a muted client's request opened a window"
    );
    Ok(())
}

pub(super) async fn expired(stage: &mut Stage) -> Result<()> {
    let mut bank = stage.bank().await?;
    let step_up = bank.pay_with_step_up("4250.00").await?;
    let view = stage.watch.any_pending().await?;
    let open = stage.prompt().await?;
    stage.watch.ended_as(&view.txn, Outcome::Expired).await?;
    let outcome = open.ended("This request expired").await?;
    ensure!(
        outcome.text.contains("Nothing was approved"),
        "the window says {}",
        outcome.text
    );
    stage.picture(&open.app, "prompt-expired").await?;
    let ended = bank.ended(&step_up).await?;
    ensure!(ended["state"] == "expired_token", "the bank says {ended}");

    // Too late: the answer to an expired request is not taken.
    let late = stage
        .watch
        .decide(&view, Verdict::Approve, Some(code(&step_up)?))
        .await;
    ensure!(late.is_err(), "an expired request was approved");
    let audited = stage.audited(&view.txn).await?;
    ensure!(
        audited.contains(&"approval.expired".to_owned()),
        "the audit log has {audited:?}"
    );
    ensure!(
        !audited.contains(&"approval.approved".to_owned()),
        "the audit log has {audited:?}"
    );
    Ok(())
}

/// A payment that the person refuses in the window.
async fn refused(
    stage: &mut Stage,
    picture: &str,
    title: &str,
    refuse: impl AsyncFnOnce(&OpenPrompt) -> Result<()>,
) -> Result<(Value, RequestView)> {
    let mut bank: Bank = stage.bank().await?;
    let step_up = bank.pay_with_step_up("4250.00").await?;
    let view = stage.watch.any_pending().await?;
    let open = stage.prompt().await?;
    refuse(&open).await?;
    open.ended(title).await?;
    stage.picture(&open.app, picture).await?;
    open.app.close().await?;
    Ok((bank.ended(&step_up).await?, view))
}

/// The window shows all of the statement, and the statement is what the bank asked for.
async fn check_payment(open: &OpenPrompt, view: &RequestView, step_up: &StepUp) -> Result<()> {
    let sentence = open.sentence().await?;
    ensure!(
        sentence == "Send €4,250.00 to Meridian Supplies GmbH",
        "the sentence is {sentence:?}"
    );
    let lines = open.lines().await?;
    for (label, value) in [
        ("Payee", "Meridian Supplies GmbH"),
        ("Reference", "INV-2026-0417"),
    ] {
        ensure!(
            lines.iter().any(|(l, v)| l == label && v == value),
            "no {label} in {lines:?}"
        );
    }
    let text = open.text().await?;
    ensure!(
        text.contains(&step_up.reference),
        "the binding message's reference is not shown"
    );
    let shown = open.line_indices().await?;
    let all: Vec<usize> = (0..view.lines.len()).collect();
    ensure!(
        shown == all,
        "of {} lines only {shown:?} are in the window",
        view.lines.len()
    );
    Ok(())
}

fn check_paid(ended: &Value) -> Result<()> {
    ensure!(ended["state"] == "done", "the bank says {ended}");
    let body = &ended["body"];
    ensure!(
        body["paid"] == json!({ "amount": "4250.00", "currency": "EUR" }),
        "paid: {body}"
    );
    ensure!(body["acr"] == APPROVED, "the payment was made at {}", body["acr"]);
    ensure!(
        body["amr"] == json!(["swk", "user"]),
        "the methods were {}",
        body["amr"]
    );
    let detail = &body["authorization_details"][0];
    ensure!(
        detail["instructedAmount"]["amount"] == "4250.00",
        "the token allows {detail}"
    );
    ensure!(
        detail["creditorName"] == "Meridian Supplies GmbH",
        "the token allows {detail}"
    );
    ensure!(
        step(ended, "answered")?["status"] == 200,
        "the API answered {ended}"
    );
    Ok(())
}

fn code(step_up: &StepUp) -> Result<&str> {
    step_up
        .match_code
        .as_deref()
        .context("the bank's page shows no code")
}

fn step<'a>(ended: &'a Value, name: &str) -> Result<&'a Value> {
    let trace = ended["trace"].as_array().context("the bank kept no trace")?;
    trace
        .iter()
        .find(|step| step["step"] == name)
        .with_context(|| format!("no step {name} in {ended}"))
}

fn at(step: &Value) -> Result<i64> {
    step["at"].as_i64().context("a step without its time")
}
