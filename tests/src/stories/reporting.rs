//! *This wasn't me*, said after the end: of what another computer approved, and of one's own denial.

use anyhow::{Result, ensure};
use countersign_agent_api::{Outcome, Verdict};
use serde_json::Value;

use super::Stage;

pub(super) async fn reported_after_elsewhere(stage: &mut Stage) -> Result<()> {
    let (denied, view) = stage.payment().await?;
    stage.watch.decide(&view, Verdict::Deny, None).await?;
    stage.watch.ended_as(&denied.txn, Outcome::Denied).await?;

    // It is there only now: its agent would tell of the denial in a notification of its own.
    let (_workstation, mut other) = stage.second_computer("workstation").await?;
    let mut notifications = stage.notifications().await?;
    let (asked, _) = stage.payment().await?;
    let theirs = other.pending(&asked.txn).await?;
    other
        .decide(&theirs, Verdict::Approve, Some(asked.code()?))
        .await?;
    let shown = notifications
        .shown("the other computer's answer", |n| n.title == "Already approved")
        .await?;
    ensure!(
        shown.labels() == ["This wasn’t me"],
        "the buttons are {:?}",
        shown.labels()
    );
    notifications.press("This wasn’t me").await?;

    let open = stage.prompt().await?;
    open.says("Report this request?").await?;
    stage.picture(&open.app, "prompt-elsewhere-report").await?;
    ensure!(
        late_reports(&stage.audited(&asked.txn).await?) == 0,
        "the notification alone reported it"
    );
    open.press("Report").await?;
    let outcome = open.ended("Reported").await?;
    ensure!(
        outcome.text.contains("What was decided stays as it is"),
        "the window says {}",
        outcome.text
    );
    stage.picture(&open.app, "prompt-reported-late").await?;
    stays(stage, &asked.txn, "approved").await?;

    // The same from the terminal.
    for _ in 0..2 {
        let report = ["report", view.id.0.as_str()];
        let said = stage.agent.terminal(&stage.session, &report).await?;
        let text = String::from_utf8(said.stdout)?;
        ensure!(
            said.status.success() && text.contains("reported by you"),
            "report: {text}{}",
            String::from_utf8_lossy(&said.stderr)
        );
    }
    stays(stage, &denied.txn, "denied").await
}

/// The outcome is what it was; the report is beside it, once.
async fn stays(stage: &Stage, txn: &str, outcome: &str) -> Result<()> {
    let ended = stage.relying.ended(txn).await?;
    ensure!(
        ended["state"] == outcome && ended["reported_at"].as_i64().is_some_and(|at| at > 0),
        "the gateway says {ended}"
    );
    ensure!(
        ended.get("verdict") != Some(&Value::from("report")),
        "the verdict was changed: {ended}"
    );
    let events = stage.audited(txn).await?;
    ensure!(late_reports(&events) == 1, "the audit log has {events:?}");
    Ok(())
}

fn late_reports(events: &[String]) -> usize {
    let late = events.iter().filter(|event| *event == "approval.reported_late");
    late.count()
}
