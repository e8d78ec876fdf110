//! The issuer's signed time: taken from one quick answer to one call, and from nothing else.

use countersign_agent_api::Transport;
use countersign_protocol::{Claims, DeviceId, Jti, VerifyError, jws, wire::PollResponse};

use super::{
    super::super::{ChannelEvent, FrameKind, Health, RejectReason, Rejection, SignedTime, Subscription},
    Agent, FakeIssuer, NOW, health,
    issuer::{Certificate, Socket, WebSockets, new_key, txn},
    next, request,
};
use crate::edge::{Clock as _, Moment};

/// A call to subscribe that waits for its welcome.
async fn calling() -> (FakeIssuer, Agent, Subscription, Socket) {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let mut subscription = agent.subscribe(&issuer);
    let socket = issuer.socket().await;
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    (issuer, agent, subscription, socket)
}

async fn signed_time(subscription: &mut Subscription) -> SignedTime {
    match next(subscription).await {
        ChannelEvent::SignedTime(time) => time,
        other => panic!("not the time: {other:?}"),
    }
}

async fn rejection(subscription: &mut Subscription) -> Rejection {
    match next(subscription).await {
        ChannelEvent::Rejected(rejection) => rejection,
        other => panic!("not rejected: {other:?}"),
    }
}

/// Nothing is said of the time until the connection is up.
async fn connects_without(subscription: &mut Subscription) {
    match health(subscription).await {
        Health::Connected(Transport::Websocket) => {}
        other => panic!("not connected: {other:?}"),
    }
}

#[tokio::test]
async fn the_time_in_a_quick_welcome_is_that_of_the_middle_of_the_round_trip() {
    let (issuer, agent, mut subscription, mut socket) = calling().await;
    agent.clock.pass(2000);
    // The issuer is 40 s ahead; it signs after one of the two seconds.
    let time = issuer.sign(&issuer.time(NOW + 41, &socket.proof));
    socket.welcome_with(NOW + 41, Some(time)).await;
    assert!(matches!(next(&mut subscription).await, ChannelEvent::Offset(39)));
    let at = agent.clock.moment();
    assert_eq!(at.now_ms, (NOW + 2) * 1000);
    assert_eq!(
        signed_time(&mut subscription).await,
        SignedTime { offset: 40, at }
    );
    connects_without(&mut subscription).await;
}

#[tokio::test]
async fn a_slow_answer_says_nothing_of_the_time() {
    let (issuer, agent, mut subscription, mut socket) = calling().await;
    agent.clock.pass(2001);
    let time = issuer.sign(&issuer.time(NOW + 3, &socket.proof));
    socket.welcome_with(NOW + 3, Some(time)).await;
    connects_without(&mut subscription).await;
}

#[tokio::test]
async fn an_issuer_that_does_not_sign_its_time_is_no_less_connected() {
    let (_issuer, _agent, mut subscription, mut socket) = calling().await;
    // The plain time is for the protocol's own purposes.
    socket.welcome_with(NOW + 40, None).await;
    assert!(matches!(next(&mut subscription).await, ChannelEvent::Offset(40)));
    connects_without(&mut subscription).await;
}

/// A welcome with this in it is counted, and says nothing of the time.
async fn is_rejected(make: impl Fn(&FakeIssuer, &Socket) -> String) -> RejectReason {
    let (issuer, _agent, mut subscription, mut socket) = calling().await;
    let token = make(&issuer, &socket);
    socket.welcome_with(NOW, Some(token)).await;
    let rejected = rejection(&mut subscription).await;
    assert_eq!((rejected.frame, rejected.total), (FrameKind::Time, 1));
    connects_without(&mut subscription).await;
    rejected.reason
}

#[tokio::test]
async fn a_time_that_does_not_verify_corrects_nothing() {
    fn forged<C: Claims>(claims: &C) -> String {
        jws::sign(claims, &new_key()).unwrap()
    }
    let reason = is_rejected(|issuer, socket| forged(&issuer.time(NOW + 40, &socket.proof))).await;
    assert!(matches!(
        reason,
        RejectReason::Unverified(VerifyError::UnknownKey)
    ));

    let reason = is_rejected(|issuer, socket| {
        let genuine = issuer.sign(&issuer.time(NOW, &socket.proof));
        let other = issuer.sign(&issuer.time(NOW + 40, &socket.proof));
        let mut parts: Vec<&str> = genuine.split('.').collect();
        parts[1] = other.split('.').nth(1).unwrap();
        parts.join(".")
    })
    .await;
    assert!(matches!(reason, RejectReason::Unverified(VerifyError::Signature)));

    let reason = is_rejected(|issuer, socket| {
        let mut time = issuer.time(NOW, &socket.proof);
        time.aud = DeviceId::from_random([8; 16]);
        issuer.sign(&time)
    })
    .await;
    assert!(matches!(reason, RejectReason::Unverified(VerifyError::Audience)));

    // Signed by a pinned key, but as something else.
    let reason = is_rejected(|issuer, _| issuer.sign(&issuer.new_keys(issuer.keys()))).await;
    assert!(matches!(
        reason,
        RejectReason::Unverified(VerifyError::Type { .. })
    ));

    // Far from the plain time beside it: one of the two is not the issuer's.
    let reason = is_rejected(|issuer, socket| issuer.sign(&issuer.time(NOW + 61, &socket.proof))).await;
    assert!(matches!(
        reason,
        RejectReason::Unverified(VerifyError::NotYetValid)
    ));
}

#[tokio::test]
async fn the_time_in_answer_to_another_call_corrects_nothing() {
    let other = Jti::from_random([99; 16]);
    let reason = is_rejected(|issuer, _| issuer.sign(&issuer.time(NOW, &other))).await;
    assert!(matches!(reason, RejectReason::Inconsistent));
}

#[tokio::test]
async fn a_time_that_is_played_again_corrects_nothing() {
    let (issuer, agent, mut subscription, mut socket) = calling().await;
    let time = issuer.sign(&issuer.time(NOW, &socket.proof));
    socket.welcome_with(NOW, Some(time.clone())).await;
    let at = Moment {
        now_ms: NOW * 1000,
        steady_ms: NOW * 1000,
    };
    assert_eq!(signed_time(&mut subscription).await, SignedTime { offset: 0, at });
    connects_without(&mut subscription).await;

    // On the same connection: the call has had its answer.
    agent.clock.pass(1000);
    socket.welcome_with(NOW + 1, Some(time.clone())).await;
    socket.request(issuer.request(1), "c1").await;
    assert_eq!(request(&mut subscription).await.claims.txn, txn(1));

    // On another one: it is another call.
    drop(socket);
    assert!(matches!(health(&mut subscription).await, Health::Retrying { .. }));
    subscription.handle.retry();
    let mut socket = issuer.socket().await;
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    socket.welcome_with(NOW + 1, Some(time)).await;
    assert!(matches!(
        rejection(&mut subscription).await.reason,
        RejectReason::Inconsistent
    ));
    connects_without(&mut subscription).await;
}

#[tokio::test]
async fn the_answer_to_a_poll_that_was_held_says_nothing_of_the_time() {
    let issuer = FakeIssuer::with(WebSockets::Forbidden, Certificate::Good).await;
    let agent = Agent::trusting(&issuer).await;
    let mut subscription = agent.subscribe(&issuer);
    let polled = |time: i64, proof: &Jti| PollResponse {
        time,
        time_proof: Some(issuer.sign(&issuer.time(time, proof))),
        cursor: "p1".into(),
        frames: Vec::new(),
    };
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    let call = issuer.call("/poll").await;
    let answer = polled(NOW + 40, call.proof.as_ref().unwrap());
    call.answer(200, &answer);
    assert!(matches!(next(&mut subscription).await, ChannelEvent::Offset(40)));
    assert_eq!(signed_time(&mut subscription).await.offset, 40);
    assert!(matches!(
        health(&mut subscription).await,
        Health::Connected(Transport::LongPoll)
    ));

    let call = issuer.call("/poll").await;
    agent.clock.pass(3_000);
    let answer = polled(NOW + 43, call.proof.as_ref().unwrap());
    call.answer(200, &answer);
    // The next one is quick again, and is the next that is heard of.
    let call = issuer.call("/poll").await;
    let answer = polled(NOW + 44, call.proof.as_ref().unwrap());
    call.answer(200, &answer);
    assert_eq!(signed_time(&mut subscription).await.offset, 41);
}
