//! The identity provider and the sample bank of `demo/`, connected to a gateway.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::{Gateway, Process, Session, free_port};
use crate::front::Bank;

/// The person.
pub const USER: &str = "mara.lindqvist@alder.example";
/// Their password at the provider.
pub const PASSWORD: &str = "correct horse";

/// What the bank is called, also in the title of its pages.
pub const BANK: &str = "Treasury Portal";

/// How tokens come to the bank (OpenID CIBA, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// It asks again and again.
    #[default]
    Poll,
    /// It is told when to ask.
    Ping,
}

/// How they are set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct DemoOptions {
    /// How tokens come to the bank.
    pub delivery: Delivery,
    /// Seconds that the bank gives the person; the gateway's default without it.
    pub expires_in: Option<u32>,
}

/// Both, running.
#[derive(Debug)]
pub struct Demo {
    /// The bank's page.
    pub bank: String,
    /// The provider's issuer.
    pub provider: String,
    /// The bank's process.
    pub bank_process: Process,
    /// The provider's process.
    pub provider_process: Process,
}

impl Demo {
    /// Registers the provider at the gateway and starts both.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn start(session: &Session, gateway: &Gateway, options: DemoOptions) -> Result<Self> {
        let local = || free_port().map(|port| format!("http://127.0.0.1:{port}"));
        let (bank, provider) = (local()?, local()?);
        let callback = format!("{}/countersign", local()?);
        let dir = session.dir().join(format!("demo-{}", free_port()?));
        let tls = session.ca.issue(&dir, &["127.0.0.1"])?;
        let notification = match options.delivery {
            Delivery::Poll => None,
            Delivery::Ping => Some(format!("https://127.0.0.1:{}/ciba", free_port()?)),
        };
        let secret = gateway
            .add_provider(session, "op", "Alder sign-in", &callback)
            .await?;
        let config = json!({
            "provider": { "url": provider, "callbackUrl": callback, "cookieSecret": "for tests" },
            "bank": {
                "name": BANK,
                "url": bank,
                "limit": "500.00",
                "clientId": "bank",
                "clientSecret": "bank-secret",
                "apiId": "bank-api",
                "apiSecret": "bank-api-secret",
                "notificationUrl": notification,
                "requestedExpiry": options.expires_in,
                "tls": { "cert": tls.cert, "key": tls.key },
            },
            "gateway": { "url": gateway.url, "clientId": "op", "clientSecret": secret },
            "users": [{ "id": USER, "password": PASSWORD }],
        });
        let file = dir.join("demo.json");
        std::fs::write(&file, config.to_string())?;
        let provider_process = start(session, &file, "provider").await?;
        let bank_process = start(session, &file, "bank").await?;
        Ok(Self {
            bank,
            provider,
            bank_process,
            provider_process,
        })
    }

    /// A browser that is logged in at the bank.
    ///
    /// # Errors
    /// When it cannot log in.
    pub async fn log_in(&self) -> Result<Bank> {
        Bank::log_in(&self.bank, USER, PASSWORD).await
    }
}

async fn start(session: &Session, config: &Path, name: &str) -> Result<Process> {
    let script: PathBuf = session.paths.demo().join(format!("{name}.mjs"));
    let mut command = session.command("node");
    command
        .arg(&script)
        .env("COUNTERSIGN_DEMO_CONFIG", config)
        .env("NODE_EXTRA_CA_CERTS", session.ca.file());
    let mut process = Process::start(name, command, session.logs().dir())?;
    let ready = |line: &str| line.starts_with("{\"ready\":").then_some(());
    process
        .line("it was ready", ready)
        .await
        .context("`npm ci` in demo/ may be missing")?;
    Ok(process)
}
