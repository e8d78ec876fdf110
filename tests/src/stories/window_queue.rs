//! Several requests wait: the prompt shows them one after another, whatever becomes of the one that is on screen.

use std::time::Duration;

use anyhow::{Result, ensure};
use countersign_agent_api::{Outcome, Verdict};
use serde_json::Value;

use super::Stage;
use crate::{
    front::{SOON, poll},
    harness::USER,
    wire::{Asked, RelyingSide},
};

/// Long enough that the third request is still there when its turn comes, in seconds.
const SHORT: u64 = 25;

/// Notes for each request whether its buttons were off when it came.
const WATCH_ARMING: &str = "\
    window.armings = [];
    let last = document.querySelector('main.prompt');
    new MutationObserver(() => {
        const prompt = document.querySelector('main.prompt');
        if (prompt === null || prompt === last) return;
        last = prompt;
        window.armings.push(prompt.classList.contains('is-arming'));
    }).observe(document.body, { childList: true, subtree: true });";

pub(super) async fn several_requests_wait(stage: &mut Stage) -> Result<()> {
    let (_workstation, mut other) = stage.second_computer("workstation").await?;
    let first = ask(stage, "11.00", None).await?;
    let second = ask(stage, "22.00", None).await?;
    let third = ask(stage, "33.00", Some(SHORT)).await?;
    let open = stage.prompt().await?;
    open.says("Request 1 of 3").await?;
    sentence(&open, "11.00").await?;
    stage.picture(&open.app, "prompt-several").await?;
    open.page().execute(WATCH_ARMING, vec![]).await?;

    open.type_code(first.code()?).await?;
    open.approve().await?;
    stage.watch.ended_as(&first.txn, Outcome::Approved).await?;
    open.ended("Approved").await?;
    open.press("Next request").await?;
    sentence(&open, "22.00").await?;
    open.says("Request 1 of 2").await?;

    let theirs = other.pending(&second.txn).await?;
    other.decide(&theirs, Verdict::Deny, None).await?;
    let outcome = open.ended("Already denied").await?;
    ensure!(
        outcome.text.contains("“workstation” denied this"),
        "the prompt says {}",
        outcome.text
    );
    stage.picture(&open.app, "prompt-elsewhere").await?;
    open.press("Next request").await?;
    sentence(&open, "33.00").await?;
    let armings = open.page().execute("return window.armings", vec![]).await?;
    ensure!(
        armings == serde_json::json!([true, true]),
        "the next request's buttons were on at once: {armings}"
    );

    // Expiry itself is the story here: only time brings it about.
    poll::until(
        "its end under the eyes",
        Duration::from_secs(SHORT) + SOON,
        async || Ok(open.text().await?.contains("This request expired").then_some(())),
    )
    .await?;
    open.says("Nothing was approved").await?;
    stage.watch.ended_as(&third.txn, Outcome::Expired).await?;
    ensure!(
        stage.relying.state(&third.txn).await? == "expired",
        "the gateway says something else"
    );
    Ok(())
}

async fn ask(stage: &mut Stage, amount: &str, expires_in: Option<u64>) -> Result<Asked> {
    let mut body = RelyingSide::payment(USER);
    body["authorization_details"][0]["instructedAmount"]["amount"] = amount.into();
    if let Some(seconds) = expires_in {
        body["expires_in"] = Value::from(seconds);
    }
    let asked = stage.relying.ask(&body).await?;
    stage.watch.pending(&asked.txn).await?;
    Ok(asked)
}

async fn sentence(prompt: &crate::front::Prompt, amount: &str) -> Result<()> {
    poll::until(&format!("the request over {amount}"), SOON, async || {
        Ok(prompt.sentence().await?.contains(amount).then_some(()))
    })
    .await
}
