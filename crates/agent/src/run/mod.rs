//! Puts the agent together and runs it: configuration and state in, real clock, keyring, network, desktop.
//!
//! Everything is set up before the first account connects, so that whatever is wrong with the set-up is said at once
//! and by name. One thread runs it all; keys work on threads of their own.

mod driver;
mod logging;
mod preferences;

pub use driver::{Driver, Parts};
pub use logging::init as init_logging;
pub use preferences::Preferences;

use std::{ffi::OsString, path::PathBuf, sync::Arc};

use countersign_agent_api::socket::{self, SocketError};
use ring::rand::SecureRandom;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::{
    accounts::{Accounts, Outbox},
    autostart::Autostart,
    channel::{Protocols, native::Native, privacyidea::PrivacyIdea},
    codes::DesktopClipboard,
    config::{App, ConfigFiles, Effective, Network, config_home},
    edge::{self, Clock, SystemClock},
    engine::{Engine, Language, Settings},
    history::{History, HistoryError},
    ipc::{BindError, Server},
    keystore::{Keys, Limits, SecretServiceKeyStore},
    launch::{AppCommand, ProcessLauncher},
    net::{InvalidProxy, Net, Proxy, ProxyChoice, RootsError, Routes, client_config},
    notify::DesktopNotifier,
    state_dir::{self, StateDir, StateError},
    tray, wake,
};

/// How many calls of front ends may wait for the engine.
const CALLS: usize = 32;

/// The agent cannot run. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// State on disk.
    #[error(transparent)]
    State(#[from] StateError),
    /// History on disk.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// No place for the socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The socket.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The configured certificate files.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The configured proxy, or the environment's.
    #[error("the proxy is not usable: give it as http://host:port")]
    Proxy(#[from] InvalidProxy),
    /// Signals cannot be listened to.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

/// Runs the agent until it is told to end: by a signal, or by a front end.
///
/// # Errors
/// [`RunError`] if it cannot start. Nothing that was kept is changed then.
pub async fn run(files: ConfigFiles, effective: &Effective) -> Result<(), RunError> {
    let config = &effective.config;
    let state = StateDir::open(&state_dir::default_path()?)?;
    let accounts = state.read::<Accounts>()?.unwrap_or_default();
    let outbox = state.read::<Outbox>()?.unwrap_or_default();
    let history = History::open(state.root(), config.history.keep_months)?;
    let server = Server::bind(&socket::path()?).await?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let net = network(&config.network)?;
    let limits = Limits {
        interactive: config.keyring.timeout(),
        ..Limits::default()
    };
    let keys = Keys::new(Arc::new(SecretServiceKeyStore::new(edge::random())), limits);
    let rng: Arc<dyn SecureRandom + Send + Sync> = Arc::new(edge::random());
    let (way, used) = (net.clone(), keys.clone());
    let issuers = Protocols {
        native: Native::new(way.clone(), used.clone(), Arc::clone(&clock), Arc::clone(&rng)),
        privacyidea: PrivacyIdea::new(way, used, Arc::clone(&clock), rng, config.network.poll_seconds),
        net: net.clone(),
        own_trust: config.network.own_trust,
    };
    let (notifier, notifications) = DesktopNotifier::new(Box::new(edge::random()));
    let preferences = Preferences::new(files, autostart(), net.clone(), effective);
    let settings = Settings {
        chosen: preferences.view(effective),
        language: Language::of_session(|name| std::env::var(name).ok()),
        time_zone: jiff::tz::TimeZone::system(),
        device_name: device_name(),
        key_protection: keys.protection(),
        poll_seconds: config.network.poll_seconds,
    };
    let session = tray::Session {
        language: settings.language,
        zone: settings.time_zone.clone(),
    };
    let tray = tray::run(socket::path()?, Arc::clone(&clock), session);
    let engine = Engine::new(settings, accounts, outbox, clock.now());
    let parts = Parts {
        clock,
        rng: Arc::new(edge::random()),
        keys,
        issuers: Arc::new(issuers),
        notifier: Arc::new(notifier),
        launcher: Arc::new(ProcessLauncher::new(app_command(&config.app), |name| {
            std::env::var_os(name)
        })),
        preferences,
        app: app_command(&config.app),
        net,
        clipboard: Arc::new(DesktopClipboard::default()),
    };

    let (calls, inbound) = mpsc::channel(CALLS);
    let server = tokio::spawn(server.serve(calls));
    // Ends with this agent.
    tokio::spawn(tray);
    tokio::spawn(wake::run(socket::path()?));
    let end = termination()?;
    let driver = Driver::new(engine, state, history, parts);
    driver.run(inbound, notifications, end).await;
    // The receiver of calls is gone: the server lets front ends read their last messages.
    let _ = server.await;
    Ok(())
}

/// The way out that the configuration and the environment name.
///
/// # Errors
/// [`RunError::Roots`] and [`RunError::Proxy`].
pub fn network(config: &Network) -> Result<Net, RunError> {
    let tls = client_config(&config.ca_files)?;
    let choice = match &config.proxy {
        Some(proxy) => ProxyChoice::Fixed(Proxy::parse(proxy)?),
        None => ProxyChoice::Environment,
    };
    Ok(Net::new(
        tls,
        Routes::new(choice, |name| std::env::var(name).ok())?,
    ))
}

/// How this program is started at log-in, if it can be.
fn autostart() -> Option<Autostart> {
    let home = config_home(|name| std::env::var_os(name))?;
    let program = std::env::current_exe().ok()?;
    Some(Autostart::new(&home, &program))
}

/// What starts the app: as configured, or `countersign` beside this program, or in `PATH`.
pub fn app_command(app: &App) -> AppCommand {
    let (program, args) = match app.command.as_deref() {
        Some([program, args @ ..]) => (PathBuf::from(program), args.iter().map(OsString::from).collect()),
        Some([]) | None => {
            let beside = std::env::current_exe()
                .ok()
                .and_then(|own| Some(own.parent()?.join("countersign")));
            (
                beside
                    .filter(|path| path.is_file())
                    .unwrap_or_else(|| "countersign".into()),
                Vec::new(),
            )
        }
    };
    AppCommand {
        program,
        args,
        allow_automation: false,
    }
}

/// The host's name, as far as it is plain text.
fn device_name() -> String {
    let uname = rustix::system::uname();
    let name: String = uname.nodename().to_string_lossy().chars().take(64).collect();
    if countersign_protocol::text::check(&name, 64).is_ok() {
        name
    } else {
        "This computer".to_owned()
    }
}

/// Ends with the first SIGTERM or SIGINT.
fn termination() -> Result<impl Future<Output = ()>, RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests;
