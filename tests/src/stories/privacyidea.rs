//! A log-in at a stock privacyIDEA server is answered in the real window: yes, no, by a choice, with a code to type.

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{AccountView, Matching, Reply, Request, RequestState, RequestView};

use super::{Push, Setup, Stage, clipboard, connected, enrolment};
use crate::{
    front::{SOON, poll},
    harness::{PrivacyIdea, Release},
    wire::Meddler,
};

/// What the server's policies have people read.
pub(super) const TEXT: &str = "Log in to the portal";
/// People pick from the numbers that are shown.
const CHOICE: &str = "push_require_presence=1, push_presence_options=NUMERIC";
/// People type what is shown once they have approved.
const CODE: &str = "push_code_to_phone=1";

/// With the server, and no account.
pub(super) fn direct() -> Setup {
    Setup {
        push: Push::Direct,
        since: Release::R3_10_2,
        ..enrolment::not_enrolled()
    }
}

/// The same, with somebody between.
pub(super) fn meddled() -> Setup {
    Setup {
        push: Push::Meddled,
        ..direct()
    }
}

/// The same as [`direct`], with a server of at least this release.
pub(super) fn since(release: Release) -> Setup {
    Setup {
        since: release,
        ..direct()
    }
}

/// A log-in that waits.
pub(super) struct LogIn {
    /// At the server.
    pub(super) transaction: String,
    /// What is shown where it was started.
    pub(super) page: String,
    /// At the agent.
    pub(super) view: RequestView,
}

pub(super) fn server(stage: &Stage) -> Result<&PrivacyIdea> {
    let company = stage.company.as_ref();
    Ok(&company.context("this story has no privacyIDEA server")?.server)
}

pub(super) fn meddler(stage: &Stage) -> Result<&Meddler> {
    stage.meddler.as_ref().context("nobody is between in this story")
}

/// Adds an account as the window would, and waits until it is polled. The token.
pub(super) async fn enrolled(stage: &mut Stage) -> Result<String> {
    let made = server(stage)?.token().await?;
    stage.agent.enrol(&made.link).await?;
    connected(&mut stage.watch).await?;
    Ok(made.serial)
}

/// What waits for the person now, by transaction.
pub(super) async fn waiting(stage: &Stage) -> Result<Vec<String>> {
    let Reply::Requests(requests) = stage.watch.call(Request::Requests).await? else {
        bail!("the agent did not list its requests");
    };
    let pending = requests.into_iter().filter(|r| r.state == RequestState::Pending);
    Ok(pending.map(|request| request.txn).collect())
}

/// What accounts there are now.
pub(super) async fn accounts(stage: &Stage) -> Result<Vec<AccountView>> {
    let Reply::Accounts(accounts) = stage.watch.call(Request::Accounts).await? else {
        bail!("the agent did not list its accounts");
    };
    Ok(accounts)
}

/// Somebody logs in with this token.
pub(super) async fn begun(stage: &mut Stage, serial: &str) -> Result<LogIn> {
    let Reply::Requests(before) = stage.watch.call(Request::Requests).await? else {
        bail!("the agent did not list its requests");
    };
    let (transaction, page) = server(stage)?.trigger(serial).await?;
    let view = stage
        .watch
        .until("the new request", SOON, |w| {
            let is_new = |r: &&RequestView| before.iter().all(|known| known.txn != r.txn);
            w.requests.iter().find(is_new).cloned()
        })
        .await?;
    Ok(LogIn {
        transaction,
        page,
        view,
    })
}

pub(super) async fn ensure_status(stage: &Stage, log_in: &LogIn, wanted: &str) -> Result<()> {
    let status = server(stage)?.status(&log_in.transaction).await?;
    ensure!(status == wanted, "the server says {status}, not {wanted}");
    Ok(())
}

/// Approves in the window, which opens by itself, as far as to the outcome.
pub(super) async fn approved(stage: &mut Stage, log_in: &LogIn) -> Result<()> {
    let open = stage.prompt().await?;
    open.approve().await?;
    let outcome = open.ended("Approved").await?;
    ensure!(
        outcome.text.contains("It does not say what came of it."),
        "more is claimed than is known:\n{}",
        outcome.text
    );
    open.app.close().await?;
    ensure_status(stage, log_in, "accept").await
}

pub(super) async fn privacyidea_approved(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    let log_in = begun(stage, &serial).await?;
    ensure!(
        !server(stage)?.lets_in(&serial, &log_in.transaction, "").await?,
        "it lets in who has not approved"
    );
    let open = stage.prompt().await?;
    for part in [
        "Alder portal",
        TEXT,
        "Your answer is not tied to this text",
        "or when it ends",
    ] {
        open.says(part).await?;
    }
    stage.picture(&open.app, "privacyidea-prompt").await?;
    open.approve().await?;
    let outcome = open.ended("Approved").await?;
    ensure!(
        outcome.text.contains("It does not say what came of it."),
        "more is claimed than is known:\n{}",
        outcome.text
    );
    stage.picture(&open.app, "privacyidea-approved").await?;
    ensure_status(stage, &log_in, "accept").await?;
    ensure!(
        server(stage)?.lets_in(&serial, &log_in.transaction, "").await?,
        "it does not let in who has approved"
    );
    Ok(())
}

pub(super) async fn privacyidea_declined_with_reason(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    // Plainly at first: no reason is made up.
    let plain = begun(stage, &serial).await?;
    let open = stage.prompt().await?;
    open.deny().await?;
    open.ended("Denied").await?;
    open.app.close().await?;
    ensure_status(stage, &plain, "declined").await?;
    let said = server(stage)?.audited(&plain.transaction).await?;
    ensure!(!said.contains("reason"), "a reason was made up: {said}");

    let reported = begun(stage, &serial).await?;
    let open = stage.prompt().await?;
    open.report().await?;
    open.ended("Denied and reported").await?;
    ensure_status(stage, &reported, "declined").await?;
    let said = server(stage)?.audited(&reported.transaction).await?;
    ensure!(said.contains("unknown_trigger"), "the server was told {said}");
    ensure!(
        !server(stage)?.lets_in(&serial, &reported.transaction, "").await?,
        "it lets in who was refused"
    );
    Ok(())
}

/// The numbers on offer, and the one that the log-in page shows.
fn options(log_in: &LogIn) -> Result<(&[String], &String)> {
    let Matching::Choice { options } = &log_in.view.requires.matching else {
        bail!("there is nothing to choose from: {:?}", log_in.view.requires);
    };
    let right = options
        .iter()
        .find(|option| log_in.page.contains(option.as_str()));
    Ok((options, right.context("the page shows none of them")?))
}

pub(super) async fn privacyidea_choice_right(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    server(stage)?.policy("choice", "authentication", CHOICE).await?;
    let log_in = begun(stage, &serial).await?;
    let (all, right) = options(&log_in)?;
    let open = stage.prompt().await?;
    for option in all {
        open.says(option).await?;
    }
    ensure!(
        !open.approve_is_on().await?,
        "it can be approved without a choice"
    );
    open.pick(right).await?;
    stage.picture(&open.app, "privacyidea-choice").await?;
    open.approve().await?;
    open.ended("Approved").await?;
    ensure_status(stage, &log_in, "accept").await
}

pub(super) async fn privacyidea_choice_wrong(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    server(stage)?.policy("choice", "authentication", CHOICE).await?;
    let log_in = begun(stage, &serial).await?;
    let (all, right) = options(&log_in)?;
    let wrong = all.iter().find(|option| *option != right).context("one option")?;
    let open = stage.prompt().await?;
    open.pick(wrong).await?;
    open.approve().await?;
    open.ended("Answer not taken").await?;
    stage.picture(&open.app, "privacyidea-choice-wrong").await?;
    open.app.close().await?;
    // The server would take another try and goes on listing it. There is none.
    ensure_status(stage, &log_in, "pending").await?;
    stage.agent.kill().await?;
    stage.run_agent().await?;
    connected(&mut stage.watch).await?;
    let next = begun(stage, &serial).await?;
    ensure!(next.view.txn != log_in.view.txn, "it was asked again");
    ensure!(waiting(stage).await? == [next.view.txn], "it waits again");
    ensure_status(stage, &log_in, "pending").await
}

pub(super) async fn privacyidea_code_to_type(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    server(stage)?.policy("code", "authentication", CODE).await?;
    let log_in = begun(stage, &serial).await?;
    let open = stage.prompt().await?;
    open.approve().await?;
    let view = stage.watch.ended(&log_in.view.txn).await?;
    let RequestState::Ended { code: Some(code), .. } = view.state else {
        bail!("there is no code to type: {:?}", view.state);
    };
    open.ended(&format!("Type {code} now")).await?;
    stage.picture(&open.app, "privacyidea-code").await?;
    ensure!(
        !server(stage)?.lets_in(&serial, &log_in.transaction, "").await?,
        "it lets in who has not typed the code"
    );
    open.press("Copy code").await?;
    open.says("Copied for 30 s").await?;
    stage.picture(&open.app, "privacyidea-code-copied").await?;
    let copied = poll::until("the code on the clipboard", SOON, async || {
        clipboard::read(stage).await
    })
    .await?;
    ensure!(copied == code, "{copied} is on the clipboard, not {code}");
    ensure!(
        server(stage)?
            .lets_in(&serial, &log_in.transaction, &copied)
            .await?,
        "it does not let in who has typed the code"
    );
    Ok(())
}
