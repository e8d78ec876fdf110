//! A privacyIDEA server is away, slow or talks nonsense, a clock is wrong, a token is gone: it is said, and nothing is lost by it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Connection, ErrorCode};
use reqwest::StatusCode;

use super::{
    Setup, Stage, connected_within,
    desktop::main_window,
    privacyidea::{approved, begun, direct, enrolled, meddler, server, waiting},
};
use crate::{
    front::{MainWindow, SOON},
    harness::{App, peak_kib},
    wire::Conduct,
};

/// The agent gives a server 15 s, and waits for 20 s at most before it tries again.
const PATIENCE: Duration = Duration::from_secs(40);
/// The largest answer that could be meant is far smaller.
const TEN_MB: usize = 10 * 1024 * 1024;

/// The computer's clock is five minutes slow.
pub(super) fn five_minutes_slow() -> Setup {
    Setup {
        clock_off: -300,
        ..direct()
    }
}

pub(super) async fn privacyidea_server_down(stage: &mut Stage) -> Result<()> {
    said_and_survived(stage, Conduct::Closed, "privacyidea-down").await
}

pub(super) async fn privacyidea_server_answers_500(stage: &mut Stage) -> Result<()> {
    let conduct = Conduct::Instead {
        status: StatusCode::INTERNAL_SERVER_ERROR.as_u16(),
        length: 32,
    };
    said_and_survived(stage, conduct, "privacyidea-500").await
}

pub(super) async fn privacyidea_server_answers_10_mb(stage: &mut Stage) -> Result<()> {
    let conduct = Conduct::Instead {
        status: StatusCode::OK.as_u16(),
        length: TEN_MB,
    };
    let serial = enrolled(stage).await?;
    let pid = stage.agent.process()?.pid();
    let before = peak_kib(pid)?;
    meddler(stage)?.set(conduct);
    let problem = trouble(stage).await?.problem;
    ensure!(
        problem.contains("is too large"),
        "it was read, and is said to be: {problem}"
    );
    let grown = peak_kib(pid)?.saturating_sub(before);
    ensure!(
        grown < TEN_MB as u64 / 1024 / 2,
        "the agent has grown by {grown} KiB meanwhile"
    );
    survived(stage, &serial, "privacyidea-10-mb").await
}

pub(super) async fn privacyidea_server_slow(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    // Slow, and it is waited for.
    meddler(stage)?.set(Conduct::Late(Duration::from_secs(3)));
    let log_in = begun(stage, &serial).await?;
    approved(stage, &log_in).await?;
    // Too slow for anything: said, and over when the server is.
    meddler(stage)?.set(Conduct::Withheld);
    trouble(stage).await?;
    let app = accounts_page(stage).await?;
    stage.picture(&app, "privacyidea-slow").await?;
    app.close().await?;
    meddler(stage)?.set(Conduct::Honest);
    connected_within(&mut stage.watch, PATIENCE).await
}

/// While the server is like this the account says so; a log-in that was started meanwhile is asked and answered afterwards.
async fn said_and_survived(stage: &mut Stage, conduct: Conduct, picture: &str) -> Result<()> {
    let serial = enrolled(stage).await?;
    meddler(stage)?.set(conduct);
    trouble(stage).await?;
    survived(stage, &serial, picture).await
}

/// The trouble is shown, and goes by.
async fn survived(stage: &mut Stage, serial: &str, picture: &str) -> Result<()> {
    let app = accounts_page(stage).await?;
    MainWindow::of(&app.page).says("rying again").await?;
    stage.picture(&app, picture).await?;
    app.close().await?;
    ensure!(waiting(stage).await?.is_empty(), "something is asked");
    let (transaction, _) = server(stage)?.trigger(serial).await?;
    meddler(stage)?.set(Conduct::Honest);
    connected_within(&mut stage.watch, PATIENCE).await?;
    stage.watch.any_pending().await?;
    let open = stage.prompt().await?;
    open.approve().await?;
    open.ended("Approved").await?;
    open.app.close().await?;
    ensure!(
        server(stage)?.status(&transaction).await? == "accept",
        "it was not answered"
    );
    Ok(())
}

/// Why an account cannot be served.
struct Trouble {
    problem: String,
    cause: ErrorCode,
}

/// Waits until the account says that it cannot be served.
async fn trouble(stage: &mut Stage) -> Result<Trouble> {
    let told = |w: &crate::front::Watch| match &w.accounts.first()?.connection {
        Connection::Retrying { cause, problem, .. } => Some(Trouble {
            problem: problem.clone(),
            cause: *cause,
        }),
        Connection::Connecting | Connection::Connected { .. } | Connection::Revoked | Connection::NoKey => {
            None
        }
    };
    stage.watch.until("the trouble", PATIENCE, told).await
}

async fn accounts_page(stage: &mut Stage) -> Result<App> {
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.ctrl('4').await?;
    window.title("Accounts").await?;
    Ok(app)
}

pub(super) async fn privacyidea_clock_off(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    let slow = |w: &crate::front::Watch| {
        let offset = w.accounts.first()?.clock_offset;
        (295..=305).contains(&offset).then_some(())
    };
    stage
        .watch
        .until("the clock to be found slow", SOON, slow)
        .await?;
    let app = accounts_page(stage).await?;
    MainWindow::of(&app.page)
        .says("behind the server’s. Approvals are not affected.")
        .await?;
    stage.picture(&app, "privacyidea-clock").await?;
    app.close().await?;
    let log_in = begun(stage, &serial).await?;
    approved(stage, &log_in).await
}

pub(super) async fn privacyidea_token_disabled(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    server(stage)?.disable_token(&serial).await?;
    let asked = server(stage)?.trigger(&serial).await;
    ensure!(asked.is_err(), "a disabled token was asked: {asked:?}");
    // It is still polled, and nothing is claimed to be wrong.
    let app = accounts_page(stage).await?;
    MainWindow::of(&app.page)
        .says("Connected. The server is asked regularly.")
        .await?;
    app.close().await?;
    ensure!(waiting(stage).await?.is_empty(), "something is asked");
    server(stage)?.enable_token(&serial).await?;
    let log_in = begun(stage, &serial).await?;
    approved(stage, &log_in).await
}

pub(super) async fn privacyidea_token_deleted(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    begun(stage, &serial).await?;
    let open = stage.prompt().await?;
    server(stage)?.delete_token(&serial).await?;
    let cause = trouble(stage).await?.cause;
    ensure!(cause == ErrorCode::Refused, "it is said to be {cause:?}");
    // The question cannot be answered any more, and nobody is told that it was.
    open.approve().await?;
    open.ended("Answer not taken").await?;
    stage.picture(&open.app, "privacyidea-gone").await?;
    open.app.close().await?;
    // Nothing is removed here by itself; the person does that.
    let app = accounts_page(stage).await?;
    let window = MainWindow::of(&app.page);
    stage.picture(&app, "privacyidea-token-deleted").await?;
    let name = stage
        .watch
        .accounts
        .first()
        .context("the account is gone")?
        .issuer_name
        .clone();
    window
        .choose(&format!("More for {name}"), "Remove account…")
        .await?;
    window.focus_is("Keep account").await?;
    window.press("Remove account").await?;
    window.says("No account yet").await?;
    ensure!(
        stage.session.keyring.items().await? == 0,
        "the key is still in the keyring"
    );
    app.close().await
}
