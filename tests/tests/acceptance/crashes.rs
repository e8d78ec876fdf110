//! Row 17: the gateway killed under load. Row 18: the agent killed while it enrols or answers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Outcome, Reply, Request, RequestState, Role, Verdict as AgentVerdict};
use countersign_protocol::Verdict;
use countersign_tests::{
    edge,
    front::SOON,
    harness::{Agent, Gateway, GatewayOptions, Screens, Session, SessionOptions, USER, free_port},
    stories::connected_within,
    wire::{Device, Fault, Relay, RelyingSide, http_client},
};
use tokio::{sync::Mutex, task::JoinSet};

use crate::ground::Ground;

/// The environment variable with the number of kills, and what it is without it: as many as fit into a minute.
const KILLS: (&str, u32) = ("COUNTERSIGN_KILLS", 100);
/// People who are asked side by side.
const PEOPLE: usize = 6;

/// A decision that the gateway acknowledged.
#[derive(Debug)]
struct Acknowledged {
    device: Arc<Device>,
    decision: String,
    receipt: String,
    verdict: Verdict,
    /// Sent again after the restart that followed it, while it was fresh.
    repeated: bool,
}

impl Acknowledged {
    async fn still_counts(&self, relying: &RelyingSide, txn: &str) -> Result<()> {
        let state = relying.state(txn).await?;
        let wanted = if self.verdict == Verdict::Approve {
            "approved"
        } else {
            "denied"
        };
        ensure!(
            state == wanted,
            "{txn} was acknowledged as {wanted} and is {state}"
        );
        Ok(())
    }

    async fn repeat_once(&mut self, relying: &RelyingSide, txn: &str) -> Result<()> {
        if self.repeated {
            return Ok(());
        }
        self.repeated = true;
        self.still_counts(relying, txn).await?;
        let again = self.device.send(&self.decision).await?.receipt;
        ensure!(
            again == self.receipt,
            "{txn} has another receipt after the restart"
        );
        Ok(())
    }
}

type Ledger = Arc<Mutex<HashMap<String, Acknowledged>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_decision_is_lost_or_doubled_when_the_gateway_is_killed() -> Result<()> {
    let kills = std::env::var(KILLS.0)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(KILLS.1);
    let options = GatewayOptions {
        limits: vec![("requests_per_minute", 600), ("pending_per_user", 50)],
        ..GatewayOptions::default()
    };
    let mut ground = Ground::with(options).await?;
    let mut devices = Vec::new();
    for n in 0..PEOPLE {
        let user = format!("person{n}@alder.example");
        devices.push((user.clone(), Arc::new(ground.device(&user).await?)));
    }
    let ledger = Ledger::default();
    for _ in 0..kills {
        let mut load = JoinSet::new();
        for (user, device) in &devices {
            load.spawn(decide_until_it_dies(
                ground.relying.clone(),
                user.clone(),
                Arc::clone(device),
                Arc::clone(&ledger),
            ));
        }
        // Somewhere in the middle of something: between 50 and 306 ms.
        let [moment, ..] = edge::random();
        tokio::time::sleep(Duration::from_millis(50 + u64::from(moment))).await;
        ground.gateway.kill().await?;
        while load.join_next().await.is_some() {}
        ground.gateway.serve(&ground.session).await?;
        for (txn, acknowledged) in ledger.lock().await.iter_mut() {
            acknowledged.repeat_once(&ground.relying, txn).await?;
        }
    }

    let ledger = ledger.lock().await;
    ensure!(
        ledger.len() > kills as usize,
        "only {} decisions were acknowledged",
        ledger.len()
    );
    for (txn, acknowledged) in ledger.iter() {
        acknowledged.still_counts(&ground.relying, txn).await?;
    }
    let mut ends: HashMap<String, Vec<String>> = HashMap::new();
    for record in ground.audit().await? {
        let event = record["event"].as_str().unwrap_or_default();
        if [
            "approval.approved",
            "approval.denied",
            "approval.expired",
            "approval.locked",
        ]
        .contains(&event)
        {
            let txn = record["subject"]["txn"]
                .as_str()
                .context("an end without its transaction")?;
            ends.entry(txn.to_owned()).or_default().push(event.to_owned());
        }
    }
    for (txn, ends) in &ends {
        ensure!(ends.len() == 1, "{txn} ended more than once: {ends:?}");
    }
    for txn in ledger.keys() {
        ensure!(
            ends.contains_key(txn),
            "{txn} was acknowledged and is not in the audit log"
        );
    }
    println!(
        "{kills} kills, {} acknowledged decisions, none lost, none doubled",
        ledger.len()
    );
    Ok(())
}

/// Asks and decides, one after another; ends with the first call that fails.
async fn decide_until_it_dies(
    relying: RelyingSide,
    user: String,
    device: Arc<Device>,
    ledger: Ledger,
) -> Result<()> {
    let body = RelyingSide::payment(&user);
    for n in 0_u32.. {
        let asked = relying.ask(&body).await?;
        let (request, _) = device.request(&asked.txn).await?;
        let (verdict, code) = match n % 2 {
            0 => (Verdict::Approve, Some(asked.code()?)),
            _ => (Verdict::Deny, None),
        };
        let decision = device.sign(&request, verdict, code)?;
        let receipt = device.send(&decision).await?.receipt;
        let entry = Acknowledged {
            device: Arc::clone(&device),
            decision,
            receipt,
            verdict,
            repeated: false,
        };
        ledger.lock().await.insert(asked.txn, entry);
    }
    Ok(())
}

/// A gateway behind a relay, and an agent with a keyring.
struct Behind {
    agent: Agent,
    relay: Relay,
    relying: RelyingSide,
    gateway: Gateway,
    session: Session,
}

impl Behind {
    async fn start() -> Result<Self> {
        let options = SessionOptions {
            screens: Screens::None,
            notifications: false,
            keyring: true,
        };
        let session = Session::with(options).await?;
        let port = free_port()?;
        let options = GatewayOptions {
            public_port: Some(port),
            ..GatewayOptions::default()
        };
        let gateway = Gateway::with(&session, options).await?;
        let relay = Relay::start(port, gateway.address).await?;
        let secret = gateway
            .add_application(&session, "treasury", "Treasury Portal")
            .await?;
        let http = http_client(session.ca.pem())?;
        let relying = RelyingSide::new(http, &format!("https://{}", gateway.address), &secret);
        let agent = Agent::start(&session, "laptop").await?;
        Ok(Self {
            agent,
            relay,
            relying,
            gateway,
            session,
        })
    }
}

#[tokio::test]
async fn an_agent_killed_while_it_enrols_is_never_half_enrolled() -> Result<()> {
    let mut behind = Behind::start().await?;
    let link = behind.gateway.enrolment_link(&behind.session, USER).await?;
    let mut watch = behind.agent.watch(Role::App).await?;
    let Reply::Offer(offer) = watch
        .call(Request::PreviewEnrolment {
            link: link.clone(),
            trust: None,
        })
        .await?
    else {
        anyhow::bail!("no offer")
    };
    // The enrolment leaves, and its answer never arrives: the worst moment.
    behind.relay.set(Fault::BlackHole);
    let accept = Request::AcceptEnrolment {
        offer: offer.id,
        device_name: "laptop".to_owned(),
    };
    {
        let kept = behind.agent.dir().join("data/countersign/accounts.json");
        let enrolling = watch.call(accept);
        let made =
            countersign_tests::front::poll::until("the key to be noted as nobody's", SOON, async || {
                let Ok(text) = std::fs::read_to_string(&kept) else {
                    return Ok(None);
                };
                let kept: serde_json::Value = serde_json::from_str(&text)?;
                Ok(kept["content"]["spare_keys"]
                    .as_array()
                    .is_some_and(|keys| !keys.is_empty())
                    .then_some(()))
            });
        tokio::select! {
            result = enrolling => anyhow::bail!("enrolled through a black hole: {result:?}"),
            made = made => made?,
        }
    }
    // It is noted before it is made.
    let session = &behind.session;
    countersign_tests::front::poll::until("the key to be made", SOON, async || {
        Ok((session.keyring.items().await? == 1).then_some(()))
    })
    .await?;
    behind.agent.kill().await?;
    behind.relay.set(Fault::None);

    behind.agent.run(&behind.session).await?;
    watch = behind.agent.watch(Role::App).await?;
    let Reply::Accounts(accounts) = watch.call(Request::Accounts).await? else {
        anyhow::bail!("no accounts")
    };
    ensure!(accounts.is_empty(), "half enrolled: {accounts:?}");
    // The key of the attempt is nobody's and goes.
    countersign_tests::front::poll::until("the spare key to be deleted", SOON, async || {
        Ok((session.keyring.items().await? == 0).then_some(()))
    })
    .await?;
    // A new link works as if nothing had happened.
    let link = behind.gateway.enrolment_link(&behind.session, USER).await?;
    behind.agent.enrol(&link).await?;
    connected_within(&mut watch, SOON).await?;
    ensure!(behind.session.keyring.items().await? == 1, "not exactly one key");
    Ok(())
}

#[tokio::test]
async fn an_agent_killed_with_a_signed_answer_still_delivers_it() -> Result<()> {
    let mut behind = Behind::start().await?;
    let link = behind.gateway.enrolment_link(&behind.session, USER).await?;
    behind.agent.enrol(&link).await?;
    let mut watch = behind.agent.watch(Role::Terminal).await?;
    connected_within(&mut watch, SOON).await?;
    let asked = behind.relying.ask(&RelyingSide::payment(USER)).await?;
    let view = watch.pending(&asked.txn).await?;
    behind.relay.set(Fault::Down);
    watch
        .decide(&view, AgentVerdict::Approve, Some(asked.code()?))
        .await?;
    watch
        .until("the signed answer", SOON, |w| {
            w.requests
                .iter()
                .find(|r| matches!(r.state, RequestState::Queued { .. }))
                .map(drop)
        })
        .await?;
    behind.agent.kill().await?;
    behind.relay.set(Fault::None);
    ensure!(
        behind.relying.state(&asked.txn).await? == "pending",
        "it was delivered through a broken network"
    );

    behind.agent.run(&behind.session).await?;
    let mut watch = behind.agent.watch(Role::Terminal).await?;
    watch.ended_as(&asked.txn, Outcome::Approved).await?;
    let ended = behind.relying.ended(&asked.txn).await?;
    ensure!(ended["state"] == "approved", "the gateway says {ended}");
    Ok(())
}

/// Row 14: broken and silent connections.
#[tokio::test]
async fn a_broken_connection_comes_back_and_nothing_is_lost() -> Result<()> {
    let behind = Behind::start().await?;
    let link = behind.gateway.enrolment_link(&behind.session, USER).await?;
    behind.agent.enrol(&link).await?;
    let mut watch = behind.agent.watch(Role::Terminal).await?;
    connected_within(&mut watch, SOON).await?;
    for fault in [Fault::Down, Fault::BlackHole] {
        behind.relay.set(fault);
        let asked = behind.relying.ask(&RelyingSide::payment(USER)).await?;
        ensure!(
            !watch.requests.iter().any(|r| r.txn == asked.txn),
            "a request came through {fault:?}"
        );
        behind.relay.set(Fault::None);
        let limit = Duration::from_secs(30);
        let view = watch
            .until("the request after the network is back", limit, |w| {
                w.requests
                    .iter()
                    .find(|r| r.txn == asked.txn && r.state == RequestState::Pending)
                    .cloned()
            })
            .await
            .with_context(|| format!("after {fault:?}"))?;
        watch
            .decide(&view, AgentVerdict::Approve, Some(asked.code()?))
            .await?;
        watch.ended_as(&asked.txn, Outcome::Approved).await?;
    }
    Ok(())
}

/// Row 15: one byte at a time.
#[tokio::test]
async fn a_slow_network_does_not_hold_up_the_agent() -> Result<()> {
    let behind = Behind::start().await?;
    let link = behind.gateway.enrolment_link(&behind.session, USER).await?;
    behind.agent.enrol(&link).await?;
    let mut watch = behind.agent.watch(Role::Terminal).await?;
    connected_within(&mut watch, SOON).await?;
    behind.relay.set(Fault::Slow(Duration::from_millis(1)));
    let asked = behind.relying.ask(&RelyingSide::payment(USER)).await?;
    let view = watch.pending(&asked.txn).await?;
    watch
        .decide(&view, AgentVerdict::Approve, Some(asked.code()?))
        .await?;
    // The answer is on its way for seconds; everything else is answered at once.
    let status = tokio::time::timeout(Duration::from_secs(1), watch.call(Request::Status)).await;
    ensure!(
        matches!(status, Ok(Ok(Reply::Status(_)))),
        "the agent was held up: {status:?}"
    );
    watch.ended_as(&asked.txn, Outcome::Approved).await?;
    let ended = behind.relying.ended(&asked.txn).await?;
    ensure!(ended["state"] == "approved", "the gateway says {ended}");
    Ok(())
}
