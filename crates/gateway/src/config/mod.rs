//! The configuration file: what can be set, the defaults, and what is refused.
//!
//! `docs/examples/gateway.toml` describes every setting; `init` writes that text and a test reads it. Reading is
//! pure: [`Config::parse`] sees text and environment, [`Config::check_files`] looks at the files that are named.
//!
//! Invariants: a [`Config`] is valid as a whole or does not exist, and unknown keys are refused.

mod section;

use std::{
    ffi::OsString,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use countersign_protocol::{Issuer, text};
use ipnet::IpNet;

pub use self::section::Problem;
use self::section::Section;

/// Where the configuration is when nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/countersign/gateway.toml";
/// The environment variable that names the configuration file.
pub const PATH_VARIABLE: &str = "COUNTERSIGN_GATEWAY_CONFIG";
/// The commented example, with which `init` starts.
pub const EXAMPLE: &str = include_str!("../../../../docs/examples/gateway.toml");

const DATA_DIR_VARIABLE: &str = "COUNTERSIGN_GATEWAY_DATA_DIR";
const TLS_CERT_VARIABLE: &str = "COUNTERSIGN_GATEWAY_TLS_CERT";
const TLS_KEY_VARIABLE: &str = "COUNTERSIGN_GATEWAY_TLS_KEY";

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

    /// Parses and validates. The environment may replace paths: `COUNTERSIGN_GATEWAY_DATA_DIR`, `…_TLS_CERT`, `…_TLS_KEY`.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] and [`ConfigError::Invalid`].
    pub fn parse(
        text: &str,
        directory: &Path,
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let table = text
            .parse()
            .map_err(|e: toml::de::Error| ConfigError::Syntax(e.to_string().trim_end().to_owned()))?;
        let mut top = Section::top(table);
        let replaced = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let absolute = |path: PathBuf| directory.join(path);

        let issuer = required(
            &mut top,
            "issuer",
            "the https URL by which devices know this gateway",
            |top, key| {
                let text = top.text(key)?;
                Issuer::parse(&text)
                    .map_err(|e| top.problem(key, e.to_string()))
                    .ok()
            },
        );
        let name = required(
            &mut top,
            "name",
            "what people see as the issuer's name",
            |top, key| {
                let name = top.text(key)?;
                let plain = text::check(&name, 64);
                plain
                    .map_err(|e| top.problem(key, format!("must be plain text of 1 to 64 characters: {e}")))
                    .ok()?;
                Some(name)
            },
        );
        let data_dir = match replaced(DATA_DIR_VARIABLE) {
            Some(path) => {
                // Still read: what it replaces must not count as unknown.
                top.path("data_dir");
                Some(path)
            }
            None => required(
                &mut top,
                "data_dir",
                "the directory for database and keys",
                Section::path,
            ),
        };
        let listen = required(
            &mut top,
            "listen",
            "the address and port to listen on",
            |top, key| top.parsed(key, "an address with port, such as \"0.0.0.0:8443\""),
        );
        let transport = transport(&mut top, listen, &replaced, &absolute);
        let limits = top.section("limits", limits);
        let log = top.section("log", log);
        let metrics = top.section("metrics", metrics);
        let callback_ca = top.section("callbacks", |s| s.path("ca")).map(absolute);
        let enrolled_hook = top.section("hooks", hook);

        let problems = top.finish();
        match (issuer, name, data_dir.map(absolute), listen, transport) {
            (Some(issuer), Some(name), Some(data_dir), Some(listen), Some(transport))
                if problems.is_empty() =>
            {
                Ok(Self {
                    issuer,
                    name,
                    data_dir,
                    listen,
                    transport,
                    limits,
                    log,
                    metrics,
                    callback_ca,
                    enrolled_hook,
                })
            }
            _ => Err(ConfigError::Invalid(problems)),
        }
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

/// Reads a key that must be there.
fn required<T>(
    top: &mut Section,
    key: &str,
    meaning: &str,
    read: impl FnOnce(&mut Section, &str) -> Option<T>,
) -> Option<T> {
    if !top.has(key) {
        top.problem(key, format!("is missing: {meaning}"));
        return None;
    }
    read(top, key)
}

fn transport(
    top: &mut Section,
    listen: Option<SocketAddr>,
    replaced: &dyn Fn(&str) -> Option<PathBuf>,
    absolute: &dyn Fn(PathBuf) -> PathBuf,
) -> Option<Transport> {
    let behind_proxy = top.flag("behind_proxy").unwrap_or(false);
    let trusted = proxies(top, behind_proxy, listen);
    let has_tls = top.has("tls");
    let (cert, key) = top.section("tls", |s| (s.path("cert"), s.path("key")));
    if behind_proxy {
        if has_tls {
            top.problem(
                "tls",
                "must not be there with behind_proxy = true; keep one of them",
            );
        }
        return Some(Transport::BehindProxy { trusted });
    }
    match (
        replaced(TLS_CERT_VARIABLE).or(cert),
        replaced(TLS_KEY_VARIABLE).or(key),
    ) {
        (Some(cert), Some(key)) => {
            return Some(Transport::Tls {
                cert: absolute(cert),
                key: absolute(key),
            });
        }
        (None, None) if !has_tls => {
            top.problem(
                "tls",
                "is missing: name cert and key, or set behind_proxy = true if a proxy ends TLS",
            );
        }
        (cert, key) => {
            if cert.is_none() {
                top.problem(
                    "tls.cert",
                    "is missing: the file with the certificate chain (PEM)",
                );
            }
            if key.is_none() {
                top.problem("tls.key", "is missing: the file with the private key (PEM)");
            }
        }
    }
    None
}

fn proxies(top: &mut Section, behind_proxy: bool, listen: Option<SocketAddr>) -> Vec<IpNet> {
    let Some(texts) = top.texts("trusted_proxies") else {
        if behind_proxy && listen.is_some_and(|listen| !listen.ip().is_loopback()) {
            top.problem(
                "trusted_proxies",
                "is missing: without TLS only known proxies may connect; name their addresses, such as [\"10.0.0.5\"]",
            );
        }
        return vec![
            IpNet::from(IpAddr::from([127, 0, 0, 1])),
            IpNet::from(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
        ];
    };
    if !behind_proxy {
        top.problem("trusted_proxies", "has no meaning without behind_proxy = true");
    }
    let mut nets = Vec::new();
    for text in texts {
        match text
            .parse::<IpNet>()
            .ok()
            .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        {
            Some(net) => nets.push(net),
            None => top.problem(
                "trusted_proxies",
                format!("{text:?} is not an address or network"),
            ),
        }
    }
    nets
}

fn limits(s: &mut Section) -> Limits {
    let default = Limits::default();
    let limits = Limits {
        requests_per_minute: s.number("requests_per_minute", 1..=600, default.requests_per_minute),
        pending_per_user: s.number("pending_per_user", 1..=50, default.pending_per_user),
        connections: s.number("connections", 16..=1_000_000, default.connections),
        expires_default: s.number("expires_default", 10..=600, default.expires_default),
        expires_max: s.number("expires_max", 10..=600, default.expires_max),
        wrong_codes: s.number("wrong_codes", 1..=10, default.wrong_codes),
    };
    if limits.expires_default > limits.expires_max {
        s.problem(
            "expires_default",
            format!("must not be above expires_max ({})", limits.expires_max),
        );
    }
    limits
}

fn log(s: &mut Section) -> Log {
    let format = match s.text("format").as_deref() {
        None | Some("json") => LogFormat::Json,
        Some("text") => LogFormat::Text,
        Some(other) => {
            s.problem("format", format!("must be \"json\" or \"text\", not {other:?}"));
            LogFormat::Json
        }
    };
    let level = s.parsed(
        "level",
        "one of \"error\", \"warn\", \"info\", \"debug\", \"trace\"",
    );
    Log {
        format,
        level: level.unwrap_or(tracing::Level::INFO),
    }
}

fn metrics(s: &mut Section) -> Option<SocketAddr> {
    let enabled = s.flag("enabled").unwrap_or(true);
    let listen = s.parsed("listen", "an address with port, such as \"127.0.0.1:9464\"");
    enabled.then(|| listen.unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464)))
}

fn hook(s: &mut Section) -> Option<Hook> {
    let limit = Duration::from_secs(s.number("time_limit", 1..=60, 10));
    let mut words = s.texts("enrolled")?.into_iter();
    let Some(program) = words.next().map(PathBuf::from).filter(|path| path.is_absolute()) else {
        s.problem("enrolled", "must start with the absolute path of a program");
        return None;
    };
    Some(Hook {
        program,
        arguments: words.collect(),
        limit,
    })
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
