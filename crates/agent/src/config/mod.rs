//! The agent's configuration file, `$XDG_CONFIG_HOME/countersign/agent.toml`. All of it is optional.
//!
//! Unknown keys are refused: a mistyped setting must not silently mean its default. `docs/agent.md` describes every
//! key; `docs/examples/agent.toml` is parsed by a test here.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

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
    /// The file is not valid.
    #[error("{} is not valid: {source}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
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
}

/// The way to the issuers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// `http://[user:password@]host:port` of a proxy that allows CONNECT.
    pub proxy: Option<String>,
    /// PEM files with further trusted certification authorities.
    pub ca_files: Vec<PathBuf>,
}

/// The desktop app.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct App {
    /// What starts it: program and arguments. By default `countersign` beside the agent, then in `PATH`.
    pub command: Option<Vec<String>>,
    /// When the prompt window opens by itself.
    pub open_prompt: OpenPrompt,
}

/// When the prompt window opens by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenPrompt {
    /// On every request that is to be answered in it, beside the notification and without taking focus.
    #[default]
    Always,
    /// Only when the person asks for it, or when there is no notification service.
    OnReview,
}

/// Desktop notifications.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifications {
    /// How much a notification says.
    pub privacy: Privacy,
}

/// How much a notification says. Anybody who can see the screen, and any program of the same user, can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// That something is asked, not what.
    #[default]
    Private,
    /// Who asks and what.
    Detailed,
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

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// Every [`ConfigError`]; an absent file is [`ConfigError::Read`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads the file at its default place; the defaults if there is none.
    ///
    /// # Errors
    /// As [`Config::load`], but an absent file is none.
    pub fn load_default() -> Result<Self, ConfigError> {
        let Some(path) = default_path() else {
            return Ok(Self::default());
        };
        match Self::load(&path) {
            Err(ConfigError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            other => other,
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
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
        if self.network.ca_files.iter().any(|p| !p.is_absolute()) {
            return refuse("network.ca_files", "give absolute paths");
        }
        if self
            .app
            .command
            .as_ref()
            .is_some_and(|c| c.first().is_none_or(String::is_empty))
        {
            return refuse("app.command", "give the program first, then its arguments");
        }
        if !(1..=80).contains(&self.keyring.timeout_seconds) {
            return refuse("keyring.timeout_seconds", "give 1 to 80 seconds");
        }
        if !(1..=1200).contains(&self.history.keep_months) {
            return refuse("history.keep_months", "give 1 to 1200 months");
        }
        Ok(())
    }
}

/// `$XDG_CONFIG_HOME/countersign/agent.toml`, if there is a home to have it in.
pub fn default_path() -> Option<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let config = set("XDG_CONFIG_HOME")
        .filter(|p| p.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(config.join("countersign/agent.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("agent.toml"))
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.keyring.timeout(), Duration::from_secs(60));
        assert_eq!(config.notifications.privacy, Privacy::Private);
        assert_eq!(config.app.open_prompt, OpenPrompt::Always);
    }

    #[test]
    fn the_example_in_the_documentation_is_valid_and_shows_every_key() {
        let text = include_str!("../../../docs/examples/agent.toml");
        let config = parse(text).unwrap();
        assert_eq!(
            config.network.proxy.as_deref(),
            Some("http://proxy.example.com:3128")
        );
        assert_eq!(
            config.network.ca_files,
            [PathBuf::from("/etc/ssl/certs/example-corp.pem")]
        );
        assert_eq!(config.app.command.unwrap(), ["/opt/countersign/bin/countersign"]);
        assert_eq!(config.app.open_prompt, OpenPrompt::OnReview);
        assert_eq!(config.notifications.privacy, Privacy::Detailed);
        assert_eq!(config.keyring.timeout_seconds, 60);
        assert_eq!(config.history.keep_months, 24);
    }

    #[test]
    fn unknown_keys_are_refused() {
        for text in [
            "locale = \"en\"",
            "[network]\nca_file = []",
            "[notification]\nprivacy = \"private\"",
            "[app]\nx=1",
        ] {
            assert!(matches!(parse(text), Err(ConfigError::Parse { .. })), "{text}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for text in [
            "[network]\nca_files = [\"corp.pem\"]",
            "[app]\ncommand = []",
            "[app]\ncommand = [\"\"]",
            "[keyring]\ntimeout_seconds = 0",
            "[keyring]\ntimeout_seconds = 81",
            "[history]\nkeep_months = 0",
        ] {
            assert!(matches!(parse(text), Err(ConfigError::Value { .. })), "{text}");
        }
    }
}
