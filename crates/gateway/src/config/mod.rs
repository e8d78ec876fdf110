//! The configuration file: what can be set, the defaults, and what is refused.
//!
//! `docs/examples/gateway.toml` describes every setting; `init` writes that text and a test reads it. Reading is
//! pure: [`Config::parse`] sees text and environment, [`Config::check_files`] looks at the files that are named.
//!
//! Invariants: a [`Config`] is valid as a whole or does not exist, and unknown keys are refused.

mod read;
mod section;

use std::{
    ffi::OsString,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use countersign_protocol::Issuer;
use ipnet::IpNet;

pub use self::section::Problem;

/// Where the configuration is when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/countersign/gateway.toml";
/// The environment variable that names the configuration file.
pub const PATH_VARIABLE: &str = "COUNTERSIGN_GATEWAY_CONFIG";
/// The commented example, with which `init` starts.
pub const EXAMPLE: &str = include_str!("../../../../docs/examples/gateway.toml");

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Who we are to devices, which compare it byte for byte.
    pub issuer: Issuer,
    /// What people see as the issuer's name, 1–64 characters.
    pub name: String,
    /// Where database and key file are.
    pub data_dir: PathBuf,
    /// Where devices and relying sides connect to.
    pub listen: SocketAddr,
    /// Who ends TLS.
    pub transport: Transport,
    /// Limits on what others can make the gateway do.
    pub limits: Limits,
    /// Format and level of the log.
    pub log: Log,
    /// Where `/metrics` is served, if at all.
    pub metrics: Option<SocketAddr>,
    /// An additional certification authority (PEM) for callback addresses.
    pub callback_ca: Option<PathBuf>,
    /// The command that tells a user that a device was enrolled.
    pub enrolled_hook: Option<Hook>,
}

/// Who ends TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// The gateway itself.
    Tls {
        /// The certificate chain, PEM.
        cert: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
    },
    /// A proxy before it. Only these peers may connect, and their `X-Forwarded-For` is believed.
    BehindProxy {
        /// The proxies' addresses.
        trusted: Vec<IpNet>,
    },
}

/// Limits on what others can make the gateway do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Approvals that may be asked of one user in a minute.
    pub requests_per_minute: u32,
    /// Approvals of one user that may be pending at once.
    pub pending_per_user: u32,
    /// Connections that may be open at once.
    pub connections: usize,
    /// Life of an approval when the relying side does not say, in seconds.
    pub expires_default: i64,
    /// The longest life that a relying side may ask for, in seconds.
    pub expires_max: i64,
    /// Wrong match codes in a row after which a user is locked, at most 10 (NIST SP 800-63B-4).
    pub wrong_codes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_minute: 10,
            pending_per_user: 5,
            connections: 20_000,
            expires_default: 120,
            expires_max: 600,
            wrong_codes: 5,
        }
    }
}

/// Format and level of the log, which goes to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// One JSON object a line, or text for people.
    pub format: LogFormat,
    /// What is left out below this level.
    pub level: tracing::Level,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}

/// A command that is run with one JSON object on its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The program, an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it may take before it is killed.
    pub limit: Duration,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}; name another one with --config, or make one with `init`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not TOML.
    #[error("the configuration is not valid TOML: {0}")]
    Syntax(String),
    /// It is TOML, but says something wrong.
    #[error("{}", Listed(.0))]
    Invalid(Vec<Problem>),
}

impl Config {
    /// Reads the file. Relative paths in it start at its own directory.
    ///
    /// # Errors
    /// [`ConfigError`]; [`ConfigError::Invalid`] holds all problems at once.
    pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let directory = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, directory, env)
    }

    /// Looks at the files that the configuration names: what is missing or unreadable. Changes nothing.
    pub fn check_files(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut readable = |key: &str, path: &Path| {
            if let Err(e) = std::fs::File::open(path) {
                problems.push(Problem {
                    key: key.to_owned(),
                    what: format!("cannot read {}: {e}", path.display()),
                });
            }
        };
        match &self.transport {
            Transport::Tls { cert, key } => {
                readable("tls.cert", cert);
                readable("tls.key", key);
            }
            Transport::BehindProxy { .. } => {}
        }
        if let Some(ca) = &self.callback_ca {
            readable("callbacks.ca", ca);
        }
        if let Some(hook) = &self.enrolled_hook {
            readable("hooks.enrolled", &hook.program);
        }
        if !self.data_dir.is_dir() {
            let what = format!(
                "{} is not a directory; make one with `countersign-gateway init`",
                self.data_dir.display()
            );
            problems.push(Problem {
                key: "data_dir".to_owned(),
                what,
            });
        }
        problems
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join("gateway.db")
    }

    /// The file with the issuer's keys.
    pub fn key_file(&self) -> PathBuf {
        self.data_dir.join("keys.json")
    }
}

struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "problem" } else { "problems" };
        write!(f, "the configuration has {} {plural}:", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

#[cfg(test)]
mod tests;
