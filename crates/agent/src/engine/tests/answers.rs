//! From the person's answer to the issuer's word on it.

use countersign_agent_api::{ErrorCode, KeyringState, Outcome as ApiOutcome, Problem, ReceiptState};
use countersign_protocol::{Amr, DecidedOn, Match, Surface, Verdict, Verification};

use super::{issuer::CODE, *};
use crate::{channel::ChannelProblem, keystore::KeyStoreError};

fn code_of(result: Result<Reply, ApiError>) -> ErrorCode {
    result.expect_err("was accepted").code
}

/// How a request ended, whether by this device, and what is known of its receipt.
type HowEnded = (ApiOutcome, bool, ReceiptState);

const APPROVED_HERE: HowEnded = (ApiOutcome::Approved, true, ReceiptState::Verified);

fn ended(bench: &Bench, id: &RequestId) -> HowEnded {
    match bench.state(id) {
        RequestState::Ended {
            outcome,
            by_this_device,
            receipt,
            ..
        } => (outcome, by_this_device, receipt),
        state => panic!("not ended: {state:?}"),
    }
}

#[test]
fn the_right_code_approves() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.pass(3);
    let answer = bench.approve(&id, CODE);
    assert_eq!(
        bench.state(&id),
        RequestState::Sending {
            verdict: ApiVerdict::Approve
        }
    );
    bench.deliver(&id, &answer);
    assert_eq!(ended(&bench, &id), APPROVED_HERE);
    let decision = &bench.issuer.recorded[0];
    assert_eq!(decision.surface, DecidedOn::Terminal);
    assert_eq!(decision.shown_at, START + OFFSET + 3);
    assert_eq!(
        (decision.iat, decision.exp),
        (START + OFFSET + 3, START + OFFSET + 63)
    );
    assert_eq!(decision.amr, [Amr::Swk, Amr::User]);
    assert_eq!(decision.counter, 1);
    assert_eq!(bench.disk.outbox.answers, []);
    let evidence = bench.disk.records[0].evidence.clone().unwrap();
    assert_eq!(evidence.decision.as_deref(), Some(answer.decision.as_str()));
    evidence.verify().unwrap();
}

#[test]
fn a_wrong_code_leaves_the_request_pending_and_says_how_many_attempts_are_left() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let answer = bench.approve(&id, "000000");
    bench.deliver(&id, &answer);
    assert_eq!(bench.state(&id), RequestState::Pending);
    assert_eq!(
        bench.view(&id).problem,
        Some(Problem::WrongCode {
            attempts_left: Some(4)
        })
    );
    assert_eq!(bench.disk.outbox.answers, []);
    let answer = bench.approve(&id, CODE);
    bench.deliver(&id, &answer);
    assert_eq!(ended(&bench, &id), APPROVED_HERE);
    assert_eq!(bench.disk.counters, [1, 2]);
}

#[test]
fn too_many_wrong_codes_end_it_as_locked() {
    let mut bench = Bench::new();
    bench.issuer.attempts_left = 1;
    let id = bench.payment();
    let answer = bench.approve(&id, "000000");
    bench.deliver(&id, &answer);
    let how = (ApiOutcome::Locked, false, ReceiptState::Verified);
    assert_eq!(ended(&bench, &id), how);
}

#[test]
fn nothing_is_approved_that_was_not_shown() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let refused = bench.decide(&id, ApiVerdict::Approve, Some(CODE));
    assert_eq!(code_of(refused), ErrorCode::StatementChanged);
    assert!(bench.signs_nothing());
}

#[test]
fn nothing_is_approved_without_the_right_number_of_digits() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.show(&id);
    for code in [
        None,
        Some(""),
        Some("48291"),
        Some("4829131"),
        Some("48291x"),
        Some("４８２９１３"),
        Some(" 482913"),
    ] {
        let refused = bench.decide(&id, ApiVerdict::Approve, code);
        assert_eq!(code_of(refused), ErrorCode::CodeNeeded, "{code:?}");
    }
    assert!(bench.signs_nothing());
    assert_eq!(bench.state(&id), RequestState::Pending);
}

#[test]
fn an_answer_to_another_statement_is_refused() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.show(&id);
    for verdict in [ApiVerdict::Approve, ApiVerdict::Deny, ApiVerdict::Report] {
        let refused = bench.call(Request::Decide {
            id: id.clone(),
            verdict,
            match_code: (verdict == ApiVerdict::Approve).then(|| CODE.to_owned()),
            reason: None,
            locale: "en".into(),
            statement_hash: "x".repeat(43),
        });
        assert_eq!(code_of(refused), ErrorCode::StatementChanged);
    }
    assert!(bench.signs_nothing());
}

#[test]
fn a_request_past_its_end_is_not_approved_but_can_be_denied() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.show(&id);
    bench.pass(119);
    let last_second = bench.decide(&id, ApiVerdict::Approve, Some("1"));
    assert_eq!(code_of(last_second), ErrorCode::CodeNeeded);
    bench.pass(1);
    let late = bench.decide(&id, ApiVerdict::Approve, Some(CODE));
    assert_eq!(code_of(late), ErrorCode::NotPending);
    bench.decide(&id, ApiVerdict::Deny, None).unwrap();
    bench.sign();
    let answer = bench.delivery();
    bench.deliver(&id, &answer);
    let how = (ApiOutcome::Expired, false, ReceiptState::Verified);
    assert_eq!(ended(&bench, &id), how);
}

#[test]
fn a_request_that_asks_for_user_verification_is_not_approved_without_it() {
    let mut bench = Bench::new();
    let requires = Requires {
        matching: Match::None,
        verification: Verification::User,
        surface: Surface::Any,
    };
    let id = bench.request(requires, "Treasury Portal");
    bench.show(&id);
    let refused = bench.decide(&id, ApiVerdict::Approve, None);
    assert_eq!(code_of(refused), ErrorCode::SurfaceNotAllowed);
    bench.decide(&id, ApiVerdict::Deny, None).unwrap();
}

#[test]
fn one_answer_is_enough() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.show(&id);
    bench.decide(&id, ApiVerdict::Deny, None).unwrap();
    let second = bench.decide(&id, ApiVerdict::Approve, Some(CODE));
    assert_eq!(code_of(second), ErrorCode::NotPending);
}

#[test]
fn denying_needs_nothing_but_the_request() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.decide(&id, ApiVerdict::Deny, None).unwrap();
    bench.sign();
    let answer = bench.delivery();
    bench.deliver(&id, &answer);
    let how = (ApiOutcome::Denied, true, ReceiptState::Verified);
    assert_eq!(ended(&bench, &id), how);
    assert_eq!(bench.issuer.recorded[0].verdict, Verdict::Deny);
}

#[test]
fn a_report_mutes_the_client_for_a_quarter_of_an_hour_also_after_a_restart() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.decide(&id, ApiVerdict::Report, None).unwrap();
    bench.sign();
    let answer = bench.delivery();
    bench.deliver(&id, &answer);
    let muted_until = START + 15 * 60;
    assert!(
        matches!(bench.state(&id), RequestState::Ended { muted_until: Some(at), .. } if at == muted_until)
    );
    bench.restart();
    bench.payment();
    assert_eq!(bench.desktop(), BTreeMap::new());
    assert_eq!(bench.launches(), []);
    assert_eq!(bench.engine.status_view().held_back[0].until, muted_until);
    let other = bench.request(Requires::default(), "Wiki");
    assert!(
        bench
            .engine
            .request_views(bench.now)
            .iter()
            .any(|view| view.id == other)
    );
    bench.pass(15 * 60);
    let later = bench.payment();
    assert!(
        bench
            .engine
            .request_views(bench.now)
            .iter()
            .any(|view| view.id == later)
    );
}

#[test]
fn nothing_is_signed_while_the_counter_cannot_be_kept() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.show(&id);
    bench.disk.full = true;
    let refused = bench.decide(&id, ApiVerdict::Approve, Some(CODE));
    assert_eq!(code_of(refused), ErrorCode::Storage);
    assert!(bench.signs_nothing());
    assert_eq!(bench.state(&id), RequestState::Pending);
    bench.disk.full = false;
    let answer = bench.approve(&id, CODE);
    bench.deliver(&id, &answer);
    assert_eq!(ended(&bench, &id), APPROVED_HERE);
}

#[test]
fn an_unusable_key_leaves_the_request_pending_and_names_the_state() {
    for (error, state) in [
        (KeyStoreError::Locked, KeyringState::Locked),
        (KeyStoreError::NoService(None), KeyringState::Missing),
        (KeyStoreError::NoEntry, KeyringState::Empty),
        (KeyStoreError::Damaged, KeyringState::Empty),
        (KeyStoreError::TimedOut, KeyringState::Hanging),
    ] {
        let mut bench = Bench::new();
        let id = bench.payment();
        bench.show(&id);
        bench.decide(&id, ApiVerdict::Approve, Some(CODE)).unwrap();
        bench.order();
        bench.event(Event::Signed(id.clone(), Err(error)));
        assert_eq!(bench.state(&id), RequestState::Pending);
        assert_eq!(bench.view(&id).problem, Some(Problem::Key { state }));
        assert_eq!(bench.engine.status_view().keyring, state);
        assert_eq!(bench.engine.account_views()[0].key, state);
        assert!(
            !bench
                .effects
                .iter()
                .any(|e| matches!(e, Effect::ReserveKey(_) | Effect::DeleteKey(..)))
        );
    }
}

#[test]
fn an_undelivered_answer_is_sent_again_unchanged_until_its_receipt_comes() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let answer = bench.approve(&id, CODE);
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Silent));
    assert!(matches!(
        bench.state(&id),
        RequestState::Queued { verdict: ApiVerdict::Approve, retry_at } if retry_at == START + 2
    ));
    bench.pass(2);
    assert_eq!(bench.delivery().decision, answer.decision);
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Silent));
    bench.health(Health::Connected(Transport::Websocket));
    let third = bench.delivery();
    assert_eq!(third.decision, answer.decision);
    bench.deliver(&id, &third);
    assert_eq!(ended(&bench, &id), APPROVED_HERE);
    assert_eq!(bench.issuer.recorded.len(), 1);
}

#[test]
fn an_answer_that_was_recorded_but_not_acknowledged_gets_its_receipt_later() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let answer = bench.approve(&id, CODE);
    bench.issuer.decide(&answer, bench.now + OFFSET);
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Closed));
    bench.health(Health::Connected(Transport::Websocket));
    let again = bench.delivery();
    bench.deliver(&id, &again);
    assert_eq!(ended(&bench, &id), APPROVED_HERE);
    assert_eq!(bench.issuer.recorded.len(), 1);
}

#[test]
fn an_answer_that_became_too_old_is_signed_again_and_recorded_once() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let old = bench.approve(&id, CODE);
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Silent));
    bench.now += 70;
    bench.health(Health::Connected(Transport::Websocket));
    assert_eq!(bench.deliveries().len(), 0);
    bench.sign();
    let new = bench.delivery();
    assert_ne!(new.decision, old.decision);
    bench.deliver(&id, &new);
    assert_eq!(ended(&bench, &id), APPROVED_HERE);
    assert_eq!(bench.issuer.recorded[0].counter, 2);
}

#[test]
fn a_receipt_for_the_first_of_two_signatures_verifies() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let first = bench.approve(&id, CODE);
    bench.issuer.decide(&first, bench.now + OFFSET);
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Silent));
    bench.now += 70;
    bench.health(Health::Connected(Transport::Websocket));
    bench.sign();
    let second = bench.delivery();
    bench.deliver(&id, &second);
    assert_eq!(ended(&bench, &id), APPROVED_HERE);
    let evidence = bench.disk.records[0].evidence.clone().unwrap();
    assert_eq!(evidence.decision, Some(first.decision));
    evidence.verify().unwrap();
}

#[test]
fn an_unsent_answer_can_be_taken_back() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.approve(&id, CODE);
    let sending = bench.call(Request::Withdraw { id: id.clone() });
    assert_eq!(code_of(sending), ErrorCode::NotPending);
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Silent));
    assert_eq!(bench.disk.outbox.answers.len(), 1);
    bench.call(Request::Withdraw { id: id.clone() }).unwrap();
    assert_eq!(bench.state(&id), RequestState::Pending);
    assert_eq!(bench.disk.outbox.answers, []);
    bench.health(Health::Connected(Transport::Websocket));
    assert_eq!(bench.deliveries().len(), 0);
}

#[test]
fn a_stale_decision_is_signed_again_once() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.approve(&id, CODE);
    bench.channel(ChannelEvent::Offset(OFFSET + 40));
    bench.outcome(&id, DecisionOutcome::Stale);
    let order = bench.order();
    assert_eq!(order.binding.offset, OFFSET + 40);
    let (request, signed) = bench.signature(order);
    bench.event(Event::Signed(request, Ok(signed)));
    bench.delivery();
    bench.outcome(&id, DecisionOutcome::Stale);
    assert!(bench.signs_nothing());
    assert!(matches!(bench.view(&id).problem, Some(Problem::Refused { .. })));
    assert_eq!(bench.state(&id), RequestState::Pending);
}

#[test]
fn after_a_restored_backup_the_counter_jumps_past_the_issuers() {
    let mut bench = Bench::new();
    let first = bench.payment();
    for _ in 0..3 {
        let answer = bench.approve(&first, "000000");
        bench.deliver(&first, &answer);
    }
    bench.disk.accounts.accounts[0].counter = 0;
    bench.restart();
    let id = bench.payment();
    let answer = bench.approve(&id, CODE);
    bench.deliver(&id, &answer);
    bench.sign();
    let answer = bench.delivery();
    bench.deliver(&id, &answer);
    assert_eq!(ended(&bench, &id), APPROVED_HERE);
}

#[test]
fn a_refusal_for_good_is_shown_and_a_passing_one_is_tried_again() {
    use countersign_protocol::ErrorCode as Wire;
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.approve(&id, CODE);
    bench.outcome(
        &id,
        DecisionOutcome::Refused {
            error: Wire::Unavailable,
            message: "later".into(),
        },
    );
    assert!(matches!(bench.state(&id), RequestState::Queued { .. }));
    bench.health(Health::Connected(Transport::Websocket));
    bench.delivery();
    bench.outcome(
        &id,
        DecisionOutcome::Refused {
            error: Wire::NotFound,
            message: "no such transaction".into(),
        },
    );
    assert_eq!(bench.state(&id), RequestState::Pending);
    assert_eq!(
        bench.view(&id).problem,
        Some(Problem::Refused {
            message: "no such transaction".into()
        })
    );
}

#[test]
fn a_receipt_about_other_bytes_ends_it_but_does_not_verify() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let answer = bench.approve(&id, CODE);
    let txn = answer.txn.clone();
    let request = bench.issuer.again(&txn);
    let mut claims = bench
        .issuer
        .receipt(&request, Outcome::Cancelled, bench.now + OFFSET);
    claims.statement_hash = Some("A".repeat(43));
    let receipt = bench.issuer.sign_receipt(claims);
    bench.channel(ChannelEvent::Closed(Box::new(receipt)));
    let how = (ApiOutcome::Cancelled, false, ReceiptState::Invalid);
    assert_eq!(ended(&bench, &id), how);
}

#[test]
fn a_revoked_device_answers_nothing_more() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.approve(&id, CODE);
    bench.outcome(&id, DecisionOutcome::Revoked);
    assert_eq!(bench.disk.accounts.accounts[0].standing, Standing::Revoked);
    assert_eq!(bench.disk.outbox.answers, []);
    assert!(bench.effects.iter().any(|e| matches!(e, Effect::Unsubscribe(_))));
    for verdict in [ApiVerdict::Approve, ApiVerdict::Deny] {
        let refused = bench.decide(&id, verdict, (verdict == ApiVerdict::Approve).then_some(CODE));
        assert_eq!(code_of(refused), ErrorCode::Refused);
    }
    bench.restart();
    assert!(!bench.effects.iter().any(|e| matches!(e, Effect::Subscribe(..))));
}
