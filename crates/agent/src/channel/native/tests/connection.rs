//! Keeping a connection, whatever happens to it.

use std::time::Duration;

use countersign_agent_api::{KeyringState, Transport};
use countersign_protocol::{
    ErrorCode,
    wire::{self, PollResponse, ServerFrame},
};
use tokio::net::TcpSocket;

use super::{
    super::{
        super::{ChannelEvent, ChannelProblem, Health, IssuerProtocol as _, Subscription, Ties},
        Timing,
    },
    Agent, FakeIssuer, NOW, connected, health,
    issuer::{Certificate, WebSockets, txn},
    next, request,
};
use crate::{keystore::MemoryState, net::NetError};

/// Nothing may depend on how long things take, except where a test is about silence: then it is short.
fn impatient() -> Timing {
    let short = Duration::from_millis(100);
    Timing {
        ping: short / 4,
        silence: short,
        answer: short,
        fallback: short,
    }
}

/// The connection has failed; asks for the next attempt at once.
async fn retried(subscription: &mut Subscription) -> ChannelProblem {
    match health(subscription).await {
        Health::Retrying { problem, .. } => {
            subscription.handle.retry();
            problem
        }
        other => panic!("not retrying: {other:?}"),
    }
}

fn polled(frames: Vec<ServerFrame>) -> PollResponse {
    PollResponse {
        time: NOW,
        time_proof: None,
        cursor: "p1".into(),
        frames,
    }
}

#[tokio::test]
async fn after_a_reset_it_comes_back_where_it_was() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let mut subscription = agent.subscribe(&issuer);
    let mut socket = issuer.socket().await;
    assert_eq!(socket.query, "");
    socket.welcome().await;
    connected(&mut subscription).await;
    socket.request(issuer.request(1), "c1").await;
    request(&mut subscription).await;
    drop(socket);
    assert!(matches!(retried(&mut subscription).await, ChannelProblem::Closed));

    let mut socket = issuer.socket().await;
    assert_eq!(socket.query, "cursor=c1");
    socket.welcome().await;
    assert_eq!(connected(&mut subscription).await, Transport::Websocket);
    // At least once: it is sent again.
    socket.request(issuer.request(1), "c1").await;
    assert_eq!(request(&mut subscription).await.claims.txn, txn(1));
}

#[tokio::test]
async fn an_issuer_that_is_not_there_yet_is_found_when_it_comes() {
    // Bound, but not listening: connections are refused.
    let place = TcpSocket::new_v4().unwrap();
    place.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = place.local_addr().unwrap().port().to_string();
    let elsewhere = FakeIssuer::start().await;
    let agent = Agent::trusting(&elsewhere).await;
    let mut binding = agent.binding(&elsewhere);
    let Ties::Native(ties) = &mut binding.ties else {
        panic!("another protocol")
    };
    ties.endpoints.stream = format!("wss://127.0.0.1:{port}/stream");
    let mut subscription = agent.protocols.subscribe(binding);
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    let listener = match health(&mut subscription).await {
        Health::Retrying {
            problem: ChannelProblem::Net(NetError::Connect { .. }),
            ..
        } => place.listen(8).unwrap(),
        other => panic!("{other:?}"),
    };
    subscription.handle.retry();
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    // Somebody is there now.
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_went_silent_is_given_up() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await.with_timing(impatient());
    let mut subscription = agent.subscribe(&issuer);
    let mut socket = issuer.socket().await;
    socket.welcome().await;
    connected(&mut subscription).await;
    // The issuer's end stays open and answers nothing, not even pings: half-open.
    assert!(matches!(retried(&mut subscription).await, ChannelProblem::Silent));
    drop(socket);
}

#[tokio::test]
async fn pings_keep_an_idle_connection() {
    let issuer = FakeIssuer::start().await;
    let timing = Timing {
        ping: Duration::from_millis(20),
        ..Timing::default()
    };
    let agent = Agent::trusting(&issuer).await.with_timing(timing);
    let mut subscription = agent.subscribe(&issuer);
    let mut socket = issuer.socket().await;
    socket.welcome().await;
    connected(&mut subscription).await;
    for _ in 0..3 {
        socket.ping().await;
    }
    socket.request(issuer.request(1), "c1").await;
    assert_eq!(request(&mut subscription).await.claims.txn, txn(1));
}

#[tokio::test]
async fn where_websockets_are_forbidden_it_polls() {
    for websockets in [WebSockets::Forbidden, WebSockets::Cut] {
        let issuer = FakeIssuer::with(websockets, Certificate::Good).await;
        let agent = Agent::trusting(&issuer).await;
        let mut subscription = agent.subscribe(&issuer);
        let call = issuer.call("/poll").await;
        assert_eq!(call.query, "wait=0");
        let frames = vec![ServerFrame::Request {
            request: issuer.request(1),
            cursor: "p1".into(),
        }];
        call.answer(200, &polled(frames));
        assert_eq!(connected(&mut subscription).await, Transport::LongPoll);
        assert_eq!(request(&mut subscription).await.claims.txn, txn(1));
        let call = issuer.call("/poll").await;
        assert_eq!(call.query, "wait=25&cursor=p1");
        call.answer(
            200,
            &polled(vec![ServerFrame::Request {
                request: issuer.request(2),
                cursor: "p2".into(),
            }]),
        );
        assert_eq!(request(&mut subscription).await.claims.txn, txn(2));
    }
}

#[tokio::test]
async fn where_websockets_are_swallowed_it_polls() {
    let issuer = FakeIssuer::with(WebSockets::Swallowed, Certificate::Good).await;
    let agent = Agent::trusting(&issuer).await.with_timing(impatient());
    let mut subscription = agent.subscribe(&issuer);
    issuer.call("/poll").await.answer(200, &polled(Vec::new()));
    assert_eq!(connected(&mut subscription).await, Transport::LongPoll);
}

#[tokio::test]
async fn after_a_while_of_polling_a_websocket_is_tried_again() {
    let issuer = FakeIssuer::with(WebSockets::Forbidden, Certificate::Good).await;
    let timing = Timing {
        fallback: Duration::ZERO,
        ..Timing::default()
    };
    let agent = Agent::trusting(&issuer).await.with_timing(timing);
    let mut subscription = agent.subscribe(&issuer);
    issuer.call("/poll").await.answer(200, &polled(Vec::new()));
    assert_eq!(connected(&mut subscription).await, Transport::LongPoll);
    // Still forbidden: the first poll of another session, which does not wait.
    let call = issuer.call("/poll").await;
    assert_eq!(call.query, "wait=0&cursor=p1");
}

#[tokio::test]
async fn one_connection_per_device_is_said_when_another_takes_over() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let mut subscription = agent.subscribe(&issuer);
    for (code, expected) in [
        (wire::CLOSE_REPLACED, "Replaced"),
        (wire::CLOSE_RESTART, "Restarting"),
        (1000, "Closed"),
    ] {
        let mut socket = issuer.socket().await;
        socket.welcome().await;
        connected(&mut subscription).await;
        socket.close(code).await;
        assert_eq!(format!("{:?}", retried(&mut subscription).await), expected);
    }
}

#[tokio::test]
async fn a_revoked_device_stops_for_good() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    for by_frame in [true, false] {
        let mut subscription = agent.subscribe(&issuer);
        let mut socket = issuer.socket().await;
        socket.welcome().await;
        connected(&mut subscription).await;
        if by_frame {
            socket.send(&ServerFrame::Revoked {}).await;
        } else {
            socket.close(wire::CLOSE_REVOKED).await;
        }
        assert!(matches!(health(&mut subscription).await, Health::Revoked));
        assert!(subscription.events.recv().await.is_none());
    }
    issuer.refuse(ErrorCode::DeviceRevoked);
    let mut subscription = agent.subscribe(&issuer);
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    assert!(matches!(health(&mut subscription).await, Health::Revoked));
    assert!(subscription.events.recv().await.is_none());
}

#[tokio::test]
async fn a_refused_proof_is_no_reason_to_poll() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    issuer.refuse(ErrorCode::Unauthorized);
    let mut subscription = agent.subscribe(&issuer);
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    assert!(matches!(
        retried(&mut subscription).await,
        ChannelProblem::ProofRefused
    ));
    assert!(issuer.is_untouched().await);
}

#[tokio::test]
async fn a_clock_two_days_off_is_learnt_and_used() {
    for days in [-2, 2] {
        let issuer = FakeIssuer::start().await;
        let own = NOW + days * 86_400;
        let agent = Agent::new(&[issuer.ca_file()], crate::net::ProxyChoice::Direct, own).await;
        let mut subscription = agent.subscribe(&issuer);
        let mut socket = issuer.socket().await;
        socket.welcome().await;
        assert!(matches!(health(&mut subscription).await, Health::Connecting));
        match next(&mut subscription).await {
            ChannelEvent::Offset(offset) => assert_eq!(offset, -days * 86_400),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            health(&mut subscription).await,
            Health::Connected(Transport::Websocket)
        ));
        socket.request(issuer.request(1), "c1").await;
        assert_eq!(request(&mut subscription).await.claims.txn, txn(1));
    }
}

#[tokio::test]
async fn without_the_key_nothing_is_sent_and_the_state_is_named() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let binding = agent.binding(&issuer);
    for (state, named) in [
        (MemoryState::Locked, KeyringState::Locked),
        (MemoryState::LockedButUnlockable, KeyringState::Locked),
        (MemoryState::NoService, KeyringState::Missing),
        (MemoryState::NoCollection, KeyringState::Empty),
    ] {
        agent.store.set_state(state);
        let mut subscription = agent.protocols.subscribe(binding.clone());
        assert!(matches!(health(&mut subscription).await, Health::Connecting));
        match health(&mut subscription).await {
            Health::NoKey(state) => assert_eq!(state, named),
            other => panic!("{other:?}"),
        }
        assert!(issuer.is_untouched().await);
        // Unlocked: the person need not wait for the next attempt.
        agent.store.set_state(MemoryState::Ready);
        subscription.handle.retry();
        let mut socket = issuer.socket().await;
        socket.welcome().await;
        connected(&mut subscription).await;
    }
}

#[tokio::test]
async fn frames_that_break_the_rules_end_the_connection() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let mut subscription = agent.subscribe(&issuer);
    for (text, problem) in [
        (
            "x".repeat(wire::MAX_FRAME + 1),
            "it sent a frame that is too large",
        ),
        (
            "{\"type\":\"surprise\"}".to_owned(),
            "it sent a frame that cannot be read",
        ),
        (
            "{\"type\":\"revoked\",\"type\":\"revoked\"}".to_owned(),
            "it sent a frame that cannot be read",
        ),
    ] {
        let mut socket = issuer.socket().await;
        socket.welcome().await;
        connected(&mut subscription).await;
        socket.send_text(text).await;
        match retried(&mut subscription).await {
            ChannelProblem::Protocol(said) => assert_eq!(said, problem),
            other => panic!("{other:?}"),
        }
    }
    let mut socket = issuer.socket().await;
    socket.request(issuer.request(1), "c1").await;
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    assert!(matches!(
        retried(&mut subscription).await,
        ChannelProblem::Protocol("it did not greet first")
    ));
}

#[tokio::test]
async fn a_dropped_subscription_closes_the_connection() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let mut subscription = agent.subscribe(&issuer);
    let mut socket = issuer.socket().await;
    socket.welcome().await;
    connected(&mut subscription).await;
    drop(subscription);
    socket.ended().await;
}
