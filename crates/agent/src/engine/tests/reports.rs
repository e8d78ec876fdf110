//! Reports of requests that have ended.

use countersign_agent_api::{
    Activation, ErrorCode, HistoryEntry, Outcome as ApiOutcome, ReceiptState, Window,
};
use countersign_protocol::{DecidedOn, Reason, Verdict};

use super::*;
use crate::{channel::ChannelProblem, history::Record, keystore::KeyStoreError};

impl Bench {
    /// A payment that another device approved.
    fn approved_elsewhere(&mut self) -> RequestId {
        let id = self.payment();
        let txn = self.engine.inbox.get(&id).unwrap().claims().txn.clone();
        let receipt = self
            .issuer
            .decided_elsewhere(&txn, Outcome::Approved, self.now + OFFSET);
        self.channel(ChannelEvent::Closed(Box::new(receipt)));
        id
    }

    /// The latest record of a request.
    fn kept(&self, id: &RequestId) -> Option<Record> {
        let records = self.disk.records.iter().rev();
        records.into_iter().find(|record| record.entry.id == *id).cloned()
    }

    /// The person reports it; the driver looks it up.
    fn report(&mut self, id: &RequestId) -> Option<Result<Reply, ApiError>> {
        let report = Request::Report {
            id: id.clone(),
            locale: "en".into(),
        };
        if let Some(refused) = self.call_from(TERMINAL, report) {
            return Some(refused);
        }
        let call = self.last_call();
        let wanted = |effect: &Effect| matches!(effect, Effect::FindRecord(c, _, _) if *c == call);
        let position = self.effects.iter().position(wanted).expect("not looked up");
        self.effects.remove(position);
        let record = self.kept(id);
        self.event(Event::Found(call, "en".into(), Box::new(Ok(record))));
        self.reply_to(call)
    }

    fn report_order(&mut self) -> Option<SignOrder> {
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::SignReport(_)))?;
        match self.effects.remove(position) {
            Effect::SignReport(order) => Some(*order),
            other => panic!("{other:?}"),
        }
    }

    /// The key signs the report; what is to be delivered.
    fn sign_report(&mut self) -> (RequestId, Answer) {
        let order = self.report_order().expect("nothing to sign");
        let (id, signed) = self.signature(order);
        self.event(Event::ReportSigned(id, Ok(signed)));
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::DeliverReport(..)));
        match self.effects.remove(position.expect("nothing to deliver")) {
            Effect::DeliverReport(id, _, answer) => (id, answer),
            other => panic!("{other:?}"),
        }
    }

    /// The issuer's word on it; the answer to the call.
    fn deliver_report(&mut self, id: &RequestId, answer: &Answer) -> Result<HistoryEntry, ErrorCode> {
        let outcome = self.issuer.decide(answer, self.now + OFFSET);
        self.report_outcome(id, outcome).expect("no answer yet")
    }

    fn report_outcome(
        &mut self,
        id: &RequestId,
        outcome: DecisionOutcome,
    ) -> Option<Result<HistoryEntry, ErrorCode>> {
        self.event(Event::ReportDelivered(id.clone(), outcome));
        let reply = self.reply_to(self.last_call())?;
        Some(match reply {
            Ok(Reply::Entry(entry)) => Ok(entry),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.code),
        })
    }
}

fn code(reply: Option<Result<Reply, ApiError>>) -> ErrorCode {
    reply.expect("no answer yet").expect_err("was accepted").code
}

#[test]
fn what_another_device_approved_is_reported_and_stays_approved() {
    let mut bench = Bench::new();
    let id = bench.approved_elsewhere();
    let before = bench.kept(&id).unwrap();
    bench.pass(3600);
    assert!(bench.engine.inbox.get(&id).is_none(), "only the history knows it");
    assert!(bench.report(&id).is_none(), "answered before the issuer was");
    let (id, answer) = bench.sign_report();
    let entry = bench.deliver_report(&id, &answer).unwrap();
    let at = bench.now + OFFSET;
    assert_eq!(entry.outcome, ApiOutcome::Approved);
    assert_eq!(entry.reported_at, Some(at));
    let mut marked = before;
    marked.entry.reported_at = Some(at);
    assert_eq!(bench.kept(&id), Some(marked), "evidence and all else stay");
    let decision = &bench.issuer.late_reports[0];
    assert_eq!(
        (decision.verdict, decision.reason),
        (Verdict::Report, Some(Reason::NotMe))
    );
    assert_eq!((decision.surface, decision.counter), (DecidedOn::Terminal, 1));
    assert_eq!(bench.issuer.recorded, []);
}

#[test]
fn a_report_mutes_the_client_and_marks_what_is_still_shown() {
    let mut bench = Bench::new();
    let id = bench.approved_elsewhere();
    assert!(bench.report(&id).is_none());
    let (id, answer) = bench.sign_report();
    bench.deliver_report(&id, &answer).unwrap();
    match bench.state(&id) {
        RequestState::Ended {
            outcome,
            by_this_device,
            reported_at,
            muted_until,
            ..
        } => {
            assert_eq!((outcome, by_this_device), (ApiOutcome::Approved, false));
            assert_eq!(
                (reported_at, muted_until),
                (Some(bench.now), Some(bench.now + 900))
            );
        }
        other => panic!("{other:?}"),
    }
    let next = bench.payment();
    assert!(bench.only_held_back(&next));
}

impl Bench {
    fn only_held_back(&self, id: &RequestId) -> bool {
        self.engine.inbox.get(id).unwrap().visibility == request::Visibility::HeldBack
    }
}

#[test]
fn a_denial_can_be_reported_as_well_from_its_notification() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let notification = bench.only_notification();
    bench.act(&notification, Action::Deny);
    bench.sign();
    let answer = bench.delivery();
    bench.deliver(&id, &answer);
    let denied = bench.only_notification();
    assert_eq!(
        denied.actions,
        [(Action::ReportToo, "Report it as well".to_owned())]
    );
    bench.effects.clear();
    bench.act(&denied, Action::ReportToo);
    let window = Window::Prompt {
        request: Some(id.clone()),
        activation: Activation::ToReport,
    };
    assert_eq!(bench.launches(), [window]);
    assert!(
        bench.report_order().is_none(),
        "nothing is reported by the notification alone"
    );

    assert!(bench.report(&id).is_none());
    let (id, answer) = bench.sign_report();
    let entry = bench.deliver_report(&id, &answer).unwrap();
    assert_eq!((entry.outcome, entry.by_this_device), (ApiOutcome::Denied, true));
    let evidence = bench.kept(&id).unwrap().evidence.unwrap();
    evidence.verify().unwrap();
}

#[test]
fn a_report_that_came_after_another_answer_is_on_record() {
    for closed_first in [false, true] {
        let mut bench = Bench::new();
        let id = bench.payment();
        bench.decide(&id, ApiVerdict::Report, None).unwrap();
        bench.sign();
        let answer = bench.delivery();
        let receipt = bench
            .issuer
            .decided_elsewhere(&answer.txn, Outcome::Approved, bench.now + OFFSET);
        if closed_first {
            bench.channel(ChannelEvent::Closed(Box::new(receipt)));
        }
        bench.deliver(&id, &answer);
        assert!(matches!(
            bench.state(&id),
            RequestState::Ended {
                outcome: ApiOutcome::Approved,
                by_this_device: false,
                receipt: ReceiptState::Verified,
                reported_at: Some(_),
                ..
            }
        ));
        let kept = bench.kept(&id).unwrap();
        assert_eq!(kept.entry.reported_at, Some(bench.now + OFFSET));
        assert_eq!(bench.disk.outbox.answers, []);
    }
}

#[test]
fn a_second_report_is_not_sent() {
    let mut bench = Bench::new();
    let id = bench.approved_elsewhere();
    assert!(bench.report(&id).is_none());
    assert_eq!(
        code(bench.report(&id)),
        ErrorCode::Unavailable,
        "one is on its way"
    );
    let (id, answer) = bench.sign_report();
    let taken = bench.issuer.decide(&answer, bench.now + OFFSET);
    bench.event(Event::ReportDelivered(id.clone(), taken));
    let again = bench.report(&id).unwrap().unwrap();
    assert!(matches!(again, Reply::Entry(entry) if entry.reported_at.is_some()));
    assert!(bench.report_order().is_none());
}

#[test]
fn what_cannot_be_reported_is_refused_before_anything_is_signed() {
    let mut bench = Bench::new();
    let waiting = bench.payment();
    assert_eq!(code(bench.report(&waiting)), ErrorCode::InvalidCall);
    assert_eq!(
        code(bench.report(&RequestId("nosuch".into()))),
        ErrorCode::NotFound
    );
    let without_receipt = {
        bench.pass(700);
        waiting
    };
    assert_eq!(bench.kept(&without_receipt).unwrap().evidence, None);
    assert_eq!(code(bench.report(&without_receipt)), ErrorCode::NotPending);
    let old = bench.approved_elsewhere();
    bench.pass(86_401);
    assert_eq!(code(bench.report(&old)), ErrorCode::Refused);
    assert!(bench.report_order().is_none());
}

#[test]
fn a_report_that_was_not_taken_leaves_no_mark_and_can_be_repeated() {
    let mut bench = Bench::new();
    let id = bench.approved_elsewhere();
    assert!(bench.report(&id).is_none());
    let order = bench.report_order().unwrap();
    bench.event(Event::ReportSigned(order.request, Err(KeyStoreError::Locked)));
    let locked = bench.reply_to(bench.last_call()).unwrap();
    assert_eq!(locked.unwrap_err().code, ErrorCode::KeyringLocked);

    for (outcome, expected) in [
        (
            DecisionOutcome::NotDelivered(ChannelProblem::Closed),
            ErrorCode::Unreachable,
        ),
        (DecisionOutcome::AlreadyDecided(None), ErrorCode::Refused),
        (
            DecisionOutcome::Refused {
                error: countersign_protocol::ErrorCode::NotFound,
                message: "no".into(),
            },
            ErrorCode::Refused,
        ),
    ] {
        assert!(bench.report(&id).is_none());
        let (id, _) = bench.sign_report();
        assert_eq!(bench.report_outcome(&id, outcome), Some(Err(expected)));
        assert_eq!(bench.kept(&id).unwrap().entry.reported_at, None);
    }
    bench.disk.full = true;
    assert_eq!(code(bench.report(&id)), ErrorCode::Storage);
    bench.disk.full = false;
    assert!(bench.report(&id).is_none());
    let (id, answer) = bench.sign_report();
    bench.deliver_report(&id, &answer).unwrap();
}

#[test]
fn a_report_with_an_old_counter_is_signed_again_once() {
    let mut bench = Bench::new();
    bench.issuer.counter = 10;
    let id = bench.approved_elsewhere();
    assert!(bench.report(&id).is_none());
    let (id, answer) = bench.sign_report();
    let regressed = bench.issuer.decide(&answer, bench.now + OFFSET);
    assert!(matches!(regressed, DecisionOutcome::CounterRegression));
    assert!(bench.report_outcome(&id, regressed).is_none());
    let (id, answer) = bench.sign_report();
    bench.deliver_report(&id, &answer).unwrap();

    let other = bench.approved_elsewhere();
    assert!(bench.report(&other).is_none());
    for again in [true, false] {
        let (other, _) = bench.sign_report();
        let answered = bench.report_outcome(&other, DecisionOutcome::Stale);
        assert_eq!(answered.is_none(), again, "one correction, then it is a refusal");
    }
}
