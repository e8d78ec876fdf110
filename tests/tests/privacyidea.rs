//! The protocol of `crates/privacyidea`, and an agent that speaks it, against a real server. Run with
//! `cargo test -p countersign-tests --test privacyidea -- --ignored --nocapture`.

#[path = "privacyidea/certain.rs"]
mod certain;

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{
    Connection, ErrorCode, Matching, Outcome, ReceiptState, Request, RequestState, RequestView, Role, Verdict,
};
use countersign_privacyidea::{
    Answer, DeclineReason, DeclineReasons,
    reply::{Answered, ReplyError},
};
use countersign_tests::{
    edge,
    front::{SOON, Watch},
    harness::{Agent, Ca, PrivacyIdea, Screens, Session, SessionOptions},
    stories::connected,
    wire::{PushDevice as Device, http_client},
};

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn a_real_server_understands_every_message() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let ca = Ca::new(dir.path(), "Alder internal CA")?;
    let server = PrivacyIdea::start(&dir.path().join("privacyidea"), &ca, dir.path()).await?;
    let http = http_client(ca.pem())?;
    let made = server.token().await?;
    let device = Device::enrol(&http, &made.link).await?;
    ensure!(
        device.poll(0).await??.is_empty(),
        "something waits before anything was asked"
    );

    // Accepted, once.
    let (transaction, _) = server.trigger(&made.serial).await?;
    let challenge = device.only().await?;
    assert_eq!(challenge.title(), "Alder portal");
    assert_eq!(challenge.question(), "Log in to the portal");
    assert_eq!(server.status(&transaction).await?, "pending");
    assert_eq!(device.answer(&challenge, &Answer::Accept).await?, Answered::Taken);
    assert_eq!(server.status(&transaction).await?, "accept");
    assert_eq!(
        device.answer(&challenge, &Answer::Accept).await?,
        Answered::NotTaken
    );

    // Declined, with and without a reason.
    for reason in [
        None,
        Some(DeclineReason::UnknownTrigger),
        Some(DeclineReason::Cancelled),
    ] {
        let (transaction, _) = server.trigger(&made.serial).await?;
        let challenge = device.only().await?;
        assert_eq!(challenge.decline_reasons(), DeclineReasons::Understood);
        assert_eq!(
            device.answer(&challenge, &Answer::Decline(reason)).await?,
            Answered::Taken
        );
        let expected = match reason {
            Some(DeclineReason::Cancelled) => "cancelled",
            Some(DeclineReason::UnknownTrigger) | None => "declined",
        };
        assert_eq!(server.status(&transaction).await?, expected);
    }

    // A clock that is off is told, with the right time.
    let off = device.poll(-600).await?;
    let Err(ReplyError::Clock { time: Some(time) }) = off else {
        anyhow::bail!("a poll from the past was answered with {off:?}");
    };
    assert!((time - edge::now()).abs() < 30);

    // A choice.
    server
        .policy(
            "choice",
            "authentication",
            "push_require_presence=1, push_presence_options=NUMERIC",
        )
        .await?;
    let (transaction, message) = server.trigger(&made.serial).await?;
    let challenge = device.only().await?;
    let options = challenge.options().context("there is nothing to choose from")?;
    let right = options.iter().find(|option| message.contains(option.as_str()));
    let right = right.context("none of the options is shown")?.clone();
    let wrong = options
        .iter()
        .find(|option| **option != right)
        .context("one option")?
        .clone();
    assert_eq!(
        device.answer(&challenge, &Answer::AcceptWith(wrong)).await?,
        Answered::NotTaken
    );
    assert_eq!(server.status(&transaction).await?, "pending");
    assert_eq!(
        device.answer(&challenge, &Answer::AcceptWith(right)).await?,
        Answered::Taken
    );
    assert_eq!(server.status(&transaction).await?, "accept");
    server.no_policy("choice").await?;

    // A code to type.
    server
        .policy("code", "authentication", "push_code_to_phone=1")
        .await?;
    server.trigger(&made.serial).await?;
    let challenge = device.only().await?;
    let shown = device.answer(&challenge, &Answer::Accept).await?;
    assert!(
        matches!(&shown, Answered::TakenShow { code } if code.len() == 2),
        "{shown:?}"
    );

    // A link works once, and a deleted token cannot poll.
    let again = Device::enrol(&http, &made.link)
        .await
        .err()
        .context("the link worked twice")?;
    assert_eq!(again.downcast_ref(), Some(&ReplyError::NotFound), "{again:#}");
    server.delete_token(&made.serial).await?;
    assert_eq!(device.poll(0).await?, Err(ReplyError::Unproven));
    Ok(())
}

/// An agent in a session of its own, enrolled at a real server.
struct Desk {
    session: Session,
    server: PrivacyIdea,
    agent: Agent,
    watch: Watch,
    serial: String,
}

impl Desk {
    async fn set_up() -> Result<Self> {
        let options = SessionOptions {
            screens: Screens::None,
            notifications: false,
            keyring: true,
        };
        let session = Session::with(options).await?;
        let dir = session.dir().join("privacyidea");
        let server = PrivacyIdea::start(&dir, &session.ca, session.logs().dir()).await?;
        let agent = Agent::start(&session, "desk").await?;
        let made = server.token().await?;
        let account = agent.enrol(&made.link).await?;
        ensure!(account.fingerprint.len() == 39, "the server's key is not pinned");
        ensure!(!account.capabilities.signs_statement && !account.capabilities.has_expiry);
        let mut watch = agent.watch(Role::App).await?;
        connected(&mut watch).await?;
        Ok(Self {
            session,
            server,
            agent,
            watch,
            serial: made.serial,
        })
    }

    /// Something is asked and shown: its transaction at the server, what is shown where it was started, and what the person sees.
    async fn asked(&mut self) -> Result<(String, String, RequestView)> {
        let (transaction, message) = self.server.trigger(&self.serial).await?;
        let view = self.watch.any_pending().await?;
        self.watch.call(Request::Shown { id: view.id.clone() }).await?;
        Ok((transaction, message, view))
    }

    async fn ended(&mut self, view: &RequestView) -> Result<RequestState> {
        let ended = self.watch.ended(&view.txn).await?;
        Ok(ended.state)
    }
}

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn an_agent_answers_a_real_server() -> Result<()> {
    let mut desk = Desk::set_up().await?;

    // Approved.
    let (transaction, _, view) = desk.asked().await?;
    assert_eq!(view.client_name, "Alder portal");
    assert_eq!(view.expires_at, None);
    assert_eq!(view.requires.matching, Matching::None);
    desk.watch.decide(&view, Verdict::Approve, None).await?;
    let state = desk.ended(&view).await?;
    assert!(
        matches!(
            &state,
            RequestState::Ended {
                outcome: Outcome::Approved,
                by_this_device: true,
                receipt: ReceiptState::None,
                code: None,
                ..
            }
        ),
        "{state:?}"
    );
    assert_eq!(desk.server.status(&transaction).await?, "accept");

    // Denied, and reported.
    for (verdict, outcome) in [
        (Verdict::Deny, Outcome::Denied),
        (Verdict::Report, Outcome::Reported),
    ] {
        let (transaction, _, view) = desk.asked().await?;
        assert!(view.capabilities.can_report);
        desk.watch.decide(&view, verdict, None).await?;
        let state = desk.ended(&view).await?;
        assert!(
            matches!(&state, RequestState::Ended { outcome: ended, .. } if *ended == outcome),
            "{state:?}"
        );
        assert_eq!(desk.server.status(&transaction).await?, "declined");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn a_choice_and_a_code_pass_between_person_and_real_server() -> Result<()> {
    let mut desk = Desk::set_up().await?;
    let choice = "push_require_presence=1, push_presence_options=NUMERIC";
    desk.server.policy("choice", "authentication", choice).await?;
    for right in [true, false] {
        let (transaction, message, view) = desk.asked().await?;
        let Matching::Choice { options } = &view.requires.matching else {
            anyhow::bail!("there is nothing to choose from: {view:?}");
        };
        let shown = |option: &&String| message.contains(option.as_str()) == right;
        let picked = options.iter().find(shown).context("no such option")?.clone();
        desk.watch.decide(&view, Verdict::Approve, Some(&picked)).await?;
        if right {
            desk.ended(&view).await?;
            assert_eq!(desk.server.status(&transaction).await?, "accept");
        } else {
            // One attempt: it has ended here although the server would take another.
            let state = desk.ended(&view).await?;
            assert!(
                matches!(
                    &state,
                    RequestState::Ended {
                        outcome: Outcome::NotTaken,
                        ..
                    }
                ),
                "{state:?}"
            );
            assert_eq!(desk.server.status(&transaction).await?, "pending");
        }
    }
    desk.server.no_policy("choice").await?;

    desk.server
        .policy("code", "authentication", "push_code_to_phone=1")
        .await?;
    let (_, _, view) = desk.asked().await?;
    desk.watch.decide(&view, Verdict::Approve, None).await?;
    let state = desk.ended(&view).await?;
    assert!(
        matches!(&state, RequestState::Ended { code: Some(code), .. } if code.len() == 2),
        "{state:?}"
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn an_account_outlives_kills_and_says_what_is_wrong_with_its_server() -> Result<()> {
    let mut desk = Desk::set_up().await?;
    let (transaction, _, view) = desk.asked().await?;
    desk.watch.decide(&view, Verdict::Deny, None).await?;
    desk.ended(&view).await?;
    assert_eq!(desk.server.status(&transaction).await?, "declined");

    // Killed and started again: the account is there, and what was answered is not asked again.
    desk.agent.kill().await?;
    desk.agent.run(&desk.session).await?;
    desk.watch = desk.agent.watch(Role::App).await?;
    connected(&mut desk.watch).await?;
    let (_, _, second) = desk.asked().await?;
    ensure!(second.txn != view.txn, "the same request came twice");
    desk.watch.decide(&second, Verdict::Approve, None).await?;
    desk.ended(&second).await?;

    // The server is away for a while.
    desk.server.stop().await?;
    let retrying = |w: &Watch| {
        let account = w.accounts.first()?;
        matches!(account.connection, Connection::Retrying { .. }).then_some(())
    };
    desk.watch.until("the outage", SOON, retrying).await?;
    desk.server.serve().await?;
    connected(&mut desk.watch).await?;

    // The token is deleted: said, and nothing is removed here.
    desk.server.delete_token(&desk.serial).await?;
    let refused = |w: &Watch| {
        let Connection::Retrying { cause, .. } = &w.accounts.first()?.connection else {
            return None;
        };
        (*cause == ErrorCode::Refused).then_some(())
    };
    desk.watch.until("the refusal", SOON, refused).await?;
    Ok(())
}
