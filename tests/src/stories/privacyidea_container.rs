//! A container of tokens comes by one link, is kept in step, and gets a new key; all of it in the real window.

use anyhow::{Result, ensure};
use countersign_agent_api::CollectionView;

use super::{
    Stage,
    codes_window::{code_of, open},
    desktop::main_window,
    privacyidea::{approved, begun, server},
};
use crate::front::{MainWindow, SOON, Watch};

/// What the server calls itself.
const ISSUER: &str = "privacyIDEA";
const MENU: &str = "More for privacyIDEA";

/// What the administrator has filled.
struct Filled {
    container: String,
    totp: String,
    hotp: String,
    push: String,
}

pub(super) async fn privacyidea_container_registered(stage: &mut Stage) -> Result<()> {
    let there = filled(stage).await?;
    let link = server(stage)?.container_link(&there.container, false).await?;
    // One link, and everything is here.
    let app = main_window(stage, &[&link]).await?;
    let window = MainWindow::of(&app.page);
    window.press("Continue").await?;
    window.title("Is this the right account?").await?;
    window.says(&there.container).await?;
    stage.picture(&app, "privacyidea-container-offer").await?;
    window.press("Add account").await?;
    window.title("Account added").await?;
    holds(stage, 1, 2).await?;
    window.press("Done").await?;
    window
        .says("manages accounts and codes here. Accounts: 1. Codes: 2.")
        .await?;
    stage.picture(&app, "privacyidea-container").await?;
    open(&app.page).await?;
    window.says(&there.hotp).await?;
    accepted(stage, &window, &there.totp).await?;
    stage.picture(&app, "privacyidea-container-codes").await?;
    app.close().await?;
    let log_in = begun(stage, &there.push).await?;
    approved(stage, &log_in).await
}

pub(super) async fn privacyidea_container_synchronised(stage: &mut Stage) -> Result<()> {
    let there = registered(stage).await?;
    // What is added there is added here, and what is taken out goes.
    let added = server(stage)?.token_in(&there.container, "totp").await?;
    server(stage)?.take_out(&there.container, &there.hotp).await?;
    server(stage)?.take_out(&there.container, &there.push).await?;
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.ctrl('4').await?;
    window.title("Accounts").await?;
    window.choose(MENU, "Ask the server now").await?;
    window.says("Accounts: 0. Codes: 2.").await?;
    open(&app.page).await?;
    window.says(&added).await?;
    window.no_longer_says(&there.hotp).await?;
    accepted(stage, &window, &added).await?;
    app.close().await
}

pub(super) async fn privacyidea_container_rolled_over(stage: &mut Stage) -> Result<()> {
    let there = registered(stage).await?;
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.ctrl('4').await?;
    window.title("Accounts").await?;
    // A new key: every token comes anew, in its place.
    window.choose(MENU, "Rotate key…").await?;
    window.focus_is("Cancel").await?;
    window.press("Rotate key").await?;
    holds(stage, 0, 0).await?;
    holds(stage, 1, 2).await?;
    let registration = server(stage)?.registration(&there.container).await?;
    ensure!(
        registration.as_deref() == Some("registered"),
        "the server says that the container is {registration:?}"
    );
    open(&app.page).await?;
    accepted(stage, &window, &there.totp).await?;
    app.close().await?;
    let log_in = begun(stage, &there.push).await?;
    approved(stage, &log_in).await
}

/// A container with a token of each kind, which no computer has yet.
async fn filled(stage: &Stage) -> Result<Filled> {
    let server = server(stage)?;
    let container = server.container().await?;
    Ok(Filled {
        totp: server.token_in(&container, "totp").await?,
        hotp: server.token_in(&container, "hotp").await?,
        push: server.token_in(&container, "push").await?,
        container,
    })
}

/// The same, which is here.
async fn registered(stage: &mut Stage) -> Result<Filled> {
    let there = filled(stage).await?;
    let link = server(stage)?.container_link(&there.container, false).await?;
    stage.agent.enrol(&link).await?;
    holds(stage, 1, 2).await?;
    Ok(there)
}

/// Waits until so much has been brought along.
async fn holds(stage: &mut Stage, accounts: u32, codes: u32) -> Result<()> {
    let expected = CollectionView {
        accounts,
        codes,
        unusable: 0,
    };
    let there = |w: &Watch| {
        let found = w.accounts.iter().find_map(|account| account.collection);
        (found == Some(expected)).then_some(())
    };
    stage.watch.until("what the container holds", SOON, there).await
}

/// The server accepts the code that the window shows of this token.
async fn accepted(stage: &Stage, window: &MainWindow, token: &str) -> Result<()> {
    let shown = code_of(window, &format!("{ISSUER}, {token}")).await?;
    let code: String = shown.chars().filter(char::is_ascii_digit).collect();
    ensure!(
        server(stage)?.accepts(token, &code).await?,
        "{code} is not the code of {token}"
    );
    Ok(())
}
