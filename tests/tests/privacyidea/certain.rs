//! What has to hold whatever happens: kills in the middle of things, and a server that nobody here vouches for.

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{
    CertificateKind, Outcome, Reply, Request, RequestState, Role, TrustChoice, Verdict,
};
use countersign_tests::{
    front::{SOON, Watch, poll},
    harness::{Agent, AgentOptions, PrivacyIdea, Screens, Session, SessionOptions},
    stories::connected,
    wire::{Fault, Relay},
};

const KEYRING: SessionOptions = SessionOptions {
    screens: Screens::None,
    notifications: false,
    keyring: true,
};

/// A server behind a relay that can swallow what passes, and an agent.
struct Behind {
    session: Session,
    server: PrivacyIdea,
    relay: Relay,
    agent: Agent,
}

impl Behind {
    async fn start() -> Result<Self> {
        let session = Session::with(KEYRING).await?;
        let dir = session.dir().join("privacyidea");
        let server = PrivacyIdea::start(&dir, &session.ca, session.logs().dir()).await?;
        let address = server.url.trim_start_matches("https://").parse()?;
        let relay = Relay::start(0, address).await?;
        let url = format!("https://{}/ttype/push", relay.address);
        let push = format!(
            "push_firebase_configuration=poll only, push_registration_url={url}, push_ttl=10, push_ssl_verify=1"
        );
        server.policy("enrolment", "enrollment", &push).await?;
        let agent = Agent::start(&session, "desk").await?;
        Ok(Self {
            session,
            server,
            relay,
            agent,
        })
    }

    /// Killed without a chance to tidy up, and started again with a network that works.
    async fn kill_and_start(&mut self) -> Result<Watch> {
        self.agent.kill().await?;
        self.relay.reset();
        self.agent.run(&self.session).await?;
        self.agent.watch(Role::App).await
    }

    /// What is on disk of the agent's accounts.
    fn kept(&self) -> Result<serde_json::Value> {
        let path = self.agent.dir().join("data/countersign/accounts.json");
        Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
    }
}

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn killed_with_an_answer_on_its_way_that_answer_arrives_and_no_other() -> Result<()> {
    let mut behind = Behind::start().await?;
    let made = behind.server.token().await?;
    behind.agent.enrol(&made.link).await?;
    let mut watch = behind.agent.watch(Role::App).await?;
    connected(&mut watch).await?;
    let (transaction, _) = behind.server.trigger(&made.serial).await?;
    let view = watch.any_pending().await?;
    watch.call(Request::Shown { id: view.id.clone() }).await?;
    behind.relay.set(Fault::BlackHole);
    watch.decide(&view, Verdict::Deny, None).await?;
    poll::until("the answer to be on disk", SOON, async || {
        let kept = behind.kept()?.to_string();
        Ok(kept.contains(&view.txn).then_some(()))
    })
    .await?;
    ensure!(behind.server.status(&transaction).await? == "pending");

    let mut watch = behind.kill_and_start().await?;
    let ended = watch.ended(&view.txn).await?.state;
    ensure!(
        matches!(
            ended,
            RequestState::Ended {
                outcome: Outcome::Denied,
                ..
            }
        ),
        "{ended:?}"
    );
    assert_eq!(behind.server.status(&transaction).await?, "declined");
    ensure!(
        watch.requests.iter().filter(|r| r.txn == view.txn).count() == 1,
        "it was asked again"
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn killed_while_enrolling_nothing_is_left_and_the_link_still_works() -> Result<()> {
    let mut behind = Behind::start().await?;
    let made = behind.server.token().await?;
    let watch = behind.agent.watch(Role::App).await?;
    let preview = Request::PreviewEnrolment {
        link: made.link.clone(),
        trust: None,
    };
    let Reply::Offer(offer) = watch.call(preview).await? else {
        bail!("the agent gave no offer");
    };
    behind.relay.set(Fault::BlackHole);
    let accept = Request::AcceptEnrolment {
        offer: offer.id,
        device_name: "desk".to_owned(),
    };
    tokio::select! {
        early = watch.call(accept) => bail!("it enrolled through a black hole: {early:?}"),
        spare = poll::until("a key of nobody", SOON, async || {
            let kept = behind.kept().unwrap_or_default();
            let spare = kept.to_string().contains("\"spare_keys\":[\"");
            Ok(spare.then_some(()))
        }) => spare?,
    }

    let watch = behind.kill_and_start().await?;
    ensure!(watch.call(Request::Accounts).await? == Reply::Accounts(Vec::new()));
    poll::until("the key of nobody to be gone", SOON, async || {
        let kept = behind.kept()?.to_string();
        Ok(kept.contains("\"spare_keys\":[]").then_some(()))
    })
    .await?;
    let mut watch = watch;
    behind.agent.enrol(&made.link).await?;
    connected(&mut watch).await
}

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn a_server_that_nobody_vouches_for_is_trusted_for_one_account() -> Result<()> {
    let session = Session::with(KEYRING).await?;
    let dir = session.dir().join("privacyidea");
    let server = PrivacyIdea::start(&dir, &session.ca, session.logs().dir()).await?;
    let options = AgentOptions {
        without_ca: true,
        ..AgentOptions::default()
    };
    let mut agent = Agent::with(&session, "desk", options).await?;
    let made = server.token().await?;
    let watch = agent.watch(Role::App).await?;
    let preview = |trust| Request::PreviewEnrolment {
        link: made.link.clone(),
        trust,
    };
    let Reply::Untrusted(shown) = watch.call(preview(None)).await? else {
        bail!("a server that nobody vouches for was trusted");
    };
    assert_eq!(shown.kind, CertificateKind::Server);
    let sha256 = shown.certificate.sha256;
    let choice = TrustChoice::Presented {
        sha256: sha256.clone(),
    };
    let Reply::Offer(offer) = watch.call(preview(Some(choice))).await? else {
        bail!("the agent gave no offer");
    };
    let accept = Request::AcceptEnrolment {
        offer: offer.id,
        device_name: "desk".to_owned(),
    };
    let Reply::Enrolled(enrolled) = watch.call(accept).await? else {
        bail!("the agent gave no account");
    };
    let trusted = enrolled
        .account
        .trusted
        .first()
        .context("nothing is trusted for the account")?;
    assert_eq!(trusted.sha256, sha256);

    // After a restart too, and for this account alone.
    agent.kill().await?;
    agent.run(&session).await?;
    let mut watch = agent.watch(Role::App).await?;
    connected(&mut watch).await?;
    let second = Request::PreviewEnrolment {
        link: server.token().await?.link,
        trust: None,
    };
    ensure!(
        matches!(watch.call(second).await?, Reply::Untrusted(_)),
        "another account trusts it too"
    );
    Ok(())
}
