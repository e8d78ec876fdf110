//! What a story plays on: a desktop session, a gateway, an agent that is enrolled there, an application that asks, and the
//! app in its window.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Connection, Outcome, RequestView, Role, Verdict};
use serde_json::Value;
use tokio::{process::Command, time::Instant};

use super::CompanyServer;
use crate::{
    front::{Bank, Desktop, Notifications, Prompt, SOON, Watch},
    harness::{
        Agent, AgentOptions, App, Demo, DemoOptions, Gateway, GatewayOptions, Program, Release, Session,
        SessionOptions, USER, WebDriver, free_port, wrong_clock,
    },
    wire::{Meddler, NoWebSockets, Relay, RelyingSide, http_client, unpooled_client},
};

/// What stands between devices and gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Between {
    /// Nothing.
    #[default]
    Nothing,
    /// A relay that can break.
    Relay,
    /// A proxy that ends TLS and refuses WebSockets.
    NoWebSockets,
}

/// Whether there is a privacyIDEA server, and what stands between it and devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Push {
    /// There is none.
    #[default]
    None,
    /// There is one, and nothing between.
    Direct,
    /// There is one behind somebody who can change its answers.
    Meddled,
}

/// The colours of the desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark text on light ground.
    #[default]
    Light,
    /// Light text on dark ground.
    Dark,
}

impl Theme {
    pub(super) fn gtk(self) -> &'static str {
        match self {
            Self::Light => "Adwaita",
            Self::Dark => "Adwaita:dark",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// What a story needs.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The desktop session.
    pub session: SessionOptions,
    /// The gateway.
    pub gateway: GatewayOptions,
    /// What stands before it.
    pub between: Between,
    /// Whether it plays with a privacyIDEA server.
    pub push: Push,
    /// Which release that has to be at least.
    pub since: Release,
    /// That server, if so.
    pub company: Option<Arc<CompanyServer>>,
    /// The agent of the person's computer.
    pub agent: AgentOptions,
    /// By how many seconds the agent's clock is ahead.
    pub clock_off: i64,
    /// Leaves the agent without an account.
    pub not_enrolled: bool,
    /// Identity provider and bank.
    pub demo: Option<DemoOptions>,
    /// The colours of the desktop.
    pub theme: Theme,
}

/// Everything, running. Dropped from top to bottom.
#[derive(Debug)]
pub struct Stage {
    /// What the person's agent says.
    pub watch: Watch,
    /// The application that asks the gateway directly.
    pub relying: RelyingSide,
    /// Its HTTP client, which trusts the session's authority.
    pub http: reqwest::Client,
    driver: Option<WebDriver>,
    /// The agent of the person's computer.
    pub agent: Agent,
    /// Identity provider and bank.
    pub demo: Option<Demo>,
    /// The relay, if one stands between.
    pub relay: Option<Relay>,
    /// The proxy, if one stands between.
    pub proxy: Option<NoWebSockets>,
    /// Somebody before the privacyIDEA server, if one stands there.
    pub meddler: Option<Meddler>,
    /// The privacyIDEA server, if the story has one.
    pub company: Option<Arc<CompanyServer>>,
    /// The gateway.
    pub gateway: Gateway,
    /// The desktop session.
    pub session: Session,
    theme: Theme,
    legs: Vec<(&'static str, i64)>,
}

/// A prompt in its window, with the app that shows it.
#[derive(Debug)]
pub struct OpenPrompt {
    /// The window.
    pub prompt: Prompt,
    /// The app.
    pub app: App,
}

impl std::ops::Deref for OpenPrompt {
    type Target = Prompt;

    fn deref(&self) -> &Prompt {
        &self.prompt
    }
}

impl Stage {
    /// Starts everything and waits until the agent is subscribed.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start(mut setup: Setup) -> Result<Self> {
        let session = Session::with(setup.session).await?;
        let mut gateway_options = setup.gateway;
        if setup.between != Between::Nothing {
            gateway_options.public_port = Some(free_port()?);
        }
        let public_port = gateway_options.public_port;
        let gateway = Gateway::with(&session, gateway_options).await?;
        let (mut relay, mut proxy) = (None, None);
        match (setup.between, public_port) {
            (Between::Relay, Some(port)) => relay = Some(Relay::start(port, gateway.address).await?),
            (Between::NoWebSockets, Some(port)) => {
                let cert = session.ca.issue(&session.dir().join("proxy"), &["127.0.0.1"])?;
                let (server, client) = (cert.server, session.ca.client()?);
                proxy = Some(NoWebSockets::start(port, gateway.address, "127.0.0.1", server, client).await?);
            }
            (Between::Nothing, _) | (Between::Relay | Between::NoWebSockets, None) => {}
        }
        let secret = gateway
            .add_application(&session, "treasury", "Treasury Portal")
            .await?;
        let http = http_client(session.ca.pem())?;
        // The relying side is in the gateway's own network: what breaks between does not concern it.
        let relying = RelyingSide::new(http.clone(), &format!("https://{}", gateway.address), &secret);
        let demo = match setup.demo {
            Some(options) => Some(Demo::start(&session, &gateway, options).await?),
            None => None,
        };
        let company = setup.company;
        let meddler = match (setup.push, &company) {
            (Push::Meddled, Some(company)) => Some(meddler(&session, company).await?),
            (Push::None | Push::Direct, _) | (Push::Meddled, None) => None,
        };
        if let Some(company) = &company {
            let url = meddler
                .as_ref()
                .map_or(&company.server.url, |meddler| &meddler.url);
            company.server.usual_policies(url).await?;
            setup.agent.extra_ca = Some(company.ca.file().to_owned());
        }
        if setup.clock_off != 0 {
            let wrong = wrong_clock(session.dir(), setup.clock_off).await?;
            // Not the app's: a web engine that meets two clocks stands still.
            setup.agent.own_environment.push(wrong);
        }
        let agent = Agent::with(&session, "laptop", setup.agent).await?;
        if !setup.not_enrolled {
            enrol(&session, &gateway, &agent).await?;
        }
        let mut watch = agent.watch(Role::Terminal).await?;
        if !setup.not_enrolled {
            connected(&mut watch).await?;
        }
        Ok(Self {
            watch,
            relying,
            http,
            driver: None,
            agent,
            demo,
            relay,
            proxy,
            meddler,
            company,
            gateway,
            session,
            theme: setup.theme,
            legs: Vec::new(),
        })
    }

    /// Notes how long a named part took.
    pub fn leg(&mut self, name: &'static str, ms: i64) {
        self.legs.push((name, ms));
    }

    /// Notes how long a part took that began then.
    pub fn leg_since(&mut self, name: &'static str, start: Instant) {
        self.leg(
            name,
            i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX),
        );
    }

    /// The legs noted so far.
    pub fn legs(&self) -> &[(&'static str, i64)] {
        &self.legs
    }

    /// Another computer of the same person.
    ///
    /// # Errors
    /// When its agent does not start or enrol.
    pub async fn second_computer(&self, name: &str) -> Result<(Agent, Watch)> {
        let agent = Agent::start(&self.session, name).await?;
        enrol(&self.session, &self.gateway, &agent).await?;
        let mut watch = agent.watch(Role::Terminal).await?;
        connected(&mut watch).await?;
        Ok((agent, watch))
    }

    /// Waits until the agent starts the app, and until it has painted the prompt.
    ///
    /// # Errors
    /// When one of them does not happen.
    pub async fn prompt(&mut self) -> Result<OpenPrompt> {
        let launch = self.agent.app.next().await?;
        ensure!(
            launch.arguments.first().is_some_and(|a| a == "--prompt"),
            "the agent started the app with {:?}",
            launch.arguments
        );
        let app = self.driver().await?.open(launch).await?;
        Ok(OpenPrompt {
            prompt: Prompt::painted(app.page.clone()).await?,
            app,
        })
    }

    /// The driver for the app's window.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn driver(&mut self) -> Result<&WebDriver> {
        if self.driver.is_none() {
            let theme = [("GTK_THEME", self.theme.gtk())];
            self.driver = Some(WebDriver::with(&self.session, &self.agent, &theme).await?);
        }
        self.driver.as_ref().context("the driver was just started")
    }

    /// How the desktop looks.
    pub fn theme(&self) -> Theme {
        self.theme
    }

    /// Saves the window's content as `<name>-<theme>.png` among the screenshots.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn picture(&self, of: &App, name: &str) -> Result<()> {
        let name = format!("{name}-{}", self.theme.name());
        of.screenshot(&self.session, &name).await?;
        Ok(())
    }

    /// The X display.
    ///
    /// # Errors
    /// When the session has none.
    pub fn desktop(&self) -> Result<Desktop> {
        Ok(Desktop::new(self.session.display()?))
    }

    /// Starts to listen for notifications.
    ///
    /// # Errors
    /// When the bus does not allow it.
    pub async fn notifications(&self) -> Result<Notifications> {
        Notifications::listen(&self.session.bus_address(), self.session.pick()).await
    }

    /// A browser that is logged in at the bank.
    ///
    /// # Errors
    /// When the story has no bank, or it cannot log in.
    pub async fn bank(&self) -> Result<Bank> {
        self.demo
            .as_ref()
            .context("this story has no bank")?
            .log_in()
            .await
    }

    /// A payment asked for by the application, and the request as the agent has it.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn payment(&mut self) -> Result<(crate::wire::Asked, RequestView)> {
        let asked = self.relying.ask(&RelyingSide::payment(USER)).await?;
        let view = self.watch.pending(&asked.txn).await?;
        Ok((asked, view))
    }

    /// A payment that is approved on this computer, with the key there is now.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn approved_payment(&mut self) -> Result<(crate::wire::Asked, RequestView)> {
        let (asked, view) = self.payment().await?;
        let code = Some(asked.code()?);
        self.watch.decide(&view, Verdict::Approve, code).await?;
        self.watch.ended_as(&asked.txn, Outcome::Approved).await?;
        Ok((asked, view))
    }

    /// Starts a program as this person's desktop does.
    ///
    /// # Errors
    /// When it is not there.
    pub fn command(&self, program: Program) -> Result<Command> {
        let mut command = self.session.command(self.session.paths.program(program)?);
        let environment = self.agent.environment().iter();
        command.envs(environment.map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// The audit log's records, after the chain was verified.
    ///
    /// # Errors
    /// When it does not verify or cannot be read.
    pub async fn audit(&self) -> Result<Vec<Value>> {
        self.gateway.command(&self.session, &["audit", "verify"]).await?;
        let text = self.gateway.command(&self.session, &["audit", "export"]).await?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// The audit events about this transaction, in order.
    ///
    /// # Errors
    /// As [`Stage::audit`].
    pub async fn audited(&self, txn: &str) -> Result<Vec<String>> {
        let records = self.audit().await?;
        let about = records.iter().filter(|record| record["subject"]["txn"] == txn);
        Ok(about
            .filter_map(|record| record["event"].as_str().map(str::to_owned))
            .collect())
    }

    /// Restarts the agent with a fresh watch on it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn run_agent(&mut self) -> Result<()> {
        self.agent.run(&self.session).await?;
        self.watch = self.agent.watch(Role::Terminal).await?;
        Ok(())
    }

    /// Keeps logs and the screen of a story that failed.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn save(&self, to: &Path) -> Result<()> {
        self.session.logs().save(to)?;
        match self.session.display() {
            Ok(display) => Desktop::new(display).screenshot(&to.join("screen.png")).await,
            Err(_) => Ok(()),
        }
    }
}

/// Somebody before the server, with a certificate of the same authority.
async fn meddler(session: &Session, company: &CompanyServer) -> Result<Meddler> {
    let cert = company.ca.issue(&session.dir().join("meddler"), &["127.0.0.1"])?;
    let client = unpooled_client(company.ca.pem())?;
    Meddler::start(&company.server.url, client, cert.server).await
}

/// Enrols an agent for the person.
///
/// # Errors
/// When gateway or agent refuse.
pub async fn enrol(session: &Session, gateway: &Gateway, agent: &Agent) -> Result<()> {
    let link = gateway.enrolment_link(session, USER).await?;
    agent.enrol(&link).await?;
    Ok(())
}

/// Waits until every account is connected.
///
/// # Errors
/// When one is not in time.
pub async fn connected(watch: &mut Watch) -> Result<()> {
    connected_within(watch, SOON).await
}

/// Waits so long at most until every account is connected.
///
/// # Errors
/// When one is not in time.
pub async fn connected_within(watch: &mut Watch, limit: Duration) -> Result<()> {
    watch
        .until("a connected account", limit, |w| {
            let connected =
                |a: &countersign_agent_api::AccountView| matches!(a.connection, Connection::Connected { .. });
            (!w.accounts.is_empty() && w.accounts.iter().all(connected)).then_some(())
        })
        .await
}
