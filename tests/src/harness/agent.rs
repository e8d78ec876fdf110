//! An agent with a profile of its own, and the terminal front end that talks to it.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{Reply, Request, Role, client::Client, socket::SOCKET_ENV};
use serde_json::Value;

use super::{AppStarts, Process, Program, Session};
use crate::front::{Watch, poll};

/// How long an agent may take until its socket answers.
const SOON: Duration = Duration::from_secs(20);

/// `notifications.privacy` of the agent's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotificationPrivacy {
    /// That something is asked.
    Private,
    /// Also what, and with *Approve* where the request allows it.
    #[default]
    Detailed,
}

/// `app.open_prompt` of the agent's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OpenPrompt {
    /// The prompt opens by itself.
    #[default]
    Always,
    /// Only when the person asks for it.
    OnReview,
}

/// How an agent is set up.
#[derive(Debug, Clone, Default)]
pub struct AgentOptions {
    /// A proxy that allows CONNECT, as `http://host:port`.
    pub proxy: Option<String>,
    /// Leaves out the session's certification authority.
    pub without_ca: bool,
    /// A further certification authority, PEM file.
    pub extra_ca: Option<PathBuf>,
    /// How much notifications say.
    pub privacy: NotificationPrivacy,
    /// When the prompt opens by itself.
    pub open_prompt: OpenPrompt,
    /// The app is started by the agent itself and cannot be driven by WebDriver.
    pub starts_app_itself: bool,
    /// Further environment.
    pub environment: Vec<(&'static str, OsString)>,
    /// Environment that the app does not get.
    pub own_environment: Vec<(&'static str, OsString)>,
}

/// What network an agent has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    /// The computer's.
    Shared,
    /// None: a namespace of its own without interfaces and routes.
    None,
}

/// An agent. Its profile survives [`Agent::stop`] and [`Agent::kill`].
#[derive(Debug)]
pub struct Agent {
    name: String,
    dir: PathBuf,
    environment: Vec<(&'static str, OsString)>,
    own_environment: Vec<(&'static str, OsString)>,
    network: Network,
    process: Option<Process>,
    /// What it wanted the app to show.
    pub app: AppStarts,
}

impl Agent {
    /// Makes a profile and starts the agent.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(session: &Session, name: &str) -> Result<Self> {
        Self::with(session, name, AgentOptions::default()).await
    }

    /// Makes a profile with these settings and starts the agent.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn with(session: &Session, name: &str, options: AgentOptions) -> Result<Self> {
        let dir = session.dir().join(format!("agent-{name}"));
        for sub in ["config/countersign", "data", "state", "cache", "run"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        let app = AppStarts::listen(&dir.join("run/app.sock"))?;
        let config = configuration(session, &options, &app)?;
        fs::write(dir.join("config/countersign/agent.toml"), config)?;
        let mut environment = vec![(SOCKET_ENV, dir.join("run/agent.sock").into_os_string())];
        for (variable, sub) in [
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            environment.push((variable, dir.join(sub).into_os_string()));
        }
        environment.extend(options.environment);
        let mut agent = Self {
            name: name.to_owned(),
            dir,
            environment,
            own_environment: options.own_environment,
            network: Network::Shared,
            process: None,
            app,
        };
        agent.run(session).await?;
        Ok(agent)
    }

    /// Starts the process, again if it was stopped, and waits until its socket answers.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn run(&mut self, session: &Session) -> Result<()> {
        ensure!(self.process.is_none(), "the agent runs already");
        let mut command = match self.network {
            Network::Shared => self.base(session)?,
            Network::None => self.cut_off(session)?,
        };
        command.arg("run");
        let mut process = Process::start(&format!("agent-{}", self.name), command, session.logs().dir())?;
        let socket = self.socket();
        poll::until("the agent's socket", SOON, async || {
            ensure!(process.runs()?, "the agent ended:\n{}", process.tail());
            Ok(Client::connect(&socket, Role::Terminal).await.ok().map(drop))
        })
        .await?;
        self.process = Some(process);
        Ok(())
    }

    /// From its next start on it has no network.
    pub fn without_network(&mut self) {
        self.network = Network::None;
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn stop(&mut self) -> Result<()> {
        let status = self
            .process
            .take()
            .context("the agent does not run")?
            .stop()
            .await?;
        ensure!(status.success(), "the agent ended with {status}");
        Ok(())
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn ended(&mut self) -> Result<std::process::ExitStatus> {
        self.process_mut()?.ended().await
    }

    /// Kills it (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self) -> Result<()> {
        self.process
            .take()
            .context("the agent does not run")?
            .kill()
            .await
    }

    /// The running process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process(&self) -> Result<&Process> {
        self.process.as_ref().context("the agent does not run")
    }

    /// The running process, to wait for what it prints.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process_mut(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the agent does not run")
    }

    /// Where it listens for front ends.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("run/agent.sock")
    }

    /// The profile's directory: `config`, `data`, `state`, `cache`, `run`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the agent's processes have beside the session's environment; the app needs it too.
    pub fn environment(&self) -> &[(&'static str, OsString)] {
        &self.environment
    }

    /// A front end that watches everything.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub async fn watch(&self, role: Role) -> Result<Watch> {
        Watch::connect(&self.socket(), role).await
    }

    /// Enrols by a link, as the app does after the person agreed, and gives the account's id.
    ///
    /// # Errors
    /// The agent's.
    pub async fn enrol(&self, link: &str) -> Result<countersign_agent_api::AccountView> {
        let (client, _events) = Client::connect(&self.socket(), Role::App).await?;
        let preview = Request::PreviewEnrolment {
            link: link.to_owned(),
            trust: None,
        };
        let Reply::Offer(offer) = client.call(preview).await? else {
            bail!("the agent gave no offer");
        };
        let accept = Request::AcceptEnrolment {
            offer: offer.id,
            device_name: self.name.clone(),
        };
        let Reply::Enrolled(enrolled) = client.call(accept).await? else {
            bail!("the agent gave no account");
        };
        Ok(enrolled.account)
    }

    /// Removes all accounts, and with them their keys from the keyring.
    ///
    /// # Errors
    /// The agent's.
    pub async fn remove_accounts(&self) -> Result<()> {
        let (client, _events) = Client::connect(&self.socket(), Role::Terminal).await?;
        let Reply::Accounts(accounts) = client.call(Request::Accounts).await? else {
            bail!("the agent did not list its accounts");
        };
        for account in accounts {
            client
                .call(Request::RemoveAccount { account: account.id })
                .await?;
        }
        // The agent's own list says when the last key is out of the keyring. Without a list there never was one.
        let list = self.dir.join("data/countersign/accounts.json");
        poll::until("the keys to be deleted", SOON, async || {
            let list: Value =
                serde_json::from_str(&fs::read_to_string(&list).unwrap_or_default()).unwrap_or_default();
            let left = list.to_string().contains("\"spare_keys\":[\"");
            Ok((!left).then_some(()))
        })
        .await
    }

    /// Runs the terminal front end: `status`, `approve …`. Its exit code is the caller's to judge.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn terminal(&self, session: &Session, arguments: &[&str]) -> Result<Output> {
        Ok(self
            .base(session)?
            .args(arguments)
            .kill_on_drop(true)
            .output()
            .await?)
    }

    /// The program where there is no network. Making such a place takes root, or a namespace in which one may.
    fn cut_off(&self, session: &Session) -> Result<tokio::process::Command> {
        let mut command = session.command("unshare");
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-current-user");
        }
        command
            .args(["--net", "--"])
            .arg(session.paths.program(Program::Agent)?)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Ends it, with nothing of its left in the keyring: neither an account's key nor one of one-time codes.
    ///
    /// # Errors
    /// The agent's, or when there is nothing to clear the keyring with.
    pub async fn leave_no_keys(&mut self, session: &Session) -> Result<()> {
        self.remove_accounts().await?;
        self.stop().await?;
        for key in self.keys_of_codes()? {
            // It says no if the key is gone already.
            session
                .command("secret-tool")
                .args(["clear", "service", "countersign", "username", &key])
                .status()
                .await?;
        }
        Ok(())
    }

    fn keys_of_codes(&self) -> Result<Vec<String>> {
        let kept: Value = match fs::read(self.dir.join("data/countersign/codes.json")) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Value::Null,
            Err(error) => return Err(error.into()),
        };
        let content = &kept["content"];
        let spare = content["spare"].as_array().into_iter().flatten();
        let keys = spare.chain([&content["vault"]["key"], &content["backups"]["password"]]);
        Ok(keys.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The terminal front end, to be started by the caller.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn command(&self, session: &Session) -> Result<tokio::process::Command> {
        self.base(session)
    }

    fn base(&self, session: &Session) -> Result<tokio::process::Command> {
        let mut command = session.command(session.paths.program(Program::Agent)?);
        let environment = self.environment.iter().chain(&self.own_environment);
        command.envs(environment.map(|(name, value)| (name, value)));
        Ok(command)
    }
}

fn configuration(session: &Session, options: &AgentOptions, app: &AppStarts) -> Result<String> {
    let mut text = "[network]\n".to_owned();
    if let Some(proxy) = &options.proxy {
        writeln!(text, "proxy = {proxy:?}")?;
    }
    let own = (!options.without_ca).then(|| session.ca.file());
    let ca_files: Vec<&Path> = own.into_iter().chain(options.extra_ca.as_deref()).collect();
    writeln!(text, "ca_files = {ca_files:?}\n\n[app]")?;
    let command = if options.starts_app_itself {
        vec![session.paths.program(Program::App)?]
    } else {
        vec![session.paths.program(Program::AppShim)?, app.socket().to_owned()]
    };
    writeln!(text, "command = {command:?}")?;
    let open_prompt = match options.open_prompt {
        OpenPrompt::Always => "always",
        OpenPrompt::OnReview => "on_review",
    };
    writeln!(text, "open_prompt = {open_prompt:?}\n\n[notifications]")?;
    let privacy = match options.privacy {
        NotificationPrivacy::Private => "private",
        NotificationPrivacy::Detailed => "detailed",
    };
    writeln!(text, "privacy = {privacy:?}")?;
    Ok(text)
}
