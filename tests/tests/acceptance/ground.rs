//! A gateway with devices that the tests play themselves: no desktop.

use anyhow::{Context, Result, ensure};
use countersign_protocol::ErrorCode;
use countersign_tests::{
    harness::{Gateway, GatewayOptions, Screens, Session, SessionOptions, USER},
    wire::{Asked, Device, Refused, RelyingSide, http_client},
};
use serde_json::Value;

/// Nothing of a desktop.
pub(crate) const BARE: SessionOptions = SessionOptions {
    screens: Screens::None,
    notifications: false,
    keyring: false,
};

pub(crate) struct Ground {
    pub(crate) relying: RelyingSide,
    pub(crate) secret: String,
    pub(crate) http: reqwest::Client,
    pub(crate) gateway: Gateway,
    pub(crate) session: Session,
}

impl Ground {
    pub(crate) async fn start() -> Result<Self> {
        Self::with(GatewayOptions::default()).await
    }

    pub(crate) async fn with(options: GatewayOptions) -> Result<Self> {
        let session = Session::with(BARE).await?;
        let gateway = Gateway::with(&session, options).await?;
        let secret = gateway
            .add_application(&session, "treasury", "Treasury Portal")
            .await?;
        let http = http_client(session.ca.pem())?;
        let relying = RelyingSide::new(http.clone(), &gateway.url, &secret);
        Ok(Self {
            relying,
            secret,
            http,
            gateway,
            session,
        })
    }

    /// A device of this person.
    pub(crate) async fn device(&self, user: &str) -> Result<Device> {
        let link = self.gateway.enrolment_link(&self.session, user).await?;
        Device::enrol(&self.http, &link, &format!("computer of {user}")).await
    }

    /// A payment asked of the person, and the request as this device has it.
    pub(crate) async fn payment(&self, device: &Device) -> Result<(Asked, String)> {
        let asked = self.relying.ask(&RelyingSide::payment(USER)).await?;
        let (request, _) = device.request(&asked.txn).await?;
        Ok((asked, request))
    }

    /// The audit log's records, after the chain was verified.
    pub(crate) async fn audit(&self) -> Result<Vec<Value>> {
        self.gateway.command(&self.session, &["audit", "verify"]).await?;
        let text = self.gateway.command(&self.session, &["audit", "export"]).await?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// How often this event is in the audit log.
    pub(crate) async fn audited(&self, event: &str) -> Result<usize> {
        Ok(self
            .audit()
            .await?
            .iter()
            .filter(|record| record["event"] == event)
            .count())
    }
}

/// The code with which something was refused.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Result<ErrorCode> {
    match result {
        Ok(accepted) => anyhow::bail!("it was accepted: {accepted:?}"),
        Err(e) => Ok(e
            .downcast::<Refused>()
            .context("another error than a refusal")?
            .body
            .error),
    }
}

/// It was refused with one of these codes.
pub(crate) fn refused_as<T: std::fmt::Debug>(
    what: &str,
    result: Result<T>,
    wanted: &[ErrorCode],
) -> Result<()> {
    let code = refusal(result).with_context(|| what.to_owned())?;
    ensure!(wanted.contains(&code), "{what} was refused as {code}");
    Ok(())
}
