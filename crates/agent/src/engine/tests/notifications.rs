//! What is on the desktop, word for word, and what its buttons may do.

use countersign_agent_api::{Activation, CodesClock, KeyringState, VaultState, VaultView, Window};
use countersign_protocol::{DecidedOn, Match, Surface, Verification};

use super::{issuer::CODE, *};
use crate::{
    channel::ChannelProblem,
    codes::{ClockTrouble, News},
    notify::{Life, NotifyError, Urgency},
};

fn detailed() -> Bench {
    Bench::with(settings(Privacy::Detailed, OpenPrompt::Always))
}

fn low_risk() -> Requires {
    Requires {
        matching: Match::None,
        verification: Verification::None,
        surface: Surface::Any,
    }
}

fn words(notification: &Notification) -> (&str, &str) {
    (&notification.title, &notification.body)
}

fn buttons(notification: &Notification) -> Vec<(Action, &str)> {
    notification
        .actions
        .iter()
        .map(|(action, label)| (*action, label.as_str()))
        .collect()
}

fn txn(bench: &Bench, id: &RequestId) -> countersign_protocol::Txn {
    bench.engine.inbox.get(id).unwrap().claims().txn.clone()
}

#[test]
fn a_request_in_private_says_nothing_of_it() {
    let mut bench = Bench::new();
    bench.request(low_risk(), "Treasury Portal");
    let notification = bench.only_notification();
    assert_eq!(
        words(&notification),
        ("Approval request", "Open it to see what is asked.")
    );
    assert_eq!(
        buttons(&notification),
        [(Action::Review, "Review"), (Action::Deny, "Deny")]
    );
    assert_eq!(
        (notification.urgency, notification.life),
        (Urgency::Normal, Life::Stays)
    );
}

#[test]
fn a_request_in_detail_names_who_and_what_but_no_account_number_or_address() {
    let mut bench = detailed();
    bench.payment();
    let notification = bench.only_notification();
    assert_eq!(
        words(&notification),
        (
            "Treasury Portal asks for approval",
            "Send €4,250.00 to Meridian Supplies GmbH. Another device."
        )
    );
    assert_eq!(
        buttons(&notification),
        [(Action::Review, "Review"), (Action::Deny, "Deny")]
    );
}

#[test]
fn approve_is_offered_only_in_detail_and_only_where_the_request_allows_it() {
    for (privacy, requires, offered) in [
        (Privacy::Detailed, low_risk(), true),
        (Privacy::Private, low_risk(), false),
        (
            Privacy::Detailed,
            Requires {
                surface: Surface::Window,
                ..low_risk()
            },
            false,
        ),
        (
            Privacy::Detailed,
            Requires {
                matching: Match::Code { digits: 6 },
                ..low_risk()
            },
            false,
        ),
        (
            Privacy::Detailed,
            Requires {
                verification: Verification::Presence,
                ..low_risk()
            },
            false,
        ),
        (
            Privacy::Detailed,
            Requires {
                verification: Verification::User,
                ..low_risk()
            },
            false,
        ),
    ] {
        let mut bench = Bench::with(settings(privacy, OpenPrompt::Always));
        let id = bench.request(requires, "Wiki");
        let notification = bench.only_notification();
        assert_eq!(
            notification.actions.iter().any(|(a, _)| *a == Action::Approve),
            offered,
            "{requires:?}"
        );
        assert_eq!(
            bench.launches().is_empty(),
            offered,
            "the prompt is for what cannot be answered here"
        );
        // Whatever the desktop claims was pressed.
        bench.act(&notification, Action::Approve);
        assert_eq!(bench.signs_nothing(), !offered);
        assert_eq!(bench.state(&id) == RequestState::Pending, !offered);
    }
}

#[test]
fn approving_in_the_notification_says_so_in_the_decision() {
    let mut bench = detailed();
    let id = bench.request(low_risk(), "Wiki");
    let notification = bench.only_notification();
    bench.act(&notification, Action::Approve);
    bench.sign();
    let answer = bench.delivery();
    bench.deliver(&id, &answer);
    assert_eq!(bench.issuer.recorded[0].surface, DecidedOn::Notification);
}

#[test]
fn deny_in_the_notification_is_final_and_answered_at_once() {
    let mut bench = Bench::new();
    bench.payment();
    let notification = bench.only_notification();
    bench.act(&notification, Action::Deny);
    assert_eq!(
        words(&bench.only_notification()),
        ("Denied", "Open Countersign for details.")
    );
    bench.sign();
    let answer = bench.delivery();
    assert!(matches!(
        bench.issuer.decide(&answer, bench.now + OFFSET),
        DecisionOutcome::Recorded(_)
    ));
}

#[test]
fn a_press_on_a_button_that_is_no_longer_offered_does_nothing() {
    let mut bench = Bench::new();
    let first = bench.payment();
    let shown = bench.only_notification();
    let second = bench.payment();
    bench.act(&shown, Action::Deny);
    assert!(bench.signs_nothing());
    assert_eq!(bench.state(&first), RequestState::Pending);
    assert_eq!(bench.state(&second), RequestState::Pending);
}

#[test]
fn several_requests_share_one_notification() {
    let mut bench = detailed();
    let first = bench.payment();
    bench.payment();
    bench.payment();
    let notification = bench.only_notification();
    assert_eq!(
        words(&notification),
        (
            "3 approval requests",
            "Oldest: Treasury Portal, Send €4,250.00 to Meridian Supplies GmbH"
        )
    );
    assert_eq!(buttons(&notification), [(Action::Review, "Review")]);
    bench.effects.clear();
    bench.act(&notification, Action::Review);
    let window = Window::Prompt {
        request: Some(first),
        activation: Activation::Asked,
    };
    assert_eq!(bench.launches(), [window]);
}

#[test]
fn several_requests_in_private_are_a_number() {
    let mut bench = Bench::new();
    bench.payment();
    bench.payment();
    assert_eq!(
        words(&bench.only_notification()),
        ("2 approval requests", "Open them one by one.")
    );
}

#[test]
fn a_burst_has_one_notice_that_can_deny_all_of_it() {
    let mut bench = detailed();
    for _ in 0..7 {
        bench.request(Requires::default(), "Backup Console");
    }
    let desktop = bench.desktop();
    let notice = desktop.values().find(|n| n.urgency == Urgency::Critical).unwrap();
    assert_eq!(
        words(notice),
        (
            "2 requests held back",
            "From Backup Console within one minute. Nothing was approved."
        )
    );
    assert_eq!(
        buttons(notice),
        [(Action::Review, "Review"), (Action::DenyAll, "Deny all")]
    );
    bench.act(notice, Action::DenyAll);
    let signatures = bench
        .effects
        .iter()
        .filter(|e| matches!(e, Effect::Sign(_)))
        .count();
    assert_eq!(signatures, 2);
    assert_eq!(bench.engine.status_view().held_back, []);
}

#[test]
fn reviewing_a_burst_shows_it() {
    let mut bench = Bench::new();
    for _ in 0..7 {
        bench.payment();
    }
    let desktop = bench.desktop();
    let notice = desktop.values().find(|n| n.urgency == Urgency::Critical).unwrap();
    assert_eq!(
        words(notice),
        (
            "Requests held back",
            "Many arrived at once. Nothing was approved."
        )
    );
    bench.act(notice, Action::Review);
    assert_eq!(bench.engine.request_views(bench.now).len(), 7);
}

#[test]
fn an_answer_on_another_device_replaces_the_notification() {
    for (privacy, wanted) in [
        (
            Privacy::Private,
            ("Already answered", "Another device of yours answered first."),
        ),
        (
            Privacy::Detailed,
            (
                "Already approved",
                "Mara’s workstation: Send €4,250.00 to Meridian Supplies GmbH",
            ),
        ),
    ] {
        let mut bench = Bench::with(settings(privacy, OpenPrompt::Always));
        let id = bench.payment();
        let before = bench.only_notification();
        let txn = txn(&bench, &id);
        let receipt = bench
            .issuer
            .decided_elsewhere(&txn, Outcome::Approved, bench.now + OFFSET);
        bench.channel(ChannelEvent::Closed(Box::new(receipt)));
        let after = bench.only_notification();
        assert_eq!(after.id, before.id);
        assert_eq!(words(&after), wanted);
        assert_eq!(buttons(&after), [(Action::NotMe, "This wasn’t me")]);
        assert_eq!((after.urgency, after.life), (Urgency::Low, Life::Millis(10_000)));
        bench.effects.clear();
        bench.act(&after, Action::NotMe);
        let window = Window::Prompt {
            request: Some(id),
            activation: Activation::ToReport,
        };
        assert_eq!(bench.launches(), [window], "only the confirm step");
    }
}

#[test]
fn what_comes_late_of_a_replaced_notification_does_not_touch_the_new_one() {
    let mut bench = Bench::with(settings(Privacy::Detailed, OpenPrompt::Always));
    let id = bench.payment();
    let before = bench.only_notification();
    let txn = txn(&bench, &id);
    let receipt = bench
        .issuer
        .decided_elsewhere(&txn, Outcome::Approved, bench.now + OFFSET);
    bench.channel(ChannelEvent::Closed(Box::new(receipt)));
    let after = bench.only_notification();
    // The service closed the earlier one, or the person pressed it, while the new one was on its way.
    bench.effects.clear();
    bench.dismiss(&before);
    bench.act(&before, Action::Deny);
    bench.act(&before, Action::Review);
    assert_eq!(bench.launches(), []);
    bench.act(&after, Action::NotMe);
    assert_eq!(bench.launches().len(), 1);
}

#[test]
fn a_press_on_one_request_never_answers_the_next_one() {
    let mut bench = detailed();
    let first = bench.request(low_risk(), "Treasury Portal");
    let pressed = bench.only_notification();
    let turn = bench.turn(&pressed);
    let txn = txn(&bench, &first);
    let receipt = bench
        .issuer
        .decided_elsewhere(&txn, Outcome::Denied, bench.now + OFFSET);
    bench.channel(ChannelEvent::Closed(Box::new(receipt)));
    bench.request(low_risk(), "Treasury Portal");
    let next = bench.only_notification();
    assert_eq!(next, pressed, "the same words");
    for action in [Action::Approve, Action::Deny] {
        let id = pressed.id.clone();
        bench.event(Event::Notification(NotificationEvent::Acted { id, turn, action }));
        let signed = |effect: &Effect| matches!(effect, Effect::Sign(_));
        assert!(!bench.effects.iter().any(signed), "{action:?}");
    }
    bench.act(&next, Action::Approve);
    bench.sign();
}

#[test]
fn a_request_that_ends_elsewhere_takes_its_notification_along() {
    let mut bench = Bench::new();
    let (first, second) = (bench.payment(), bench.payment());
    assert_eq!(bench.only_notification().title, "2 approval requests");
    for (id, left) in [(first, 1), (second, 0)] {
        let txn = txn(&bench, &id);
        let request = bench.issuer.again(&txn);
        let claims = bench
            .issuer
            .receipt(&request, Outcome::Cancelled, bench.now + OFFSET);
        let receipt = bench.issuer.sign_receipt(claims);
        bench.channel(ChannelEvent::Closed(Box::new(receipt)));
        assert_eq!(bench.desktop().len(), left);
    }
}

#[test]
fn a_request_that_expired_unseen_is_told() {
    for (privacy, body) in [
        (Privacy::Private, "Nothing was approved."),
        // 1795000000 is 09:06:40 UTC, and the request lived two minutes.
        (Privacy::Detailed, "Treasury Portal, 11:08. Nothing was approved."),
    ] {
        let mut bench = Bench::with(settings(privacy, OpenPrompt::Always));
        bench.payment();
        bench.pass(130);
        let told = bench.only_notification();
        assert_eq!(told.title, "A request expired");
        let hour = jiff::Timestamp::from_second(START + 120)
            .unwrap()
            .strftime("%H:%M")
            .to_string();
        assert_eq!(told.body, body.replace("11:08", &hour));
    }
}

#[test]
fn a_request_that_expired_on_screen_is_not_told_again() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.app_shows(&id);
    bench.pass(130);
    assert_eq!(bench.desktop(), BTreeMap::new());
}

#[test]
fn no_notification_stands_beside_the_prompt_that_shows_it() {
    let mut bench = Bench::new();
    let id = bench.payment();
    assert_eq!(bench.desktop().len(), 1);
    bench.app_shows(&id);
    assert_eq!(bench.desktop(), BTreeMap::new());
    bench.event(Event::Disconnected(APP));
    assert_eq!(bench.desktop().len(), 1);
}

#[test]
fn an_unsent_answer_is_told_once_until_it_is_sent() {
    let mut bench = detailed();
    let id = bench.payment();
    bench.approve(&id, CODE);
    bench.pass(79);
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Silent));
    let told = bench.only_notification();
    assert_eq!(
        words(&told),
        (
            "Approval not sent yet",
            "No connection to id.alder.example. 0:41 left."
        )
    );
    assert_eq!(buttons(&told), [(Action::Show, "Show")]);
    let shown = bench.effects.len();
    bench.pass(2);
    bench.sign();
    bench.delivery();
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Silent));
    assert_eq!(
        bench.effects[shown..]
            .iter()
            .filter(|e| matches!(e, Effect::Notify(..)))
            .count(),
        0
    );
    bench.health(Health::Connected(Transport::Websocket));
    let answer = bench.delivery();
    bench.deliver(&id, &answer);
    assert_eq!(bench.desktop(), BTreeMap::new());
}

#[test]
fn a_refused_answer_is_told_unless_the_prompt_says_it() {
    let mut bench = detailed();
    let id = bench.payment();
    let answer = bench.approve(&id, "000000");
    bench.deliver(&id, &answer);
    let desktop = bench.desktop();
    let told: Vec<_> = desktop.values().map(words).collect();
    assert!(
        told.contains(&(
            "Not approved",
            "The code did not match. 4 attempts left on this account."
        )),
        "{told:?}"
    );

    let mut bench = detailed();
    let id = bench.payment();
    bench.app_shows(&id);
    let answer = bench.approve(&id, "000000");
    bench.deliver(&id, &answer);
    assert_eq!(bench.desktop(), BTreeMap::new());
}

#[test]
fn a_removed_account_is_told() {
    for (privacy, wanted) in [
        (
            Privacy::Private,
            ("An account was removed", "Open Countersign to see which."),
        ),
        (
            Privacy::Detailed,
            (
                "Alder Group removed this computer",
                "It can no longer approve for mara@alder.example.",
            ),
        ),
    ] {
        let mut bench = Bench::with(settings(privacy, OpenPrompt::Always));
        bench.health(Health::Revoked);
        assert_eq!(words(&bench.only_notification()), wanted);
    }
}

#[test]
fn an_unusable_keyring_is_told_with_a_way_out() {
    let mut bench = Bench::new();
    bench.health(Health::NoKey(KeyringState::Locked));
    let told = bench.only_notification();
    assert_eq!(
        words(&told),
        (
            "Countersign is locked out",
            "Unlock your keyring to answer requests."
        )
    );
    assert_eq!(buttons(&told), [(Action::Unlock, "Unlock…")]);
    bench.act(&told, Action::Unlock);
    assert!(
        bench
            .effects
            .iter()
            .any(|e| matches!(e, Effect::ProbeKeyring(crate::keystore::Interaction::Allowed)))
    );
    bench.event(Event::KeyringProbed(Ok(())));
    assert!(bench.effects.iter().any(|e| matches!(e, Effect::Retry(_))));
    bench.health(Health::Connected(Transport::Websocket));
    assert_eq!(bench.engine.status_view().keyring, KeyringState::Ready);
    for state in [KeyringState::Missing, KeyringState::Empty, KeyringState::Hanging] {
        let mut bench = detailed();
        bench.health(Health::NoKey(state));
        let told = bench.only_notification();
        assert_eq!(told.title, "Countersign is locked out");
        assert_ne!(told.body, "The keyring is locked. Your accounts are still there.");
    }
}

#[test]
fn without_a_notification_service_the_prompt_opens() {
    let mut bench = Bench::with(settings(Privacy::Private, OpenPrompt::OnReview));
    let id = bench.payment();
    assert_eq!(bench.launches(), []);
    let notification = bench.only_notification();
    let turn = bench.turn(&notification);
    bench.event(Event::NotShown(notification.id, turn, NotifyError::NoService));
    let window = Window::Prompt {
        request: Some(id),
        activation: Activation::Unasked,
    };
    assert_eq!(bench.launches(), [window]);
}

#[test]
fn a_closed_notification_stays_closed_until_there_is_news() {
    let mut bench = Bench::new();
    bench.payment();
    let notification = bench.only_notification();
    bench.dismiss(&notification);
    bench.effects.clear();
    bench.pass(5);
    assert_eq!(bench.desktop(), BTreeMap::new());
    bench.payment();
    assert_eq!(bench.desktop().len(), 1);
}

#[test]
fn long_names_are_cut_to_the_limits() {
    let mut bench = detailed();
    bench.request(low_risk(), &"Ä".repeat(64));
    let notification = bench.only_notification();
    assert!(notification.title.chars().count() <= 40, "{}", notification.title);
    assert!(notification.title.ends_with("… asks for approval"));
    assert!(notification.body.chars().count() <= 90);
}

/// The vault as its task would tell it.
fn vault(trouble: Option<ClockTrouble>) -> Event {
    let view = VaultView {
        state: VaultState::Open,
        entries: Some(3),
        tags: Vec::new(),
        revision: 7,
        clock: CodesClock::Unknown,
        backups: None,
    };
    Event::Vault(Box::new(News { view, trouble }))
}

#[test]
fn a_clock_that_makes_codes_wrong_is_told_once_a_day_and_only_while_it_is_so() {
    for (privacy, wanted) in [
        (Privacy::Private, ("Check your clock", "Codes may be refused.")),
        (
            Privacy::Detailed,
            (
                "Clock is 2 hours behind",
                "Codes may be refused. Approvals are not affected.",
            ),
        ),
    ] {
        let mut bench = Bench::with(settings(privacy, OpenPrompt::Always));
        bench.event(vault(Some(ClockTrouble::Off(7300))));
        let notification = bench.only_notification();
        assert_eq!(words(&notification), wanted);
        assert_eq!(buttons(&notification), [(Action::Show, "Show")]);
        assert_eq!(notification.urgency, Urgency::Low);
        // The person has seen it, and the clock has drifted a little.
        bench.dismiss(&notification);
        bench.effects.clear();
        bench.event(vault(Some(ClockTrouble::Off(7500))));
        bench.pass(3600);
        let told = |effect: &Effect| matches!(effect, Effect::Notify(..));
        assert!(!bench.effects.iter().any(told), "{:?}", bench.effects);
        bench.pass(24 * 3600);
        let again = bench.only_notification();
        bench.effects.clear();
        bench.event(vault(None));
        let closed = |effect: &Effect| matches!(effect, Effect::CloseNotification(id) if *id == again.id);
        assert!(bench.effects.iter().any(closed));
    }
}
