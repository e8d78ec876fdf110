//! Front ends: snapshots, windows, who shows what.

use countersign_agent_api::{Activation, ErrorCode, HeldCause, Window};

use super::*;
use crate::{
    channel::SignedTime,
    edge::Moment,
    engine::inbox::BURST,
    launch::{LaunchError, Launched},
};

#[test]
fn a_subscriber_is_told_everything_once_and_then_what_changes() {
    let mut bench = Bench::new();
    bench.app();
    assert!(matches!(
        bench.published(APP).as_slice(),
        [
            FrontEndEvent::Requests(_),
            FrontEndEvent::Accounts(_),
            FrontEndEvent::Status(_),
            FrontEndEvent::Settings(_),
            FrontEndEvent::Vault(_)
        ]
    ));
    bench.effects.clear();
    bench.event(Event::Tick);
    assert_eq!(bench.published(APP), []);
    bench.payment();
    let kinds: Vec<_> = bench.published(APP).iter().map(std::mem::discriminant).collect();
    let wanted = [
        FrontEndEvent::Open(Window::Main),
        FrontEndEvent::Requests(Vec::new()),
        FrontEndEvent::Status(bench.engine.status_view()),
    ];
    assert_eq!(
        kinds,
        wanted.iter().map(std::mem::discriminant).collect::<Vec<_>>()
    );
}

#[test]
fn a_request_opens_the_prompt_without_the_keyboard() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let window = Window::Prompt {
        request: Some(id),
        activation: Activation::Unasked,
    };
    assert_eq!(bench.launches(), [window]);
}

#[test]
fn a_connected_app_is_asked_instead_of_started() {
    let mut bench = Bench::new();
    bench.app();
    bench.effects.clear();
    let id = bench.payment();
    let window = Window::Prompt {
        request: Some(id),
        activation: Activation::Unasked,
    };
    assert_eq!(bench.launches(), []);
    assert_eq!(bench.published(APP)[0], FrontEndEvent::Open(window));
}

#[test]
fn a_window_asked_for_while_the_app_starts_is_opened_when_it_is_there() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let window = Window::Prompt {
        request: Some(id),
        activation: Activation::Unasked,
    };
    bench.event(Event::Launched(
        window.clone(),
        None,
        Ok(Launched::AlreadyRunning),
    ));
    bench.effects.clear();
    bench.app();
    assert_eq!(bench.published(APP)[0], FrontEndEvent::Open(window));
}

#[test]
fn a_window_asked_for_while_the_app_closes_is_opened_in_a_new_one() {
    let mut bench = Bench::new();
    let ended = |bench: &mut Bench| {
        bench.effects.clear();
        bench.event(Event::AppEnded);
        bench.launches()
    };
    assert_eq!(ended(&mut bench), []);
    bench.event(Event::Launched(Window::Main, None, Ok(Launched::AlreadyRunning)));
    assert_eq!(ended(&mut bench), [Window::Main]);
    assert_eq!(ended(&mut bench), [], "it is started once");
}

#[test]
fn an_app_that_cannot_be_started_is_said() {
    let mut bench = Bench::new();
    assert!(
        bench
            .call_from(TERMINAL, Request::OpenApp { window: Window::Main })
            .is_none()
    );
    let call = bench.last_call();
    bench.event(Event::Launched(
        Window::Main,
        Some(call),
        Err(LaunchError::NoDisplay),
    ));
    assert_eq!(
        bench.reply_to(call).unwrap().unwrap_err().code,
        ErrorCode::AppUnavailable
    );
}

#[test]
fn the_first_time_on_screen_counts() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.pass(4);
    bench.show(&id);
    bench.pass(4);
    bench.show(&id);
    assert_eq!(
        bench.engine.inbox.get(&id).unwrap().shown_at,
        Some(START + OFFSET + 4)
    );
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut bench = Bench::new();
    let id = RequestId("nothing".into());
    for request in [
        Request::ShowRequest { id: id.clone() },
        Request::Shown { id: id.clone() },
        Request::Withdraw { id: id.clone() },
        Request::RotateKey {
            account: AccountId("none".into()),
        },
        Request::RemoveAccount {
            account: AccountId("none".into()),
        },
        Request::AcceptEnrolment {
            offer: "offer-9".into(),
            device_name: "desk".into(),
        },
    ] {
        assert_eq!(bench.call(request).unwrap_err().code, ErrorCode::NotFound);
    }
}

#[test]
fn what_is_held_back_can_be_released() {
    let mut bench = Bench::new();
    let first = bench.payment();
    bench.decide(&first, ApiVerdict::Report, None).unwrap();
    let held = bench.payment();
    assert!(
        !bench
            .engine
            .request_views(bench.now)
            .iter()
            .any(|view| view.id == held)
    );
    let [burst] = bench.engine.status_view().held_back.try_into().unwrap();
    assert_eq!(burst.cause, HeldCause::Report);
    let shown = bench.release(&burst);
    assert!(shown.iter().any(|view| view.id == held));
    assert_eq!(bench.engine.status_view().held_back, []);
}

#[test]
fn showing_a_burst_leaves_what_was_reported_held_back() {
    let mut bench = Bench::new();
    let first = bench.payment();
    bench.decide(&first, ApiVerdict::Report, None).unwrap();
    let reported = bench.payment();
    for _ in 0..=BURST {
        bench.request(Requires::default(), "Backup Console");
    }
    let held = bench.engine.status_view().held_back;
    let of = |cause| held.iter().find(|held| held.cause == cause).unwrap();
    assert_eq!(of(HeldCause::Report).client_name, "Treasury Portal");
    let shown = bench.release(of(HeldCause::Burst));
    assert_eq!(
        shown
            .iter()
            .filter(|view| view.client_name == "Backup Console")
            .count(),
        BURST + 1
    );
    assert!(!shown.iter().any(|view| view.id == reported));
    assert_eq!(
        bench.engine.status_view().held_back,
        [of(HeldCause::Report).clone()]
    );
}

#[test]
fn shutting_down_is_answered_first() {
    let mut bench = Bench::new();
    bench.call(Request::Shutdown).unwrap();
    assert!(matches!(bench.effects.as_slice(), [Effect::Stop]));
}

#[test]
fn a_request_has_the_same_id_after_a_restart() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let txn = bench.engine.inbox.get(&id).unwrap().claims().txn.clone();
    bench.restart();
    let again = bench.issuer.again(&txn);
    bench.channel(ChannelEvent::Request(Box::new(again)));
    assert_eq!(bench.view(&id).txn, txn.to_string());
    assert_eq!(id.0.len(), 6);
}

#[test]
fn a_call_about_codes_goes_to_their_task_with_what_is_set() {
    let mut bench = Bench::new();
    let asked = countersign_agent_api::CodesRequest::Vault;
    let reply = bench.call_from(APP, Request::Codes { call: asked.clone() });
    assert_eq!(reply, None);
    let handed_on = bench.effects.iter().any(
        |effect| matches!(effect, Effect::Codes { request, clear_after: Some(30), .. } if *request == asked),
    );
    assert!(handed_on);
}

#[test]
fn the_signed_time_of_a_connected_issuer_is_told_and_no_other() {
    let mut bench = Bench::new();
    bench.channel(ChannelEvent::Offset(120));
    assert_eq!(
        bench.engine.issuer_time(),
        None,
        "what the connection says is not signed"
    );
    let at = Moment {
        now_ms: 1000,
        steady_ms: 77,
    };
    bench.channel(ChannelEvent::SignedTime(SignedTime { offset: -90, at }));
    let told = IssuerTime {
        offset: -90,
        at,
        issuer_name: "Alder Group".into(),
    };
    assert_eq!(bench.engine.issuer_time(), Some(told.clone()));
    bench.channel(ChannelEvent::Offset(7));
    bench.health(Health::Connecting);
    assert_eq!(bench.engine.issuer_time(), None);
    bench.health(Health::Connected(Transport::Websocket));
    assert_eq!(bench.engine.issuer_time(), Some(told), "nothing newer was signed");
}
