//! An account is added in the main window, by keyboard alone.

use anyhow::{Context, Result, ensure};
use fantoccini::key::Key;

use super::{
    Stage,
    clipboard::{copy, copy_text},
    connected,
    desktop::main_window,
    desktop_qr::picture,
};
use crate::{
    front::{MainWindow, SOON},
    harness::USER,
};

const LINK: &str = "return document.getElementById('link')?.value ?? ''";

pub(super) async fn main_window_adds_account(stage: &mut Stage) -> Result<()> {
    let (link, file) = picture(stage).await?;
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.title("Approve on this computer").await?;
    stage.picture(&app, "main-first-run").await?;
    window.ctrl('5').await?;
    window.title("Settings").await?;
    window.ctrl('n').await?;
    window.focus_is("Link from your organisation").await?;

    let _text = copy_text(stage, &link).await?;
    window.ctrl('v').await?;
    window.gives(LINK, link.as_str()).await?;
    window.key(Key::Enter).await?;
    window.title("Is this the right account?").await?;
    for part in ["Alder Group", USER, "Any program running as you can read it."] {
        window.says(part).await?;
    }
    nothing(stage).await?;
    window.press("Not mine").await?;
    window.title("Approve on this computer").await?;
    nothing(stage).await?;

    // The same offer again, as a picture; nobody has used it up.
    let _picture = copy(stage, "image/png", &file).await?;
    window.reach("Link from your organisation").await?;
    window.ctrl('a').await?;
    window.key(Key::Delete).await?;
    window.gives(LINK, "").await?;
    window.press("From the clipboard").await?;
    window.gives(LINK, link.as_str()).await?;
    window.press("Continue").await?;
    window.title("Is this the right account?").await?;
    let fingerprint = window
        .page()
        .execute("return document.querySelector('.fingerprint').innerText", vec![])
        .await?;
    let fingerprint = hex(fingerprint.as_str().context("no fingerprint")?);
    ensure!(fingerprint.len() == 32, "the fingerprint is {fingerprint}");
    window.press("It matches. Add account").await?;
    window.title("Account added").await?;
    let account = stage
        .watch
        .until("the account", SOON, |w| w.accounts.first().cloned())
        .await?;
    ensure!(
        hex(&account.fingerprint) == fingerprint,
        "{} was pinned, not {fingerprint}",
        account.fingerprint
    );
    window.press("Done").await?;
    window.title("Accounts").await?;
    window.says(USER).await?;
    connected(&mut stage.watch).await?;
    app.close().await
}

/// Neither an account nor a key is there.
async fn nothing(stage: &Stage) -> Result<()> {
    ensure!(stage.watch.accounts.is_empty(), "there is an account");
    ensure!(stage.session.keyring.items().await? == 0, "there is a key");
    Ok(())
}

fn hex(text: &str) -> String {
    text.chars().filter(char::is_ascii_hexdigit).collect()
}
