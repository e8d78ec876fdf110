//! The channel against a server on loopback, over real TLS, that checks what it is sent as strictly as the real one. The real one is in
//! `tests/tests/privacyidea.rs`.

mod server;
mod trust;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use countersign_agent_api::{Matching, Transport};
use countersign_protocol::{DecidedOn, Reason, Verdict};
use tokio::time::timeout;

use super::*;
use crate::{
    channel::{
        Answer, ChannelEvent, ChannelProblem, Commitment, DecisionOutcome, Health, IssuerProtocol as _,
        Matched, OwnTrust, Polled, Protocols, native::Native,
    },
    edge::Clock,
    keystore::{DeviceKey, Interaction, KeyKind, KeyRef, KeyStore as _, Keys, Limits, MemoryKeyStore},
    net::{Net, ProxyChoice, Routes, client_config},
};
use server::FakeServer;

/// 2026-11-22T12:00:00Z.
const NOW: i64 = 1_795_348_800;

#[derive(Debug)]
struct FakeClock(AtomicI64);

impl Clock for FakeClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A computer with its protocols.
struct Computer {
    protocols: Protocols,
    keys: Keys,
}

impl Computer {
    fn new(server: &FakeServer, behind: i64) -> Self {
        Self::with(&[server.ca_file()], ProxyChoice::Direct, behind)
    }

    fn with(ca_files: &[PathBuf], proxy: ProxyChoice, behind: i64) -> Self {
        let keys = Keys::new(Arc::new(MemoryKeyStore::new()), Limits::default());
        let tls = client_config(ca_files).unwrap();
        let net = Net::new(tls, Routes::new(proxy, |_| None).unwrap());
        let clock = Arc::new(FakeClock(AtomicI64::new(NOW - behind)));
        let rng = Arc::new(crate::edge::random());
        let mut privacyidea = PrivacyIdea::new(net.clone(), keys.clone(), clock.clone(), rng.clone(), 3);
        privacyidea.timing = Timing {
            busy: Duration::from_millis(20),
            idle: Duration::from_millis(20),
            calm: Duration::from_secs(1),
        };
        let native = Native::new(net.clone(), keys.clone(), clock, rng);
        let protocols = Protocols {
            native,
            privacyidea,
            net,
            own_trust: OwnTrust::Ask,
        };
        Self { protocols, keys }
    }

    async fn key(&self) -> DeviceKey {
        let reference = KeyRef::drawn();
        let made = self
            .keys
            .create(&reference, KeyKind::Rsa3072, Interaction::Allowed);
        made.await.unwrap()
    }

    async fn enrol(&self, server: &FakeServer) -> Binding {
        let offer = self.protocols.preview(&server.link(), None).await.unwrap();
        assert_eq!(offer.key_kind(), KeyKind::Rsa3072);
        let key = self.key().await;
        let enrolled = self.protocols.enrol(&offer, &key, "desk").await.unwrap();
        assert_eq!(enrolled.issuer_name, "Alder Group");
        enrolled.binding
    }

    async fn answer(&self, line: &Line, request: &VerifiedRequest, decision: Decision) -> DecisionOutcome {
        let signed = self
            .protocols
            .sign(&line.binding, request, decision)
            .await
            .unwrap();
        let txn = request.claims.txn.clone();
        let decision = signed.message;
        line.subscription.handle.answer(Answer { txn, decision }).await
    }
}

/// A running channel.
struct Line {
    binding: Binding,
    subscription: Subscription,
}

impl Line {
    fn open(computer: &Computer, binding: Binding) -> Self {
        let subscription = computer.protocols.subscribe(binding.clone());
        Self {
            binding,
            subscription,
        }
    }

    /// The next event that is not about the connection. Far longer than anything here takes; only a hang gets there.
    async fn next(&mut self) -> ChannelEvent {
        let events = &mut self.subscription.events;
        let wanted = async {
            loop {
                match events.recv().await.expect("the channel ended") {
                    ChannelEvent::Health(_) => {}
                    event => return event,
                }
            }
        };
        timeout(Duration::from_secs(20), wanted).await.expect("no event")
    }

    async fn request(&mut self) -> VerifiedRequest {
        match self.next().await {
            ChannelEvent::Request(request) => *request,
            other => panic!("{other:?}"),
        }
    }

    /// Until the connection is as wanted.
    async fn health(&mut self, wanted: impl Fn(&Health) -> bool) {
        let events = &mut self.subscription.events;
        let seen = async {
            loop {
                match events.recv().await.expect("the channel ended") {
                    ChannelEvent::Health(health) if wanted(&health) => return,
                    _ => {}
                }
            }
        };
        timeout(Duration::from_secs(20), seen)
            .await
            .expect("no such state");
    }
}

fn decision(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        reason: None,
        matched: None,
        locale: "en".into(),
        surface: DecidedOn::Window,
        shown_at: Some(NOW),
        counter: 1,
        protection: MemoryKeyStore::new().protection(),
    }
}

async fn enrolled(server: &FakeServer) -> (Computer, Line) {
    let computer = Computer::new(server, 0);
    let binding = computer.enrol(server).await;
    let line = Line::open(&computer, binding);
    (computer, line)
}

#[tokio::test]
async fn a_challenge_is_shown_and_accepted_once() {
    let server = FakeServer::start().await;
    let (computer, mut line) = enrolled(&server).await;
    line.health(|health| matches!(health, Health::Connected(Transport::Poll)))
        .await;
    server.challenge(1, None);
    let request = line.request().await;
    assert_eq!(request.claims.client.name, "Alder portal");
    assert_eq!(request.claims.exp, None, "no end is invented");
    assert!(!request.claims.capabilities.signs_statement);
    assert_eq!(request.claims.requires.matching, Matching::None);
    let outcome = computer.answer(&line, &request, decision(Verdict::Approve)).await;
    assert!(
        matches!(outcome, DecisionOutcome::Taken { code: None }),
        "{outcome:?}"
    );
    assert_eq!(server.taken(), ["accept"]);
}

#[tokio::test]
async fn an_answered_challenge_is_never_shown_again() {
    let server = FakeServer::start().await;
    let (computer, mut line) = enrolled(&server).await;
    // As older releases do: it stays on the list whatever the answer.
    server.keep_listing();
    server.challenge(1, None);
    let request = line.request().await;
    computer.answer(&line, &request, decision(Verdict::Deny)).await;
    server.challenge(2, None);
    let second = line.request().await;
    assert_ne!(second.claims.txn, request.claims.txn);

    // Nor after a restart: what was answered is kept with the account.
    let mut binding = line.binding.clone();
    assert_eq!(binding.commit(&request.claims.txn), Commitment::ToKeep);
    assert_eq!(binding.commit(&request.claims.txn), Commitment::Free);
    drop(line);
    let mut line = Line::open(&computer, binding);
    assert_eq!(line.request().await.claims.txn, second.claims.txn);
}

#[tokio::test]
async fn a_reason_goes_only_where_the_server_understands_it() {
    let server = FakeServer::start().await;
    let (computer, mut line) = enrolled(&server).await;
    let not_me = || Decision {
        reason: Some(Reason::NotMe),
        ..decision(Verdict::Deny)
    };
    server.challenge(1, None);
    let request = line.request().await;
    assert_eq!(request.claims.capabilities.reports, Reports::NotTaken);
    computer.answer(&line, &request, not_me()).await;
    server.understands_reasons();
    server.challenge(2, None);
    let request = line.request().await;
    assert_eq!(request.claims.capabilities.reports, Reports::Taken);
    computer.answer(&line, &request, not_me()).await;
    server.challenge(3, None);
    let request = line.request().await;
    computer.answer(&line, &request, decision(Verdict::Report)).await;
    assert_eq!(
        server.taken(),
        ["decline", "decline unknown_trigger", "decline unknown_trigger"]
    );
}

#[tokio::test]
async fn the_right_option_is_taken_and_a_wrong_one_ends_it() {
    let server = FakeServer::start().await;
    let (computer, mut line) = enrolled(&server).await;
    let picked = |option: &str| Decision {
        matched: Some(Matched::Choice(option.into())),
        ..decision(Verdict::Approve)
    };
    server.challenge(1, Some("51"));
    let request = line.request().await;
    assert!(matches!(&request.claims.requires.matching, Matching::Choice { options } if options.len() == 3));
    let unpicked = computer
        .protocols
        .sign(&line.binding, &request, decision(Verdict::Approve))
        .await;
    assert!(unpicked.is_err(), "an approval without a choice was signed");
    let outcome = computer.answer(&line, &request, picked("01")).await;
    assert!(matches!(outcome, DecisionOutcome::NotTaken), "{outcome:?}");
    // It is still on the server's list, and not shown again.
    server.challenge(2, Some("51"));
    let request = line.request().await;
    let outcome = computer.answer(&line, &request, picked("51")).await;
    assert!(matches!(outcome, DecisionOutcome::Taken { .. }), "{outcome:?}");
    assert_eq!(server.taken(), ["accept 51"]);
}

#[tokio::test]
async fn a_code_to_type_comes_with_the_outcome() {
    let server = FakeServer::start().await;
    let (computer, mut line) = enrolled(&server).await;
    server.gives_codes();
    server.challenge(1, None);
    let request = line.request().await;
    let outcome = computer.answer(&line, &request, decision(Verdict::Approve)).await;
    assert!(matches!(outcome, DecisionOutcome::Taken { code: Some(code) } if code == "42"));
}

#[tokio::test]
async fn what_is_altered_on_the_way_is_counted_and_not_shown() {
    let server = FakeServer::start().await;
    let (_computer, mut line) = enrolled(&server).await;
    server.alter("Log in to the portal", "Pay 10 EUR");
    server.challenge(1, None);
    match line.next().await {
        ChannelEvent::Rejected(rejection) => assert_eq!(rejection.total, 1),
        other => panic!("{other:?}"),
    }
    server.alter("", "");
    line.request().await;
}

#[tokio::test]
async fn what_the_server_no_longer_lists_is_gone() {
    let server = FakeServer::start().await;
    let (_computer, mut line) = enrolled(&server).await;
    server.challenge(1, None);
    let request = line.request().await;
    server.withdraw();
    match line.next().await {
        ChannelEvent::Gone(txn) => assert_eq!(txn, request.claims.txn),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_servers() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    let binding = computer.enrol(&server).await;
    drop(computer);
    let late = Computer {
        ..Computer::new(&server, 600)
    };
    // The same key, on a computer whose clock is ten minutes behind.
    let binding = Binding {
        key: late.key().await,
        ..binding
    };
    server.take_key(&binding.key);
    let mut line = Line::open(&late, binding);
    match line.next().await {
        ChannelEvent::Offset(offset) => assert_eq!(offset, 600),
        other => panic!("{other:?}"),
    }
    server.challenge(1, None);
    line.request().await;
}

#[tokio::test]
async fn a_servers_trouble_is_told_and_passes() {
    let server = FakeServer::start().await;
    let (_computer, mut line) = enrolled(&server).await;
    for trouble in ["500", "large", "html"] {
        server.trouble(trouble);
        line.health(|health| matches!(health, Health::Retrying { .. }))
            .await;
        server.trouble("");
        line.subscription.handle.retry();
        line.health(|health| matches!(health, Health::Connected(_))).await;
    }
    server.forget_key();
    line.health(|health| {
        matches!(
            health,
            Health::Retrying {
                problem: ChannelProblem::ProofRefused,
                ..
            }
        )
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_closed_in_the_moment_of_asking_is_no_trouble() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    let binding = computer.enrol(&server).await;
    server.answers_once_a_connection();
    let mut line = Line::open(&computer, binding);
    line.health(|health| matches!(health, Health::Connected(_))).await;
    let before = server.connections();
    server.challenge(1, None);
    let events = &mut line.subscription.events;
    match timeout(Duration::from_secs(20), events.recv()).await {
        Ok(Some(ChannelEvent::Request(_))) => {}
        other => panic!("{other:?}"),
    }
    assert!(server.connections() > before, "nothing was closed");
}

#[tokio::test]
async fn a_link_that_was_used_is_refused() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    computer.enrol(&server).await;
    let offer = computer.protocols.preview(&server.link(), None).await.unwrap();
    let key = computer.key().await;
    let again = computer.protocols.enrol(&offer, &key, "desk").await;
    assert!(matches!(again, Err(EnrolmentError::Refused)), "{again:?}");
}

#[tokio::test]
async fn a_link_that_asks_for_a_pin_is_refused() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    let pin = format!("{}&pin=True", server.link());
    let refused = computer.protocols.preview(&pin, None).await;
    assert!(matches!(refused, Err(EnrolmentError::NeedsUnlock)));
}

#[test]
fn an_idle_server_is_asked_half_as_often_and_at_least_once_a_minute() {
    let seconds = |every: u16| {
        let Timing { busy, idle, .. } = Timing::every(every);
        (busy.as_secs(), idle.as_secs())
    };
    assert_eq!(seconds(3), (3, 6));
    assert_eq!(seconds(45), (45, 60));
    assert_eq!(seconds(60), (60, 60));
}

#[tokio::test]
async fn who_wants_to_know_does_not_wait_for_the_next_turn() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    let mut binding = computer.enrol(&server).await;
    binding.poll(Polled { chosen: Some(60) });
    let mut line = Line::open(&computer, binding);
    line.health(|health| matches!(health, Health::Connected(_))).await;
    server.challenge(1, None);
    // Far sooner than in a minute: else the wait for an event runs out.
    line.subscription.handle.retry();
    line.request().await;
}

#[tokio::test]
async fn accounts_of_one_server_share_one_connection() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    let binding = computer.enrol(&server).await;
    let before = server.connections();
    let mut lines: Vec<Line> = (0..5).map(|_| Line::open(&computer, binding.clone())).collect();
    for line in &mut lines {
        line.health(|health| matches!(health, Health::Connected(_))).await;
    }
    server.challenge(1, None);
    for line in &mut lines {
        line.request().await;
    }
    assert_eq!(server.connections(), before + 1);
}
