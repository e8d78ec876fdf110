//! A person changes an account in the main window, by keyboard alone.

use anyhow::{Result, ensure};
use countersign_agent_api::{Connection, Verdict};
use fantoccini::key::Key;
use reqwest::{Method, StatusCode};

use super::{Stage, connected, desktop::main_window};
use crate::{
    front::{MainWindow, SOON},
    harness::USER,
    wire::RelyingSide,
};

pub(super) async fn main_window_accounts(stage: &mut Stage) -> Result<()> {
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.ctrl('4').await?;
    window.title("Accounts").await?;
    window.says("Any program running as you can read it.").await?;
    stage.picture(&app, "main-accounts").await?;

    window.choose("More for Alder Group", "Rename…").await?;
    window.focus_is("Your name for this account").await?;
    window.type_text("Work").await?;
    window.key(Key::Enter).await?;
    window.seen("article[aria-label='Work']").await?;
    stage
        .watch
        .until("the new name", SOON, |w| {
            w.accounts
                .iter()
                .any(|a| a.name.as_deref() == Some("Work"))
                .then_some(())
        })
        .await?;

    rotated(stage, &window).await?;
    stage.approved_payment().await?;
    stage.picture(&app, "main-account-rotated").await?;
    revoked(stage, &window).await?;
    stage.picture(&app, "main-account-revoked").await?;

    // What is of no further use is removed, and its key destroyed.
    ensure!(
        stage.session.keyring.items().await? == 1,
        "the key went before the person removed it"
    );
    window.choose("More for Work", "Remove account…").await?;
    window.title("Remove Work?").await?;
    window.focus_is("Keep account").await?;
    stage.picture(&app, "main-account-remove").await?;
    // The safe answer changes nothing.
    window.key(Key::Enter).await?;
    window.focus_is("More for Work").await?;
    ensure!(
        stage.watch.accounts.len() == 1,
        "the account was removed by its safe button"
    );
    window.choose("More for Work", "Remove account…").await?;
    window.focus_is("Keep account").await?;
    window.press("Remove account").await?;
    window.says("Work was removed from this computer.").await?;
    window.says("No account yet").await?;
    stage
        .watch
        .until("no account", SOON, |w| w.accounts.is_empty().then_some(()))
        .await?;
    ensure!(
        stage.session.keyring.items().await? == 0,
        "the key is still in the keyring"
    );
    app.close().await
}

/// The key is replaced, and the gateway knows it.
async fn rotated(stage: &mut Stage, window: &MainWindow) -> Result<()> {
    window.choose("More for Work", "Rotate key…").await?;
    window.title("Make a new key for Work?").await?;
    window.focus_is("Cancel").await?;
    window.press("Rotate key").await?;
    window.says("accepted a new key of this computer.").await?;
    window.focus_is("More for Work").await?;
    let events: Vec<_> = stage.audit().await?.iter().map(|r| r["event"].clone()).collect();
    ensure!(
        events.iter().any(|e| e == "device.rotated"),
        "no new key in the audit log: {events:?}"
    );
    connected(&mut stage.watch).await
}

/// In an emergency the person revokes this computer: nothing that it signs counts from then on.
async fn revoked(stage: &mut Stage, window: &MainWindow) -> Result<()> {
    let (asked, view) = stage.payment().await?;
    window
        .choose("More for Work", "Emergency: revoke this computer…")
        .await?;
    window.title("Revoke this computer?").await?;
    window.focus_is("Go back").await?;
    window.press("Revoke this computer").await?;
    window.says("refuses this computer from now on.").await?;
    window.says("Alder Group removed this computer.").await?;
    stage
        .watch
        .until("the revocation", SOON, |w| {
            let revoked = w.accounts.iter().all(|a| a.connection == Connection::Revoked);
            revoked.then_some(())
        })
        .await?;
    let late = stage
        .watch
        .decide(&view, Verdict::Approve, Some(asked.code()?))
        .await;
    let state = stage.relying.state(&asked.txn).await?;
    ensure!(
        late.is_err() && state != "approved",
        "a revoked computer answered: {late:?}, {state}"
    );
    let body = RelyingSide::payment(USER);
    let (status, answer) = stage
        .relying
        .call(Method::POST, "/v1/approvals", Some(&body))
        .await?;
    ensure!(
        status == StatusCode::UNPROCESSABLE_ENTITY && answer["error"] == "no_device",
        "a revoked computer was asked: {status} {answer}"
    );
    Ok(())
}
