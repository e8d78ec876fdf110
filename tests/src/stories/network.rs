//! What happens to requests when the network or the gateway fails.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Connection, Outcome, RequestState, Transport, Verdict};

use super::{Between, Setup, Stage, connected_within};
use crate::{
    harness::USER,
    wire::{Fault, RelyingSide},
};

/// How soon after the network is back an agent is connected again.
const BACK: Duration = Duration::from_secs(30);

pub(super) fn with_relay() -> Setup {
    Setup {
        between: Between::Relay,
        ..Setup::default()
    }
}

pub(super) fn with_proxy() -> Setup {
    Setup {
        between: Between::NoWebSockets,
        ..Setup::default()
    }
}

pub(super) async fn agent_offline_then_back(stage: &mut Stage) -> Result<()> {
    // The computer is off while something is asked.
    stage.agent.stop().await?;
    let asked = stage.relying.ask(&RelyingSide::payment(USER)).await?;
    stage.run_agent().await?;
    let view = stage.watch.pending(&asked.txn).await?;
    let open = stage.prompt().await?;

    // The network fails while the person answers: the answer waits, signed.
    stage.relay.as_ref().context("no relay")?.set(Fault::Down);
    not_connected(stage).await?;
    open.type_code(asked.code()?).await?;
    open.approve().await?;
    open.ended("Not sent yet").await?;
    stage.picture(&open.app, "prompt-not-sent").await?;
    stage
        .watch
        .until("the answer to be queued", crate::front::SOON, |w| {
            let queued = |s: &RequestState| {
                matches!(
                    s,
                    RequestState::Queued {
                        verdict: Verdict::Approve,
                        ..
                    }
                )
            };
            w.requests
                .iter()
                .find(|r| r.id == view.id && queued(&r.state))
                .map(drop)
        })
        .await?;
    ensure!(
        stage.relying.state(&asked.txn).await? == "pending",
        "decided without a connection"
    );
    stage.relay.as_ref().context("no relay")?.set(Fault::None);
    connected_within(&mut stage.watch, BACK).await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    open.ended("Approved").await?;
    let ended = stage.relying.ended(&asked.txn).await?;
    ensure!(ended["state"] == "approved", "the gateway says {ended}");
    Ok(())
}

pub(super) async fn gateway_restarted_mid_request(stage: &mut Stage) -> Result<()> {
    let (asked, view) = stage.payment().await?;
    let open = stage.prompt().await?;
    stage.gateway.kill().await?;
    not_connected(stage).await?;
    stage.gateway.serve(&stage.session).await?;
    connected_within(&mut stage.watch, BACK).await?;
    let after = stage.watch.show(&view.id).await?;
    ensure!(
        after.state == RequestState::Pending,
        "after the restart it is {:?}",
        after.state
    );
    ensure!(
        after.statement_hash == view.statement_hash,
        "after the restart it says something else"
    );
    open.type_code(asked.code()?).await?;
    open.approve().await?;
    open.ended("Approved").await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    let ended = stage.relying.ended(&asked.txn).await?;
    ensure!(ended["state"] == "approved", "the gateway says {ended}");
    let audited = stage.audited(&asked.txn).await?;
    ensure!(
        audited == ["approval.requested", "approval.approved"],
        "the audit log has {audited:?}"
    );
    Ok(())
}

pub(super) async fn long_poll_only(stage: &mut Stage) -> Result<()> {
    let transport = stage.watch.accounts.iter().find_map(|a| match &a.connection {
        Connection::Connected { transport, .. } => Some(*transport),
        Connection::Connecting | Connection::Retrying { .. } | Connection::Revoked | Connection::NoKey => {
            None
        }
    });
    ensure!(
        transport == Some(Transport::LongPoll),
        "the agent is connected by {transport:?}"
    );
    ensure!(
        stage.proxy.as_ref().context("no proxy")?.refused() > 0,
        "no WebSocket was tried"
    );
    let (asked, _) = stage.payment().await?;
    let open = stage.prompt().await?;
    open.type_code(asked.code()?).await?;
    open.approve().await?;
    open.ended("Approved").await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;

    // Cancellations come the same way.
    let (asked, _) = stage.payment().await?;
    stage.relying.cancel(&asked.txn).await?;
    stage.watch.ended_as(&asked.txn, Outcome::Cancelled).await?;
    Ok(())
}

/// Waits until the connection is lost.
pub(super) async fn not_connected(stage: &mut Stage) -> Result<()> {
    stage
        .watch
        .until("a lost connection", crate::front::SOON, |w| {
            let lost = |c: &Connection| matches!(c, Connection::Retrying { .. } | Connection::Connecting);
            w.accounts.iter().any(|a| lost(&a.connection)).then_some(())
        })
        .await
}
