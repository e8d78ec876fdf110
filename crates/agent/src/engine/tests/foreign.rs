//! A protocol that can do less: no end of its own, no receipts, a choice in place of a code, reports only sometimes.

use countersign_agent_api::{
    Activation, Capabilities, ErrorCode, Matching, Outcome as ApiOutcome, ReceiptState, Surface,
    Verification, Window,
};

use super::*;
use crate::channel::{Matched, Ties, VerifiedRequest, privacyidea};

impl Bench {
    /// The one account is that of a PUSH token.
    fn foreign() -> Self {
        let mut bench = Self::new();
        let ties = Ties::PrivacyIdea(Box::new(privacyidea::Ties::for_tests()));
        bench.channel(ChannelEvent::TiesChanged(Box::new(ties)));
        bench
    }

    fn delivered_as(&mut self, change: impl FnOnce(&mut VerifiedRequest)) -> RequestId {
        let now = self.now + OFFSET;
        let mut request = self.issuer.request(Requires::default(), "Alder portal", now);
        request.claims.exp = None;
        request.claims.requires.matching = Matching::None;
        request.claims.capabilities = self.binding().capabilities();
        change(&mut request);
        let txn = request.claims.txn.clone();
        self.channel(ChannelEvent::Request(Box::new(request)));
        self.engine.inbox.by_txn(&self.account, &txn).unwrap().id.clone()
    }

    /// Answers, and gives what was to be signed. What the key makes of it is for the channel's tests.
    fn answered(&mut self, id: &RequestId, verdict: ApiVerdict, picked: Option<&str>) -> SignOrder {
        self.show(id);
        self.decide(id, verdict, picked).unwrap();
        let order = self.order();
        let signed = Signed {
            message: "signed".into(),
            exp: None,
        };
        self.event(Event::Signed(id.clone(), Ok(signed)));
        self.delivery();
        order
    }
}

#[test]
fn what_the_protocol_cannot_do_is_said_with_account_and_request() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    let Capabilities {
        signs_statement,
        has_expiry,
        can_revoke,
        can_rotate,
        ..
    } = bench.view(&id).capabilities;
    assert!(!signs_statement && !has_expiry && !can_revoke && !can_rotate);
    assert_eq!(bench.view(&id).expires_at, None);
    assert_eq!(
        bench.engine.account_views()[0].capabilities,
        bench.view(&id).capabilities
    );
}

#[test]
fn a_request_without_an_end_waits_until_the_issuer_no_longer_knows_it() {
    let mut bench = Bench::foreign();
    let mut txn = None;
    let id = bench.delivered_as(|request| txn = Some(request.claims.txn.clone()));
    bench.pass(7 * 24 * 3600);
    assert_eq!(bench.state(&id), RequestState::Pending);
    bench.channel(ChannelEvent::Gone(txn.unwrap()));
    assert!(bench.engine.view_of(&id).is_none());
    assert_eq!(bench.desktop().len(), 0);
    assert!(bench.disk.records.is_empty(), "nobody knows how it ended");
}

#[test]
fn what_is_being_answered_is_not_gone() {
    let mut bench = Bench::foreign();
    let mut txn = None;
    let id = bench.delivered_as(|request| txn = Some(request.claims.txn.clone()));
    bench.answered(&id, ApiVerdict::Approve, None);
    bench.channel(ChannelEvent::Gone(txn.unwrap()));
    assert!(matches!(bench.state(&id), RequestState::Sending { .. }));
}

#[test]
fn an_answer_that_was_taken_ends_the_request_without_a_receipt() {
    for (verdict, outcome) in [
        (ApiVerdict::Approve, ApiOutcome::Approved),
        (ApiVerdict::Deny, ApiOutcome::Denied),
    ] {
        let mut bench = Bench::foreign();
        let id = bench.delivered_as(|_| {});
        bench.answered(&id, verdict, None);
        let code = Some("42".to_owned());
        bench.outcome(&id, DecisionOutcome::Taken { code: code.clone() });
        match bench.state(&id) {
            RequestState::Ended {
                outcome: ended,
                by_this_device: true,
                receipt: ReceiptState::None,
                code: shown,
                ..
            } => assert_eq!((ended, shown), (outcome, code)),
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.disk.records.len(), 1);
        assert!(bench.disk.records[0].evidence.is_none());
        assert!(bench.disk.outbox.answers.is_empty());
    }
}

#[test]
fn a_code_to_type_is_shown_even_if_no_front_end_had_the_request_on_screen() {
    for shown in [false, true] {
        let mut bench = Bench::foreign();
        bench.engine.settings.chosen.values.notifications = Privacy::Detailed;
        let id = bench.delivered_as(|request| request.claims.requires.surface = Surface::Any);
        if shown {
            bench.answered(&id, ApiVerdict::Approve, None);
        } else {
            let told = bench.only_notification();
            bench.act(&told, Action::Approve);
            let signed = Signed {
                message: "signed".into(),
                exp: None,
            };
            bench.event(Event::Signed(id.clone(), Ok(signed)));
            bench.delivery();
        }
        let code = Some("42".to_owned());
        bench.outcome(&id, DecisionOutcome::Taken { code });
        let window = Window::Prompt {
            request: Some(id),
            activation: Activation::Asked,
        };
        assert_eq!(bench.launches().contains(&window), !shown);
    }
}

#[test]
fn the_code_to_type_is_copied_by_whoever_owns_the_clipboard() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    let copy = Request::CopyCode { id: id.clone() };
    assert_eq!(bench.call(copy.clone()).unwrap_err().code, ErrorCode::NotFound);
    bench.answered(&id, ApiVerdict::Approve, None);
    let code = Some("42".to_owned());
    bench.outcome(&id, DecisionOutcome::Taken { code });
    assert_eq!(bench.call_from(APP, copy), None);
    let handed_on = bench.effects.iter().any(
        |effect| matches!(effect, Effect::CopyCode { code, clear_after: Some(30), .. } if code.as_str() == "42"),
    );
    assert!(handed_on);
}

#[test]
fn an_answer_that_was_not_taken_cannot_be_given_again() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    bench.answered(&id, ApiVerdict::Approve, None);
    bench.outcome(&id, DecisionOutcome::NotTaken);
    assert!(bench.engine.view_of(&id).is_none());
    assert!(bench.disk.outbox.answers.is_empty());
    assert_eq!(bench.desktop().len(), 1, "it is told");
}

#[test]
fn only_one_of_the_options_approves() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|request| {
        let options = vec!["10".to_owned(), "51".to_owned()];
        request.claims.requires.matching = Matching::Choice { options };
    });
    bench.show(&id);
    for picked in [None, Some("52"), Some("")] {
        let refused = bench.decide(&id, ApiVerdict::Approve, picked).unwrap_err();
        assert_eq!(refused.code, ErrorCode::CodeNeeded);
    }
    let order = bench.answered(&id, ApiVerdict::Approve, Some("51"));
    assert_eq!(order.decision.matched, Some(Matched::Choice("51".into())));
}

#[test]
fn a_choice_is_not_offered_in_a_notification() {
    let mut bench = Bench::foreign();
    bench.engine.settings.chosen.values.notifications = Privacy::Detailed;
    bench.delivered_as(|request| {
        request.claims.requires.surface = Surface::Any;
        request.claims.requires.verification = Verification::None;
        let options = vec!["10".to_owned(), "51".to_owned()];
        request.claims.requires.matching = Matching::Choice { options };
    });
    let notification = bench.only_notification();
    assert!(
        notification
            .actions
            .iter()
            .all(|(action, _)| *action != Action::Approve)
    );
}

#[test]
fn a_report_is_possible_only_where_the_request_allows_it() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    let refused = bench.decide(&id, ApiVerdict::Report, None).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Refused);
    assert_eq!(bench.state(&id), RequestState::Pending);
    let other = bench.delivered_as(|request| request.claims.capabilities.can_report = true);
    bench.answered(&other, ApiVerdict::Report, None);
}

#[test]
fn neither_revocation_nor_a_new_key_is_asked_of_it() {
    let mut bench = Bench::foreign();
    let account = bench.account.clone();
    let calls = [
        Request::RevokeDevice {
            account: account.clone(),
        },
        Request::RotateKey { account },
    ];
    for call in calls {
        assert_eq!(bench.call(call).unwrap_err().code, ErrorCode::Unavailable);
    }
    assert_eq!(bench.disk.accounts.accounts[0].standing, Standing::Enrolled);
}
