//! What was decided is found again in the main window, by keyboard alone, and proven with a file.

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Outcome, Verdict};
use fantoccini::key::Key;
use serde_json::Value;

use super::{Stage, clipboard::give_path, desktop::main_window};
use crate::{
    front::{MainWindow, Prompt},
    harness::{Launch, USER},
    wire::RelyingSide,
};

/// The title of the desktop's dialog for a new file.
const DIALOG: &str = "^Export$";
const ENTRIES: &str = "return document.querySelectorAll('details.activity').length";

pub(super) async fn main_window_activity(stage: &mut Stage) -> Result<()> {
    let shown = approved_in_the_prompt(stage).await?;
    let (asked, view) = stage.payment().await?;
    stage.watch.decide(&view, Verdict::Deny, None).await?;
    stage.watch.ended_as(&asked.txn, Outcome::Denied).await?;
    let asked = stage.relying.ask(&RelyingSide::sign_in(USER)).await?;
    let view = stage.watch.pending(&asked.txn).await?;
    stage.watch.decide(&view, Verdict::Approve, None).await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    let (asked, _) = stage.payment().await?;
    stage.relying.cancel(&asked.txn).await?;
    stage.watch.ended_as(&asked.txn, Outcome::Cancelled).await?;

    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.ctrl('3').await?;
    window.title("Activity").await?;
    window.gives(ENTRIES, 4).await?;
    stage.picture(&app, "main-activity").await?;

    window.ctrl('f').await?;
    window.focus_is("Search activity").await?;
    window.type_text("wiki").await?;
    window.gives(ENTRIES, 1).await?;
    window.says("Engineering Wiki").await?;
    window.type_text("zzz").await?;
    window.title("Activity").await?;
    window.says("No match").await?;
    window.press("Show all activity").await?;
    window.gives(ENTRIES, 4).await?;

    window.reach("Outcome").await?;
    window.type_text("App").await?;
    window.gives(ENTRIES, 2).await?;

    // The older one of the two: what was approved in the prompt.
    window.reach("Send").await?;
    window.key(Key::Enter).await?;
    window
        .says("Signed by Alder Group. It matches what was shown.")
        .await?;
    let lines = window
        .page()
        .execute(
            "return [...document.querySelectorAll('details.activity[open] dl > div')]
                .map(d => [d.querySelector('dt').innerText.trim(), d.querySelector('dd').innerText.trim()])",
            vec![],
        )
        .await?;
    let lines: Vec<(String, String)> = serde_json::from_value(lines)?;
    for line in &shown {
        ensure!(lines.contains(line), "{line:?} was shown and is not in {lines:?}");
    }
    window
        .gives(
            "return document.querySelector('details.activity[open] .badge--success')?.innerText.trim()",
            "Receipt verified",
        )
        .await?;
    stage.picture(&app, "main-activity-open").await?;

    let receipt = stage.session.dir().join("kept.json");
    window.press("Save receipt…").await?;
    give_path(stage, DIALOG, &receipt).await?;
    window.says("Saved as kept.json").await?;
    let path = receipt.to_str().context("an odd directory")?;
    let verified = stage.agent.terminal(&stage.session, &["verify", path]).await?;
    ensure!(
        verified.status.success(),
        "the saved receipt does not verify: {}",
        String::from_utf8_lossy(&verified.stderr)
    );

    window.reach("Outcome").await?;
    window.key(Key::Home).await?;
    window.gives(ENTRIES, 4).await?;
    let log = stage.session.dir().join("log.jsonl");
    window.press("Export…").await?;
    give_path(stage, DIALOG, &log).await?;
    window.says("Saved as log.jsonl").await?;
    let text = std::fs::read_to_string(&log)?;
    let entries: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let outcomes: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry["outcome"].as_str())
        .collect();
    ensure!(
        outcomes == ["cancelled", "approved", "denied", "approved"],
        "the exported log has {outcomes:?}"
    );
    ensure!(
        entries
            .iter()
            .all(|entry| entry["outcome"] == "cancelled" || entry["evidence"]["receipt"].is_string()),
        "an answer was exported without its evidence:\n{text}"
    );
    app.close().await
}

/// Approves a payment in the prompt, and gives the lines that were shown.
async fn approved_in_the_prompt(stage: &mut Stage) -> Result<Vec<(String, String)>> {
    let (asked, _) = stage.payment().await?;
    let launch = Launch::by_hand(&["--prompt"]);
    let app = stage.driver().await?.open(launch).await?;
    let prompt = Prompt::painted(app.page.clone()).await?;
    let mut lines = prompt.lines().await?;
    // *Details* are closed: what is in them is not shown.
    lines.retain(|(label, _)| !label.is_empty());
    ensure!(lines.len() > 4, "the prompt shows only {lines:?}");
    prompt.type_code(asked.code()?).await?;
    prompt.approve().await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    app.close().await?;
    Ok(lines)
}
