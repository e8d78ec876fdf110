//! What has to hold before the first window.
//!
//! Invariant: a shipped app cannot be driven from outside. The web engine reads `TAURI_WEBVIEW_AUTOMATION` from the
//! environment, so without the `automation` feature the app starts itself again without that variable.

use std::{ffi::OsString, io, os::unix::process::CommandExt, process::Command};

use countersign_agent_api::socket::SOCKET_ENV;

use crate::agent::AgentProgram;

const AUTOMATION_ENV: &str = "TAURI_WEBVIEW_AUTOMATION";
/// How often this start was begun again.
const ATTEMPT_ENV: &str = "COUNTERSIGN_ATTEMPT";
/// More often than this it is not.
const MAX_ATTEMPTS: u32 = 5;
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
    #[error("another copy of the app does not answer. End it, then open Countersign again")]
    Busy,
    #[error("the windows could not be set up: {0}")]
    Shell(#[source] tauri::Error),
}

/// Cleans the environment, checks for a display and finds the agent's program.
///
/// # Errors
/// [`StartError`]; nothing is on screen then.
pub(crate) fn prepare() -> Result<AgentProgram, StartError> {
    refuse_automation()?;
    // The desktop finds name and icon of a window by it: it is the desktop entry's.
    gtk::glib::set_prgname(Some(INSTANCE));
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

/// Another copy was there when this one started, and gone when it was to be told.
pub(crate) fn met_one_that_ended(error: &tauri::Error) -> bool {
    matches!(error, tauri::Error::PluginInitialization(plugin, _) if plugin == "single-instance")
}

/// Starts this program again in its own place, a limited number of times. Returns only if that did not work.
pub(crate) fn once_more() -> StartError {
    let before = std::env::var(ATTEMPT_ENV).ok();
    let Some(attempt) = next_attempt(before.as_deref()) else {
        return StartError::Busy;
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return StartError::Program(error),
    };
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(ATTEMPT_ENV, attempt.to_string())
        .exec();
    StartError::Again(error)
}

/// Starts another copy with these arguments.
pub(crate) fn anew(arguments: &[String]) {
    let started = std::env::current_exe().and_then(|program| {
        let mut command = Command::new(program);
        command.args(arguments).env_remove(ATTEMPT_ENV).process_group(0);
        command.spawn()
    });
    if let Err(error) = started {
        eprintln!("countersign: what was asked for while it closed could not be opened: {error}");
    }
}

/// The number of the next attempt, if there is to be one.
fn next_attempt(before: Option<&str>) -> Option<u32> {
    let before = before.and_then(|number| number.parse().ok()).unwrap_or(0_u32);
    (before < MAX_ATTEMPTS).then_some(before + 1)
}

fn refuse_automation() -> Result<(), StartError> {
    match start_again(AUTOMATION, std::env::var_os(AUTOMATION_ENV)) {
        None => Ok(()),
        Some(variable) => {
            let program = std::env::current_exe().map_err(StartError::Program)?;
            let error = Command::new(program)
                .args(std::env::args_os().skip(1))
                .env_remove(variable)
                .exec();
            Err(StartError::Again(error))
        }
    }
}

/// The variable without which the program has to start again, if it is there and this build does not honour it.
fn start_again(automation: Automation, asked: Option<OsString>) -> Option<&'static str> {
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
            let variable = start_again(Automation::Refused, Some(asked.into()));
            assert_eq!(variable, Some("TAURI_WEBVIEW_AUTOMATION"), "{asked:?}");
        }
        assert_eq!(start_again(Automation::Refused, None), None);
        assert_eq!(start_again(Automation::Allowed, Some("true".into())), None);
    }

    #[test]
    fn a_start_is_begun_again_a_limited_number_of_times() {
        let mut attempts = 0;
        let mut before = None;
        while let Some(attempt) = next_attempt(before.as_deref()) {
            attempts += 1;
            before = Some(attempt.to_string());
        }
        assert_eq!(attempts, MAX_ATTEMPTS);
        assert_eq!(next_attempt(Some("no number")), Some(1));
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
