//! Answering from a desktop notification, and what other programs of the same user try there.

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Outcome, RequestState};

use super::{Setup, Stage, desktop::WINDOW};
use crate::{
    front::{Desktop, WindowId, poll, runs},
    harness::{AgentOptions, OpenPrompt, USER},
    wire::RelyingSide,
};

/// The interface's one accent: the ring around what has the focus, and the button that may be used.
const ACCENT: [u8; 3] = [0x1a, 0x5f, 0xb4];
/// Pixels of the ring around the code field's first cell, at least.
const RING: usize = 100;
/// Pixels of *Approve* when it is on, at least.
const BUTTON: usize = 4_000;

/// The notification is all there is until the person asks for more.
pub(super) fn on_review() -> Setup {
    Setup {
        agent: AgentOptions {
            open_prompt: OpenPrompt::OnReview,
            ..AgentOptions::default()
        },
        ..Setup::default()
    }
}

/// The same, and the agent starts the real app by itself.
pub(super) fn with_own_app() -> Setup {
    let agent = AgentOptions {
        open_prompt: OpenPrompt::OnReview,
        starts_app_itself: true,
        ..AgentOptions::default()
    };
    Setup {
        agent,
        ..Setup::default()
    }
}

pub(super) async fn approved_from_notification(stage: &mut Stage) -> Result<()> {
    let mut notifications = stage.notifications().await?;
    let sign_in = RelyingSide::sign_in(USER);

    // Another program knows everything that went over the bus, and says that Approve was pressed.
    let asked = stage.relying.ask(&sign_in).await?;
    let shown = notifications
        .shown("the request's", |n| n.title.contains("asks for approval"))
        .await?;
    ensure!(
        shown.labels() == ["Review", "Deny", "Approve"],
        "the buttons are {:?}",
        shown.labels()
    );
    let approve = shown.key("Approve").context("no key for Approve")?;
    notifications.forge(&shown, approve).await?;
    notifications.forge(&shown, "approve").await?;
    // The agent hears signals in their order: what a person does afterwards comes after the forgery had its chance.
    notifications.press("Deny").await?;
    stage.watch.ended_as(&asked.txn, Outcome::Denied).await?;
    let ended = stage.relying.ended(&asked.txn).await?;
    ensure!(ended["state"] == "denied", "a forged signal counted: {ended}");

    let asked = stage.relying.ask(&sign_in).await?;
    notifications
        .shown("the second request's", |n| n.title.contains("asks for approval"))
        .await?;
    notifications.press("Approve").await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    let ended = stage.relying.ended(&asked.txn).await?;
    ensure!(ended["state"] == "approved", "the gateway says {ended}");
    ensure!(stage.agent.app.now().await?.is_none(), "a window was opened");
    Ok(())
}

pub(super) async fn high_risk_not_approvable_from_notification(stage: &mut Stage) -> Result<()> {
    let mut notifications = stage.notifications().await?;
    let desktop = stage.desktop()?;
    // A window does not close by itself under the pointer.
    desktop.move_pointer_away().await?;
    let (asked, _) = stage.payment().await?;
    let shown = notifications
        .shown("the request's", |n| n.title.contains("asks for approval"))
        .await?;
    ensure!(
        shown.labels() == ["Review", "Deny"],
        "the buttons are {:?}",
        shown.labels()
    );
    for secret in [asked.code()?, "DE89370400440532013000", "203.0.113.24"] {
        ensure!(
            !format!("{shown:?}").contains(secret),
            "the notification holds {secret}"
        );
    }
    // Neither a made-up button nor the key of another one approves.
    for key in shown
        .actions
        .iter()
        .map(|(key, _)| key.as_str())
        .chain(["approve", "Approve"])
    {
        notifications.forge(&shown, key).await?;
    }
    notifications.press("Review").await?;

    // The agent starts the app, which takes the keyboard because the person asked for it.
    let window = desktop.window(WINDOW).await?;
    poll::until(
        "the prompt to have the keyboard",
        crate::front::SOON,
        async || Ok((desktop.focused().await?.as_ref() == Some(&window)).then_some(())),
    )
    .await?;
    let view = stage.watch.pending(&asked.txn).await?;
    ensure!(
        view.state == RequestState::Pending,
        "a forged signal counted: {:?}",
        view.state
    );
    let app = crate::harness::family(stage.agent.process()?.pid())?;
    ring(&desktop, &window).await?;
    desktop.type_text(asked.code()?).await?;
    // Enter in the complete field moves on to Approve, which is on once the prompt is armed again; there Enter approves.
    desktop.keys(&["Return"]).await?;
    button(&desktop, &window).await?;
    stage.session.screenshot("desktop-prompt").await?;
    desktop.keys(&["Return"]).await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    let ended = stage.relying.ended(&asked.txn).await?;
    ensure!(ended["state"] == "approved", "the gateway says {ended}");

    // It closes by itself, and nothing of it stays behind.
    desktop.gone(WINDOW).await?;
    let agent = stage.agent.process()?.pid();
    poll::until(
        "the app and its web engine to end",
        crate::front::SOON,
        async || {
            let left = app
                .iter()
                .filter(|&&pid| pid != agent)
                .map(|&pid| runs(pid))
                .collect::<Result<Vec<_>>>()?;
            Ok((!left.contains(&true)).then_some(()))
        },
    )
    .await
}

/// Waits until the code field of the prompt has the focus.
pub(super) async fn ring(desktop: &Desktop, window: &WindowId) -> Result<()> {
    accent(desktop, window, RING).await
}

/// Waits until the code field has the focus and nothing in it.
pub(super) async fn emptied(desktop: &Desktop, window: &WindowId) -> Result<()> {
    poll::until("an empty code field", crate::front::SOON, async || {
        let accent = desktop.pixels(window, ACCENT).await?;
        Ok((RING..BUTTON).contains(&accent).then_some(()))
    })
    .await
}

/// Waits until *Approve* may be used.
pub(super) async fn button(desktop: &Desktop, window: &WindowId) -> Result<()> {
    accent(desktop, window, BUTTON).await
}

/// Waits until so much of a window has the accent's colour.
async fn accent(desktop: &Desktop, window: &WindowId, pixels: usize) -> Result<()> {
    let what = format!("{pixels} pixels in the accent's colour");
    poll::until(&what, crate::front::SOON, async || {
        Ok((desktop.pixels(window, ACCENT).await? >= pixels).then_some(()))
    })
    .await
}
