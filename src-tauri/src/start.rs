//! What has to hold before the first window.
//!
//! Invariant: a shipped app cannot be driven from outside. The web engine reads `TAURI_WEBVIEW_AUTOMATION` from the
//! environment, so without the `automation` feature the app starts itself again without that variable.

use std::{io, os::unix::process::CommandExt, process::Command};

use countersign_agent_api::socket::SOCKET_ENV;

use crate::agent::AgentProgram;

const AUTOMATION_ENV: &str = "TAURI_WEBVIEW_AUTOMATION";
/// Name on the session bus under which a second start finds the first.
const INSTANCE: &str = "io.countersign.app";

/// The app cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("there is no display to open a window on. Use `countersign-agent requests` in a terminal")]
    NoDisplay,
    #[error("the system does not say where this program is: {0}")]
    Program(#[source] io::Error),
    #[error("the program could not be started again without {AUTOMATION_ENV}: {0}")]
    Again(#[source] io::Error),
    #[error("the windows could not be set up: {0}")]
    Shell(#[source] tauri::Error),
}

/// Cleans the environment, checks for a display and finds the agent's program.
///
/// # Errors
/// [`StartError`]; nothing is on screen then.
pub(crate) fn prepare() -> Result<AgentProgram, StartError> {
    refuse_automation()?;
    gtk::init().map_err(|_| StartError::NoDisplay)?;
    AgentProgram::beside_this_one().map_err(StartError::Program)
}

/// One app per agent: an agent on another socket (tests, several agents) has its own.
pub(crate) fn instance_id() -> String {
    match std::env::var_os(SOCKET_ENV) {
        Some(path) if !path.is_empty() => {
            let hex: String = path
                .as_encoded_bytes()
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            // Bus names are limited to 255 characters; the end of a path tells more than its beginning.
            format!("{INSTANCE}.x{}", &hex[hex.len().saturating_sub(160)..])
        }
        Some(_) | None => INSTANCE.to_owned(),
    }
}

fn refuse_automation() -> Result<(), StartError> {
    if cfg!(feature = "automation") || std::env::var_os(AUTOMATION_ENV).is_none() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(StartError::Program)?;
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env_remove(AUTOMATION_ENV)
        .exec();
    Err(StartError::Again(error))
}
