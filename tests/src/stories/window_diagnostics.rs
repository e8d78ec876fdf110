//! Something does not work, and the main window says what.

use anyhow::{Result, ensure};
use fantoccini::key::Key;

use super::{Stage, clipboard, connected_within, desktop::main_window, network::not_connected};
use crate::{
    front::{MainWindow, SOON, poll},
    harness::USER,
};

/// The hops and parts that failed, by their titles.
const FAILED: &str =
    "return [...document.querySelectorAll('.row.is-fail .row__title bdi')].map(row => row.innerText)";

pub(super) async fn main_window_diagnostics(stage: &mut Stage) -> Result<()> {
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.ctrl('6').await?;
    window.title("Diagnostics").await?;
    window.says("All passed").await?;
    stage.picture(&app, "main-diagnostics").await?;

    stage.gateway.stop().await?;
    not_connected(&mut *stage).await?;
    window.key(Key::F5).await?;
    let way = format!("Way to {}", stage.gateway.address);
    let failed = vec![way, "Connection to Alder Group".to_owned()];
    window.gives(FAILED, failed.clone()).await?;
    window.says("127.0.0.1 cannot be reached.").await?;
    stage.picture(&app, "main-diagnostics-failed").await?;

    stage.gateway.serve(&stage.session).await?;
    connected_within(&mut stage.watch, 2 * SOON).await?;
    window.key(Key::F5).await?;
    window.says("All passed").await?;

    // Whoever helps is told everything but who it is about, and no password.
    let set = serde_json::json!({ "change": { "key": "proxy", "value": "http://ada:hunter2@127.0.0.1:9" } });
    window.invoke("change_setting", set).await?;
    not_connected(&mut *stage).await?;
    window.key(Key::F5).await?;
    window.gives(FAILED, failed).await?;
    window.press("Copy report").await?;
    window.says("Copied").await?;
    let report = poll::until("the report on the clipboard", SOON, async || {
        clipboard::read(stage).await
    })
    .await?;
    for part in ["Countersign diagnostics", "FAILED 127.0.0.1", "PASSED Keyring"] {
        ensure!(report.contains(part), "the report has no {part}:\n{report}");
    }
    let account = stage.watch.accounts.first().map(|a| a.fingerprint.clone());
    for secret in [USER, "hunter2", &account.unwrap_or_default()] {
        ensure!(!report.contains(secret), "the report holds {secret}:\n{report}");
    }
    app.close().await
}
