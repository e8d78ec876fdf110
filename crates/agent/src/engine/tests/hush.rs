//! Quiet hours, muting, and the one notification of a connection that is away.

use countersign_agent_api::{ErrorCode, KeyringState, QuietHours};
use countersign_protocol::{Context, Match, Risk, Surface, Verification};

use super::{issuer::asked, *};
use crate::channel::ChannelProblem;

/// Minutes since midnight (UTC) at [`START`].
const AT_START: u16 = 11 * 60 + 6;

fn low_risk() -> Requires {
    Requires {
        matching: Match::None,
        verification: Verification::None,
        surface: Surface::Any,
    }
}

/// Quiet from this many minutes before the start to this many after it.
fn quiet(before: u16, after: u16) -> Bench {
    let mut settings = settings(Privacy::Private, OpenPrompt::Always);
    settings.chosen.values.quiet_hours = Some(QuietHours {
        from: (AT_START + 1440 - before) % 1440,
        until: (AT_START + after) % 1440,
    });
    Bench::with(settings)
}

fn mute(bench: &mut Bench, until: Option<i64>) -> Result<Option<i64>, ErrorCode> {
    match bench.call(Request::Mute { until }) {
        Ok(Reply::Status(status)) => Ok(status.muted_until),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code),
    }
}

fn pending(bench: &Bench) -> u32 {
    bench.engine.status_view().pending
}

#[test]
fn a_request_of_low_risk_waits_silently_in_quiet_hours_and_is_told_after_them() {
    // The second lies over midnight.
    for (before, after) in [(1, 1), (720, 1)] {
        let mut bench = quiet(before, after);
        bench.request(low_risk(), "Wiki");
        assert_eq!(bench.desktop(), BTreeMap::new());
        assert_eq!(bench.launches(), []);
        assert_eq!(pending(&bench), 1);
        bench.pass(60);
        assert_eq!(bench.only_notification().title, "Approval request");
    }
}

#[test]
fn outside_quiet_hours_a_request_of_low_risk_is_told() {
    let mut settings = settings(Privacy::Private, OpenPrompt::Always);
    for (from, until) in [
        (AT_START + 1, AT_START - 1),
        (AT_START - 2, AT_START),
        (AT_START + 1, AT_START + 2),
    ] {
        settings.chosen.values.quiet_hours = Some(QuietHours { from, until });
        let mut bench = Bench::with(settings.clone());
        bench.request(low_risk(), "Wiki");
        assert_eq!(bench.desktop().len(), 1, "{from} {until}");
    }
}

#[test]
fn everything_else_is_told_in_quiet_hours_as_always() {
    for requires in [
        Requires::default(),
        Requires {
            surface: Surface::Window,
            ..low_risk()
        },
        Requires {
            verification: Verification::Presence,
            ..low_risk()
        },
        Requires {
            matching: Match::Code { digits: 6 },
            ..low_risk()
        },
    ] {
        let mut bench = quiet(1, 1);
        bench.request(requires, "Wiki");
        assert_eq!(bench.desktop().len(), 1);
        assert_eq!(bench.launches().len(), 1);
    }
}

#[test]
fn a_request_that_warns_is_told_in_quiet_hours() {
    for (risk, hints, told) in [
        (None, Vec::new(), 0),
        (Some(Risk::Low), Vec::new(), 0),
        (Some(Risk::Medium), Vec::new(), 1),
        (Some(Risk::High), Vec::new(), 1),
        (None, vec!["New payee".to_owned()], 1),
    ] {
        let mut bench = quiet(1, 1);
        let mut claims = asked(&bench.issuer.request(low_risk(), "Wiki", bench.now + OFFSET));
        claims.context = Some(Context {
            risk,
            hints,
            ..Context::default()
        });
        let request = bench.issuer.signed(claims);
        bench.channel(ChannelEvent::Request(Box::new(request)));
        assert_eq!(bench.desktop().len(), told);
    }
}

#[test]
fn what_became_of_a_silent_request_is_silent_too() {
    let mut bench = quiet(1, 30);
    bench.request(low_risk(), "Wiki");
    bench.pass(130);
    assert_eq!(pending(&bench), 0);
    assert_eq!(bench.desktop(), BTreeMap::new());
}

#[test]
fn muting_holds_back_notifications_and_unasked_windows_until_it_ends() {
    let mut bench = Bench::new();
    assert_eq!(mute(&mut bench, Some(START + 60)), Ok(Some(START + 60)));
    let id = bench.payment();
    assert_eq!(bench.desktop(), BTreeMap::new());
    assert_eq!(bench.launches(), []);
    assert_eq!(pending(&bench), 1);
    assert!(bench.engine.next_wake(START).unwrap() <= START + 60);
    bench.pass(60);
    assert_eq!(bench.engine.status_view().muted_until, None);
    assert_eq!(bench.only_notification().title, "Approval request");
    // Asked for, a window opens whatever is muted.
    mute(&mut bench, Some(START + 120)).unwrap();
    let window = countersign_agent_api::Window::Prompt {
        request: Some(id),
        activation: countersign_agent_api::Activation::Asked,
    };
    bench.call_from(
        TERMINAL,
        Request::OpenApp {
            window: window.clone(),
        },
    );
    assert_eq!(bench.launches(), [window]);
}

#[test]
fn muting_takes_away_what_is_on_screen_and_unmuting_brings_it_back() {
    let mut bench = Bench::new();
    bench.payment();
    let shown = bench.only_notification();
    mute(&mut bench, Some(START + 600)).unwrap();
    assert_eq!(bench.desktop(), BTreeMap::new());
    assert_eq!(mute(&mut bench, None), Ok(None));
    assert_eq!(bench.only_notification(), shown);
}

#[test]
fn what_is_critical_is_told_although_muted() {
    let mut bench = Bench::new();
    mute(&mut bench, Some(START + 600)).unwrap();
    for _ in 0..7 {
        bench.payment();
    }
    assert_eq!(bench.only_notification().title, "Requests held back");
    bench.health(Health::NoKey(KeyringState::Locked));
    bench.health(Health::Revoked);
    let titles: Vec<_> = bench.desktop().into_values().map(|told| told.title).collect();
    assert!(
        titles.contains(&"Countersign is locked out".to_owned()),
        "{titles:?}"
    );
    assert!(
        titles.contains(&"An account was removed".to_owned()),
        "{titles:?}"
    );
}

#[test]
fn muting_is_for_a_day_at_most_and_survives_no_restart() {
    let mut bench = Bench::new();
    for until in [START, START - 1, START + 86_401] {
        assert_eq!(mute(&mut bench, Some(until)), Err(ErrorCode::InvalidValue));
    }
    assert_eq!(mute(&mut bench, Some(START + 86_400)), Ok(Some(START + 86_400)));
    bench.restart();
    assert_eq!(bench.engine.status_view().muted_until, None);
}

fn lose(bench: &mut Bench) {
    bench.health(Health::Retrying {
        in_ms: 1_000,
        problem: ChannelProblem::Closed,
    });
}

#[test]
fn a_connection_that_is_away_for_ten_minutes_is_told_once() {
    for (privacy, title, body) in [
        (
            Privacy::Private,
            "Countersign is offline",
            "Requests cannot reach this computer.",
        ),
        (
            Privacy::Detailed,
            "No connection to Alder Group",
            "Since 11:06. Trying again by itself.",
        ),
    ] {
        let mut bench = Bench::with(settings(privacy, OpenPrompt::Always));
        lose(&mut bench);
        assert_eq!(bench.engine.next_wake(START), Some(START + 600));
        bench.pass(599);
        lose(&mut bench);
        assert_eq!(bench.desktop(), BTreeMap::new());
        bench.pass(1);
        let told = bench.only_notification();
        assert_eq!((told.title.as_str(), told.body.as_str()), (title, body));
        assert_eq!(told.urgency, crate::notify::Urgency::Low);
        bench.dismiss(&told);
        bench.effects.clear();
        lose(&mut bench);
        bench.pass(3_600);
        assert_eq!(bench.desktop(), BTreeMap::new(), "once per outage");
        bench.health(Health::Connected(Transport::Websocket));
        lose(&mut bench);
        bench.pass(600);
        assert_eq!(bench.only_notification().title, title);
    }
}

#[test]
fn the_notice_of_an_outage_goes_with_it() {
    let mut bench = Bench::new();
    lose(&mut bench);
    bench.pass(600);
    let told = bench.only_notification();
    bench.health(Health::Connected(Transport::Websocket));
    assert_eq!(bench.desktop(), BTreeMap::new());
    bench.effects.clear();
    bench.act(&told, Action::Check);
    assert_eq!(bench.launches(), [], "the button was for something that is over");
}

#[test]
fn an_outage_waits_until_notifications_are_not_muted() {
    let mut bench = Bench::new();
    lose(&mut bench);
    mute(&mut bench, Some(START + 1_200)).unwrap();
    bench.pass(600);
    assert_eq!(bench.desktop(), BTreeMap::new());
    bench.pass(600);
    assert_eq!(bench.only_notification().title, "Countersign is offline");
}
