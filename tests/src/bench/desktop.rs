//! What agent and app cost a desktop: starting, painting, idling, going away.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Connection, Role};
use tokio::{process::Command, time::Instant};

use super::{Figure, cpu, figure::quantile};
use crate::{
    front::{Desktop, Watch, poll, runs},
    harness::{Agent, AgentOptions, Gateway, GatewayOptions, Process, Session, USER, family, pss_kib},
    wire::{RelyingSide, http_client},
};

/// How often each start is measured; ours and the other's take turns.
const ROUNDS: usize = 7;
/// How long idleness is watched.
const IDLE: Duration = Duration::from_secs(20);
/// How long anything may take before the benchmark gives up.
const SOON: Duration = Duration::from_secs(20);
/// The prompt's title.
const PROMPT: &str = "Countersign";

/// All desktop figures.
///
/// # Errors
/// When a part does not do what it should.
pub async fn figures(session: &Session) -> Result<Vec<Figure>> {
    let options = GatewayOptions {
        quiet: true,
        ..GatewayOptions::default()
    };
    let gateway = Gateway::with(session, options).await?;
    let options = AgentOptions {
        starts_app_itself: true,
        environment: vec![("COUNTERSIGN_AGENT_LOG", "debug".into())],
        ..AgentOptions::default()
    };
    let mut agent = Agent::with(session, "bench", options).await?;
    agent.enrol(&gateway.enrolment_link(session, USER).await?).await?;

    let mut figures = vec![starts(session, &mut agent).await?];
    figures.extend(paints(session, &gateway, &mut agent).await?);
    figures.extend(idles(session, &agent).await?);
    Ok(figures)
}

/// Agent start → subscribed, beside reading one secret from the same keyring.
async fn starts(session: &Session, agent: &mut Agent) -> Result<Figure> {
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        agent.stop().await?;
        let start = Instant::now();
        agent.run(session).await?;
        let mut watch = agent.watch(Role::Terminal).await?;
        watch
            .until("the account to be connected", SOON, |watch: &Watch| {
                let connected = |a: &countersign_agent_api::AccountView| {
                    matches!(a.connection, Connection::Connected { .. })
                };
                watch.accounts.iter().any(connected).then_some(())
            })
            .await?;
        ours.push(milliseconds(start.elapsed()));
        let start = Instant::now();
        let status = session
            .command("secret-tool")
            .args(["lookup", "no-such", "attribute"])
            .status()
            .await?;
        ensure!(status.code().is_some(), "secret-tool was ended by a signal");
        others.push(milliseconds(start.elapsed()));
    }
    let value = quantile(&ours, 0.5).context("no samples")?;
    Ok(Figure::new(
        "agent_start_to_subscribed",
        value,
        "ms",
        "secret-tool lookup in the same keyring",
        quantile(&others, 0.5),
    ))
}

/// Request → prompt painted with no app running, and window closed → app and web engine gone.
async fn paints(session: &Session, gateway: &Gateway, agent: &mut Agent) -> Result<[Figure; 2]> {
    let floor = compile(session).await?;
    let desktop = Desktop::new(session.display()?);
    let (mut painted, mut floor_painted) = (Vec::new(), Vec::new());
    let (mut gone, mut floor_gone) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        // Each round another application asks: the agent holds back one that asks this often.
        let secret = gateway
            .add_application(session, &format!("portal-{round}"), "Treasury Portal")
            .await?;
        let relying = RelyingSide::new(http_client(session.ca.pem())?, &gateway.url, &secret);
        let printed = agent.process()?.printed();
        let start = Instant::now();
        let asked = relying.ask(&RelyingSide::payment(USER)).await?;
        // The prompt tells the agent after the frame in which the statement was painted.
        let shown = |line: &str| line.contains("request=Shown").then_some(());
        agent
            .process_mut()?
            .line_from(printed, "the prompt was painted", shown)
            .await?;
        let to_paint = start.elapsed();
        let pid = app(agent)?;
        let processes = family(pid)?;
        let window = desktop.window(PROMPT).await?;
        desktop.focus(&window).await?;
        let closing = Instant::now();
        desktop.keys(&["ctrl+w"]).await?;
        all_gone(&processes).await?;
        let to_gone = closing.elapsed();
        relying.cancel(&asked.txn).await?;

        let start = Instant::now();
        let mut process = Process::start("floor-window", session.command(&floor), session.logs().dir())?;
        process
            .line("it painted", |line| (line == "painted").then_some(()))
            .await?;
        let floor_to_paint = start.elapsed();
        let processes = family(process.pid())?;
        let closing = Instant::now();
        process.signal(rustix::process::Signal::TERM)?;
        process.ended().await?;
        all_gone(&processes).await?;
        // The first round fills the page cache.
        if round > 0 {
            painted.push(milliseconds(to_paint));
            gone.push(milliseconds(to_gone));
            floor_painted.push(milliseconds(floor_to_paint));
            floor_gone.push(milliseconds(closing.elapsed()));
        }
    }
    let median = |samples: &[f64]| quantile(samples, 0.5).context("no samples");
    Ok([
        Figure::new(
            "request_to_painted_p50",
            median(&painted)?,
            "ms",
            "a minimal WebKitGTK window",
            quantile(&floor_painted, 0.5),
        ),
        Figure::new(
            "app_gone_after_close",
            median(&gone)?,
            "ms",
            "ending a minimal WebKitGTK window",
            quantile(&floor_gone, 0.5),
        ),
    ])
}

/// The agent with nothing to do, beside OTPClient with nothing to do.
async fn idles(session: &Session, agent: &Agent) -> Result<Vec<Figure>> {
    let watch = agent.watch(Role::Terminal).await?;
    drop::<Watch>(watch);
    let mut peer = Process::start("otpclient", session.command("otpclient"), session.logs().dir());
    if let Ok(process) = &mut peer {
        // It begins by asking where its database is to be.
        Desktop::new(session.display()?)
            .window("Database location")
            .await?;
        if !process.runs()? {
            peer = Err(anyhow::anyhow!("otpclient ended"));
        }
    }
    let pid = agent.process()?.pid();
    let other = peer.as_ref().ok().map(Process::pid);
    let (ours, others) = (cpu::switches(pid)?, other.map(cpu::switches).transpose()?);
    tokio::time::sleep(IDLE).await;
    let per_second = |now: u64, before: u64| (now.saturating_sub(before)) as f64 / IDLE.as_secs_f64();
    let wakeups = per_second(cpu::switches(pid)?, ours);
    let peer_wakeups = match (other, others) {
        (Some(pid), Some(before)) => Some(per_second(cpu::switches(pid)?, before)),
        (None, _) | (_, None) => None,
    };
    let mib = |pid| anyhow::Ok(pss_kib(pid)? as f64 / 1024.0);
    Ok(vec![
        Figure::new(
            "agent_idle_pss",
            mib(pid)?,
            "MiB",
            "otpclient",
            other.map(mib).transpose()?,
        ),
        Figure::new("agent_idle_wakeups", wakeups, "1/s", "otpclient", peer_wakeups),
    ])
}

fn app(agent: &Agent) -> Result<u32> {
    let agent = agent.process()?.pid();
    family(agent)?
        .get(1)
        .copied()
        .context("the agent has started no app")
}

async fn all_gone(processes: &[u32]) -> Result<()> {
    poll::until("the app and its web engine to be gone", SOON, async || {
        for &pid in processes {
            if runs(pid)? {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
}

async fn compile(session: &Session) -> Result<PathBuf> {
    let flags = Command::new("pkg-config")
        .args(["--cflags", "--libs", "webkit2gtk-4.1"])
        .output()
        .await?;
    ensure!(flags.status.success(), "pkg-config does not know webkit2gtk-4.1");
    let program = session.dir().join("minimal-webview");
    let status = Command::new("cc")
        .arg("-O2")
        .arg("-o")
        .arg(&program)
        .arg(session.paths.peers().join("minimal-webview.c"))
        .args(String::from_utf8(flags.stdout)?.split_ascii_whitespace())
        .status()
        .await?;
    ensure!(status.success(), "the minimal window could not be compiled");
    Ok(program)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
