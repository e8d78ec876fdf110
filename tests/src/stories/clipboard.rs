//! The clipboard, and paths that are given to the desktop's file dialogs by way of it.

use std::path::Path;

use anyhow::{Context, Result};

use super::Stage;
use crate::harness::Process;

/// What text is called on the clipboard.
const TEXT: &str = "UTF8_STRING";

/// Puts a file's content on the clipboard, for as long as the process lives.
pub(super) async fn copy(stage: &Stage, kind: &str, file: &Path) -> Result<Process> {
    let mut copy = stage.session.command("xclip");
    copy.args(["-verbose", "-selection", "clipboard", "-target", kind, "-in"])
        .arg(file);
    let mut copy = Process::start("xclip", copy, stage.session.logs().dir())?;
    copy.line("it had the clipboard", |line| waits_for(line, 1))
        .await?;
    Ok(copy)
}

/// Puts text on the clipboard.
pub(super) async fn copy_text(stage: &Stage, text: &str) -> Result<Process> {
    let file = stage.session.dir().join("clipboard");
    std::fs::write(&file, text)?;
    copy(stage, TEXT, &file).await
}

/// The text on the clipboard, if there is any.
pub(super) async fn read(stage: &Stage) -> Result<Option<String>> {
    let mut paste = stage.session.command("xclip");
    paste
        .args(["-selection", "clipboard", "-target", TEXT, "-out"])
        .kill_on_drop(true);
    let output = paste.output().await?;
    let text = String::from_utf8(output.stdout)?;
    Ok((output.status.success() && !text.is_empty()).then_some(text))
}

/// Gives a path to the file dialog with this title. It is pasted: what is typed key by key, the dialog's completion may change.
pub(super) async fn give_path(stage: &Stage, title: &str, path: &Path) -> Result<()> {
    let desktop = stage.desktop()?;
    let mut copied = copy_text(stage, path.to_str().context("an odd directory")?).await?;
    desktop.focus(&desktop.window(title).await?).await?;
    // A slash leaves the list of recent files, where a path has no effect, for the field.
    desktop.keys(&["slash", "ctrl+a", "ctrl+v"]).await?;
    copied
        .line("the dialog had the path", |line| waits_for(line, 2))
        .await?;
    desktop.keys(&["Return"]).await?;
    desktop.gone(title).await
}

/// Whether `xclip` says that it waits for this request, having served the ones before.
fn waits_for(line: &str, request: u32) -> Option<()> {
    let wanted = format!("Waiting for selection request number {request}");
    (line.trim() == wanted).then_some(())
}
