//! The app's window through WebDriver, although the agent decides when the app starts.
//!
//! WebDriver only drives what it started itself. So the agent's configured app command is `countersign-app-shim`, which
//! tells [`AppStarts`] the arguments and stays until the app has ended; [`WebDriver::open`] starts the real app with them.

use std::{
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpStream, UnixListener, UnixStream},
    time::timeout,
};

use super::{Agent, Process, Program, Session, family, free_port};
use crate::front::poll;

/// How long the agent may take to want the app, and the app to have a window.
const SOON: Duration = Duration::from_secs(20);
/// The most that a shim says, in bytes.
const MAX_ARGUMENTS: u64 = 16 * 1024;

/// What an agent wanted the app to show.
#[derive(Debug)]
pub struct AppStarts {
    listener: UnixListener,
    socket: PathBuf,
}

/// One start of the app, asked for by the agent.
#[derive(Debug)]
pub struct Launch {
    /// The app's arguments.
    pub arguments: Vec<String>,
    /// Open as long as the app runs: the shim ends with it.
    shim: Option<UnixStream>,
}

impl Launch {
    /// A start that no agent asked for: the person's own.
    pub fn by_hand(arguments: &[&str]) -> Self {
        Self {
            arguments: arguments.iter().map(|&a| a.to_owned()).collect(),
            shim: None,
        }
    }
}

impl AppStarts {
    pub(super) fn listen(socket: &Path) -> Result<Self> {
        Ok(Self {
            listener: UnixListener::bind(socket)?,
            socket: socket.to_owned(),
        })
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Waits until the agent starts the app.
    ///
    /// # Errors
    /// When it does not.
    pub async fn next(&self) -> Result<Launch> {
        timeout(SOON, self.accept())
            .await
            .context("the agent did not start the app")?
    }

    /// A start that has come already, if any.
    ///
    /// # Errors
    /// When the shim says nonsense.
    pub async fn now(&self) -> Result<Option<Launch>> {
        match timeout(Duration::ZERO, self.accept()).await {
            Ok(launch) => launch.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn accept(&self) -> Result<Launch> {
        let (mut stream, _) = self.listener.accept().await?;
        let length = stream.read_u32().await?;
        ensure!(u64::from(length) <= MAX_ARGUMENTS, "the shim says too much");
        let mut bytes = vec![0; length as usize];
        stream.read_exact(&mut bytes).await?;
        let arguments = bytes
            .split(|&b| b == 0)
            .filter(|argument| !argument.is_empty())
            .map(|argument| std::ffi::OsString::from_vec(argument.to_vec()).into_string())
            .collect::<Result<_, _>>();
        let arguments = arguments.ok().context("an argument is not UTF-8")?;
        Ok(Launch {
            arguments,
            shim: Some(stream),
        })
    }
}

/// A WebKitWebDriver. It drives one app at a time.
#[derive(Debug)]
pub struct WebDriver {
    url: String,
    app: PathBuf,
    process: Process,
}

impl WebDriver {
    /// Starts the driver for the app of this agent.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(session: &Session, agent: &Agent) -> Result<Self> {
        Self::with(session, agent, &[]).await
    }

    /// Starts it with more environment for the app: `GTK_THEME`, say.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn with(session: &Session, agent: &Agent, environment: &[(&str, &str)]) -> Result<Self> {
        let app = session.paths.program(Program::App)?;
        let port = free_port()?;
        let mut command = session.command("WebKitWebDriver");
        command
            .args(["--host=127.0.0.1", &format!("--port={port}")])
            .envs(agent.environment().iter().map(|(name, value)| (name, value)))
            .envs(environment.iter().copied())
            .env("TAURI_AUTOMATION", "true")
            .env("TAURI_WEBVIEW_AUTOMATION", "true");
        let mut process = Process::start("webdriver", command, session.logs().dir())?;
        poll::until("WebDriver", SOON, async || {
            ensure!(
                process.runs()?,
                "WebKitWebDriver ended; {}",
                process.log().display()
            );
            Ok(TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop))
        })
        .await?;
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            app,
            process,
        })
    }

    /// Starts the app as the agent wanted it, and connects to its window.
    ///
    /// # Errors
    /// When it has no window in time.
    pub async fn open(&self, launch: Launch) -> Result<App> {
        let options = json!({ "binary": self.app, "args": launch.arguments });
        let Value::Object(capabilities) = json!({ "webkitgtk:browserOptions": options }) else {
            bail!("these are not capabilities");
        };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let page = timeout(SOON, builder.connect(&self.url))
            .await
            .context("the app has no window")??;
        Ok(App {
            page,
            pid: self.app_pid()?,
            _shim: launch.shim,
        })
    }

    fn app_pid(&self) -> Result<u32> {
        let name = self
            .app
            .file_name()
            .context("the app has no name")?
            .to_string_lossy();
        for pid in family(self.process.pid())? {
            let command = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if command.trim() == name {
                return Ok(pid);
            }
        }
        bail!("the driver has no app")
    }
}

/// The app, running, with a WebDriver session.
#[derive(Debug)]
pub struct App {
    /// The session with its first window.
    pub page: Client,
    /// The app's process; the web engine's are its [`family`].
    pub pid: u32,
    _shim: Option<UnixStream>,
}

impl App {
    /// Closes the session, which ends the app, and waits until it has ended: the next one would hand over to it.
    ///
    /// # Errors
    /// When the driver is gone, or the app stays.
    pub async fn close(self) -> Result<()> {
        self.page.close().await?;
        // Not even a zombie: until all its threads are gone it has its name on the bus.
        let process = PathBuf::from(format!("/proc/{}", self.pid));
        poll::until("the app to end", SOON, async || {
            Ok((!process.exists()).then_some(()))
        })
        .await
    }

    /// Saves the window's content as `<name>.png` among the screenshots.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn screenshot(&self, session: &Session, name: &str) -> Result<PathBuf> {
        let to = session.paths.screenshots()?.join(format!("{name}.png"));
        self.page.execute_async(SETTLED, Vec::new()).await?;
        self.page.execute(BLINK, Vec::new()).await?;
        let picture = self.page.screenshot().await?;
        self.page.execute(BLINK_NO_MORE, Vec::new()).await?;
        std::fs::write(&to, picture)?;
        Ok(to)
    }
}

/// The driver takes a picture with the next frame, and without a graphics card's libraries the web engine makes none while nothing changes: a dot
/// blinks, in colours that nobody sees.
const BLINK: &str = "\
    const dot = document.body.appendChild(document.createElement('i'));
    dot.id = 'blink';
    dot.ariaHidden = 'true';
    Object.assign(dot.style, { position: 'fixed', insetBlockStart: '0', width: '1px', height: '1px' });
    let on = false;
    const blink = () => {
        on = !on;
        dot.style.backgroundColor = on ? 'rgb(128 128 128 / 0.02)' : 'transparent';
        if (dot.isConnected) requestAnimationFrame(blink);
    };
    blink();";
const BLINK_NO_MORE: &str = "document.getElementById('blink')?.remove()";

/// Answers once what the document says has been painted, transitions included: a picture is of the last frame.
const SETTLED: &str = "\
    const done = arguments[arguments.length - 1];
    const painted = () => requestAnimationFrame(() => requestAnimationFrame(() => done(null)));
    const endless = (animation) => animation.effect?.getComputedTiming().endTime === Infinity;
    const running = document.getAnimations().filter((animation) => !endless(animation));
    Promise.allSettled(running.map((animation) => animation.finished)).then(painted);";
