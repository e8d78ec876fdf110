//! The agent's configuration: `$XDG_CONFIG_HOME/countersign/agent.toml`, and over it what the organisation has set in
//! `countersign/managed.toml` of `$XDG_CONFIG_DIRS`. All of both is optional.
//!
//! Invariants: unknown keys are refused, since a mistyped setting must not silently mean its default; one function checks values,
//! whether they are read or changed. `docs/agent.md` describes every key; the files in
//! `docs/examples` are parsed by a test here.

mod clipboard;
mod edit;
mod files;
mod quiet;
#[cfg(test)]
mod tests;

pub use edit::ChangeError;
pub use files::{ConfigFiles, Effective, config_home};

use std::{
    fmt, io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use countersign_agent_api::{Appearance, NotificationPrivacy, OpenPrompt, QuietHours};
use serde::Deserialize;

use crate::{channel::OwnTrust, net::Proxy};

/// The most certificate files.
const MAX_CA_FILES: usize = 32;

/// How often an issuer that has to be asked is asked, in seconds.
pub const POLL_SECONDS: RangeInclusive<u16> = 1..=60;

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is not valid. What is in it is not said: a proxy's password may be.
    #[error("{} is not valid{}: {problem}", path.display(), place.map(|at| at.to_string()).unwrap_or_default())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where, if that is known.
        place: Option<Place>,
        /// Why.
        problem: String,
    },
    /// A value is out of its range.
    #[error("{key}: {problem}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What is wrong, and what is accepted.
        problem: String,
    },
}

/// A place in a file, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    line: usize,
    /// In characters.
    column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " at line {}, column {}", self.line, self.column)
    }
}

impl ConfigError {
    /// Without the source text, which the parser's own words show.
    fn parse(error: &toml::de::Error, text: &str, path: &Path) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        let place = before.map(|before| Place {
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        });
        // A value of the wrong kind is quoted.
        let problem = match error.message() {
            message if message.contains('@') => "a value is not of the kind that belongs there",
            message => message,
        };
        Self::Parse {
            path: path.to_owned(),
            place,
            problem: problem.to_owned(),
        }
    }
}

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The way to the issuers.
    pub network: Network,
    /// The desktop app.
    pub app: App,
    /// Desktop notifications.
    pub notifications: Notifications,
    /// The OS keystore.
    pub keyring: Keyring,
    /// Ended requests.
    pub history: History,
    /// One-time codes.
    pub codes: Codes,
}

/// The way to the issuers.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// `http://[user:password@]host:port` of a proxy that allows CONNECT.
    pub proxy: Option<String>,
    /// PEM files with further trusted certification authorities.
    pub ca_files: Vec<PathBuf>,
    /// Whether a person may trust a certificate for one account.
    pub own_trust: OwnTrust,
    /// Every how many seconds issuers are asked that do not call by themselves ([`POLL_SECONDS`]).
    pub poll_seconds: u16,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            proxy: None,
            ca_files: Vec::new(),
            own_trust: OwnTrust::default(),
            poll_seconds: 3,
        }
    }
}

impl fmt::Debug for Network {
    /// Without the proxy's password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("proxy", &self.proxy.as_deref().map(masked))
            .field("ca_files", &self.ca_files)
            .field("own_trust", &self.own_trust)
            .field("poll_seconds", &self.poll_seconds)
            .finish()
    }
}

/// The desktop app.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct App {
    /// What starts it: program and arguments. By default `countersign` beside the agent, then in `PATH`.
    pub command: Option<Vec<String>>,
    /// When the prompt window opens by itself.
    pub open_prompt: OpenPrompt,
    /// Light or dark.
    pub appearance: Appearance,
    /// BCP 47 tag of the language of windows and notifications; none: the desktop's.
    pub language: Option<String>,
    /// Whether the agent starts with the desktop session. The organisation's to set; the person's own choice is the autostart
    /// entry itself.
    pub start_at_login: Option<bool>,
}

/// Desktop notifications.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifications {
    /// How much a notification says. Anybody who can see the screen, and any program of the same user, can read it.
    pub privacy: NotificationPrivacy,
    /// When requests of low risk wait without a notification: `22:00-07:00`, or `off`.
    #[serde(deserialize_with = "quiet::read")]
    pub quiet_hours: Option<QuietHours>,
}

/// The OS keystore.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keyring {
    /// How long one operation may take, unlock dialog included, in seconds (1–80: a front end waits no longer
    /// than 90).
    pub timeout_seconds: u64,
}

impl Default for Keyring {
    fn default() -> Self {
        Self { timeout_seconds: 60 }
    }
}

impl Keyring {
    /// How long one operation may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// Ended requests.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct History {
    /// For how many calendar months they are kept (1–1200).
    pub keep_months: u32,
}

impl Default for History {
    fn default() -> Self {
        Self { keep_months: 24 }
    }
}

/// One-time codes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Codes {
    /// They are drawn as dots until one is asked for.
    pub hide: bool,
    /// After how many seconds a copied code is taken off the clipboard (5–600), or `never`.
    #[serde(deserialize_with = "clipboard::read")]
    pub clear_clipboard: Option<u16>,
}

impl Default for Codes {
    fn default() -> Self {
        Self {
            hide: false,
            clear_clipboard: Some(30),
        }
    }
}

impl Config {
    /// Reads and checks the text of a configuration file; `path` is for what is said about it.
    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::parse(&error, text, path))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, problem: &str| {
            Err(ConfigError::Value {
                key,
                problem: problem.to_owned(),
            })
        };
        let Network {
            proxy,
            ca_files,
            own_trust: OwnTrust::Ask | OwnTrust::Refuse,
            poll_seconds,
        } = &self.network;
        if proxy.as_ref().is_some_and(|proxy| Proxy::parse(proxy).is_err()) {
            return refuse(
                "network.proxy",
                "write it as http://host:port or http://user:password@host:port",
            );
        }
        if ca_files.iter().any(|p| !p.is_absolute()) {
            return refuse("network.ca_files", "give absolute paths");
        }
        if ca_files.len() > MAX_CA_FILES {
            return refuse("network.ca_files", "give at most 32 files");
        }
        if !POLL_SECONDS.contains(poll_seconds) {
            return refuse("network.poll_seconds", "give 1 to 60 seconds");
        }
        let is_empty = |command: &Vec<String>| command.first().is_none_or(String::is_empty);
        if self.app.command.as_ref().is_some_and(is_empty) {
            return refuse("app.command", "give the program first, then its arguments");
        }
        if self
            .app
            .language
            .as_deref()
            .is_some_and(|tag| !is_language_tag(tag))
        {
            return refuse("app.language", "give a language tag such as en-GB");
        }
        if !(1..=80).contains(&self.keyring.timeout_seconds) {
            return refuse("keyring.timeout_seconds", "give 1 to 80 seconds");
        }
        if !(1..=1200).contains(&self.history.keep_months) {
            return refuse("history.keep_months", "give 1 to 1200 months");
        }
        if self
            .codes
            .clear_clipboard
            .is_some_and(|s| !(5..=600).contains(&s))
        {
            return refuse("codes.clear_clipboard", "give 5 to 600 seconds, or \"never\"");
        }
        Ok(())
    }
}

/// Whether a text has the form of a BCP 47 tag, in at most 35 characters.
pub fn is_language_tag(text: &str) -> bool {
    let plain = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    text.len() <= 35 && text.split('-').all(plain)
}

/// A proxy as it may be shown: `***` in place of its password.
pub fn masked(proxy: &str) -> String {
    let (scheme, rest) = proxy.split_once("://").unwrap_or(("http", proxy));
    match rest.rsplit_once('@') {
        Some((credentials, host)) => {
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:{MASK}@{host}")
        }
        None => proxy.to_owned(),
    }
}

/// What stands in place of a password.
const MASK: &str = "***";
