//! What agent and app cost a desktop: starting, painting, idling, going away.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{Connection, Role};
use tokio::time::Instant;

use super::{
    Figure, Report, cpu,
    figure::{milliseconds, quantile},
    webview::{Webview, all_gone},
};
use crate::{
    front::{Desktop, Watch},
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
pub async fn figures(session: &Session, report: &mut Report) -> Result<()> {
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

    report.all("starting", starts(session, &mut agent).await)?;
    report.all("painting", paints(session, &gateway, &mut agent).await)?;
    report.all("idling", idles(session, &agent).await)
}

/// Agent start → subscribed, beside reading one secret from the same keyring.
async fn starts(session: &Session, agent: &mut Agent) -> Result<[Figure; 1]> {
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
    Ok([Figure::new(
        "agent_start_to_subscribed",
        value,
        "ms",
        "secret-tool lookup in the same keyring",
        quantile(&others, 0.5),
    )])
}

/// Request → prompt painted with no app running, and window closed → app and web engine gone.
async fn paints(session: &Session, gateway: &Gateway, agent: &mut Agent) -> Result<[Figure; 2]> {
    let floor = Webview::compile(session).await?;
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

        let (process, floor_to_paint) = floor.open(session, &[]).await?;
        let processes = family(process.pid())?;
        let floor_closing = Instant::now();
        process.stop().await?;
        all_gone(&processes).await?;
        // The first round fills the page cache.
        if round > 0 {
            painted.push(milliseconds(to_paint));
            gone.push(milliseconds(to_gone));
            floor_painted.push(milliseconds(floor_to_paint));
            floor_gone.push(milliseconds(floor_closing.elapsed()));
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
async fn idles(session: &Session, agent: &Agent) -> Result<[Figure; 2]> {
    let peer = match otpclient(session).await {
        Ok(process) => Some(process),
        Err(error) => {
            eprintln!("  otpclient cannot be measured: {error:#}");
            None
        }
    };
    let pid = agent.process()?.pid();
    let other = peer.as_ref().map(Process::pid);
    let (ours, others) = (cpu::switches(pid)?, other.map(cpu::switches).transpose()?);
    tokio::time::sleep(IDLE).await;
    let per_second = |now: u64, before: u64| (now.saturating_sub(before)) as f64 / IDLE.as_secs_f64();
    let wakeups = per_second(cpu::switches(pid)?, ours);
    let peer_wakeups = match (other, others) {
        (Some(pid), Some(before)) => Some(per_second(cpu::switches(pid)?, before)),
        (None, _) | (_, None) => None,
    };
    let mib = |pid| anyhow::Ok(pss_kib(pid)? as f64 / 1024.0);
    Ok([
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

/// OTPClient, which begins by asking where its database is to be.
async fn otpclient(session: &Session) -> Result<Process> {
    let mut process = Process::start("otpclient", session.command("otpclient"), session.logs().dir())?;
    Desktop::new(session.display()?)
        .window("Database location")
        .await?;
    if process.runs()? {
        Ok(process)
    } else {
        bail!("it ended:\n{}", process.tail())
    }
}

fn app(agent: &Agent) -> Result<u32> {
    let agent = agent.process()?.pid();
    family(agent)?
        .get(1)
        .copied()
        .context("the agent has started no app")
}
