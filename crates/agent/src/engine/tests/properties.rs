//! Whatever happens in whatever order: only an explicit approval is a yes.

use countersign_agent_api::{Outcome as ApiOutcome, ReceiptState};
use countersign_protocol::Verdict;
use proptest::prelude::*;

use super::{issuer::CODE, *};
use crate::{channel::ChannelProblem, engine::inbox::MAX_WAITING, keystore::KeyStoreError};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Arrive,
    ArriveAgain(usize),
    Show(usize),
    Approve(usize, bool),
    Deny(usize),
    Report(usize),
    Withdraw(usize),
    Sign(bool),
    Deliver,
    Lose,
    Cancel(usize),
    Elsewhere(usize),
    Connect,
    Pass(i64),
    DiskFull(bool),
    Press(Action),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0_usize..4;
    prop_oneof![
        3 => Just(Step::Arrive),
        1 => which.clone().prop_map(Step::ArriveAgain),
        3 => which.clone().prop_map(Step::Show),
        4 => (which.clone(), any::<bool>()).prop_map(|(i, right)| Step::Approve(i, right)),
        1 => which.clone().prop_map(Step::Deny),
        1 => which.clone().prop_map(Step::Report),
        1 => which.clone().prop_map(Step::Withdraw),
        4 => any::<bool>().prop_map(Step::Sign),
        4 => Just(Step::Deliver),
        2 => Just(Step::Lose),
        1 => which.clone().prop_map(Step::Cancel),
        1 => which.prop_map(Step::Elsewhere),
        2 => Just(Step::Connect),
        2 => (0_i64..50).prop_map(Step::Pass),
        1 => any::<bool>().prop_map(Step::DiskFull),
        1 => prop_oneof![Just(Action::Deny), Just(Action::Approve), Just(Action::DenyAll), Just(Action::Review)]
            .prop_map(Step::Press),
        1 => Just(Step::Restart),
    ]
}

/// The requests for which the person said yes, explicitly.
#[derive(Default)]
struct Person {
    approved: Vec<String>,
}

fn nth(bench: &Bench, index: usize) -> Option<RequestId> {
    bench
        .engine
        .inbox
        .iter()
        .nth(index)
        .map(|request| request.id.clone())
}

fn take(bench: &mut Bench, step: Step, person: &mut Person) {
    match step {
        Step::Arrive => {
            if bench.issuer_has_room() {
                let request =
                    bench
                        .issuer
                        .request(Requires::default(), "Treasury Portal", bench.now + OFFSET);
                bench.channel(ChannelEvent::Request(Box::new(request)));
            }
        }
        Step::ArriveAgain(index) => {
            if let Some(id) = nth(bench, index) {
                let txn = bench.engine.inbox.get(&id).unwrap().claims().txn.clone();
                let again = bench.issuer.again(&txn);
                bench.channel(ChannelEvent::Request(Box::new(again)));
            }
        }
        Step::Show(index) => {
            if let Some(id) = nth(bench, index) {
                bench.show(&id);
            }
        }
        Step::Approve(index, right) => {
            if let Some(id) = nth(bench, index) {
                let code = if right { CODE } else { "000000" };
                let accepted = bench.decide(&id, ApiVerdict::Approve, Some(code)).is_ok();
                if accepted && right {
                    let txn = bench.engine.inbox.get(&id).unwrap().claims().txn.to_string();
                    person.approved.push(txn);
                }
            }
        }
        Step::Deny(index) => {
            if let Some(id) = nth(bench, index) {
                let _ = bench.decide(&id, ApiVerdict::Deny, None);
            }
        }
        Step::Report(index) => {
            if let Some(id) = nth(bench, index) {
                let _ = bench.decide(&id, ApiVerdict::Report, None);
            }
        }
        Step::Withdraw(index) => {
            if let Some(id) = nth(bench, index) {
                let _ = bench.call(Request::Withdraw { id });
            }
        }
        Step::Sign(works) => {
            if !bench.signs_nothing() {
                let order = bench.order();
                if works {
                    let (request, signed) = bench.signature(order);
                    bench.event(Event::Signed(request, Ok(signed)));
                } else {
                    bench.event(Event::Signed(order.request, Err(KeyStoreError::Locked)));
                }
            }
        }
        Step::Deliver => {
            for answer in bench.deliveries() {
                let id = bench
                    .engine
                    .inbox
                    .by_txn(&bench.account, &answer.txn)
                    .map(|r| r.id.clone());
                let outcome = bench.issuer.decide(&answer, bench.now + OFFSET);
                if let Some(id) = id {
                    bench.outcome(&id, outcome);
                }
            }
        }
        Step::Lose => {
            for answer in bench.deliveries() {
                // Half of what is lost did arrive.
                if bench.now % 2 == 0 {
                    bench.issuer.decide(&answer, bench.now + OFFSET);
                }
                let id = bench
                    .engine
                    .inbox
                    .by_txn(&bench.account, &answer.txn)
                    .map(|r| r.id.clone());
                if let Some(id) = id {
                    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Silent));
                }
            }
        }
        Step::Cancel(index) | Step::Elsewhere(index) => {
            if let Some(id) = nth(bench, index) {
                let txn = bench.engine.inbox.get(&id).unwrap().claims().txn.clone();
                if !bench.issuer.is_closed(&txn) {
                    let now = bench.now + OFFSET;
                    let receipt = match step {
                        Step::Cancel(_) => bench.issuer.close(&txn, Outcome::Cancelled, now),
                        _ => bench.issuer.decided_elsewhere(&txn, Outcome::Approved, now),
                    };
                    bench.channel(ChannelEvent::Closed(Box::new(receipt)));
                }
            }
        }
        Step::Connect => bench.health(Health::Connected(Transport::Websocket)),
        Step::Pass(seconds) => bench.pass(seconds),
        Step::DiskFull(full) => bench.disk.full = full,
        Step::Press(action) => {
            for notification in bench.desktop().into_values() {
                bench.act(&notification, action);
            }
        }
        Step::Restart => {
            bench.restart();
            bench.event(Event::Connected(TERMINAL, Role::Terminal));
        }
    }
}

impl Bench {
    fn issuer_has_room(&self) -> bool {
        self.issuer.made() < 200
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn only_an_explicit_approval_is_a_yes(steps in proptest::collection::vec(step(), 1..60)) {
        let mut bench = Bench::new();
        bench.issuer.attempts_left = 1000;
        let mut person = Person::default();
        let mut counters: Vec<u64> = Vec::new();
        for step in steps {
            take(&mut bench, step, &mut person);
            for decision in &bench.issuer.recorded {
                if decision.verdict == Verdict::Approve {
                    prop_assert!(person.approved.contains(&decision.txn.to_string()));
                }
            }
            let recorded: Vec<u64> = bench.issuer.recorded.iter().map(|d| d.counter).collect();
            prop_assert!(recorded.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(recorded.starts_with(&counters));
            counters = recorded;
            let waiting = bench.engine.inbox.iter().filter(|r| !r.is_ended()).count();
            prop_assert!(waiting <= MAX_WAITING);
            for view in bench.engine.request_views(bench.now) {
                if let RequestState::Ended { outcome: ApiOutcome::Approved, by_this_device: true, receipt, .. } = view.state {
                    prop_assert_eq!(receipt, ReceiptState::Verified);
                    prop_assert!(person.approved.contains(&view.txn));
                }
            }
        }
        for record in &bench.disk.records {
            if let Some(evidence) = &record.evidence {
                prop_assert!(evidence.verify().is_ok());
            }
        }
    }

    #[test]
    fn a_receipt_is_never_replaced(outcomes in proptest::collection::vec(0_u8..3, 1..5)) {
        let mut bench = Bench::new();
        let id = bench.payment();
        let txn = bench.engine.inbox.get(&id).unwrap().claims().txn.clone();
        let mut first = None;
        for outcome in outcomes {
            let now = bench.now + OFFSET;
            let receipt = match outcome {
                0 => bench.issuer.close(&txn, Outcome::Cancelled, now),
                1 => bench.issuer.close(&txn, Outcome::Expired, now),
                _ => bench.issuer.decided_elsewhere(&txn, Outcome::Denied, now),
            };
            bench.channel(ChannelEvent::Closed(Box::new(receipt)));
            let state = bench.state(&id);
            prop_assert_eq!(first.get_or_insert(state.clone()), &state);
        }
    }
}
