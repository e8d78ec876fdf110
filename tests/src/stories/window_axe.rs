//! The accessibility rules of axe-core, on every page of the real window: here, unlike in a simulated page, colours and sizes are
//! what is painted.

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Outcome, Verdict};
use fantoccini::{Client, key::Key};
use serde_json::Value;

use super::{
    Stage,
    codes_window::{SECRET, add, code_of, totp},
    desktop::main_window,
};
use crate::{
    front::{MainWindow, Prompt},
    harness::Launch,
};

const RUN: &str = "\
    const done = arguments[0];
    axe.run(document, { resultTypes: ['violations'] }).then(
        ({ violations }) => done(violations.flatMap(
            (rule) => rule.nodes.map((node) => `${rule.id}: ${node.html} ${node.failureSummary}`))),
        (error) => done([String(error)]));";

pub(super) async fn axe_in_the_real_window(stage: &mut Stage) -> Result<()> {
    let axe = stage
        .session
        .paths
        .interface()
        .join("node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(&axe).with_context(|| format!("{} is missing", axe.display()))?;

    let (asked, view) = stage.payment().await?;
    let launch = Launch::by_hand(&["--prompt"]);
    let app = stage.driver().await?.open(launch).await?;
    let prompt = Prompt::painted(app.page.clone()).await?;
    app.page.execute(&axe, vec![]).await?;
    clean(&app.page, "the prompt").await?;
    prompt.press("This wasn’t me").await?;
    prompt.says("Deny and report this request?").await?;
    clean(&app.page, "the report").await?;
    app.close().await?;

    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    app.page.execute(&axe, vec![]).await?;
    window.title("Requests").await?;
    window.says("Meridian Supplies GmbH").await?;
    clean(&app.page, "requests that wait").await?;
    stage
        .watch
        .decide(&view, Verdict::Approve, Some(asked.code()?))
        .await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    window.says("Answered lately").await?;
    clean(&app.page, "requests that were answered").await?;
    add(stage, "Example Bank", "ada", SECRET, totp()).await?;
    window.ctrl('2').await?;
    code_of(&window, "Example Bank").await?;
    clean(&app.page, "codes").await?;
    window.choose("Add", "Type it in…").await?;
    window.title("Type a code in").await?;
    clean(&app.page, "a code that is typed in").await?;
    window.key(Key::Escape).await?;
    window.ctrl('3').await?;
    window.press("Send").await?;
    window.seen("details.activity[open] dl").await?;
    clean(&app.page, "activity").await?;
    window.ctrl('4').await?;
    window.press("More for Alder Group").await?;
    window.seen("[role=menu]").await?;
    clean(&app.page, "accounts").await?;
    window.key(Key::Escape).await?;
    window.choose("More for Alder Group", "Remove account…").await?;
    window.title("Remove Alder Group?").await?;
    clean(&app.page, "a question").await?;
    window.key(Key::Escape).await?;
    window.ctrl('5').await?;
    window.seen("[role=switch]").await?;
    clean(&app.page, "settings").await?;
    window.ctrl('6').await?;
    window.says("All passed").await?;
    clean(&app.page, "diagnostics").await?;
    window.ctrl('n').await?;
    window.title("Add an account").await?;
    clean(&app.page, "adding an account").await?;
    app.close().await
}

/// Expects that the page breaks no rule.
async fn clean(page: &Client, what: &str) -> Result<()> {
    let broken = page.execute_async(RUN, vec![]).await?;
    ensure!(
        broken.as_array().is_some_and(Vec::is_empty),
        "{what}: {}",
        serde_json::to_string_pretty::<Value>(&broken)?
    );
    Ok(())
}
