//! What becomes of a request that an application asked for directly.

use anyhow::{Result, ensure};
use countersign_agent_api::{ErrorCode, Outcome, Problem, RequestState, Verdict, client::ClientError};
use reqwest::{Method, StatusCode};

use super::{Setup, Stage};
use crate::{
    harness::{GatewayOptions, USER},
    wire::RelyingSide,
};

pub(super) fn with_three_tries() -> Setup {
    let gateway = GatewayOptions {
        limits: vec![("wrong_codes", 3)],
        ..GatewayOptions::default()
    };
    Setup {
        gateway,
        ..Setup::default()
    }
}

pub(super) async fn cancelled_by_relying_side(stage: &mut Stage) -> Result<()> {
    let (asked, view) = stage.payment().await?;
    let open = stage.prompt().await?;
    let state = stage.relying.cancel(&asked.txn).await?;
    ensure!(state == "cancelled", "after cancelling it is {state}");
    let outcome = open.ended("This request was taken back").await?;
    ensure!(
        outcome.text.contains("Nothing was approved"),
        "the window says {}",
        outcome.text
    );
    stage.picture(&open.app, "prompt-cancelled").await?;
    stage.watch.ended_as(&asked.txn, Outcome::Cancelled).await?;

    let late = stage
        .watch
        .decide(&view, Verdict::Approve, Some(asked.code()?))
        .await;
    ensure!(
        is(&late, ErrorCode::NotPending),
        "a cancelled request was answered: {late:?}"
    );
    let ended = stage.relying.ended(&asked.txn).await?;
    ensure!(
        ended["state"] == "cancelled" && ended.get("acr").is_none(),
        "the gateway says {ended}"
    );
    Ok(())
}

pub(super) async fn wrong_code_then_right(stage: &mut Stage) -> Result<()> {
    let (asked, _) = stage.payment().await?;
    let open = stage.prompt().await?;
    ensure!(
        !open.approve_is_on().await?,
        "Approve was on before the code was typed"
    );
    open.type_code(&asked.wrong_code()?).await?;
    open.approve().await?;
    let error = open.code_error().await?;
    ensure!(
        error == "That code does not match. 4 attempts left on this account.",
        "the window says {error:?}"
    );
    stage.picture(&open.app, "prompt-wrong-code").await?;
    ensure!(
        stage.relying.state(&asked.txn).await? == "pending",
        "a wrong code ended the request"
    );

    open.type_code(asked.code()?).await?;
    open.approve().await?;
    open.ended("Approved").await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    let audited = stage.audited(&asked.txn).await?;
    let wanted = ["approval.requested", "code.wrong", "approval.approved"];
    ensure!(audited == wanted, "the audit log has {audited:?}");
    Ok(())
}

pub(super) async fn too_many_wrong_codes(stage: &mut Stage) -> Result<()> {
    // One on another request, before a restart: it counts too.
    let (first, view) = stage.payment().await?;
    let open = stage.prompt().await?;
    open.type_code(&first.wrong_code()?).await?;
    open.approve().await?;
    let error = open.code_error().await?;
    ensure!(error.contains("2 attempts left"), "the window says {error:?}");
    stage.relying.cancel(&first.txn).await?;
    stage.watch.ended_as(&view.txn, Outcome::Cancelled).await?;
    open.app.close().await?;
    stage.gateway.stop().await?;
    stage.gateway.serve(&stage.session).await?;

    let (second, _) = stage.payment().await?;
    let open = stage.prompt().await?;
    open.type_code(&second.wrong_code()?).await?;
    open.approve().await?;
    let error = open.code_error().await?;
    ensure!(error.contains("1 attempt left"), "the window says {error:?}");
    open.type_code(&second.wrong_code()?).await?;
    open.approve().await?;
    open.ended("Too many wrong codes").await?;
    stage.picture(&open.app, "prompt-locked").await?;
    stage.watch.ended_as(&second.txn, Outcome::Locked).await?;
    open.app.close().await?;
    ensure!(
        stage.relying.state(&second.txn).await? == "locked",
        "the gateway did not lock"
    );

    let payment = RelyingSide::payment(USER);
    let (status, answer) = stage
        .relying
        .call(Method::POST, "/v1/approvals", Some(&payment))
        .await?;
    ensure!(
        status == StatusCode::FORBIDDEN && answer["error"] == "locked",
        "a locked user was asked: {status} {answer}"
    );
    stage
        .gateway
        .command(&stage.session, &["user", "unlock", USER])
        .await?;
    stage.approved_payment().await?;
    let events: Vec<_> = stage.audit().await?.iter().map(|r| r["event"].clone()).collect();
    for event in ["user.locked", "user.unlocked"] {
        ensure!(events.iter().any(|e| e == event), "no {event} in the audit log");
    }
    Ok(())
}

pub(super) async fn approved_in_terminal(stage: &mut Stage) -> Result<()> {
    let (asked, view) = stage.payment().await?;
    let id = view.id.0.as_str();
    let shown = stage.agent.terminal(&stage.session, &["show", id]).await?;
    let text = String::from_utf8(shown.stdout)?;
    for part in [
        "Treasury Portal",
        "4250.00",
        "EUR",
        "Meridian Supplies GmbH",
        "DE89370400440532013000",
        "203.0.113.24",
    ] {
        ensure!(text.contains(part), "the terminal does not show {part}:\n{text}");
    }
    ensure!(!text.contains(asked.code()?), "the terminal shows the code");

    let wrong = stage
        .agent
        .terminal(&stage.session, &["approve", id, "--code", &asked.wrong_code()?])
        .await?;
    ensure!(!wrong.status.success(), "a wrong code was accepted");
    stage
        .watch
        .until("the wrong code's problem", crate::front::SOON, |w| {
            w.requests
                .iter()
                .find(|r| matches!(r.problem, Some(Problem::WrongCode { .. })))
                .map(drop)
        })
        .await?;
    let right = stage
        .agent
        .terminal(&stage.session, &["approve", id, "--code", asked.code()?])
        .await?;
    ensure!(
        right.status.success(),
        "approve: {}",
        String::from_utf8_lossy(&right.stderr)
    );
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    let ended = stage.relying.ended(&asked.txn).await?;
    ensure!(ended["state"] == "approved", "the gateway says {ended}");
    Ok(())
}

pub(super) async fn two_devices_race(stage: &mut Stage) -> Result<()> {
    let (_workstation, mut other) = stage.second_computer("workstation").await?;
    let (asked, mine) = stage.payment().await?;
    let theirs = other.pending(&asked.txn).await?;
    ensure!(
        mine.statement_hash == theirs.statement_hash,
        "the two computers show different things"
    );
    let (first, second) = tokio::join!(
        stage.watch.decide(&mine, Verdict::Approve, Some(asked.code()?)),
        other.decide(&theirs, Verdict::Deny, None),
    );
    // Whether a call returns before or after the end is known is a matter of timing; what it ended as is not.
    drop((first, second));
    let (here, there) = (
        stage.watch.ended(&asked.txn).await?,
        other.ended(&asked.txn).await?,
    );
    let (here, there) = (End::of(&here.state)?, End::of(&there.state)?);
    ensure!(
        here.outcome == there.outcome,
        "one computer says {here:?}, the other {there:?}"
    );
    ensure!(
        here.by_this_device != there.by_this_device,
        "not exactly one decided: {here:?}, {there:?}"
    );
    let (loser, winner_name) = if here.by_this_device {
        (there, "laptop")
    } else {
        (here, "workstation")
    };
    ensure!(
        loser.device_name.as_deref() == Some(winner_name),
        "the other one is told {:?}",
        loser.device_name
    );
    let ended = stage.relying.ended(&asked.txn).await?;
    let wanted = if winner_name == "laptop" {
        "approved"
    } else {
        "denied"
    };
    ensure!(
        ended["state"] == wanted,
        "{winner_name} decided, and the gateway says {ended}"
    );
    let decided = stage.audited(&asked.txn).await?;
    let ends = decided
        .iter()
        .filter(|e| ["approval.approved", "approval.denied"].contains(&e.as_str()))
        .count();
    ensure!(ends == 1, "the audit log has {decided:?}");
    Ok(())
}

#[derive(Debug)]
struct End {
    outcome: Outcome,
    by_this_device: bool,
    device_name: Option<String>,
}

impl End {
    fn of(state: &RequestState) -> Result<Self> {
        let RequestState::Ended {
            outcome,
            by_this_device,
            device_name,
            ..
        } = state
        else {
            anyhow::bail!("not ended: {state:?}")
        };
        Ok(Self {
            outcome: *outcome,
            by_this_device: *by_this_device,
            device_name: device_name.clone(),
        })
    }
}

fn is(result: &Result<(), ClientError>, code: ErrorCode) -> bool {
    matches!(result, Err(ClientError::Api(error)) if error.code == code)
}
