//! A protocol that can do less: no end of its own, no receipts, a choice in place of a code, reports only sometimes.

use countersign_agent_api::{
    Activation, Capabilities, ErrorCode, Matching, Outcome as ApiOutcome, Problem, ReceiptState, Reports,
    Surface, Verification, Window,
};

use countersign_protocol::Txn;

use super::*;
use crate::{
    channel::{ChannelProblem, Commitment, Matched, Ties, VerifiedRequest, privacyidea},
    net::NetError,
};

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
        self.signed(id, "signed");
        self.delivery();
        order
    }

    fn signed(&mut self, id: &RequestId, message: &str) {
        let message = message.to_owned();
        let signed = Signed { message, exp: None };
        self.event(Event::Signed(id.clone(), Ok(signed)));
    }

    /// What the account's channel would not hand on any more: it was answered, as the disk says.
    fn is_answered_on_disk(&self, txn: &Txn) -> bool {
        let mut binding = self.disk.accounts.accounts[0].binding.clone();
        binding.commit(txn) == Commitment::Free
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
    let id = bench.delivered_as(|_| {});
    bench.pass(7 * 24 * 3600);
    assert_eq!(bench.state(&id), RequestState::Pending);
    bench.channel(ChannelEvent::Listed(Vec::new()));
    assert!(bench.engine.view_of(&id).is_none());
    assert_eq!(bench.desktop().len(), 0);
    assert!(bench.disk.records.is_empty(), "nobody knows how it ended");
}

#[test]
fn what_is_being_answered_is_not_gone() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    bench.answered(&id, ApiVerdict::Approve, None);
    bench.channel(ChannelEvent::Listed(Vec::new()));
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
    match bench.state(&id) {
        RequestState::Ended {
            outcome: ApiOutcome::NotTaken,
            by_this_device: false,
            ..
        } => {}
        other => panic!("{other:?}"),
    }
    let refused = bench.decide(&id, ApiVerdict::Deny, None).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPending);
    assert!(bench.disk.outbox.answers.is_empty());
    assert_eq!(bench.disk.records.len(), 1, "it is in the history");
    assert_eq!(bench.disk.records[0].entry.outcome, ApiOutcome::NotTaken);
    assert_eq!(bench.desktop().len(), 1, "it is told");
}

#[test]
fn an_answer_leaves_only_when_it_is_on_disk_that_it_is_the_one() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    bench.show(&id);
    bench.decide(&id, ApiVerdict::Approve, None).unwrap();
    let txn = bench.order().source.claims.txn;
    bench.disk.full = true;
    bench.signed(&id, "signed");
    assert!(bench.deliveries().is_empty());
    assert_eq!(bench.state(&id), RequestState::Pending);
    assert!(bench.view(&id).problem.is_some(), "it is said");

    bench.disk.full = false;
    bench.decide(&id, ApiVerdict::Deny, None).unwrap();
    bench.order();
    assert!(!bench.is_answered_on_disk(&txn));
    bench.signed(&id, "signed again");
    assert_eq!(bench.delivery().decision, "signed again");
    assert!(bench.is_answered_on_disk(&txn));
}

/// Killed after each of the writes between the person's answer and its departure.
#[test]
fn killed_at_any_point_no_second_answer_is_possible() {
    let mut sent_again = 0;
    for writes in 1..=3 {
        let mut bench = Bench::foreign();
        let message = privacyidea::Ties::challenge_for_tests();
        let request = bench.binding().restore(message, bench.now).unwrap();
        let id = bench.delivered_as(|asked| *asked = request.clone());
        let txn = request.claims.txn.clone();
        bench.show(&id);
        bench.decide(&id, ApiVerdict::Approve, None).unwrap();
        bench.killed_after = Some(writes);
        bench.signed(&id, "yes");
        let left = !bench.deliveries().is_empty();
        assert_eq!(left, writes == 3, "it leaves behind the second write");

        bench.restart();
        bench.health(Health::Connected(Transport::Poll));
        // The server goes on listing it, and the channel hands on what is not answered as far as it knows.
        if !bench.is_answered_on_disk(&txn) {
            bench.channel(ChannelEvent::Request(Box::new(request)));
        }
        let again = bench.deliveries();
        sent_again += again.len();
        assert!(again.iter().all(|answer| answer.decision == "yes"));
        let asked_again = bench.engine.view_of(&id).map(|view| view.state) == Some(RequestState::Pending);
        assert!(!(left && asked_again), "asked again after {writes} writes");
        assert!(asked_again || !again.is_empty(), "lost after {writes} writes");
    }
    assert_eq!(sent_again, 3, "the same answer, each time");
}

#[test]
fn an_answer_that_was_sent_twice_and_not_taken_is_unclear() {
    for (problem, outcome) in [
        (ChannelProblem::Silent, ApiOutcome::Unclear),
        (
            ChannelProblem::Net(NetError::InvalidUrl("never left".into())),
            ApiOutcome::NotTaken,
        ),
    ] {
        let mut bench = Bench::foreign();
        let id = bench.delivered_as(|_| {});
        bench.answered(&id, ApiVerdict::Approve, None);
        bench.outcome(&id, DecisionOutcome::NotDelivered(problem));
        bench.health(Health::Connected(Transport::Poll));
        assert_eq!(bench.delivery().decision, "signed");
        bench.outcome(&id, DecisionOutcome::NotTaken);
        assert_eq!(bench.disk.records[0].entry.outcome, outcome);
    }
}

#[test]
fn an_answer_that_may_have_arrived_is_not_taken_back() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    bench.answered(&id, ApiVerdict::Approve, None);
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Silent));
    assert!(!bench.view(&id).capabilities.can_withdraw);
    let refused = bench.call(Request::Withdraw { id: id.clone() }).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Refused);
    assert!(matches!(bench.state(&id), RequestState::Queued { .. }));
}

#[test]
fn tokens_of_one_server_may_have_one_label_but_each_is_here_once() {
    let mut bench = Bench::foreign();
    let link = privacyidea::Ties::link_for_tests();
    let serial = bench.binding().device().to_owned();
    for (other, refused) in [(serial.clone(), true), (serial.replace("PIPU", "PIPX"), false)] {
        let label = bench.binding().account;
        let offer = bench.offer(&label).with_link(&link.replace(&serial, &other));
        let preview = Request::PreviewEnrolment {
            link: link.clone(),
            trust: None,
        };
        assert!(bench.call_from(TERMINAL, preview).is_none());
        let call = bench.last_call();
        bench.event(Event::Previewed(call, Box::new(Ok(offer))));
        let answer = bench.reply_to(call).unwrap();
        assert_eq!(
            answer.err().map(|error| error.code),
            refused.then_some(ErrorCode::AlreadyEnrolled)
        );
    }
}

#[test]
fn after_a_restart_it_is_still_known_when_it_was_asked() {
    let mut bench = Bench::foreign();
    let message = privacyidea::Ties::challenge_for_tests();
    let request = bench.binding().restore(message, bench.now + OFFSET).unwrap();
    let id = bench.delivered_as(|asked| *asked = request.clone());
    let asked = bench.view(&id).issued_at;
    assert_eq!(asked, bench.now);
    bench.pass(60);
    bench.answered(&id, ApiVerdict::Approve, None);
    bench.pass(60);
    bench.restart();
    assert_eq!(bench.view(&id).issued_at, asked);

    // An earlier release kept only when it was shown.
    bench.disk.outbox.answers[0].asked_at = None;
    bench.restart();
    assert_eq!(bench.view(&id).issued_at, asked + 60);
}

/// It has not left this computer.
fn unsent() -> DecisionOutcome {
    DecisionOutcome::NotDelivered(ChannelProblem::Net(NetError::InvalidUrl("never left".into())))
}

#[test]
fn an_answer_that_has_not_left_is_taken_back_and_another_one_counts() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    let txn = bench.answered(&id, ApiVerdict::Approve, None).source.claims.txn;
    bench.outcome(&id, unsent());
    assert!(bench.view(&id).capabilities.can_withdraw);
    assert!(bench.is_answered_on_disk(&txn));
    bench.call(Request::Withdraw { id: id.clone() }).unwrap();
    assert_eq!(bench.state(&id), RequestState::Pending);
    assert!(!bench.view(&id).capabilities.can_withdraw);
    assert!(!bench.is_answered_on_disk(&txn));
    assert!(bench.disk.outbox.answers.is_empty());
    bench.health(Health::Connected(Transport::Poll));
    assert!(bench.deliveries().is_empty(), "it left all the same");

    bench.show(&id);
    bench.decide(&id, ApiVerdict::Deny, None).unwrap();
    bench.order();
    bench.signed(&id, "no");
    assert_eq!(bench.delivery().decision, "no");
    assert!(bench.is_answered_on_disk(&txn));
}

#[test]
fn an_answer_that_cannot_be_delivered_is_given_up_after_ten_minutes() {
    for (problem, left) in [(unsent as fn() -> DecisionOutcome, false), (refused, true)] {
        let mut bench = Bench::foreign();
        bench.engine.settings.chosen.values.notifications = Privacy::Detailed;
        let id = bench.delivered_as(|_| {});
        let txn = bench.answered(&id, ApiVerdict::Approve, None).source.claims.txn;
        bench.outcome(&id, problem());
        let mut tries = 0;
        while let RequestState::Queued { .. } = bench.state(&id) {
            bench.pass(30);
            if let Some(answer) = bench.deliveries().pop() {
                assert_eq!(answer.decision, "signed");
                tries += 1;
                bench.outcome(&id, problem());
            }
            assert!(tries < 25, "it is sent for ever");
        }
        assert!(tries > 15, "given up after {tries} attempts");
        assert_eq!(bench.is_answered_on_disk(&txn), left);
        assert!(bench.disk.outbox.answers.is_empty());
        if left {
            let outcome = bench.disk.records[0].entry.outcome;
            assert_eq!(outcome, ApiOutcome::Unclear);
        } else {
            assert_eq!(bench.state(&id), RequestState::Pending);
            assert_eq!(bench.view(&id).problem, Some(Problem::NotSent));
            let told = "It could not be sent in time. If this is still wanted, answer again.";
            assert!(bench.desktop().iter().any(|(_, shown)| shown.body == told));
        }
        assert!(!bench.desktop().is_empty(), "it is told");
        bench.pass(60);
        bench.health(Health::Connected(Transport::Poll));
        assert!(bench.deliveries().is_empty());
    }

    /// The server says no to every attempt, and not what became of it.
    fn refused() -> DecisionOutcome {
        DecisionOutcome::NotDelivered(ChannelProblem::Forbidden)
    }
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_an_answer_waiting() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    bench.answered(&id, ApiVerdict::Approve, None);
    bench.outcome(&id, unsent());
    bench.pass(-60 * 60);
    assert!(bench.deliveries().is_empty());
    bench.pass(30);
    assert_eq!(bench.delivery().decision, "signed");
    bench.outcome(&id, unsent());
    // Nor does that count as time in which it could not be delivered.
    bench.pass(9 * 60);
    assert!(matches!(bench.state(&id), RequestState::Sending { .. }));
}

#[test]
fn what_is_not_listed_is_gone_whichever_channel_had_shown_it() {
    let mut bench = Bench::foreign();
    let (first, second) = (bench.delivered_as(|_| {}), bench.delivered_as(|_| {}));
    let kept = Txn::try_from(bench.view(&second).txn).unwrap();
    // A new channel, which has listed nothing yet.
    bench.health(Health::Connecting);
    assert!(bench.engine.view_of(&first).is_some());
    bench.channel(ChannelEvent::Listed(vec![kept]));
    assert!(bench.engine.view_of(&first).is_none());
    assert_eq!(bench.state(&second), RequestState::Pending);
    bench.channel(ChannelEvent::Listed(Vec::new()));
    assert!(bench.engine.view_of(&second).is_none());
    assert!(bench.desktop().is_empty(), "{:?}", bench.desktop());
}

#[test]
fn what_is_gone_while_it_is_answered_does_not_wait_again() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    bench.show(&id);
    bench.decide(&id, ApiVerdict::Approve, None).unwrap();
    bench.order();
    bench.channel(ChannelEvent::Listed(Vec::new()));
    assert!(matches!(bench.state(&id), RequestState::Sending { .. }));
    let locked = crate::keystore::KeyStoreError::Locked;
    bench.event(Event::Signed(id.clone(), Err(locked)));
    assert!(bench.engine.view_of(&id).is_none());
}

#[test]
fn a_button_that_does_not_count_is_told() {
    let mut bench = Bench::foreign();
    let id = bench.delivered_as(|_| {});
    let notification = bench.only_notification();
    bench.engine.account_mut(&bench.account.clone()).unwrap().standing = Standing::Revoked;
    bench.act(&notification, Action::Deny);
    assert_eq!(bench.state(&id), RequestState::Pending);
    let told = bench
        .desktop()
        .into_values()
        .any(|shown| shown.title == "Not approved");
    assert!(told, "{:?}", bench.desktop());
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
    let other = bench.delivered_as(|request| request.claims.capabilities.reports = Reports::Taken);
    bench.answered(&other, ApiVerdict::Report, None);
}

#[test]
fn whether_it_takes_reports_is_known_once_it_has_asked_something() {
    let mut bench = Bench::foreign();
    let known = |bench: &Bench| bench.engine.account_views()[0].capabilities.reports;
    assert_eq!(known(&bench), Reports::NotSaid);
    let id = bench.delivered_as(|request| request.claims.capabilities.reports = Reports::Taken);
    assert_eq!(known(&bench), Reports::Taken);
    // Also after a restart, once it was answered.
    bench.answered(&id, ApiVerdict::Report, None);
    let kept = bench.disk.accounts.accounts[0].binding.capabilities();
    assert_eq!(kept.reports, Reports::Taken);
    // The server was replaced by an older one.
    bench.delivered_as(|request| request.claims.capabilities.reports = Reports::NotTaken);
    assert_eq!(known(&bench), Reports::NotTaken);
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

#[test]
fn how_often_it_is_asked_is_the_persons_choice_within_limits() {
    let mut bench = Bench::foreign();
    let account = bench.account.clone();
    let set = |bench: &mut Bench, seconds| {
        let account = account.clone();
        bench.call(Request::SetPolling { account, seconds })
    };
    for out_of_range in [0, 61, u16::MAX] {
        let refused = set(&mut bench, Some(out_of_range)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidValue);
    }
    bench.effects.clear();
    let Ok(Reply::Account(view)) = set(&mut bench, Some(10)) else {
        panic!("no account")
    };
    let polling = view.polling.unwrap();
    assert_eq!(
        (polling.seconds, polling.chosen, polling.usual),
        (10, Some(10), 3)
    );
    let kept = &bench.disk.accounts.accounts[0].binding;
    assert_eq!(kept.polled().unwrap().chosen, Some(10));
    let begins_anew = |effect: &Effect| matches!(effect, Effect::Subscribe(_, binding) if binding.polled().unwrap().chosen == Some(10));
    assert!(bench.effects.iter().any(begins_anew));

    bench.disk.full = true;
    assert_eq!(set(&mut bench, None).unwrap_err().code, ErrorCode::Storage);
    assert_eq!(bench.engine.account_views()[0].polling, Some(polling));
    bench.disk.full = false;
    set(&mut bench, None).unwrap();
    assert_eq!(bench.engine.account_views()[0].polling.unwrap().seconds, 3);
}

#[test]
fn an_issuer_that_calls_by_itself_is_not_asked() {
    let mut bench = Bench::new();
    assert_eq!(bench.engine.account_views()[0].polling, None);
    let account = bench.account.clone();
    let seconds = Some(5);
    let refused = bench.call(Request::SetPolling { account, seconds }).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Unavailable);
}

#[test]
fn whoever_wants_to_know_has_every_issuer_asked_now() {
    let mut bench = Bench::foreign();
    bench.call(Request::CheckNow).unwrap();
    let asked = |effect: &Effect| matches!(effect, Effect::Retry(account) if *account == bench.account);
    assert!(bench.effects.iter().any(asked));
}
