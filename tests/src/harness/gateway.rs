//! A gateway with TLS by the session's private authority.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Process, Program, Session, free_port};

/// How a gateway is set up.
#[derive(Debug, Clone, Default)]
pub struct GatewayOptions {
    /// The port in the issuer's URL, if something stands before the gateway.
    pub public_port: Option<u16>,
    /// Host and port in the issuer's URL, for agents that reach it through a proxy: `id.alder.example`.
    pub public_host: Option<String>,
    /// Settings of the section `[limits]`.
    pub limits: Vec<(&'static str, u32)>,
    /// Plain HTTP, as behind a proxy that ends TLS.
    pub plain: bool,
    /// Logs as they are by default, where the logging itself would be measured.
    pub quiet: bool,
    /// A part of the environment of the server: `("RLIMIT", …)` and the like.
    pub environment: Vec<(&'static str, String)>,
}

/// A gateway. Its data survive [`Gateway::stop`] and [`Gateway::kill`].
#[derive(Debug)]
pub struct Gateway {
    /// The issuer.
    pub url: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its metrics are.
    pub metrics: String,
    dir: PathBuf,
    config: PathBuf,
    options: GatewayOptions,
    process: Option<Process>,
}

/// What a person gets to enrol with.
#[derive(Debug)]
pub struct Enrolment {
    /// To open in the app.
    pub link: String,
    /// Of the gateway's key, to compare.
    pub fingerprint: String,
}

impl Gateway {
    /// Makes a gateway and starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(session: &Session) -> Result<Self> {
        Self::with(session, GatewayOptions::default()).await
    }

    /// Makes a gateway with these settings and starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn with(session: &Session, options: GatewayOptions) -> Result<Self> {
        let port = free_port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let dir = session.dir().join(format!("gateway-{port}"));
        let host = options
            .public_host
            .clone()
            .unwrap_or_else(|| "127.0.0.1".to_owned());
        let url = match options.public_port.unwrap_or(port) {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        };
        let tls = session
            .ca
            .issue(&dir.join("tls"), &["127.0.0.1", "localhost", &host])?;
        let metrics = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let config = dir.join("gateway.toml");
        let mut gateway = Self {
            url,
            address,
            metrics: format!("http://{metrics}/metrics"),
            dir,
            config,
            options,
            process: None,
        };
        let data = gateway.data_dir();
        let arguments = [
            "init",
            "--issuer",
            &gateway.url,
            "--name",
            "Alder Group",
            "--listen",
            &address.to_string(),
            "--data-dir",
            &data.to_string_lossy(),
            "--tls-cert",
            &tls.cert.to_string_lossy(),
            "--tls-key",
            &tls.key.to_string_lossy(),
        ];
        gateway.command(session, &arguments).await?;
        gateway.adjust(metrics)?;
        gateway.serve(session).await?;
        Ok(gateway)
    }

    /// Starts the server, again if it was stopped.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn serve(&mut self, session: &Session) -> Result<()> {
        self.serve_under(session, &[]).await
    }

    /// Starts the server by way of another program that executes it: `prlimit --fsize=…`.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn serve_under(&mut self, session: &Session, wrapper: &[&str]) -> Result<()> {
        ensure!(self.process.is_none(), "the gateway runs already");
        let program = session.paths.program(Program::Gateway)?;
        let mut command = match wrapper.split_first() {
            None => session.command(program),
            Some((first, rest)) => {
                let mut command = session.command(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.arg("--config").arg(&self.config).arg("serve");
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        let mut process = Process::start("gateway", command, session.logs().dir())?;
        let wanted = |line: &str| line.contains("\"event\":\"listening\"").then_some(());
        process.line("it listened", wanted).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends the server in good order.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    pub async fn stop(&mut self) -> Result<()> {
        let status = self
            .process
            .take()
            .context("the gateway does not run")?
            .stop()
            .await?;
        ensure!(status.success(), "the gateway ended with {status}");
        Ok(())
    }

    /// Kills the server (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self) -> Result<()> {
        self.process
            .take()
            .context("the gateway does not run")?
            .kill()
            .await
    }

    /// The running server.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process(&self) -> Result<&Process> {
        self.process.as_ref().context("the gateway does not run")
    }

    /// Where keys and database are.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        self.data_dir().join("gateway.db")
    }

    /// Its configuration file.
    pub fn config(&self) -> &std::path::Path {
        &self.config
    }

    /// Runs an administrator's command and gives what it prints.
    ///
    /// # Errors
    /// When it fails; what it said is in the error.
    pub async fn command(&self, session: &Session, arguments: &[&str]) -> Result<String> {
        let mut command = session.command(session.paths.program(Program::Gateway)?);
        let output = command
            .arg("--config")
            .arg(&self.config)
            .args(arguments)
            .output()
            .await?;
        ensure!(
            output.status.success(),
            "countersign-gateway {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// An administrator's command with `--json`.
    ///
    /// # Errors
    /// As [`Gateway::command`].
    pub async fn json(&self, session: &Session, arguments: &[&str]) -> Result<Value> {
        let text = self.command(session, &[arguments, &["--json"]].concat()).await?;
        serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
    }

    /// Registers an application and gives its secret.
    ///
    /// # Errors
    /// As [`Gateway::command`].
    pub async fn add_application(&self, session: &Session, id: &str, name: &str) -> Result<String> {
        self.add_client(session, &["client", "add", id, "--name", name])
            .await
    }

    /// Registers an identity provider and gives its secret.
    ///
    /// # Errors
    /// As [`Gateway::command`].
    pub async fn add_provider(
        &self,
        session: &Session,
        id: &str,
        name: &str,
        callback: &str,
    ) -> Result<String> {
        let arguments = [
            "client",
            "add",
            id,
            "--name",
            name,
            "--identity-provider",
            "--callback-url",
            callback,
        ];
        self.add_client(session, &arguments).await
    }

    /// An enrolment link for this person.
    ///
    /// # Errors
    /// As [`Gateway::command`].
    pub async fn enrolment_link(&self, session: &Session, user: &str) -> Result<String> {
        Ok(self.enrolment(session, user).await?.link)
    }

    /// Makes an enrolment offer.
    ///
    /// # Errors
    /// When the gateway's command fails.
    pub async fn enrolment(&self, session: &Session, user: &str) -> Result<Enrolment> {
        let made = self
            .json(session, &["enrolment", "create", "--user", user])
            .await?;
        let text = |name: &str| {
            let text = made[name].as_str().map(str::to_owned);
            text.with_context(|| format!("the answer has no {name}"))
        };
        Ok(Enrolment {
            link: text("link")?,
            fingerprint: text("fingerprint")?,
        })
    }

    async fn add_client(&self, session: &Session, arguments: &[&str]) -> Result<String> {
        let made = self.json(session, arguments).await?;
        Ok(made["secret"]
            .as_str()
            .context("the answer has no secret")?
            .to_owned())
    }

    /// What `init` does not ask for.
    fn adjust(&self, metrics: SocketAddr) -> Result<()> {
        let mut text = std::fs::read_to_string(&self.config)?;
        let mut set = |key: &str, value: &str| {
            let commented = format!("\n#{key} = ");
            let at = text
                .find(&commented)
                .with_context(|| format!("the example has no {key}"))?;
            let end = text[at + 1..]
                .find('\n')
                .map_or(text.len(), |length| at + 1 + length);
            text.replace_range(at + 1..end, &format!("{key} = {value}"));
            anyhow::Ok(())
        };
        set("listen", &format!("\"{metrics}\""))?;
        if !self.options.quiet {
            set("level", "\"debug\"")?;
        }
        for (key, value) in &self.options.limits {
            set(key, &value.to_string())?;
        }
        if self.options.plain {
            let tls = text.find("\n[tls]").context("the example has no [tls]")?;
            let limits = text.find("\n[limits]").context("the example has no [limits]")?;
            text.replace_range(tls..limits, "\nbehind_proxy = true\n");
        }
        std::fs::write(&self.config, text)?;
        Ok(())
    }
}
