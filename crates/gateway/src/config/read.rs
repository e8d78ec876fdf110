//! Reads a configuration: every key, its limits, and how keys go together.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use countersign_protocol::{Issuer, text};
use ipnet::IpNet;

use super::{Config, ConfigError, Hook, Limits, Log, LogFormat, Transport, section::Section};

pub(super) const DATA_DIR_VARIABLE: &str = "COUNTERSIGN_GATEWAY_DATA_DIR";
pub(super) const TLS_CERT_VARIABLE: &str = "COUNTERSIGN_GATEWAY_TLS_CERT";
pub(super) const TLS_KEY_VARIABLE: &str = "COUNTERSIGN_GATEWAY_TLS_KEY";

impl Config {
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
