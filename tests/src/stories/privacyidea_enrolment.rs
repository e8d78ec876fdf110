//! Accounts at privacyIDEA servers are added: by QR code in the window, by a computer that fails half way, at two companies.

use anyhow::{Result, ensure};

use super::{
    Stage,
    clipboard::give_path,
    connected,
    desktop::main_window,
    privacyidea::{TEXT, accounts, approved, begun, ensure_status, meddler, server},
};
use crate::{
    front::{MainWindow, SOON, poll},
    harness::{PrivacyIdea, PushEnrolment},
    wire::Conduct,
};

/// The title of the dialog that asks for a picture.
const CHOOSER: &str = "Choose a picture of the code";
const LINK: &str = "return document.getElementById('link')?.value ?? ''";
const AGREE: &str = "Add account";

pub(super) async fn privacyidea_enrolled_by_qr(stage: &mut Stage) -> Result<()> {
    let made = server(stage)?.token().await?;
    let picture = stage.session.dir().join("code.png");
    std::fs::write(&picture, &made.picture)?;
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.title("Approve on this computer").await?;
    window.press("Open a QR image…").await?;
    give_path(stage, CHOOSER, &picture).await?;
    window.gives(LINK, made.link.as_str()).await?;
    window.press("Continue").await?;
    agree(stage, &window, &made).await?;
    stage.picture(&app, "privacyidea-offer").await?;
    window.press(AGREE).await?;
    window.title("Account added").await?;
    connected(&mut stage.watch).await?;
    window.press("Done").await?;
    window.title("Accounts").await?;
    window.says("Connected. The server is asked regularly.").await?;
    window.says("Answers are not tied to the text shown.").await?;
    let not_said = "Whether a refusal can carry a report, it says with each request.";
    window.says(not_said).await?;
    stage.picture(&app, "privacyidea-account").await?;
    app.close().await?;
    let log_in = begun(stage, &made.serial).await?;
    approved(stage, &log_in).await?;

    // With that request it has said whether it takes reports.
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.ctrl('4').await?;
    window.title("Accounts").await?;
    window.says("Answers are not tied to the text shown.").await?;
    window.no_longer_says(not_said).await?;
    stage.picture(&app, "privacyidea-account-known").await?;
    app.close().await?;

    // A click on the same link, once more.
    let app = main_window(stage, &[&made.link]).await?;
    let window = MainWindow::of(&app.page);
    window.gives(LINK, made.link.as_str()).await?;
    window.press("Continue").await?;
    window.says("already").await?;
    ensure!(accounts(stage).await?.len() == 1, "a used link added an account");
    app.close().await
}

/// The step that shows who offers the account, before anything is made.
async fn agree(stage: &Stage, window: &MainWindow, made: &PushEnrolment) -> Result<()> {
    window.title("Is this the right account?").await?;
    let host = server(stage)?.url.trim_start_matches("https://").to_owned();
    for part in [
        made.serial.as_str(),
        &host,
        "It shows its key once the account is added",
    ] {
        window.says(part).await?;
    }
    ensure!(
        accounts(stage).await?.is_empty(),
        "there is an account before the person agreed"
    );
    ensure!(
        stage.session.keyring.items().await? == 0,
        "there is a key before the person agreed"
    );
    Ok(())
}

pub(super) async fn privacyidea_killed_while_enrolling(stage: &mut Stage) -> Result<()> {
    // The server binds the key, and the computer goes down before it hears of that.
    let made = server(stage)?.token().await?;
    meddler(stage)?.set(Conduct::Withheld);
    let app = main_window(stage, &[&made.link]).await?;
    let window = MainWindow::of(&app.page);
    window.press("Continue").await?;
    window.press(AGREE).await?;
    meddler(stage)?.posted(1).await?;
    stage.agent.kill().await?;
    window.seen(".field__error").await?;
    app.close().await?;
    meddler(stage)?.set(Conduct::Honest);
    stage.run_agent().await?;
    poll::until("the key without an account to be destroyed", SOON, async || {
        Ok((stage.session.keyring.items().await? == 0).then_some(()))
    })
    .await?;
    ensure!(accounts(stage).await?.is_empty(), "half an account is left");

    // Another link, and all is well.
    let made = server(stage)?.token().await?;
    let app = main_window(stage, &[&made.link]).await?;
    let window = MainWindow::of(&app.page);
    window.press("Continue").await?;
    window.press(AGREE).await?;
    window.title("Account added").await?;
    app.close().await?;
    connected(&mut stage.watch).await?;
    let log_in = begun(stage, &made.serial).await?;
    approved(stage, &log_in).await
}

pub(super) async fn privacyidea_two_servers(stage: &mut Stage) -> Result<()> {
    let dir = stage.session.dir().join("other-company");
    let other = PrivacyIdea::start(&dir, &stage.session.ca, stage.session.logs().dir()).await?;
    let question =
        "push_allow_polling=allow, push_title_on_mobile=Kestrel mail, push_text_on_mobile=Open your mail";
    other.policy("asking", "authentication", question).await?;
    let (here, there) = (server(stage)?.token().await?, other.token().await?);
    for made in [&here, &there] {
        stage.agent.enrol(&made.link).await?;
    }
    connected(&mut stage.watch).await?;
    let hosts: Vec<_> = accounts(stage)
        .await?
        .into_iter()
        .map(|account| account.issuer_host)
        .collect();
    ensure!(
        hosts.len() == 2 && hosts.first() != hosts.last(),
        "the accounts are at {hosts:?}"
    );

    let first = begun(stage, &here.serial).await?;
    let open = stage.prompt().await?;
    open.says(TEXT).await?;
    let (transaction, _) = other.trigger(&there.serial).await?;
    open.says("1 of 2").await?;
    stage.picture(&open.app, "privacyidea-two-servers").await?;
    open.approve().await?;
    open.ended("Approved").await?;
    ensure_status(stage, &first, "accept").await?;
    let status = other.status(&transaction).await?;
    ensure!(status == "pending", "the other company was told {status}");
    open.press("Next request").await?;
    open.says("Open your mail").await?;
    open.deny().await?;
    open.ended("Denied").await?;
    ensure!(
        other.status(&transaction).await? == "declined",
        "the other company was not told"
    );
    ensure_status(stage, &first, "accept").await?;
    Ok(())
}
