//! A QR code is read where the person has it: in a file, on the clipboard, on the screen.
//!
//! The page's own command is called; what becomes of the text is the form's business.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use fantoccini::Client;
use serde_json::{Value, json};

use super::{Stage, clipboard::give_path, desktop::main_window};
use crate::{
    front::{SOON, poll},
    harness::{Process, USER},
};

/// The title of the dialog that asks for a file.
const CHOOSER: &str = "Choose a picture of the code";

/// An enrolment link and the picture that the administrator was given with it.
pub(super) async fn picture(stage: &Stage) -> Result<(String, PathBuf)> {
    let file = stage.session.dir().join("code.png");
    let path = file.to_str().context("an odd directory")?;
    let create = [
        "enrolment",
        "create",
        "--user",
        USER,
        "--qr",
        "png",
        "--out",
        path,
    ];
    let made = stage.gateway.json(&stage.session, &create).await?;
    Ok((made["link"].as_str().context("no link")?.to_owned(), file))
}

pub(super) async fn qr_from_file(stage: &mut Stage) -> Result<()> {
    let (link, file) = picture(stage).await?;
    let app = main_window(stage, &[]).await?;
    let desktop = stage.desktop()?;
    // Cancelled: nothing is read.
    begin(&app.page, "file").await?;
    desktop.focus(&desktop.window(CHOOSER).await?).await?;
    desktop.keys(&["Escape"]).await?;
    ensure!(answer(&app.page).await? == json!({ "ok": null }));
    // Or the keys meant for the next one go to the one that is closing.
    desktop.gone(CHOOSER).await?;
    begin(&app.page, "file").await?;
    give_path(stage, CHOOSER, &file).await?;
    ensure_found(&app.page, &link).await?;
    app.close().await
}

pub(super) async fn qr_from_clipboard(stage: &mut Stage) -> Result<()> {
    let (link, file) = picture(stage).await?;
    let app = main_window(stage, &[]).await?;
    begin(&app.page, "clipboard").await?;
    let empty = answer(&app.page).await?;
    let said = empty["error"].as_str().unwrap_or_default();
    ensure!(
        said.contains("no picture on the clipboard"),
        "an empty clipboard gave {empty}"
    );
    let mut copy = stage.session.command("xclip");
    copy.args(["-quiet", "-selection", "clipboard", "-target", "image/png", "-in"])
        .arg(file);
    let _copy = Process::start("xclip", copy, stage.session.logs().dir())?;
    poll::until("the picture from the clipboard", SOON, async || {
        begin(&app.page, "clipboard").await?;
        Ok((answer(&app.page).await?.get("ok").is_some()).then_some(()))
    })
    .await?;
    begin(&app.page, "clipboard").await?;
    ensure_found(&app.page, &link).await?;
    app.close().await
}

pub(super) async fn qr_from_screen(stage: &mut Stage) -> Result<()> {
    let (link, file) = picture(stage).await?;
    let app = main_window(stage, &[]).await?;
    begin(&app.page, "screen").await?;
    ensure!(
        answer(&app.page).await? == texts(&[]),
        "a code is on the screen already"
    );
    let mut show = stage.session.command("display");
    show.args(["-title", "Code"]).arg(file);
    let _show = Process::start("display", show, stage.session.logs().dir())?;
    stage.desktop()?.window("^Code$").await?;
    poll::until("the code on the screen", SOON, async || {
        begin(&app.page, "screen").await?;
        Ok((answer(&app.page).await? == texts(&[&link])).then_some(()))
    })
    .await?;
    app.close().await
}

/// Asks for the texts, without waiting for them: a dialog may stand between.
async fn begin(page: &Client, source: &str) -> Result<()> {
    let script = "window.answer = null;
        window.__TAURI_INTERNALS__.invoke('read_qr', { source: arguments[0] })
            .then(ok => { window.answer = { ok } }, e => { window.answer = { error: e.message } })";
    page.execute(script, vec![source.into()]).await?;
    Ok(())
}

async fn answer(page: &Client) -> Result<Value> {
    poll::until("the texts of the codes", SOON, async || {
        let answer = page.execute("return window.answer", vec![]).await?;
        Ok((!answer.is_null()).then_some(answer))
    })
    .await
}

/// The answer with these links.
fn texts(links: &[&str]) -> Value {
    json!({ "ok": { "links": links, "codes": "none" } })
}

async fn ensure_found(page: &Client, link: &str) -> Result<()> {
    let found = answer(page).await?;
    ensure!(found == texts(&[link]), "{link} was read as {found}");
    Ok(())
}
