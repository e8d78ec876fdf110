//! The interactive demo with a stock privacyIDEA server on loopback, and an agent with a profile of its own on this desktop. The
//! terminal plays the page where one logs in. Ctrl+C ends everything and leaves nothing behind.

use std::{io, pin::pin, thread, time::Duration};

use anyhow::{Context, Result};
use countersign_agent_api::{Connection, RequestState, Role};
use countersign_tests::{
    front::Watch,
    harness::{Agent, AgentOptions, PrivacyIdea, Process, Program, Session},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// How long the person may take for each step.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// How the server ties the person's answer to the page.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Not at all.
    Plain,
    /// The page shows a number, to be picked in the prompt.
    Choice,
    /// The prompt shows a number, to be typed into the page.
    Code,
}

/// What is started one after another.
const KINDS: [Kind; 3] = [Kind::Plain, Kind::Choice, Kind::Code];

impl Kind {
    /// What has to be in force for it: name and action.
    fn policy(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Plain => None,
            Self::Choice => Some(("choice", "push_require_presence=1, push_presence_options=NUMERIC")),
            Self::Code => Some(("code", "push_code_to_phone=1")),
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut stop = pin!(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    let mut running = tokio::select! {
        running = Running::start() => running?,
        () = &mut stop => return Ok(()),
    };
    let ended = tokio::select! {
        ended = running.guide() => ended,
        () = stop => Ok(()),
    };
    println!("Ending …");
    // The keys are in the person's own keyring: they must not stay there.
    running.agent.leave_no_keys(&running.session).await?;
    ended
}

/// Everything that runs, ended from top to bottom.
struct Running {
    _window: Process,
    agent: Agent,
    server: PrivacyIdea,
    serial: String,
    session: Session,
}

impl Running {
    async fn start() -> Result<Self> {
        let session = Session::of_this_desktop().await?;
        println!("Starting privacyIDEA. The first time it is installed, which takes a minute …");
        let dir = session.dir().join("privacyidea");
        let server = PrivacyIdea::start(&dir, &session.ca, session.logs().dir()).await?;
        let options = AgentOptions {
            starts_app_itself: true,
            ..AgentOptions::default()
        };
        let agent = Agent::with(&session, "demo", options).await?;
        let made = server.token().await?;
        println!("A privacyIDEA server runs on this computer now: {}", server.url);
        println!("Ctrl+C ends everything. Logs: {}", session.logs().dir().display());
        println!();
        println!("1. Countersign opens with this link in it: {}", made.link);
        println!("   Press Continue, then add the account.");
        let mut app = session.command(session.paths.program(Program::App)?);
        app.arg(&made.link)
            .envs(agent.environment().iter().map(|(name, value)| (name, value)));
        let window = Process::start("app", app, session.logs().dir())?;
        Ok(Self {
            _window: window,
            agent,
            server,
            serial: made.serial,
            session,
        })
    }

    /// Leads through one log-in after another, for as long as the person wants.
    async fn guide(&mut self) -> Result<()> {
        let mut typed = terminal();
        let mut watch = self.agent.watch(Role::Terminal).await?;
        let added = watch.until("the account", PATIENCE, |seen| {
            let connected = |state: &Connection| matches!(state, Connection::Connected { .. });
            seen.accounts
                .iter()
                .any(|account| connected(&account.connection))
                .then_some(())
        });
        added.await?;
        println!("   Added: the server is asked every few seconds from now on.");
        for (number, kind) in KINDS.into_iter().cycle().enumerate() {
            println!();
            println!("{}. You log in to the portal, in this terminal.", number + 2);
            self.log_in(kind, &mut watch, &mut typed).await?;
            println!("   Enter starts another log-in, of another kind.");
            line(&mut typed).await;
        }
        Ok(())
    }

    async fn log_in(&self, kind: Kind, watch: &mut Watch, typed: &mut mpsc::Receiver<String>) -> Result<()> {
        if let Some((name, action)) = kind.policy() {
            self.server.policy(name, "authentication", action).await?;
        }
        let started = self.server.trigger(&self.serial).await;
        if let Some((name, _)) = kind.policy() {
            self.server.no_policy(name).await?;
        }
        let (transaction, message) = started?;
        println!("   The page says: {message}");
        match kind {
            Kind::Plain => println!(
                "   Read the prompt, then approve. If it has not opened: Review in the notification."
            ),
            Kind::Choice => println!("   Pick in the prompt what the page says, then approve."),
            Kind::Code => {
                println!("   Approve in the prompt, then type here what it shows.")
            }
        }
        let view = watch.any_pending().await?;
        let answered = watch.until("the answer", PATIENCE, |seen| {
            let request = seen.requests.iter().find(|request| request.txn == view.txn);
            match request.map(|request| &request.state) {
                Some(RequestState::Pending | RequestState::Sending { .. } | RequestState::Queued { .. }) => {
                    None
                }
                Some(RequestState::Ended { code, .. }) => Some(code.is_some()),
                None => Some(false),
            }
        });
        let typed = if answered.await? {
            line(typed).await
        } else {
            String::new()
        };
        let status = self.server.status(&transaction).await?;
        let lets_in = self
            .server
            .lets_in(&self.serial, &transaction, typed.trim())
            .await?;
        println!(
            "   The server says “{status}”, and {}.",
            if lets_in {
                "lets you in"
            } else {
                "does not let you in"
            }
        );
        Ok(())
    }
}

/// What the person types, line by line.
fn terminal() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    // A thread of its own, which may stay where it is when everything else ends.
    thread::spawn(move || {
        io::stdin()
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| sender.blocking_send(line).context("nobody listens").ok())
    });
    lines
}

/// The next line; without a terminal there is none, and only a signal ends the demo.
async fn line(lines: &mut mpsc::Receiver<String>) -> String {
    match lines.recv().await {
        Some(line) => line,
        None => std::future::pending().await,
    }
}
