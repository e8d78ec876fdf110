//! The channel against a server on loopback, over real TLS, that checks what it is sent as strictly as the real one. The real one is in
//! `tests/tests/privacyidea.rs`.

mod polling;
mod server;
mod trust;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use countersign_agent_api::{Matching, Surface, Transport};
use countersign_protocol::{DecidedOn, Reason, Txn, Verdict};
use tokio::time::timeout;

use super::*;
use crate::{
    channel::{
        Answer, ChannelEvent, ChannelProblem, Commitment, DecisionOutcome, Health, IssuerProtocol as _,
        Matched, OwnTrust, Protocols, native::Native,
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
    clock: Arc<FakeClock>,
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
        let native = Native::new(net.clone(), keys.clone(), clock.clone(), rng);
        let protocols = Protocols {
            native,
            privacyidea,
            net,
            own_trust: OwnTrust::Ask,
        };
        Self {
            protocols,
            keys,
            clock,
        }
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
    /// What was handed on: it is again with every poll.
    seen: BTreeSet<Txn>,
}

impl Line {
    fn open(computer: &Computer, binding: Binding) -> Self {
        let subscription = computer.protocols.subscribe(binding.clone());
        Self {
            binding,
            subscription,
            seen: BTreeSet::new(),
        }
    }

    /// The next event that is new, and not about the connection or the list. Far longer than anything here takes; only a hang gets there.
    async fn next(&mut self) -> ChannelEvent {
        let events = &mut self.subscription.events;
        let wanted = async {
            loop {
                match events.recv().await.expect("the channel ended") {
                    ChannelEvent::Health(_) | ChannelEvent::Listed(_) => {}
                    ChannelEvent::Request(request) if !self.seen.insert(request.claims.txn.clone()) => {}
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

    /// Until the list is as wanted.
    async fn listed(&mut self, wanted: &[&Txn]) {
        let events = &mut self.subscription.events;
        let seen = async {
            loop {
                match events.recv().await.expect("the channel ended") {
                    ChannelEvent::Listed(listed) if listed.iter().eq(wanted.iter().copied()) => return,
                    _ => {}
                }
            }
        };
        timeout(Duration::from_secs(20), seen)
            .await
            .expect("no such list");
    }

    /// What comes of asking now: the wait until the next time, and what was wrong.
    async fn failed(&mut self) -> (Duration, ChannelProblem) {
        self.subscription.handle.retry();
        let events = &mut self.subscription.events;
        let seen = async {
            loop {
                if let ChannelEvent::Health(Health::Retrying { in_ms, problem }) =
                    events.recv().await.expect("the channel ended")
                {
                    return (Duration::from_millis(in_ms), problem);
                }
            }
        };
        timeout(Duration::from_secs(20), seen).await.expect("no trouble")
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
    assert_eq!(
        request.claims.requires.surface,
        Surface::Window,
        "nothing signed allows less"
    );
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
async fn options_that_cannot_be_told_apart_are_not_shown() {
    let server = FakeServer::start().await;
    let (_computer, mut line) = enrolled(&server).await;
    for (number, hidden) in ["10\u{200b}", "1\u{202e}0", "51\u{7}"].into_iter().enumerate() {
        server.challenge(u8::try_from(number).unwrap() + 1, Some(hidden));
        match line.next().await {
            ChannelEvent::Rejected(rejection) => assert_eq!(rejection.total, number as u64 + 1),
            other => panic!("{other:?}"),
        }
    }
    server.challenge(9, Some("51"));
    line.request().await;
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
    let (computer, mut line) = enrolled(&server).await;
    server.challenge(1, None);
    let request = line.request().await;
    server.withdraw();
    line.listed(&[]).await;
    // A channel that starts when it is gone already says so too.
    server.challenge(2, None);
    let second = line.request().await.claims.txn;
    assert_ne!(second, request.claims.txn);
    let mut anew = Line::open(&computer, line.binding.clone());
    anew.listed(&[&second]).await;
    // Answered or not: it is the server that says what it lists.
    server.keep_listing();
    let request = anew.request().await;
    computer.answer(&anew, &request, decision(Verdict::Deny)).await;
    server.withdraw();
    anew.listed(&[]).await;
}

#[tokio::test]
async fn fifty_long_challenges_do_not_blind_the_account() {
    let server = FakeServer::start().await;
    let (computer, mut line) = enrolled(&server).await;
    server.keep_listing();
    server.pad(&"x".repeat(2000));
    for number in 1..=50 {
        server.challenge(number, None);
    }
    let mut seen = Vec::new();
    for _ in 0..32 {
        seen.push(line.request().await);
    }
    // As these are answered, the others follow, although they stay on the list.
    for request in &seen {
        computer.answer(&line, request, decision(Verdict::Deny)).await;
    }
    for _ in 32..50 {
        line.request().await;
    }
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
