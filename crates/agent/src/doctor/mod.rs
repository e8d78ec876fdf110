//! The diagnostics: what has to work for a request to reach the person and the answer to reach the issuer, in the order a
//! packet travels, each with what was found and what to do next.
//!
//! Invariants: nobody is asked for anything, no dialog appears; nothing secret is in any text or value; every step has a time limit.
//! `docs/agent.md` lists the findings; a test here compares.

mod account;
mod codes;
mod desktop;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign_agent_api::{Check, CheckState, KeyringState, VaultView};
use futures_util::future::join_all;

use crate::{
    edge::Clock,
    engine::AccountFacts,
    keystore::{Interaction, Keys},
    launch::AppCommand,
    net::Net,
};

/// What is looked at.
#[derive(Debug)]
pub struct Doctor {
    /// Device keys.
    pub keys: Keys,
    /// The way to issuers.
    pub net: Net,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What starts the desktop app.
    pub app: AppCommand,
    /// Where accounts and history are.
    pub state: PathBuf,
}

impl Doctor {
    /// Runs every check. `vault` is that of the one-time codes, if anything is known of it; `variable` reads the environment.
    pub async fn diagnose(
        &self,
        accounts: Vec<AccountFacts>,
        vault: Option<VaultView>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Vec<Check> {
        let mut checks = vec![
            agent().into_check("agent", "Agent"),
            app(&self.app.program, &variable).into_check("app", "Desktop app"),
            system(&variable).into_check("system", "System"),
            state(&self.state).into_check("state", "Accounts and history"),
            keyring(
                self.keys
                    .probe(Interaction::Forbidden)
                    .await
                    .err()
                    .map(|e| e.state()),
            )
            .into_check("keyring", "Keyring"),
        ];
        checks.extend(vault.map(|vault| codes::vault(&vault).into_check("codes", "One-time codes")));
        checks.extend(desktop::diagnose().await);
        if accounts.is_empty() {
            let detail = "There is no account. Add one with `countersign-agent enrol <link>`.";
            checks.push(Found::warning("accounts.none", detail).into_check("accounts", "Accounts"));
        }
        let accounts = accounts.iter().map(|facts| account::diagnose(self, facts));
        checks.extend(join_all(accounts).await.into_iter().flatten());
        checks
    }
}

/// The check of the agent itself, for a command line that finds none.
pub fn no_agent(problem: &str) -> Check {
    Found::failed("agent.missing", problem).into_check("agent", "Agent")
}

/// The outcome of one check.
#[derive(Debug)]
pub struct Found {
    state: CheckState,
    finding: &'static str,
    detail: String,
    values: BTreeMap<String, String>,
}

impl Found {
    /// It works.
    pub fn passed(finding: &'static str, detail: impl Into<String>) -> Self {
        Self::new(CheckState::Passed, finding, detail)
    }

    /// It works, with something to know.
    pub fn warning(finding: &'static str, detail: impl Into<String>) -> Self {
        Self::new(CheckState::Warning, finding, detail)
    }

    /// It does not work.
    pub fn failed(finding: &'static str, detail: impl Into<String>) -> Self {
        Self::new(CheckState::Failed, finding, detail)
    }

    /// It was not tried.
    pub fn skipped(finding: &'static str, detail: impl Into<String>) -> Self {
        Self::new(CheckState::Skipped, finding, detail)
    }

    fn new(state: CheckState, finding: &'static str, detail: impl Into<String>) -> Self {
        Self {
            state,
            finding,
            detail: detail.into(),
            values: BTreeMap::new(),
        }
    }

    /// With one of the values in `detail`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }

    /// As one line of the diagnostics.
    pub fn into_check(self, name: &str, title: &str) -> Check {
        Check {
            name: name.to_owned(),
            title: title.to_owned(),
            state: self.state,
            detail: self.detail,
            account: None,
            finding: self.finding.to_owned(),
            values: self.values,
        }
    }
}

fn agent() -> Found {
    let version = env!("CARGO_PKG_VERSION");
    Found::passed("agent.running", format!("Release {version} answers.")).with("version", version)
}

fn app(program: &Path, variable: &impl Fn(&str) -> Option<OsString>) -> Found {
    let found = if program.components().count() > 1 {
        Some(program.to_owned()).filter(|path| path.is_file())
    } else {
        let path = variable("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|dir| dir.join(program))
            .find(|path| path.is_file())
    };
    match found {
        Some(path) => {
            let path = path.display().to_string();
            Found::passed(
                "app.installed",
                format!("{path} is started when there is something to show."),
            )
            .with("path", path)
        }
        None => {
            let name = program.display().to_string();
            let detail =
                format!("{name} is not installed. Requests can be answered in a terminal all the same.");
            Found::warning("app.missing", detail).with("path", name)
        }
    }
}

fn system(variable: &impl Fn(&str) -> Option<OsString>) -> Found {
    let uname = rustix::system::uname();
    let kernel = format!(
        "{} {}",
        uname.sysname().to_string_lossy(),
        uname.release().to_string_lossy()
    );
    let set = |name| variable(name).map(|value| value.to_string_lossy().into_owned());
    let desktop = set("XDG_CURRENT_DESKTOP").filter(|name| !name.is_empty());
    let session = set("XDG_SESSION_TYPE").filter(|name| !name.is_empty());
    let [desktop, session] = [desktop, session].map(|name| name.unwrap_or_else(|| "unknown".to_owned()));
    Found::passed(
        "system.versions",
        format!("Kernel {kernel}, desktop {desktop}, session {session}."),
    )
    .with("kernel", kernel)
    .with("desktop", desktop)
    .with("session", session)
}

fn state(root: &Path) -> Found {
    let path = root.display().to_string();
    Found::passed("state.kept", format!("Kept in {path}.")).with("path", path)
}

/// What can be said of a keyring that answered with this state, or without an error.
fn keyring(problem: Option<KeyringState>) -> Found {
    let state = problem.unwrap_or(KeyringState::Ready);
    let advice = keyring_advice(state);
    match state {
        KeyringState::Ready => Found::passed("keyring.ready", advice),
        KeyringState::Unknown => Found::skipped("keyring.unknown", advice),
        KeyringState::Locked => Found::failed("keyring.locked", advice),
        KeyringState::Missing => Found::failed("keyring.missing", advice),
        KeyringState::Empty => Found::failed("keyring.empty", advice),
        KeyringState::Hanging => Found::failed("keyring.hanging", advice),
    }
}

/// What a keyring state means, and the way out.
pub fn keyring_advice(state: KeyringState) -> &'static str {
    match state {
        KeyringState::Unknown => "The keyring was not asked yet.",
        KeyringState::Ready => "The keyring is unlocked.",
        KeyringState::Locked => {
            "The keyring is locked. Your accounts are still there: unlock it and try again."
        }
        KeyringState::Missing => {
            "No keyring service answers. Your accounts are still there: start GNOME Keyring, KWallet or KeePassXC."
        }
        KeyringState::Empty => {
            "The keyring answers, but a key is not in it. Restore the keyring from a backup, or remove the account and \
             enrol again."
        }
        KeyringState::Hanging => {
            "The keyring does not answer. Look for an open unlock dialog, or restart the keyring service."
        }
    }
}
