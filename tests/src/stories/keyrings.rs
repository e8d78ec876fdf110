//! The keyring in every state a person's may be in. Locked is not absent: each state is named, has a way out, and nothing is
//! made anew.

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{CheckState, KeyringState, Outcome, Reply, Request, RequestState, Verdict};

use super::{Stage, connected};
use crate::front::SOON;

pub(super) async fn keyring_locked(stage: &mut Stage) -> Result<()> {
    let items = stage.session.keyring.items().await?;
    let (asked, view) = stage.payment().await?;
    let open = stage.prompt().await?;
    // Nobody is at its dialog, so it never answers; the terminal's answer asks for none.
    stage.session.keyring.lock().await?;
    refused_as(stage, &view, asked.code()?, KeyringState::Locked).await?;
    diagnosed(stage, "keyring", "lock").await?;
    ensure!(
        stage.session.keyring.items().await? == items,
        "the locked keyring's content changed"
    );
    open.says("keyring is locked").await?;
    stage.picture(&open.app, "prompt-keyring-locked").await?;

    stage.session.keyring.unlock().await?;
    answered(stage, &view, asked.code()?, items).await
}

pub(super) async fn keyring_missing(stage: &mut Stage) -> Result<()> {
    let items = stage.session.keyring.items().await?;
    let (asked, view) = stage.payment().await?;
    stage.session.keyring.stop().await?;
    refused_as(stage, &view, asked.code()?, KeyringState::Missing).await?;
    diagnosed(stage, "keyring", "keyring").await?;

    stage.session.keyring.start().await?;
    answered(stage, &view, asked.code()?, items).await
}

pub(super) async fn keyring_empty_while_enrolled(stage: &mut Stage) -> Result<()> {
    let (asked, view) = stage.payment().await?;
    stage.session.keyring.start_empty().await?;
    refused_as(stage, &view, asked.code()?, KeyringState::Empty).await?;
    diagnosed(stage, ".key", "enrol again").await?;

    // The account stays, over a restart too, and no key is made for it.
    stage.agent.stop().await?;
    stage.run_agent().await?;
    stage
        .watch
        .until("the missing key to be named", SOON, |w| {
            w.accounts
                .first()
                .is_some_and(|a| a.key == KeyringState::Empty)
                .then_some(())
        })
        .await?;
    ensure!(stage.session.keyring.items().await? == 0, "a key was made anew");

    // The way out: enrol this computer again.
    let account = stage
        .watch
        .accounts
        .first()
        .context("the account is gone")?
        .id
        .clone();
    stage.watch.call(Request::RemoveAccount { account }).await?;
    super::enrol(&stage.session, &stage.gateway, &stage.agent).await?;
    stage
        .watch
        .until("one account", SOON, |w| (w.accounts.len() == 1).then_some(()))
        .await?;
    connected(&mut stage.watch).await?;
    stage.approved_payment().await?;
    Ok(())
}

/// An approval does not count, the state is named, and the request still waits.
async fn refused_as(
    stage: &mut Stage,
    view: &countersign_agent_api::RequestView,
    code: &str,
    state: KeyringState,
) -> Result<()> {
    let refused = stage.watch.decide(view, Verdict::Approve, Some(code)).await;
    stage
        .watch
        .until(
            "the keyring's state to be named",
            std::time::Duration::from_secs(45),
            |w| {
                let named = w.status.as_ref().is_some_and(|s| s.keyring == state);
                let pending = w
                    .requests
                    .iter()
                    .any(|r| r.id == view.id && r.state == RequestState::Pending);
                (named && pending).then_some(())
            },
        )
        .await
        .with_context(|| format!("the answer was {refused:?}"))?;
    ensure!(
        stage.relying.state(&view.txn).await? == "pending",
        "it was decided without a key"
    );
    Ok(())
}

/// The diagnostics name what is wrong and what to do.
async fn diagnosed(stage: &Stage, check: &str, word: &str) -> Result<()> {
    let Reply::Diagnostics(checks) = stage.watch.call(Request::Diagnostics).await? else {
        anyhow::bail!("no diagnostics")
    };
    let failed: Vec<_> = checks
        .iter()
        .filter(|c| c.state == CheckState::Failed && c.name.contains(check))
        .collect();
    let names = failed.iter().any(|c| c.detail.to_lowercase().contains(word));
    ensure!(names, "the diagnostics do not say what to do: {checks:?}");
    Ok(())
}

/// With the keyring back the same request is approved, with the same key.
async fn answered(
    stage: &mut Stage,
    view: &countersign_agent_api::RequestView,
    code: &str,
    items: usize,
) -> Result<()> {
    stage.watch.decide(view, Verdict::Approve, Some(code)).await?;
    stage.watch.ended_as(&view.txn, Outcome::Approved).await?;
    ensure!(
        stage.session.keyring.items().await? == items,
        "the keyring's content changed"
    );
    Ok(())
}
