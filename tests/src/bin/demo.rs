//! The interactive demo: gateway, identity provider and bank on loopback, an agent with a profile of its own on this
//! desktop. Ctrl+C ends everything and leaves nothing behind.

use std::{env, io, pin::pin, process::Stdio, thread, time::Duration};

use anyhow::Result;
use countersign_agent_api::{Connection, Outcome, RequestId, RequestState, RequestView, Role};
use countersign_tests::{
    front::{Desktop, Watch, WindowId, poll},
    harness::{
        Agent, AgentOptions, BANK, Demo, DemoOptions, Gateway, PASSWORD, Process, Program, Session, USER,
    },
};
use tokio::{
    process::Command,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

/// How long the person may take for each step before nothing more is said.
const PATIENCE: Duration = Duration::from_secs(3600);

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
    // The keys are in the person's own keyring: they must not stay there.
    running.agent.leave_no_keys(&running.session).await?;
    println!("Ended. The bank's page, if it is open in your browser, can be closed.");
    ended
}

/// Everything that runs, ended from top to bottom.
struct Running {
    windows: Vec<Process>,
    agent: Agent,
    demo: Demo,
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
        println!("A gateway, an identity provider and a bank run on this computer now, for {USER}.");
        println!(
            "Ctrl+C ends everything and leaves nothing behind. Enter begins anew, with another link. Logs: {}",
            session.logs().dir().display()
        );
        let mut running = Self {
            windows: Vec::new(),
            agent,
            demo,
            gateway,
            session,
        };
        running.invite().await?;
        Ok(running)
    }

    /// Makes an enrolment link and opens it in the app.
    async fn invite(&mut self) -> Result<()> {
        let offer = self.gateway.enrolment(&self.session, USER).await?;
        let link = &offer.link;
        println!();
        println!(
            "1. Countersign opens with an enrolment link in it. Press Continue, compare the fingerprint"
        );
        println!("   it shows with this one, then add the account:");
        println!("   {}", offer.fingerprint);
        println!("   (The link, if the window is lost: {link})");
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
        let mut guide = pin!(guide(
            self.agent.watch(Role::Terminal).await?,
            self.session.command("xdg-open"),
            self.demo.bank.clone(),
        ));
        let (mut guided, mut terminal) = (false, true);
        loop {
            tokio::select! {
                line = lines.recv(), if terminal => match line {
                    Some(()) => self.invite().await?,
                    // Only a signal ends it.
                    None => terminal = false,
                },
                () = &mut guide, if !guided => guided = true,
                else => std::future::pending().await,
            }
        }
    }
}

/// Says what comes next when it does. One window at a time: the bank opens when the account is there, so that nothing covers
/// the window in which it is added.
async fn guide(mut watch: Watch, browser: Command, bank: String) {
    // Nothing more is said to somebody who has left, and nobody misses it.
    let _ = lead(&mut watch, browser, &bank).await;
}

async fn lead(watch: &mut Watch, mut browser: Command, bank: &str) -> Result<()> {
    let begun = Instant::now();
    let added = |seen: &Watch| {
        let connected = |state: &Connection| matches!(state, Connection::Connected { .. });
        seen.accounts
            .iter()
            .any(|account| connected(&account.connection))
            .then_some(())
    };
    watch.until("the account", PATIENCE, added).await?;
    println!();
    println!(
        "   Added, {} s after the window was opened.",
        begun.elapsed().as_secs()
    );
    println!();
    println!("2. The bank opens in your browser: {bank}");
    println!("   Log in with the password “{PASSWORD}”, then press Pay.");
    // Where there is no opener, the address is on the screen. The browser is the person's own: it stays when this ends.
    let _ = browser
        .arg(bank)
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut halves = Halves::of_this_desktop().await;
    if let Some(halves) = &halves {
        meanwhile(watch.until("a request", PATIENCE, pending), halves.share()).await?;
    }
    let mut learning = true;
    loop {
        let waits = watch.until("a request", PATIENCE, pending);
        let id = match &mut halves {
            Some(halves) => meanwhile(waits, halves.look()).await?,
            None => waits.await?,
        };
        if learning {
            println!();
            println!("3. Countersign asks you. Compare what it says with what you want to do,");
            println!("   type the six digits from the bank's page, approve.");
        }
        let ends = watch.until("its end", PATIENCE, |seen| outcome(seen, &id));
        let end = match &halves {
            Some(halves) => meanwhile(ends, halves.aside()).await?,
            None => ends.await?,
        };
        if learning && end == Some(Outcome::Approved) {
            println!();
            println!(
                "   Approved: the bank's page says that it is paid, Activity in Countersign has the receipt."
            );
            println!("   Pay again and deny it, or look around. Ctrl+C ends everything.");
            learning = false;
        }
    }
}

/// The request that waits.
fn pending(seen: &Watch) -> Option<RequestId> {
    let waits = |request: &&RequestView| request.state == RequestState::Pending;
    seen.requests.iter().find(waits).map(|request| request.id.clone())
}

/// How it ended, once it has; nothing of that if it is no longer known.
fn outcome(seen: &Watch, id: &RequestId) -> Option<Option<Outcome>> {
    let Some(request) = seen.requests.iter().find(|request| request.id == *id) else {
        return Some(None);
    };
    match request.state {
        RequestState::Ended { outcome, .. } => Some(Some(outcome)),
        RequestState::Pending | RequestState::Sending { .. } | RequestState::Queued { .. } => None,
    }
}

/// Waits, with windows being placed until then.
async fn meanwhile<T>(waits: impl Future<Output = T>, placing: impl Future<Output = ()>) -> T {
    let mut waits = pin!(waits);
    tokio::select! {
        biased;
        over = &mut waits => return over,
        () = placing => {}
    }
    waits.await
}

/// The browser in the left half of the screen, Countersign in the right one, where a program may place the windows of others:
/// on X11. Anywhere else, and whatever goes wrong, windows stay where they are.
struct Halves {
    desktop: Desktop,
    /// Left and upper edge, width, height of all of it.
    area: (i32, i32, i32, i32),
    /// Countersign's windows while nothing was asked.
    known: Vec<WindowId>,
}

impl Halves {
    const COUNTERSIGN: &str = "^Countersign$";
    /// What a title bar takes of the height.
    const TITLE_BAR: i32 = 40;
    /// How long a browser may take to come up.
    const BROWSER: Duration = Duration::from_secs(60);
    /// How long a prompt may.
    const SOON: Duration = Duration::from_secs(15);
    /// How long a window may take to be where it should be. One that fills the screen stays as it is.
    const MOVED: Duration = Duration::from_secs(2);
    /// How often it is looked which windows are there.
    const LOOK: Duration = Duration::from_secs(2);

    async fn of_this_desktop() -> Option<Self> {
        if env::var("XDG_SESSION_TYPE").is_ok_and(|kind| kind == "wayland") {
            return None;
        }
        let desktop = Desktop::new(env::var("DISPLAY").ok()?);
        let area = match desktop.work_area().await {
            Ok(area) => area,
            // Without a window manager it is all of it.
            Err(_) => desktop.screen().await.ok()?,
        };
        let known = desktop.windows(Self::COUNTERSIGN).await.ok()?;
        Some(Self { desktop, area, known })
    }

    /// The two share the screen.
    async fn share(&self) {
        let (x, y, width, height) = self.area;
        let size = (width / 2, height - Self::TITLE_BAR);
        for window in &self.known {
            self.place(window, (x + width / 2, y), size).await;
        }
        let opened = poll::until("the browser", Self::BROWSER, async || {
            Ok(self.desktop.windows(BANK).await?.into_iter().next())
        });
        if let Ok(browser) = opened.await {
            self.place(&browser, (x, y), size).await;
        }
    }

    async fn place(&self, window: &WindowId, corner: (i32, i32), size: (i32, i32)) {
        let _ = timeout(Self::MOVED, self.desktop.place(window, corner, size)).await;
    }

    /// Keeps in mind which windows are there, for as long as nothing is asked.
    async fn look(&mut self) {
        loop {
            if let Ok(known) = self.desktop.windows(Self::COUNTERSIGN).await {
                self.known = known;
            }
            sleep(Self::LOOK).await;
        }
    }

    /// A new window of Countersign's goes into its half, as large as it is.
    async fn aside(&self) {
        let (x, y, width, height) = self.area;
        let new = poll::until("the prompt", Self::SOON, async || {
            let windows = self.desktop.windows(Self::COUNTERSIGN).await?;
            Ok(windows.into_iter().find(|window| !self.known.contains(window)))
        });
        let Ok(prompt) = new.await else { return };
        let Ok((_, _, wide, high)) = self.desktop.geometry(&prompt).await else {
            return;
        };
        let corner = (x + width * 3 / 4 - wide / 2, y + (height - high) / 2);
        let _ = timeout(Self::MOVED, self.desktop.move_window(&prompt, corner)).await;
    }
}
