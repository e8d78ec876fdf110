//! `init`: configuration, keys and database of a new gateway.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use clap::Args;
use countersign_protocol::fingerprint;

use super::{
    CliError, CliResult,
    admin::{self, with_store},
};
use crate::{
    audit::Event,
    config::{self, Config},
    edge::{Clock, SystemClock},
    keys::KeyRing,
    store::sqlite::SqliteStore,
};

/// A new gateway.
#[derive(Debug, Args)]
pub struct Init {
    /// The URL by which devices will know the gateway: https, without a slash at the end
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// What people see as the name of the issuer
    #[arg(long)]
    name: String,
    /// The directory for keys and database
    #[arg(long, value_name = "DIR", default_value = "/var/lib/countersign-gateway")]
    data_dir: PathBuf,
    /// Address and port to listen on
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8443",
        default_value_if("behind_proxy", "true", "127.0.0.1:8443")
    )]
    listen: SocketAddr,
    /// The certificate chain, PEM
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "behind_proxy",
        requires = "tls_key",
        conflicts_with = "behind_proxy"
    )]
    tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A proxy on this computer ends TLS
    #[arg(long)]
    behind_proxy: bool,
}

impl Init {
    pub(super) fn run(
        self,
        path: &Path,
        out: &mut dyn Write,
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> CliResult {
        let text = self.configuration()?;
        let directory = path.parent().unwrap_or(Path::new("."));
        let config = Config::parse(&text, directory, env)?;
        let (keys, database) = (config.key_file(), config.database());
        // All of them before the first is made: half of an old gateway must not become half of a new one.
        for existing in [path, &keys, &database] {
            if existing
                .try_exists()
                .map_err(CliError::io(format!("look at {}", existing.display())))?
            {
                let existing = existing.display();
                return Err(CliError::Refused(format!(
                    "{existing} exists already; nothing was changed"
                )));
            }
        }

        make_directory(directory, 0o755)?;
        make_directory(&config.data_dir, 0o700)?;
        admin::key_file(&config).create(SystemClock.now())?;
        drop(SqliteStore::open(&database)?);
        let fingerprint = fingerprint(admin::key_file(&config).read()?.current().public_key());
        let shown = config.clone();
        with_store(config, async |admin| {
            Ok(admin.store.audit(admin.entry(Event::Initialised)).await?)
        })?;
        fs::write(path, text).map_err(CliError::io(format!("write {}", path.display())))?;

        writeln!(out, "configuration  {}", path.display())?;
        writeln!(
            out,
            "keys           {} (back it up; who has it can sign as this issuer)",
            keys.display()
        )?;
        writeln!(out, "database       {}", database.display())?;
        writeln!(out, "fingerprint    {fingerprint}")?;
        writeln!(
            out,
            "Next: countersign-gateway check-config, then serve. It will listen on {}.",
            shown.listen
        )?;
        Ok(())
    }

    /// The commented example with our values in it.
    fn configuration(&self) -> CliResult<String> {
        let mut text = config::EXAMPLE.to_owned();
        let mut set = |key: &str, value: &str| {
            text = text.lines().map(|line| replaced(line, key, value)).collect();
        };
        set("issuer", &quoted(&self.issuer));
        set("name", &quoted(&self.name));
        set(
            "data_dir",
            &quoted(absolute(&self.data_dir)?.to_string_lossy().as_ref()),
        );
        set("listen", &quoted(&self.listen.to_string()));
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => {
                set("cert", &quoted(absolute(cert)?.to_string_lossy().as_ref()));
                set("key", &quoted(absolute(key)?.to_string_lossy().as_ref()));
            }
            (None, _) | (_, None) => {
                text = text.replace("#behind_proxy = true", "behind_proxy = true");
                let commented =
                    |line: &str| line.starts_with("cert = ") || line.starts_with("key = ") || line == "[tls]";
                text = text
                    .lines()
                    .map(|line| format!("{}{line}\n", if commented(line) { "#" } else { "" }))
                    .collect();
            }
        }
        Ok(text)
    }
}

fn replaced(line: &str, key: &str, value: &str) -> String {
    match line.split_once(" = ") {
        Some((found, _)) if found == key => format!("{key} = {value}\n"),
        _ => format!("{line}\n"),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn absolute(path: &Path) -> CliResult<PathBuf> {
    std::path::absolute(path).map_err(CliError::io(format!("find {}", path.display())))
}

fn make_directory(path: &Path, mode: u32) -> CliResult {
    match fs::DirBuilder::new().recursive(true).mode(mode).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(CliError::Io {
            what: format!("make {}", path.display()),
            source: e,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Transport;

    fn init(tls: bool) -> Init {
        let file = |name: &str| tls.then(|| PathBuf::from(name));
        Init {
            issuer: "https://a.example".to_owned(),
            name: "The \"A\" team".to_owned(),
            data_dir: "/srv/a".into(),
            listen: ([127, 0, 0, 1], 4444).into(),
            tls_cert: file("/srv/cert.pem"),
            tls_key: file("/srv/key.pem"),
            behind_proxy: !tls,
        }
    }

    #[test]
    fn the_written_configuration_says_what_was_asked_and_keeps_the_comments() {
        for tls in [true, false] {
            let text = init(tls).configuration().unwrap();
            assert_eq!(text.lines().count(), config::EXAMPLE.lines().count());
            let config = Config::parse(&text, Path::new("/etc"), &|_| None).unwrap();
            assert_eq!(
                (config.issuer.as_str(), config.name.as_str()),
                ("https://a.example", "The \"A\" team")
            );
            assert_eq!(
                (config.data_dir.as_path(), config.listen.port()),
                (Path::new("/srv/a"), 4444)
            );
            assert_eq!(matches!(config.transport, Transport::Tls { .. }), tls);
        }
    }
}
