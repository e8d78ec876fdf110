//! Decisions and what becomes of them, by WebSocket and by HTTP.

use countersign_protocol::{
    ErrorBody, ErrorCode, Outcome, Txn,
    wire::{DecisionRequest, DecisionResponse, LateReport, PollResponse, ServerFrame},
};

use super::{
    super::super::{
        Answer, ChannelEvent, ChannelHandle, ChannelProblem, DecisionOutcome, Health, Subscription,
    },
    Agent, FakeIssuer, NOW, connected, health,
    issuer::{Certificate, Socket, WebSockets, error_body, new_key, txn},
    next,
};

/// The channel does not look into decisions: any text does.
const DECISION: &str = "header.decision.signature";

fn answer(number: u8) -> Answer {
    Answer {
        txn: txn(number),
        decision: DECISION.into(),
    }
}

fn send(handle: &ChannelHandle, number: u8) -> tokio::task::JoinHandle<DecisionOutcome> {
    let handle = handle.clone();
    tokio::spawn(async move { handle.answer(answer(number)).await })
}

async fn subscribed() -> (FakeIssuer, Subscription, Socket) {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let mut subscription = agent.subscribe(&issuer);
    let mut socket = issuer.socket().await;
    socket.welcome().await;
    connected(&mut subscription).await;
    (issuer, subscription, socket)
}

fn refused(txn: Option<Txn>, error: ErrorCode, receipt: Option<String>) -> ServerFrame {
    let attempts_left = (error == ErrorCode::WrongCode).then_some(4);
    ServerFrame::Refused {
        txn,
        error,
        message: "No.".into(),
        attempts_left,
        receipt,
    }
}

#[tokio::test]
async fn a_recorded_decision_comes_with_its_receipt() {
    let (issuer, subscription, mut socket) = subscribed().await;
    let waiting = send(&subscription.handle, 1);
    assert_eq!(socket.decision().await, DECISION);
    let receipt = issuer.receipt(1, Some(DECISION), Outcome::Approved);
    socket
        .send(&ServerFrame::Receipt {
            txn: txn(1),
            receipt: issuer.sign(&receipt),
            report: None,
        })
        .await;
    match waiting.await.unwrap() {
        DecisionOutcome::Recorded(recorded) => assert_eq!(recorded.claims, receipt),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_report_that_was_taken_comes_with_the_receipt_of_the_ending() {
    let (issuer, mut subscription, mut socket) = subscribed().await;
    let report = Some(LateReport::Taken);
    let ending = issuer.receipt(1, Some("another.decision.x"), Outcome::Approved);
    let waiting = send(&subscription.handle, 1);
    socket.decision().await;
    let receipt = issuer.sign(&ending);
    socket
        .send(&ServerFrame::Receipt {
            txn: txn(1),
            receipt,
            report,
        })
        .await;
    match waiting.await.unwrap() {
        DecisionOutcome::Reported(reported) => assert_eq!(reported.claims, ending),
        other => panic!("{other:?}"),
    }

    let other = issuer.sign(&issuer.receipt(2, None, Outcome::Expired));
    let waiting = send(&subscription.handle, 1);
    socket.decision().await;
    socket
        .send(&ServerFrame::Receipt {
            txn: txn(1),
            receipt: other,
            report,
        })
        .await;
    assert!(matches!(next(&mut subscription).await, ChannelEvent::Rejected(_)));
    assert!(matches!(waiting.await.unwrap(), DecisionOutcome::NotDelivered(_)));
}

#[tokio::test]
async fn a_receipt_for_something_else_is_not_taken_for_ours() {
    let (issuer, mut subscription, mut socket) = subscribed().await;
    let other_decision = issuer.sign(&issuer.receipt(1, Some("another.decision.x"), Outcome::Approved));
    let other_transaction = issuer.sign(&issuer.receipt(2, Some(DECISION), Outcome::Approved));
    let unsigned =
        countersign_protocol::jws::sign(&issuer.receipt(1, Some(DECISION), Outcome::Approved), &new_key());
    for receipt in [other_decision, other_transaction, unsigned.unwrap()] {
        let waiting = send(&subscription.handle, 1);
        socket.decision().await;
        socket
            .send(&ServerFrame::Receipt {
                txn: txn(1),
                receipt,
                report: None,
            })
            .await;
        assert!(matches!(next(&mut subscription).await, ChannelEvent::Rejected(_)));
        let outcome = waiting.await.unwrap();
        assert!(
            matches!(
                outcome,
                DecisionOutcome::NotDelivered(ChannelProblem::Protocol(_))
            ),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn refusals_keep_their_meaning() {
    let (issuer, subscription, mut socket) = subscribed().await;
    let receipt = issuer.sign(&issuer.receipt(1, None, Outcome::Cancelled));
    for (error, receipt, expected) in [
        (ErrorCode::WrongCode, None, "WrongCode { attempts_left: Some(4) }"),
        (ErrorCode::Locked, None, "Locked(None)"),
        (ErrorCode::Expired, None, "Expired(None)"),
        (
            ErrorCode::AlreadyDecided,
            Some(receipt),
            "AlreadyDecided(Some(VerifiedReceipt",
        ),
        (ErrorCode::CounterRegression, None, "CounterRegression"),
        (ErrorCode::DeviceRevoked, None, "Revoked"),
        (
            ErrorCode::InvalidMessage,
            None,
            "Refused { error: InvalidMessage, message: \"No.\" }",
        ),
        (ErrorCode::Unavailable, None, "NotDelivered(Issuer(Unavailable))"),
    ] {
        let waiting = send(&subscription.handle, 1);
        socket.decision().await;
        socket.send(&refused(Some(txn(1)), error, receipt)).await;
        let outcome = format!("{:?}", waiting.await.unwrap());
        assert!(outcome.starts_with(expected), "{error}: {outcome}");
    }
    // A decision that the issuer could not read has no transaction.
    let waiting = send(&subscription.handle, 1);
    socket.decision().await;
    socket.send(&refused(None, ErrorCode::InvalidRequest, None)).await;
    assert!(matches!(waiting.await.unwrap(), DecisionOutcome::Refused { .. }));
}

#[tokio::test]
async fn two_decisions_get_each_its_own_answer() {
    let (issuer, subscription, mut socket) = subscribed().await;
    let first = send(&subscription.handle, 1);
    socket.decision().await;
    let second = send(&subscription.handle, 2);
    socket.decision().await;
    socket
        .send(&refused(Some(txn(2)), ErrorCode::Expired, None))
        .await;
    assert!(matches!(second.await.unwrap(), DecisionOutcome::Expired(None)));
    let receipt = issuer.sign(&issuer.receipt(1, Some(DECISION), Outcome::Denied));
    socket
        .send(&ServerFrame::Receipt {
            txn: txn(1),
            receipt,
            report: None,
        })
        .await;
    assert!(matches!(first.await.unwrap(), DecisionOutcome::Recorded(_)));
}

#[tokio::test]
async fn a_decision_cut_off_goes_again_by_http() {
    let (issuer, mut subscription, mut socket) = subscribed().await;
    let waiting = send(&subscription.handle, 1);
    socket.decision().await;
    drop(socket);
    assert!(matches!(health(&mut subscription).await, Health::Retrying { .. }));
    let call = issuer.call("/decision").await;
    assert_eq!(call.json::<DecisionRequest>().decision, DECISION);
    let receipt = issuer.sign(&issuer.receipt(1, Some(DECISION), Outcome::Approved));
    call.answer(
        200,
        &DecisionResponse {
            receipt,
            report: None,
        },
    );
    assert!(matches!(waiting.await.unwrap(), DecisionOutcome::Recorded(_)));
}

#[tokio::test]
async fn a_stale_decision_teaches_the_time_first() {
    let (issuer, mut subscription, mut socket) = subscribed().await;
    let waiting = send(&subscription.handle, 1);
    socket.decision().await;
    socket.send(&refused(Some(txn(1)), ErrorCode::Stale, None)).await;
    let call = issuer.call("/decision").await;
    call.answer(
        401,
        &ErrorBody {
            time: Some(NOW + 500),
            ..error_body(ErrorCode::Stale)
        },
    );
    assert!(matches!(waiting.await.unwrap(), DecisionOutcome::Stale));
    match next(&mut subscription).await {
        ChannelEvent::Offset(offset) => assert_eq!(offset, 500),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn while_polling_decisions_go_by_http() {
    let issuer = FakeIssuer::with(WebSockets::Forbidden, Certificate::Good).await;
    let agent = Agent::trusting(&issuer).await;
    let mut subscription = agent.subscribe(&issuer);
    let nothing = PollResponse {
        time_proof: None,
        time: NOW,
        cursor: "p1".into(),
        frames: Vec::new(),
    };
    issuer.call("/poll").await.answer(200, &nothing);
    connected(&mut subscription).await;
    let held = issuer.call("/poll").await;

    let waiting = send(&subscription.handle, 1);
    issuer.call("/decision").await.refuse(ErrorCode::AlreadyDecided);
    assert!(matches!(
        waiting.await.unwrap(),
        DecisionOutcome::AlreadyDecided(None)
    ));
    // Gone without an answer: nobody knows whether it arrived.
    let waiting = send(&subscription.handle, 1);
    issuer.call("/decision").await.cut();
    assert!(matches!(
        waiting.await.unwrap(),
        DecisionOutcome::NotDelivered(ChannelProblem::Net(_))
    ));
    held.answer(200, &nothing);
}

#[tokio::test]
async fn with_nobody_there_it_is_not_delivered() {
    let (_, subscription, socket) = {
        let (issuer, subscription, socket) = subscribed().await;
        (issuer, subscription.handle.clone(), (subscription, socket))
    };
    drop(socket);
    let outcome = subscription.answer(answer(1)).await;
    assert!(matches!(outcome, DecisionOutcome::NotDelivered(_)), "{outcome:?}");
}
