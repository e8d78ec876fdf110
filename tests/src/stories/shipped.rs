//! The app as people get it, beside the one that tests drive.

use anyhow::{Result, ensure};

use super::Stage;
use crate::harness::{Process, Program, family};

/// The web engine lets itself be driven by whoever sets this.
const AUTOMATION: &str = "TAURI_WEBVIEW_AUTOMATION=";

/// What is shipped starts again without the request for automation; the build for tests keeps it, or this would tell nothing.
pub(super) async fn automation_refused_when_shipped(stage: &mut Stage) -> Result<()> {
    ensure!(
        !asks_for_automation(stage, Program::ShippedApp).await?,
        "the shipped app can be driven from outside"
    );
    ensure!(
        asks_for_automation(stage, Program::App).await?,
        "the app that tests drive has lost the variable as well"
    );
    Ok(())
}

/// Opens the main window in an environment that asks for automation; whether the app or a process of its web engine still has
/// that request.
async fn asks_for_automation(stage: &Stage, program: Program) -> Result<bool> {
    let desktop = stage.desktop()?;
    let mut command = stage.command(program)?;
    command.env("TAURI_WEBVIEW_AUTOMATION", "true");
    let app = Process::start("app", command, stage.session.logs().dir())?;
    desktop.window("^Countersign$").await?;
    let mut asked = false;
    for pid in family(app.pid())? {
        let environment = std::fs::read(format!("/proc/{pid}/environ"))?;
        asked |= environment
            .split(|&byte| byte == 0)
            .any(|variable| variable.starts_with(AUTOMATION.as_bytes()));
    }
    app.kill().await?;
    desktop.gone("^Countersign$").await?;
    Ok(asked)
}
