//! One-time codes: the agent killed while it changes them, and the clock that they are made for.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{
    CodeAlgorithm, CodeId, CodeKind, CodesClock, CodesReply, CodesRequest, MAX_CODES, NewCode, Reply,
    Request, Role, client::Client,
};
use countersign_tests::{
    edge,
    front::{SOON, poll},
    harness::{Agent, Gateway, Screens, Session, SessionOptions},
    stories::enrol,
};

/// The environment variable with the number of kills, and what it is without it: as many as fit into half a minute.
const KILLS: (&str, u32) = ("COUNTERSIGN_KILLS", 20);

const WITH_KEYRING: SessionOptions = SessionOptions {
    screens: Screens::None,
    notifications: false,
    keyring: true,
};

/// What the agent acknowledged.
#[derive(Debug, Default)]
struct Acknowledged {
    issuers: BTreeSet<String>,
    codes: Vec<String>,
    /// Names that were asked for, acknowledged or not.
    asked: u32,
}

#[tokio::test]
async fn no_acknowledged_code_is_lost_and_no_counter_used_twice_when_the_agent_is_killed() -> Result<()> {
    let kills = std::env::var(KILLS.0)
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(KILLS.1);
    let session = Session::with(WITH_KEYRING).await?;
    let mut agent = Agent::start(&session, "laptop").await?;
    let (client, _events) = Client::connect(&agent.socket(), Role::Terminal).await?;
    let hotp = CodeKind::Hotp {
        algorithm: CodeAlgorithm::Sha1,
        digits: 8,
        counter: 0,
    };
    let counted = add(&client, "counter", hotp).await?;
    let mut acknowledged = Acknowledged::default();
    for _ in 0..kills {
        {
            let (client, _events) = Client::connect(&agent.socket(), Role::Terminal).await?;
            // Somewhere in the middle of something: between 20 and 275 ms.
            let [moment, ..] = edge::random();
            let moment = tokio::time::sleep(Duration::from_millis(20 + u64::from(moment)));
            tokio::select! {
                result = change(&client, &counted, &mut acknowledged) => result?,
                () = moment => {}
            }
        }
        agent.kill().await?;
        agent.run(&session).await?;
        check(&agent, &acknowledged).await?;
    }
    ensure!(
        acknowledged.issuers.len() > kills as usize,
        "only {} entries were acknowledged",
        acknowledged.issuers.len()
    );
    ensure!(session.keyring.items().await? == 1, "not exactly one key");
    let distinct: BTreeSet<&String> = acknowledged.codes.iter().collect();
    ensure!(
        distinct.len() == acknowledged.codes.len(),
        "a counter was used twice: {:?}",
        acknowledged.codes
    );
    println!(
        "{kills} kills, {} entries and {} codes acknowledged, none lost, none doubled",
        acknowledged.issuers.len(),
        acknowledged.codes.len()
    );
    Ok(())
}

/// Adds entries and asks for codes in turn, until it is stopped.
async fn change(client: &Client, counted: &CodeId, acknowledged: &mut Acknowledged) -> Result<()> {
    loop {
        acknowledged.asked += 1;
        let issuer = format!("n{}", acknowledged.asked);
        add(client, &issuer, CodeKind::Steam).await?;
        acknowledged.issuers.insert(issuer);
        let id = counted.clone();
        let CodesReply::Shown(shown) = call(client, CodesRequest::Advance { id }).await? else {
            bail!("no code")
        };
        let codes = shown.into_iter().map(|shown| shown.code);
        acknowledged.codes.extend(codes);
    }
}

async fn check(agent: &Agent, acknowledged: &Acknowledged) -> Result<()> {
    let (client, _events) = Client::connect(&agent.socket(), Role::Terminal).await?;
    let mut kept = BTreeSet::new();
    loop {
        let list = CodesRequest::List {
            query: String::new(),
            tag: None,
            from: u32::try_from(kept.len())?,
            limit: MAX_CODES,
        };
        let CodesReply::Page(page) = call(&client, list).await? else {
            bail!("no page")
        };
        let count = page.entries.len();
        kept.extend(page.entries.into_iter().map(|entry| entry.issuer));
        if count == 0 {
            break;
        }
    }
    let lost: Vec<_> = acknowledged.issuers.difference(&kept).collect();
    ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    Ok(())
}

#[tokio::test]
async fn the_clock_is_judged_by_the_time_that_a_gateway_signs() -> Result<()> {
    let session = Session::with(WITH_KEYRING).await?;
    let gateway = Gateway::start(&session).await?;
    let agent = Agent::start(&session, "laptop").await?;
    let (client, _events) = Client::connect(&agent.socket(), Role::Terminal).await?;
    let before = clock(&client).await?;
    ensure!(before == CodesClock::Unknown, "without an issuer: {before:?}");
    enrol(&session, &gateway, &agent).await?;
    // Both are of this computer. Nothing that is not signed, or not in answer to the agent's own call, leads here.
    poll::until("the clock to be right", SOON, async || {
        Ok((clock(&client).await? == CodesClock::Right).then_some(()))
    })
    .await
}

async fn clock(client: &Client) -> Result<CodesClock> {
    let CodesReply::Vault(vault) = call(client, CodesRequest::Vault).await? else {
        bail!("nothing about the vault")
    };
    Ok(vault.clock)
}

async fn add(client: &Client, issuer: &str, kind: CodeKind) -> Result<CodeId> {
    let entry = NewCode {
        issuer: issuer.to_owned(),
        account: "ada".to_owned(),
        secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into(),
        kind,
    };
    let CodesReply::Entry(entry) = call(client, CodesRequest::Add { entry }).await? else {
        bail!("no entry")
    };
    Ok(entry.id)
}

async fn call(client: &Client, call: CodesRequest) -> Result<CodesReply> {
    let Reply::Codes(reply) = client.call(Request::Codes { call }).await.context("codes")? else {
        bail!("no answer about codes")
    };
    Ok(reply)
}
