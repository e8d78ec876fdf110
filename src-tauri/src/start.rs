//! What has to hold before the first window.
//!
//! Invariants: a shipped app cannot be driven from outside: the web engine reads `TAURI_WEBVIEW_AUTOMATION` from the environment, so
//! without the `automation` feature the app starts itself again without that variable. No link stays among the arguments, where every
//! user of the computer can read it: the app starts itself again with the link on its standard input.

use std::{ffi::OsString, io, os::unix::process::CommandExt};

use countersign_agent_api::socket::SOCKET_ENV;

use crate::{
    agent::AgentProgram,
    args::{Asked, UsageError},
    instance::NotTaken,
};

const AUTOMATION_ENV: &str = "TAURI_WEBVIEW_AUTOMATION";
/// The web engine paints without the graphics card where this is set. Where a person has set it, also to `0`, that counts.
const PLAIN_PAINTING: (&str, &str) = ("WEBKIT_DISABLE_COMPOSITING_MODE", "1");
/// The app's id: of its desktop entry, and on the session bus, where a second start finds the first.
const INSTANCE: &str = "io.countersign.app";

/// Whether the windows may be driven from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Automation {
    /// A build for tests.
    Allowed,
    /// A shipped build.
    Refused,
}

const AUTOMATION: Automation = if cfg!(feature = "automation") {
    Automation::Allowed
} else {
    Automation::Refused
};

/// The app cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("there is no display to open a window on. Use `countersign-agent requests` in a terminal")]
    NoDisplay,
    #[error("the system does not say where this program is: {0}")]
    Program(#[source] io::Error),
    #[error("the program could not be started again: {0}")]
    Again(#[source] io::Error),
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error("the windows could not be set up: {0}")]
    Shell(#[source] tauri::Error),
}

/// Cleans environment and arguments, checks for a display and finds the agent's program. What is asked for, with the link that came on
/// standard input.
///
/// # Errors
/// [`StartError`]; nothing is on screen then.
pub(crate) fn prepare(asked: Asked) -> Result<(Asked, AgentProgram), StartError> {
    start_clean(&asked)?;
    let asked = asked.with_input(io::stdin().lock())?;
    // Text on plain colours needs no graphics card; without its libraries a window is there sooner, in less memory, and is not left empty
    // by a driver's defect. No thread but this one is running yet.
    let (variable, value) = PLAIN_PAINTING;
    // Where it cannot be set, windows are painted all the same.
    let _ = gtk::glib::setenv(variable, value, false);
    // The desktop finds name and icon of a window by it: it is the desktop entry's.
    gtk::glib::set_prgname(Some(INSTANCE));
    gtk::init().map_err(|_| StartError::NoDisplay)?;
    let program = AgentProgram::beside_this_one().map_err(StartError::Program)?;
    Ok((asked, program))
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
        Some(_) | None => format!("{INSTANCE}.App"),
    }
}

/// Starts another copy for the same.
pub(crate) fn anew(asked: &Asked) {
    let started =
        std::env::current_exe().and_then(|program| asked.command(&program)?.process_group(0).spawn());
    if let Err(error) = started {
        eprintln!("countersign: what was asked for while it closed could not be opened: {error}");
    }
}

/// Starts this program again in its own place, if it must not go on as it was started.
fn start_clean(asked: &Asked) -> Result<(), StartError> {
    let unwanted = unwanted(AUTOMATION, std::env::var_os(AUTOMATION_ENV));
    if unwanted.is_none() && !asked.has_link() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(StartError::Program)?;
    let mut command = asked.command(&program).map_err(StartError::Again)?;
    if let Some(variable) = unwanted {
        command.env_remove(variable);
    }
    Err(StartError::Again(command.exec()))
}

/// The variable without which the program has to start again, if it is there and this build does not honour it.
fn unwanted(automation: Automation, asked: Option<OsString>) -> Option<&'static str> {
    match (automation, asked) {
        (Automation::Refused, Some(_)) => Some(AUTOMATION_ENV),
        (Automation::Refused, None) | (Automation::Allowed, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shipped_app_starts_again_without_the_request_for_automation() {
        for asked in ["true", "", "0"] {
            let variable = unwanted(Automation::Refused, Some(asked.into()));
            assert_eq!(variable, Some("TAURI_WEBVIEW_AUTOMATION"), "{asked:?}");
        }
        assert_eq!(unwanted(Automation::Refused, None), None);
        assert_eq!(unwanted(Automation::Allowed, Some("true".into())), None);
    }

    #[test]
    fn only_the_feature_for_tests_allows_automation() {
        let allowed = AUTOMATION == Automation::Allowed;
        assert_eq!(allowed, cfg!(feature = "automation"));
        let manifest = include_str!("../Cargo.toml");
        assert!(
            manifest.contains("\ndefault = [\"custom-protocol\"]\n"),
            "it would be on by default"
        );
    }
}
