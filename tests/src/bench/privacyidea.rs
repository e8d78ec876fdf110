//! PUSH tokens of a real privacyIDEA server: how long an answer takes beside a poller with the official app's behaviour, and what accounts
//! cost that have to be asked for.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Request, Role, Verdict};
use countersign_privacyidea::{Answer, reply::Answered};
use tokio::time::{Instant, sleep};

use super::{
    Figure, Report, cpu,
    figure::{milliseconds, quantile},
};
use crate::{
    edge,
    front::Watch,
    harness::{Agent, PrivacyIdea, Session, pss_kib},
    stories::connected,
    wire::{PushDevice, unpooled_client},
};

/// Challenges, each for both.
const SAMPLES: usize = 12;
/// The official app polls this often, whatever happens.
const PEERS_POLL: Duration = Duration::from_secs(3);
/// How often the relying side looks.
const LOOK: Duration = Duration::from_millis(50);
/// For how long an idle account is watched.
const IDLE: Duration = Duration::from_secs(60);
/// Accounts of one agent.
const MANY: usize = 20;

/// What one challenge took.
struct Legs {
    /// From the end of the call that triggered it to its being on screen.
    seen: f64,
    /// From there to the server's word that the answer is taken.
    taken: f64,
    /// From the end of the call that triggered it to the relying side's seeing the answer.
    visible: f64,
}

/// The figures.
///
/// # Errors
/// When there is no server, or an agent does not enrol.
pub async fn figures(session: &Session, report: &mut Report) -> Result<()> {
    let dir = session.dir().join("privacyidea");
    let server = PrivacyIdea::start(&dir, &session.ca, session.logs().dir()).await?;
    let agent = Agent::start(session, "one").await?;
    let made = server.token().await?;
    agent.enrol(&made.link).await?;
    let mut watch = agent.watch(Role::App).await?;
    connected(&mut watch).await?;

    let http = unpooled_client(session.ca.pem())?;
    let peers = server.token().await?;
    let peer = PushDevice::enrol(&http, &peers.link).await?;
    report.all(
        "answers",
        answers(&server, (&mut watch, &made.serial), (&peer, &peers.serial)).await,
    )?;
    report.all("an idle account", idle(&server, &agent).await)?;
    report.all("many accounts", many(session, &server, &agent).await)
}

async fn answers(
    server: &PrivacyIdea,
    (watch, own): (&mut Watch, &str),
    (peer, peers): (&PushDevice, &str),
) -> Result<[Figure; 3]> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        // Neither is asked in step with its polls.
        let [first, second, ..] = edge::random();
        let apart = Duration::from_millis(u64::from(u16::from_be_bytes([first, second])) % 3000);
        sleep(apart).await;
        ours.push(by_agent(server, watch, own).await?);
        theirs.push(by_peer(server, peer, peers, apart).await?);
    }
    let figure = |name, leg: fn(&Legs) -> f64| -> Result<Figure> {
        let median = |of: &[Legs]| quantile(&of.iter().map(leg).collect::<Vec<_>>(), 0.5);
        let value = median(&ours).context("no samples")?;
        Ok(Figure::new(name, value, "ms", "fixed 3 s poll", median(&theirs)))
    };
    Ok([
        figure("push_trigger_to_seen_p50", |legs| legs.seen)?,
        figure("push_decided_to_taken_p50", |legs| legs.taken)?,
        figure("push_trigger_to_visible_p50", |legs| legs.visible)?,
    ])
}

async fn by_agent(server: &PrivacyIdea, watch: &mut Watch, serial: &str) -> Result<Legs> {
    let (transaction, _) = server.trigger(serial).await?;
    let triggered = Instant::now();
    let view = watch.any_pending().await?;
    let seen = triggered.elapsed();
    watch.call(Request::Shown { id: view.id.clone() }).await?;
    let decided = Instant::now();
    watch.decide(&view, Verdict::Approve, None).await?;
    watch.ended(&view.txn).await?;
    let taken = decided.elapsed();
    accepted(server, &transaction).await?;
    Ok(Legs {
        seen: milliseconds(seen),
        taken: milliseconds(taken),
        visible: milliseconds(triggered.elapsed()),
    })
}

/// The same by a device that polls every three seconds; `phase` has passed since its last poll.
async fn by_peer(server: &PrivacyIdea, peer: &PushDevice, serial: &str, phase: Duration) -> Result<Legs> {
    let (transaction, _) = server.trigger(serial).await?;
    let triggered = Instant::now();
    let mut next = PEERS_POLL.saturating_sub(phase);
    let challenge = loop {
        sleep(next).await;
        next = PEERS_POLL;
        if let Some(challenge) = peer.poll(0).await??.pop() {
            break challenge;
        }
    };
    let seen = triggered.elapsed();
    let decided = Instant::now();
    let answered = peer.answer(&challenge, &Answer::Accept).await?;
    ensure!(answered == Answered::Taken, "the server gave {answered:?}");
    let taken = decided.elapsed();
    accepted(server, &transaction).await?;
    Ok(Legs {
        seen: milliseconds(seen),
        taken: milliseconds(taken),
        visible: milliseconds(triggered.elapsed()),
    })
}

/// Until the relying side sees it.
async fn accepted(server: &PrivacyIdea, transaction: &str) -> Result<()> {
    while server.status(transaction).await? != "accept" {
        sleep(LOOK).await;
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a few requests")]
async fn idle(server: &PrivacyIdea, agent: &Agent) -> Result<[Figure; 2]> {
    let pid = agent.process()?.pid();
    let (used, polls, began) = (cpu::time(pid)?, server.polls()?, Instant::now());
    sleep(IDLE).await;
    let hours = began.elapsed().as_secs_f64() / 3600.0;
    let polls = (server.polls()? - polls) as f64 / hours;
    let busy = milliseconds(cpu::time(pid)? - used) / 1000.0 / hours;
    let peers = 3600.0 / PEERS_POLL.as_secs_f64();
    Ok([
        Figure::new("push_account_polls", polls, "/h", "fixed 3 s poll", Some(peers)),
        Figure::new("push_account_cpu", busy, "s/h", "nothing", None),
    ])
}

#[allow(clippy::cast_precision_loss, reason = "KiB of one process")]
async fn many(session: &Session, server: &PrivacyIdea, one: &Agent) -> Result<[Figure; 1]> {
    let agent = Agent::start(session, "many").await?;
    for _ in 0..MANY {
        agent.enrol(&server.token().await?.link).await?;
    }
    let mut watch = agent.watch(Role::App).await?;
    connected(&mut watch).await?;
    sleep(PEERS_POLL * 2).await;
    // Both at the same moment: they share the pages of the program.
    let (pss, alone) = (pss_kib(agent.process()?.pid())?, pss_kib(one.process()?.pid())?);
    let mib = |kib: u64| kib as f64 / 1024.0;
    Ok([Figure::new(
        "agent_20_push_accounts_pss",
        mib(pss),
        "MiB",
        "one account",
        Some(mib(alone)),
    )])
}
