//! What a person changes about accounts and settings, against a real issuer.

use std::fs;

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{
    Connection, ErrorCode, HistoryFilter, NotificationPrivacy, Outcome, QuietHours, Reply, Request,
    SettingChange, Verdict, client::ClientError,
};
use serde_json::Value;

use super::{Stage, connected};
use crate::front::SOON;

pub(super) async fn revoked_by_its_person(stage: &mut Stage) -> Result<()> {
    let (asked, view) = stage.payment().await?;
    let account = stage.watch.accounts.first().context("no account")?.id.clone();
    let rename = ["accounts", "rename", &account.0, "Work"];
    ensure!(
        stage
            .agent
            .terminal(&stage.session, &rename)
            .await?
            .status
            .success()
    );
    let revoke = ["accounts", "revoke", &account.0, "--yes"];
    for _ in 0..2 {
        let revoked = stage.agent.terminal(&stage.session, &revoke).await?;
        ensure!(revoked.status.success(), "revocation failed: {revoked:?}");
    }
    stage
        .watch
        .until("the revocation", SOON, |w| {
            let revoked = w.accounts.iter().all(|a| a.connection == Connection::Revoked);
            revoked.then_some(())
        })
        .await?;
    let name = stage.watch.accounts.first().and_then(|a| a.name.clone());
    ensure!(name.as_deref() == Some("Work"), "the account is called {name:?}");
    let late = stage
        .watch
        .decide(&view, Verdict::Approve, Some(asked.code()?))
        .await;
    ensure!(late.is_err(), "a revoked device answered");
    let records = stage.audit().await?;
    let revocations: Vec<&Value> = records
        .iter()
        .filter(|r| r["event"] == "device.revoked")
        .collect();
    ensure!(
        matches!(&revocations[..], [one] if one["actor"].as_str().is_some_and(|actor| actor.starts_with("device:"))),
        "the audit log says {revocations:?}"
    );
    Ok(())
}

pub(super) async fn settings_changed_while_running(stage: &mut Stage) -> Result<()> {
    let file = stage.agent.dir().join("config/countersign/agent.toml");
    let commented = format!("# mine\n{}", fs::read_to_string(&file)?);
    fs::write(&file, &commented)?;
    for change in [
        SettingChange::Notifications(NotificationPrivacy::Detailed),
        SettingChange::QuietHours(Some(QuietHours {
            from: 1_320,
            until: 420,
        })),
    ] {
        let Reply::Settings(_) = stage.watch.call(Request::ChangeSetting { change }).await? else {
            anyhow::bail!("no settings")
        };
    }
    let text = fs::read_to_string(&file)?;
    for part in [
        "# mine",
        "privacy = \"detailed\"",
        "quiet_hours = \"22:00-07:00\"",
    ] {
        ensure!(text.contains(part), "{part} is not in\n{text}");
    }

    // Without the session's authority nothing is reached; with it everything is again, without a restart.
    let own = vec![stage.session.ca.file().display().to_string()];
    for (files, reached) in [(Vec::new(), false), (own, true)] {
        let change = SettingChange::CaFiles(files);
        stage.watch.call(Request::ChangeSetting { change }).await?;
        if reached {
            connected(&mut stage.watch).await?;
        } else {
            let refused = |c: &Connection| matches!(c, Connection::Retrying { cause, .. } if *cause == ErrorCode::UntrustedCertificate);
            stage
                .watch
                .until("the refusal", SOON, |w| {
                    w.accounts.iter().any(|a| refused(&a.connection)).then_some(())
                })
                .await?;
        }
    }
    let change = SettingChange::CaFiles(vec!["/nowhere/ca.pem".to_owned()]);
    let refused = stage.watch.call(Request::ChangeSetting { change }).await;
    ensure!(
        matches!(&refused, Err(ClientError::Api(error)) if error.code == ErrorCode::InvalidValue),
        "a file that is not there gave {refused:?}"
    );
    connected(&mut stage.watch).await?;

    let checks = stage
        .agent
        .terminal(&stage.session, &["doctor", "--json"])
        .await?;
    let checks: Vec<Value> = serde_json::from_slice(&checks.stdout)?;
    for finding in [
        "config.usable",
        "keyring.ready",
        "name.known",
        "tcp.connected",
        "tls.trusted",
        "http.ready",
        "channel.connected",
        "key.usable",
    ] {
        ensure!(
            checks.iter().any(|check| check["finding"] == finding),
            "no {finding} in {checks:?}"
        );
    }
    Ok(())
}

pub(super) async fn found_in_the_history(stage: &mut Stage) -> Result<()> {
    for verdict in [Verdict::Deny, Verdict::Approve] {
        let (asked, view) = stage.payment().await?;
        let (code, outcome) = match verdict {
            Verdict::Approve => (Some(asked.code()?), Outcome::Approved),
            Verdict::Deny | Verdict::Report => (None, Outcome::Denied),
        };
        stage.watch.decide(&view, verdict, code).await?;
        stage.watch.ended_as(&asked.txn, outcome).await?;
    }
    let account = stage.watch.accounts.first().context("no account")?.id.clone();
    let text = |text: &str| HistoryFilter {
        text: Some(text.to_owned()),
        ..HistoryFilter::default()
    };
    let denied = HistoryFilter {
        outcome: Some(Outcome::Denied),
        account: Some(account),
        ..text("treasury")
    };
    for (filter, count) in [(text("TREASURY"), 2), (text("nobody"), 0), (denied, 1)] {
        let request = Request::History {
            limit: 10,
            before: None,
            filter: filter.clone(),
        };
        let Reply::History(page) = stage.watch.call(request).await? else {
            anyhow::bail!("no history")
        };
        ensure!(page.entries.len() == count, "{filter:?} found {page:?}");
    }
    let search = ["history", "--search", "treasury", "--outcome", "denied", "--json"];
    let found = stage.agent.terminal(&stage.session, &search).await?;
    let found: Vec<Value> = serde_json::from_slice(&found.stdout)?;
    ensure!(found.len() == 1, "the terminal found {found:?}");
    Ok(())
}
