//! Printing, for people and for programs, and asking.
//!
//! Invariant: what came from outside is printed by [`plain`].

mod accounts;
mod codes;
mod requests;
mod verified;

pub(super) use accounts::*;
pub(super) use codes::*;
pub(super) use requests::*;
pub(super) use verified::verified;

use std::io::{self, BufRead as _, Write as _};

use countersign_agent_api::{Check, CheckState, StatusView};
use serde::Serialize;

use super::{CliError, Exit, args::Output};
use crate::{
    doctor::keyring_advice,
    statement_text::{instant, plain},
    wording::sentence,
};

/// One line on standard output.
pub(super) fn line(text: &str) {
    // A reader that went away (`| head`) is no reason to fail.
    let _ = writeln!(io::stdout(), "{text}");
}

/// One line on standard error: not part of the result.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A failure with its causes.
pub(super) fn problem(error: &CliError) {
    note(&format!("countersign-agent: {}", sentence(error)));
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        note(&format!("  because: {}", plain(&source.to_string())));
        cause = source.source();
    }
}

/// Asks for one line on the terminal, whatever standard input is.
pub(super) fn ask(question: &str) -> Result<String, CliError> {
    let mut terminal = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| CliError::NoTerminal)?;
    let failed = |source| CliError::Io {
        doing: "ask on the terminal",
        source,
    };
    terminal.write_all(question.as_bytes()).map_err(failed)?;
    let mut typed = String::new();
    io::BufReader::new(io::Read::take(terminal, 256))
        .read_line(&mut typed)
        .map_err(failed)?;
    Ok(typed.trim().to_owned())
}

/// Whether the person typed `yes`, in full.
pub(super) fn ask_yes(question: &str) -> Result<bool, CliError> {
    Ok(ask(question)?.eq_ignore_ascii_case("yes"))
}

pub(super) fn status(status: &StatusView, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(status);
    }
    line(&format!("Agent {}", status.agent_version));
    line(&format!(
        "{}, {}",
        count(status.accounts, "account"),
        count(status.pending, "pending request")
    ));
    line(keyring_advice(status.keyring));
    if let Some(until) = status.muted_until {
        line(&format!("Notifications are muted until {}.", instant(until)));
    }
    held_back(&status.held_back);
    Ok(Exit::Done)
}

pub(super) fn checks(checks: &[Check], output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(&checks);
    }
    for check in checks {
        let mark = match check.state {
            CheckState::Passed => "ok  ",
            CheckState::Warning => "warn",
            CheckState::Failed => "FAIL",
            CheckState::Skipped => "skip",
        };
        line(&format!(
            "{mark}  {}: {}",
            plain(&check.title),
            plain(&check.detail)
        ));
    }
    Ok(Exit::Done)
}

fn count(number: u32, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

fn json<T: Serialize>(value: &T) -> Result<Exit, CliError> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(Exit::Done)
}
