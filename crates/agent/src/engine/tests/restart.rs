//! The agent is killed and starts again from what is on disk.

use countersign_agent_api::{Outcome as ApiOutcome, ReceiptState};

use super::{issuer::CODE, *};
use crate::channel::ChannelProblem;

#[test]
fn a_signed_answer_is_sent_again_unchanged() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let answer = bench.approve(&id, CODE);
    bench.restart();
    assert!(matches!(
        bench.state(&id),
        RequestState::Queued {
            verdict: ApiVerdict::Approve,
            ..
        }
    ));
    assert_eq!(bench.deliveries().len(), 0);
    bench.health(Health::Connected(Transport::Websocket));
    let again = bench.delivery();
    assert_eq!(again.decision, answer.decision);
    bench.deliver(&id, &again);
    assert!(matches!(
        bench.state(&id),
        RequestState::Ended {
            outcome: ApiOutcome::Approved,
            receipt: ReceiptState::Verified,
            ..
        }
    ));
    assert_eq!(bench.disk.outbox.answers, []);
}

#[test]
fn a_request_delivered_again_meets_the_answer_that_is_under_way() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let answer = bench.approve(&id, CODE);
    bench.restart();
    let again = bench.issuer.again(&answer.txn);
    bench.channel(ChannelEvent::Request(Box::new(again)));
    assert_eq!(bench.engine.inbox.iter().count(), 1);
    assert!(matches!(bench.state(&id), RequestState::Queued { .. }));
}

#[test]
fn an_answer_that_is_too_old_after_a_restart_is_asked_again() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.approve(&id, CODE);
    bench.now += 125;
    // The issuer gives requests ten minutes here.
    bench.restart();
    bench.health(Health::Connected(Transport::Websocket));
    assert!(bench.signs_nothing());
    assert!(matches!(
        bench.state(&id),
        RequestState::Ended {
            outcome: ApiOutcome::Expired,
            ..
        }
    ));
    assert_eq!(bench.disk.outbox.answers, []);
}

#[test]
fn a_stale_answer_from_before_a_restart_goes_back_to_the_person() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.approve(&id, CODE);
    bench.restart();
    bench.health(Health::Connected(Transport::Websocket));
    bench.delivery();
    bench.outcome(&id, DecisionOutcome::Stale);
    assert_eq!(bench.state(&id), RequestState::Pending);
    assert!(bench.signs_nothing());
}

#[test]
fn killed_between_counter_and_signature_nothing_was_answered() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.show(&id);
    bench.decide(&id, ApiVerdict::Approve, Some(CODE)).unwrap();
    let txn = bench.order().source.claims.txn;
    bench.restart();
    assert!(bench.engine.view_of(&id).is_none());
    let again = bench.issuer.again(&txn);
    bench.channel(ChannelEvent::Request(Box::new(again)));
    assert_eq!(bench.state(&id), RequestState::Pending);
    let answer = bench.approve(&id, CODE);
    bench.deliver(&id, &answer);
    assert_eq!(bench.issuer.recorded[0].counter, 2);
}

#[test]
fn the_offset_survives_with_the_next_thing_that_is_kept() {
    let mut bench = Bench::new();
    bench.channel(ChannelEvent::Offset(OFFSET + 7));
    let id = bench.payment();
    bench.decide(&id, ApiVerdict::Deny, None).unwrap();
    assert_eq!(bench.disk.accounts.accounts[0].binding.offset, OFFSET + 7);
}

#[test]
fn an_answer_whose_account_is_gone_is_forgotten() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.approve(&id, CODE);
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Silent));
    bench.disk.accounts.accounts.clear();
    bench.restart();
    assert!(bench.engine.view_of(&id).is_none());
}
