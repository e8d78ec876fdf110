//! The interactive demo: gateway, identity provider and bank on loopback, an agent with a profile of its own on this
//! desktop. Ctrl+C ends everything and leaves nothing behind.

use std::{io, pin::pin, process::Stdio, thread};

use anyhow::Result;
use countersign_agent_api::{Reply, Request, Role};
use countersign_tests::harness::{
    Agent, AgentOptions, Demo, DemoOptions, Gateway, PASSWORD, Process, Program, Session, USER,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

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
        ended = running.until_broken() => ended,
        () = stop => Ok(()),
    };
    println!("Ending …");
    remove_keys(&running.agent).await?;
    ended
}

/// Everything that runs, ended from top to bottom.
struct Running {
    windows: Vec<Process>,
    agent: Agent,
    _demo: Demo,
    gateway: Gateway,
    session: Session,
}

impl Running {
    async fn start() -> Result<Self> {
        let session = Session::of_this_desktop().await?;
        let gateway = Gateway::start(&session).await?;
        let demo = Demo::start(&session, &gateway, DemoOptions::default()).await?;
        let options = AgentOptions {
            starts_app_itself: true,
            ..AgentOptions::default()
        };
        let agent = Agent::with(&session, "demo", options).await?;
        println!("The bank:        {}", demo.bank);
        println!("Log in as        {USER}, password “{PASSWORD}”");
        println!();
        println!("1. Add the account in the Countersign window that opens.");
        println!("2. Pay 4250.00 in the browser, type the six digits into the prompt, approve.");
        println!();
        println!(
            "Enter gives a fresh enrolment link, Ctrl+C ends everything. Logs: {}",
            session.logs().dir().display()
        );
        println!();
        open_browser(&session, &demo.bank);
        let mut running = Self {
            windows: Vec::new(),
            agent,
            _demo: demo,
            gateway,
            session,
        };
        running.invite().await?;
        Ok(running)
    }

    /// Makes an enrolment link and opens it in the app.
    async fn invite(&mut self) -> Result<()> {
        let link = self.gateway.enrolment_link(&self.session, USER).await?;
        println!("Enrolment link:  {link}");
        let mut app = self.session.command(self.session.paths.program(Program::App)?);
        app.arg(link)
            .envs(self.agent.environment().iter().map(|(name, value)| (name, value)));
        self.windows
            .push(Process::start("app", app, self.session.logs().dir())?);
        Ok(())
    }

    /// Serves the person at the terminal.
    async fn until_broken(&mut self) -> Result<()> {
        let (sender, mut lines) = mpsc::channel(1);
        // A thread of its own, which may stay where it is when everything else ends.
        thread::spawn(move || {
            io::stdin()
                .lines()
                .map_while(Result::ok)
                .try_for_each(|_| sender.blocking_send(()))
        });
        while lines.recv().await.is_some() {
            self.invite().await?;
        }
        // No terminal: only a signal ends it.
        std::future::pending().await
    }
}

/// The keys are in the person's own keyring: they must not stay there.
async fn remove_keys(agent: &Agent) -> Result<()> {
    let watch = agent.watch(Role::Terminal).await?;
    let Reply::Accounts(accounts) = watch.call(Request::Accounts).await? else {
        return Ok(());
    };
    for account in accounts {
        watch.call(Request::RemoveAccount { account: account.id }).await?;
    }
    Ok(())
}

/// Where there is no opener, the address is on the screen.
fn open_browser(session: &Session, url: &str) {
    let mut opener = session.command("xdg-open");
    let _ = opener
        .arg(url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}
