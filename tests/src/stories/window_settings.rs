//! What a person sets in the main window is in force at once; what an organisation has set is not theirs to change.

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use fantoccini::key::Key;
use serde_json::json;

use super::{Setup, Stage, Theme, connected, desktop::main_window, notifications::on_review};
use crate::{
    front::{MainWindow, SOON, poll},
    harness::NotificationPrivacy,
};

pub(super) fn private() -> Setup {
    let mut setup = on_review();
    setup.agent.privacy = NotificationPrivacy::Private;
    setup
}

pub(super) async fn main_window_settings(stage: &mut Stage) -> Result<()> {
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.ctrl(',').await?;
    window.title("Settings").await?;
    window.seen("[role=switch]").await?;
    stage.picture(&app, "main-settings").await?;

    details_in_notifications(stage, &window).await?;

    let config = stage.agent.dir().join("config");
    turn(&window, "Quiet hours", true).await?;
    holds(
        &config.join("countersign/agent.toml"),
        "quiet_hours = \"22:00-07:00\"",
    )
    .await?;
    let entry = config.join("autostart/countersign-agent.desktop");
    ensure!(!entry.exists(), "it starts at log-in already");
    turn(&window, "Start at log-in", true).await?;
    holds(&entry, "countersign-agent").await?;
    turn(&window, "Start at log-in", false).await?;
    poll::until("the entry to go", SOON, async || {
        Ok((!entry.exists()).then_some(()))
    })
    .await?;

    let ground = "return getComputedStyle(document.body).backgroundColor";
    let before = window.page().execute(ground, vec![]).await?;
    let (key, other) = match stage.theme() {
        Theme::Light => ("D", "dark"),
        Theme::Dark => ("L", "light"),
    };
    window.reach("Appearance").await?;
    window.type_text(key).await?;
    window
        .gives("return document.documentElement.dataset.theme", other)
        .await?;
    ensure!(
        window.page().execute(ground, vec![]).await? != before,
        "it is as light or dark as before"
    );
    stage.picture(&app, "main-settings-chosen").await?;
    window.select("Appearance", "Like the system").await?;
    window
        .gives("return document.documentElement.dataset.theme ?? ''", "")
        .await?;

    window.select("Language", "العربية").await?;
    window.gives("return document.dir", "rtl").await?;
    window.title("الإعدادات").await?;
    window.says("المظهر").await?;
    stage.picture(&app, "main-settings-arabic").await?;
    window.select("اللغة", "Deutsch").await?;
    window.gives("return document.dir", "ltr").await?;
    window.title("Einstellungen").await?;
    window.says("Erscheinungsbild").await?;
    stage.picture(&app, "main-settings-german").await?;
    window.select("Sprache", "English").await?;
    window.title("Settings").await?;

    locked(stage, &window).await?;
    stage.picture(&app, "main-settings-locked").await?;
    app.close().await
}

/// Nothing but that something is asked; from then on also what.
async fn details_in_notifications(stage: &mut Stage, window: &MainWindow) -> Result<()> {
    let mut notifications = stage.notifications().await?;
    let (asked, _) = stage.payment().await?;
    let shown = notifications.shown("the private one", |_| true).await?;
    ensure!(
        !format!("{shown:?}").contains("Meridian"),
        "a private notification says {shown:?}"
    );
    stage.relying.cancel(&asked.txn).await?;
    stage.watch.ended(&asked.txn).await?;
    turn(window, "Show details in notifications", true).await?;
    let (asked, _) = stage.payment().await?;
    notifications
        .shown("the detailed one", |n| {
            n.title.contains("Treasury Portal") && n.body.contains("Meridian Supplies GmbH")
        })
        .await?;
    stage.relying.cancel(&asked.txn).await?;
    stage.watch.ended(&asked.txn).await?;
    Ok(())
}

/// The organisation sets what notifications say: the row says so, and the command is refused too.
async fn locked(stage: &mut Stage, window: &MainWindow) -> Result<()> {
    let managed = stage.session.organisation().join("countersign");
    fs::create_dir_all(&managed)?;
    fs::write(
        managed.join("managed.toml"),
        "organisation = \"Alder Group\"\n\n[notifications]\nprivacy = \"private\"\n",
    )?;
    stage.agent.stop().await?;
    stage.run_agent().await?;
    connected(&mut stage.watch).await?;
    window.says("Set by Alder Group.").await?;
    window
        .gives(
            &format!(
                "{} return [row.disabled, row.checked]",
                switch("Show details in notifications")
            ),
            json!([true, false]),
        )
        .await?;
    let change = json!({ "change": { "key": "notifications", "value": "detailed" } });
    let refused = window.invoke("change_setting", change).await?;
    ensure!(
        refused == json!({ "error": "locked" }),
        "what the organisation has set was changed: {refused}"
    );
    Ok(())
}

/// Turns a switch, and waits until it is in force.
async fn turn(window: &MainWindow, name: &str, on: bool) -> Result<()> {
    window.reach(name).await?;
    window.key(Key::Space).await?;
    window
        .gives(&format!("{} return row.checked", switch(name)), on)
        .await
}

fn switch(name: &str) -> String {
    format!("const row = document.querySelector(`[role=switch][aria-label=\"{name}\"]`);")
}

async fn holds(file: &Path, text: &str) -> Result<()> {
    poll::until(&format!("{text} in {}", file.display()), SOON, async || {
        let holds = fs::read_to_string(file).is_ok_and(|found| found.contains(text));
        Ok(holds.then_some(()))
    })
    .await
}
