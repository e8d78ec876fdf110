//! Row 28: secrets in logs, core dumps, the agent's socket, notifications, web view and state directories: none.

use std::{os::unix::process::ExitStatusExt as _, path::Path};

use anyhow::{Result, ensure};
use countersign_agent_api::{Outcome, Reply, Request, Verdict};
use countersign_protocol::EnrolmentLink;
use countersign_tests::{
    harness::{DemoOptions, PASSWORD, Process, Program, contents},
    stories::{Setup, Stage},
};
use rustix::process::Signal;
use tokio::process::Command;

#[tokio::test]
async fn secrets_stay_where_they_belong() -> Result<()> {
    let setup = Setup {
        demo: Some(DemoOptions::default()),
        ..Setup::default()
    };
    let mut stage = Stage::start(setup).await?;
    let mut notifications = stage.notifications().await?;
    let other = "somebody@alder.example";
    let link = stage.gateway.enrolment_link(&stage.session, other).await?;
    let offer = EnrolmentLink::parse(&link)?.code.as_str().to_owned();
    let Reply::Offer(_) = stage
        .watch
        .call(Request::PreviewEnrolment { link, trust: None })
        .await?
    else {
        anyhow::bail!("no offer")
    };
    let secret = stage
        .gateway
        .add_application(&stage.session, "canary", "Canary")
        .await?;
    let thief = countersign_tests::wire::RelyingSide::new(stage.http.clone(), &stage.gateway.url, &secret);
    let _ = thief.state("txn_AAAAAAAAAAAAAAAAAAAAAA").await;
    let device_keys = stage.session.keyring.secrets().await?;
    let gateway_keys = private_keys(&stage.gateway.data_dir().join("keys.json"))?;

    // Everything is used once: a wrong code, a right one, a bank payment.
    let (asked, view) = stage.payment().await?;
    let shown = notifications.shown("the request's", |_| true).await?;
    let open = stage.prompt().await?;
    let page = open.page().source().await?;
    let code = asked.code()?.to_owned();
    stage
        .watch
        .decide(&view, Verdict::Approve, Some(&asked.wrong_code()?))
        .await?;
    open.code_error().await?;
    stage.watch.decide(&view, Verdict::Approve, Some(&code)).await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    let mut bank = stage.bank().await?;
    let step_up = bank.pay_with_step_up("4250.00").await?;
    let second = stage.watch.any_pending().await?;
    stage
        .watch
        .decide(&second, Verdict::Approve, step_up.match_code.as_deref())
        .await?;
    bank.ended(&step_up).await?;

    let mut secrets: Vec<(&str, &str)> = vec![
        ("the enrolment code", &offer),
        ("a client's secret", &secret),
        ("the person's password", PASSWORD),
    ];
    secrets.extend(
        device_keys
            .iter()
            .map(|key| ("the device's private key", key.as_str())),
    );
    secrets.extend(
        gateway_keys
            .iter()
            .map(|key| ("a private key of the gateway", key.as_str())),
    );
    // Six digits are found by chance; a code is looked for as the value of a field.
    let codes: Vec<String> = [
        format!("\"{code}\""),
        format!("={code}"),
        format!(": {code}"),
        format!("Some({code}"),
    ]
    .into();
    secrets.extend(codes.iter().map(|code| ("the match code", code.as_str())));

    let found = stage.session.logs().holding(&secrets)?;
    ensure!(found.is_empty(), "secrets in logs: {found:?}");
    let history = stage
        .watch
        .call(Request::History {
            limit: 500,
            before: None,
            filter: countersign_agent_api::HistoryFilter::default(),
        })
        .await?;
    let evidence = stage
        .watch
        .call(Request::Evidence { id: view.id.clone() })
        .await?;
    let socket =
        serde_json::to_string(&[&history, &evidence])? + &serde_json::to_string(&stage.watch.requests)?;
    let places = [
        ("the notification", format!("{shown:?}")),
        ("the page", page),
        ("the agent's socket", socket),
        ("the agent's files", contents(stage.agent.dir())?),
    ];
    for (place, text) in &places {
        // The evidence holds the decision with the code that the person typed: it is theirs to show.
        let searched = secrets
            .iter()
            .filter(|(what, _)| *what != "the match code" || *place == "the page");
        for (what, secret) in searched {
            ensure!(!text.contains(secret), "{what} is in {place}");
        }
    }
    ensure!(
        !format!("{shown:?}").contains(&code),
        "the match code is in the notification"
    );
    ensure!(
        !serde_json::to_string(&view)?.contains(&code),
        "the match code came to the device"
    );

    // Nobody gets a core dump with keys in it, where the system writes core dumps at all.
    stage.agent.stop().await?;
    stage.gateway.stop().await?;
    let mut agent = dumping(&stage, &stage.session.paths.program(Program::Agent)?);
    agent.arg("run").envs(
        stage
            .agent
            .environment()
            .iter()
            .map(|(name, value)| (name, value)),
    );
    ensure!(
        !dumps_core(&stage, "agent-dump", agent, "started").await?,
        "the agent left a core dump"
    );
    let mut gateway = dumping(&stage, &stage.session.paths.program(Program::Gateway)?);
    gateway.arg("--config").arg(stage.gateway.config()).arg("serve");
    ensure!(
        !dumps_core(&stage, "gateway-dump", gateway, "listening").await?,
        "the gateway left a core dump"
    );
    Ok(())
}

/// A program that may write core dumps as far as the system's limits go.
fn dumping(stage: &Stage, program: &Path) -> Command {
    let mut command = stage.session.command("sh");
    command
        .args(["-c", "ulimit -c \"$(ulimit -Hc)\"; exec \"$0\" \"$@\""])
        .arg(program)
        .current_dir(stage.session.dir());
    command
}

/// Whether a program that crashes after it printed this leaves a core dump.
async fn dumps_core(stage: &Stage, name: &str, command: Command, ready: &str) -> Result<bool> {
    let mut process = Process::start(name, command, stage.session.logs().dir())?;
    process
        .line("it was ready", |line| line.contains(ready).then_some(()))
        .await?;
    process.signal(Signal::ABORT)?;
    Ok(process.ended().await?.core_dumped())
}

/// Long values of the key file whose names do not say that they are public.
fn private_keys(file: &Path) -> Result<Vec<String>> {
    fn walk(value: &serde_json::Value, private: &mut Vec<String>) {
        if let serde_json::Value::Array(items) = value {
            items.iter().for_each(|item| walk(item, private));
        }
        let serde_json::Value::Object(members) = value else {
            return;
        };
        for (name, member) in members {
            if let Some(text) = member.as_str()
                && text.len() >= 40
                && !["kid", "x", "y"].contains(&name.as_str())
            {
                private.push(text.to_owned());
            }
            walk(member, private);
        }
    }
    let mut private = Vec::new();
    walk(
        &serde_json::from_str(&std::fs::read_to_string(file)?)?,
        &mut private,
    );
    ensure!(!private.is_empty(), "no private key in {}", file.display());
    Ok(private)
}
