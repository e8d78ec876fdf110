//! What arrives is verified before the engine sees it.

use countersign_agent_api::Transport;
use countersign_protocol::{
    ApprovalKeys, Jwk, KeySet, Outcome, Signer as _, StatementError, VerifyError, jws, wire::ServerFrame,
};

use super::{
    super::super::{ChannelEvent, FrameKind, Health, RejectReason, Rejection, Subscription, Ties},
    Agent, FakeIssuer, NOW, connected, health,
    issuer::{Socket, new_key, txn},
    next, request,
};

async fn subscribed() -> (FakeIssuer, Agent, Subscription, Socket) {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let mut subscription = agent.subscribe(&issuer);
    let mut socket = issuer.socket().await;
    socket.welcome().await;
    assert_eq!(connected(&mut subscription).await, Transport::Websocket);
    (issuer, agent, subscription, socket)
}

/// The same, with an issuer that proves what time it is.
async fn proven() -> (FakeIssuer, Agent, Subscription, Socket) {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let mut subscription = agent.subscribe(&issuer);
    let mut socket = issuer.socket().await;
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    let time = issuer.sign(&issuer.time(NOW, &socket.proof));
    socket.welcome_with(NOW, Some(time)).await;
    assert!(matches!(
        next(&mut subscription).await,
        ChannelEvent::SignedTime(_)
    ));
    assert!(matches!(health(&mut subscription).await, Health::Connected(_)));
    (issuer, agent, subscription, socket)
}

async fn rejection(subscription: &mut Subscription) -> Rejection {
    match next(subscription).await {
        ChannelEvent::Rejected(rejection) => rejection,
        other => panic!("not rejected: {other:?}"),
    }
}

#[tokio::test]
async fn a_request_arrives_with_its_statement_and_its_exact_bytes() {
    let (issuer, _agent, mut subscription, mut socket) = subscribed().await;
    let sent = issuer.request(1);
    socket.request(sent.clone(), "c1").await;
    let arrived = request(&mut subscription).await;
    assert_eq!(arrived.message, sent);
    let asked = issuer.claims(1);
    assert_eq!(arrived.claims.txn, asked.txn);
    assert_eq!(arrived.claims.exp, Some(asked.exp));
    assert_eq!(arrived.claims.client, asked.client);
    assert_eq!(arrived.statement.lines().len(), 3);
}

#[tokio::test]
async fn duplicates_are_passed_on_for_the_engine_to_drop() {
    let (issuer, _agent, mut subscription, mut socket) = subscribed().await;
    for _ in 0..2 {
        socket.request(issuer.request(1), "c1").await;
        assert_eq!(request(&mut subscription).await.claims.txn, txn(1));
    }
}

#[tokio::test]
async fn a_tampered_request_is_counted_and_never_shown() {
    let (issuer, _agent, mut subscription, mut socket) = subscribed().await;
    let genuine = issuer.request(1);
    let mut parts: Vec<&str> = genuine.split('.').collect();
    let other = issuer.request(2);
    parts[1] = other.split('.').nth(1).unwrap();
    socket.request(parts.join("."), "c1").await;
    let first = rejection(&mut subscription).await;
    assert!(
        matches!(first.reason, RejectReason::Unverified(VerifyError::Signature)),
        "{first:?}"
    );
    assert_eq!((first.frame, first.total), (FrameKind::Request, 1));

    socket.request("not.a.message".into(), "c1").await;
    assert_eq!(rejection(&mut subscription).await.total, 2);
    // The connection goes on.
    socket.request(genuine, "c1").await;
    assert_eq!(request(&mut subscription).await.claims.txn, txn(1));
}

#[tokio::test]
async fn requests_for_others_are_refused() {
    let (issuer, _agent, mut subscription, mut socket) = subscribed().await;
    let mut other_device = issuer.claims(1);
    other_device.aud = countersign_protocol::DeviceId::from_random([8; 16]);
    socket.request(issuer.sign(&other_device), "c1").await;
    let reason = rejection(&mut subscription).await.reason;
    assert!(
        matches!(reason, RejectReason::Unverified(VerifyError::Audience)),
        "{reason:?}"
    );

    let mut other_issuer = issuer.claims(1);
    other_issuer.iss = countersign_protocol::Issuer::parse("https://id.kestrel.example").unwrap();
    socket.request(issuer.sign(&other_issuer), "c1").await;
    let reason = rejection(&mut subscription).await.reason;
    assert!(
        matches!(reason, RejectReason::Unverified(VerifyError::Issuer)),
        "{reason:?}"
    );

    let mut other_account = issuer.claims(1);
    other_account.sub = "somebody.else@alder.example".into();
    socket.request(issuer.sign(&other_account), "c1").await;
    let reason = rejection(&mut subscription).await.reason;
    assert!(matches!(reason, RejectReason::WrongAccount), "{reason:?}");

    let mut over = issuer.claims(1);
    (over.iat, over.exp) = (over.iat - 600, over.iat - 61);
    socket.request(issuer.sign(&over), "c1").await;
    let reason = rejection(&mut subscription).await.reason;
    assert!(
        matches!(reason, RejectReason::Unverified(VerifyError::Expired)),
        "{reason:?}"
    );
}

#[tokio::test]
async fn a_request_that_cannot_be_shown_in_full_is_refused() {
    let (issuer, _agent, mut subscription, mut socket) = subscribed().await;
    let mut hidden = issuer.claims(1);
    let details = r#"[{"type":"unknown","a":{"b":{"c":{"d":{"e":{"f":{"g":1}}}}}}}]"#;
    hidden.authorization_details = Some(countersign_protocol::AuthorizationDetails::parse(details).unwrap());
    socket.request(issuer.sign(&hidden), "c1").await;
    let reason = rejection(&mut subscription).await.reason;
    assert!(
        matches!(reason, RejectReason::Statement(StatementError::Depth)),
        "{reason:?}"
    );
}

#[tokio::test]
async fn a_closure_arrives_verified() {
    let (issuer, _agent, mut subscription, mut socket) = subscribed().await;
    let receipt = issuer.receipt(3, None, Outcome::Cancelled);
    let frame = |receipt| ServerFrame::Closed {
        receipt,
        cursor: "c2".into(),
    };
    socket.send(&frame(issuer.sign(&receipt))).await;
    match next(&mut subscription).await {
        ChannelEvent::Closed(closed) => assert_eq!(closed.claims, receipt),
        other => panic!("{other:?}"),
    }
    socket
        .send(&frame(jws::sign(&receipt, &new_key()).unwrap()))
        .await;
    let rejected = rejection(&mut subscription).await;
    assert!(
        matches!(rejected.reason, RejectReason::Unverified(VerifyError::UnknownKey)),
        "{rejected:?}"
    );
    assert_eq!(rejected.frame, FrameKind::Receipt);
}

fn both(old: &KeySet, new: &Jwk) -> KeySet {
    KeySet::from_iter([new.clone()].into_iter().chain(old.iter().cloned()))
}

#[tokio::test]
async fn keys_introduced_by_a_pinned_key_are_adopted() {
    let (issuer, _agent, mut subscription, mut socket) = proven().await;
    let new = new_key();
    let set = both(&issuer.keys(), new.public_key());
    socket
        .send(&ServerFrame::Keys {
            keys: issuer.sign(&issuer.new_keys(set.clone())),
        })
        .await;
    match next(&mut subscription).await {
        ChannelEvent::TiesChanged(ties) => {
            let Ties::Native(ties) = *ties else {
                panic!("another protocol")
            };
            assert_eq!(ties.issuer_keys, set);
        }
        other => panic!("{other:?}"),
    }
    socket
        .request(jws::sign(&issuer.claims(1), &new).unwrap(), "c1")
        .await;
    assert_eq!(request(&mut subscription).await.claims.txn, txn(1));
}

#[tokio::test]
async fn swapped_keys_are_refused_and_so_is_what_they_sign() {
    let (issuer, _agent, mut subscription, mut socket) = proven().await;
    let rogue = new_key();
    let set = both(&issuer.keys(), rogue.public_key());
    let introduced_by_itself = jws::sign(&issuer.new_keys(set), &rogue).unwrap();
    socket
        .send(&ServerFrame::Keys {
            keys: introduced_by_itself,
        })
        .await;
    let rejected = rejection(&mut subscription).await;
    assert!(
        matches!(rejected.reason, RejectReason::Unverified(VerifyError::UnknownKey)),
        "{rejected:?}"
    );
    assert_eq!(rejected.frame, FrameKind::Keys);

    socket
        .request(jws::sign(&issuer.claims(1), &rogue).unwrap(), "c1")
        .await;
    let rejected = rejection(&mut subscription).await;
    assert!(
        matches!(rejected.reason, RejectReason::Unverified(VerifyError::UnknownKey)),
        "{rejected:?}"
    );
}

/// Whoever ends the TLS connection says what time it is, and plays an introduction again that was genuine then.
#[tokio::test]
async fn old_keys_do_not_come_back_with_an_old_plain_time() {
    const THEN: i64 = NOW - 30 * 24 * 3600;
    let introduced = |issuer: &FakeIssuer, iat| {
        let keys = issuer.new_keys(both(&issuer.keys(), new_key().public_key()));
        ServerFrame::Keys {
            keys: issuer.sign(&ApprovalKeys { iat, ..keys }),
        }
    };
    let (issuer, _agent, mut subscription, mut socket) = subscribed().await;
    socket.welcome_with(THEN, None).await;
    assert!(matches!(next(&mut subscription).await, ChannelEvent::Offset(_)));
    socket.send(&introduced(&issuer, THEN)).await;
    let rejected = rejection(&mut subscription).await;
    assert!(matches!(rejected.reason, RejectReason::Unproven), "{rejected:?}");

    let (issuer, agent, mut subscription, mut socket) = proven().await;
    socket.welcome_with(THEN, None).await;
    assert!(matches!(next(&mut subscription).await, ChannelEvent::Offset(_)));
    agent.clock.pass(60_000);
    for old in [THEN, NOW - 1] {
        socket.send(&introduced(&issuer, old)).await;
        let rejected = rejection(&mut subscription).await;
        assert!(
            matches!(rejected.reason, RejectReason::Unverified(VerifyError::Expired)),
            "{rejected:?}"
        );
    }
    socket.send(&introduced(&issuer, NOW + 60)).await;
    assert!(matches!(
        next(&mut subscription).await,
        ChannelEvent::TiesChanged(_)
    ));
}
