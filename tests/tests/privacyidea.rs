//! The protocol of `crates/privacyidea`, and an agent that speaks it, against a real server. Run with
//! `cargo test -p countersign-tests --test privacyidea -- --ignored --nocapture`.

#[path = "privacyidea/certain.rs"]
mod certain;
#[path = "privacyidea/messages.rs"]
mod messages;
#[path = "privacyidea/older.rs"]
mod older;
#[path = "privacyidea/secrets.rs"]
mod secrets;

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{
    Connection, ErrorCode, Matching, Outcome, ReceiptState, Reports, Request, RequestState, RequestView,
    Role, Verdict,
};
use countersign_tests::{
    front::{SOON, Watch},
    harness::{Agent, PrivacyIdea, Release, Screens, Session, SessionOptions},
    stories::connected,
};

/// The person picks from the numbers that the log-in page shows.
const CHOICE: &str = "push_require_presence=1, push_presence_options=NUMERIC";
/// The person types what the agent shows into the log-in page.
const CODE: &str = "push_code_to_phone=1";

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
        Self::at(Release::default()).await
    }

    async fn at(release: Release) -> Result<Self> {
        let options = SessionOptions {
            screens: Screens::None,
            notifications: false,
            keyring: true,
        };
        let session = Session::with(options).await?;
        let dir = session.dir().join("privacyidea");
        let server = PrivacyIdea::of(release, &dir, &session.ca, session.logs().dir()).await?;
        let agent = Agent::start(&session, "desk").await?;
        let made = server.token().await?;
        let account = agent.enrol(&made.link).await?;
        ensure!(account.fingerprint.len() == 39, "the server's key is not pinned");
        ensure!(!account.capabilities.signs_statement && !account.capabilities.has_expiry);
        assert_eq!(account.capabilities.reports, Reports::NotSaid);
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

    /// The right number is picked, and then a wrong one.
    async fn choices(&mut self) -> Result<()> {
        self.server.policy("choice", "authentication", CHOICE).await?;
        for right in [true, false] {
            let (transaction, message, view) = self.asked().await?;
            let Matching::Choice { options } = &view.requires.matching else {
                anyhow::bail!("there is nothing to choose from: {view:?}");
            };
            let shown = |option: &&String| message.contains(option.as_str()) == right;
            let picked = options.iter().find(shown).context("no such option")?.clone();
            self.watch.decide(&view, Verdict::Approve, Some(&picked)).await?;
            if right {
                self.ended(&view).await?;
                assert_eq!(self.server.status(&transaction).await?, "accept");
            } else {
                // One attempt: it is over here although the server would take another.
                let state = self.ended(&view).await?;
                let over = matches!(
                    state,
                    RequestState::Ended {
                        outcome: Outcome::NotTaken,
                        ..
                    }
                );
                assert!(over, "{state:?}");
                assert_eq!(self.server.status(&transaction).await?, "pending");
            }
        }
        self.server.no_policy("choice").await
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
        assert_eq!(view.capabilities.reports, Reports::Taken);
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
    desk.choices().await?;
    desk.server.policy("code", "authentication", CODE).await?;
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
