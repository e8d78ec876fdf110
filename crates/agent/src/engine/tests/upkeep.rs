//! Names, self-revocation and settings.

use countersign_agent_api::{Appearance, Connection, ErrorCode, SettingChange, Window};

use super::*;
use crate::channel::{ChannelProblem, EnrolmentError};

fn rename(name: Option<&str>) -> Request {
    Request::RenameAccount {
        account: AccountId("a1".into()),
        name: name.map(str::to_owned),
    }
}

fn revoke() -> Request {
    Request::RevokeDevice {
        account: AccountId("a1".into()),
    }
}

/// The person asks; the call that waits for the issuer.
fn asked(bench: &mut Bench) -> Call {
    assert!(bench.call_from(TERMINAL, revoke()).is_none());
    let asks = |effect: &Effect| matches!(effect, Effect::RevokeDevice(..));
    assert_eq!(bench.effects.iter().filter(|effect| asks(effect)).count(), 1);
    bench.effects.retain(|effect| !asks(effect));
    bench.last_call()
}

fn connection_of(reply: Option<Result<Reply, ApiError>>) -> Connection {
    match reply.unwrap().unwrap() {
        Reply::Account(account) => account.connection,
        other => panic!("{other:?}"),
    }
}

fn offline() -> EnrolmentError {
    EnrolmentError::BadAnswer("it said nothing")
}

#[test]
fn an_account_takes_a_name_and_loses_it() {
    let mut bench = Bench::new();
    for name in [Some("Work"), None] {
        let Reply::Account(account) = bench.call(rename(name)).unwrap() else {
            panic!()
        };
        assert_eq!(account.name.as_deref(), name);
        assert_eq!(bench.disk.accounts.accounts[0].name.as_deref(), name);
    }
}

#[test]
fn a_name_that_is_not_short_and_plain_is_refused() {
    let mut bench = Bench::new();
    for name in ["", " Work", "Wo\u{202e}rk", "Wo\nrk", &"x".repeat(65)] {
        let refused = bench.call(rename(Some(name))).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidValue, "{name:?}");
    }
    assert_eq!(bench.engine.account_views()[0].name, None);
}

#[test]
fn a_name_that_cannot_be_kept_is_not_taken() {
    let mut bench = Bench::new();
    bench.call(rename(Some("Work"))).unwrap();
    bench.disk.full = true;
    let refused = bench.call(rename(Some("Home"))).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Storage);
    assert_eq!(bench.engine.account_views()[0].name.as_deref(), Some("Work"));
}

#[test]
fn a_device_revoked_by_its_person_stays_as_revoked_and_is_no_news() {
    let mut bench = Bench::new();
    let request = bench.payment();
    let call = asked(&mut bench);
    let account = bench.account.clone();
    bench.event(Event::DeviceRevoked(call, account, Ok(())));
    assert_eq!(connection_of(bench.reply_to(call)), Connection::Revoked);
    assert_eq!(bench.disk.accounts.accounts[0].standing, Standing::Revoked);
    assert!(bench.effects.iter().any(|e| matches!(e, Effect::Unsubscribe(_))));
    assert_eq!(bench.desktop(), BTreeMap::new());
    let refused = bench.decide(&request, ApiVerdict::Deny, None).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Refused);
    bench.effects.clear();
    let again = bench.call_from(TERMINAL, revoke());
    assert_eq!(connection_of(again), Connection::Revoked);
    assert!(bench.effects.is_empty(), "{:?}", bench.effects);
}

#[test]
fn a_revocation_that_did_not_work_can_be_tried_again() {
    let mut bench = Bench::new();
    let account = bench.account.clone();
    for _ in 0..20 {
        let call = asked(&mut bench);
        bench.event(Event::DeviceRevoked(call, account.clone(), Err(offline())));
        let refused = bench.reply_to(call).unwrap().unwrap_err();
        assert_eq!(refused.code, ErrorCode::BadAnswer);
    }
    assert_eq!(bench.disk.accounts.accounts[0].standing, Standing::Enrolled);
    // What the issuer does by itself is news again.
    bench.health(Health::Revoked);
    assert_eq!(bench.only_notification().title, "An account was removed");
}

#[test]
fn a_revocation_is_done_when_the_connection_says_so_although_the_answer_is_lost() {
    let mut bench = Bench::new();
    let call = asked(&mut bench);
    bench.health(Health::Revoked);
    let account = bench.account.clone();
    bench.event(Event::DeviceRevoked(call, account, Err(offline())));
    assert_eq!(connection_of(bench.reply_to(call)), Connection::Revoked);
    assert_eq!(bench.desktop(), BTreeMap::new());
}

/// The setting is changed on disk; what is in force then.
fn change(bench: &mut Bench, way: Way, set: impl FnOnce(&mut countersign_agent_api::Settings)) {
    let request = Request::ChangeSetting {
        change: SettingChange::Language(None),
    };
    assert!(bench.call_from(TERMINAL, request).is_none());
    let call = bench.last_call();
    let mut settings = bench.engine.settings.chosen.clone();
    set(&mut settings.values);
    let changed = Changed {
        settings: settings.clone(),
        way,
    };
    bench.event(Event::SettingChanged(call, Box::new(Ok(changed))));
    assert_eq!(bench.reply_to(call).unwrap(), Ok(Reply::Settings(settings)));
}

#[test]
fn a_changed_setting_is_in_force_and_told_at_once() {
    let mut bench = Bench::new();
    bench.app();
    bench.effects.clear();
    change(&mut bench, Way::Same, |values| {
        values.appearance = Appearance::Dark
    });
    let Reply::Settings(settings) = bench.call(Request::Settings).unwrap() else {
        panic!()
    };
    assert_eq!(settings.values.appearance, Appearance::Dark);
    assert_eq!(bench.published(APP), [FrontEndEvent::Settings(settings)]);
    assert!(!bench.effects.iter().any(|e| matches!(e, Effect::Subscribe(..))));
}

#[test]
fn a_setting_that_could_not_be_changed_is_as_it_was() {
    let mut bench = Bench::new();
    let before = bench.call(Request::Settings).unwrap();
    let request = Request::ChangeSetting {
        change: SettingChange::Language(None),
    };
    assert!(bench.call_from(TERMINAL, request).is_none());
    let call = bench.last_call();
    let refused = ApiError::new(ErrorCode::Locked, "This is set by Alder Group.");
    bench.event(Event::SettingChanged(call, Box::new(Err(refused.clone()))));
    assert_eq!(bench.reply_to(call).unwrap(), Err(refused));
    assert_eq!(bench.call(Request::Settings).unwrap(), before);
}

#[test]
fn what_is_on_screen_says_no_more_than_the_new_setting_allows() {
    let mut bench = Bench::with(settings(Privacy::Detailed, OpenPrompt::Always));
    let id = bench.payment();
    let answer = bench.approve(&id, issuer::CODE);
    drop(answer);
    bench.outcome(&id, DecisionOutcome::NotDelivered(ChannelProblem::Closed));
    assert_eq!(bench.only_notification().title, "Approval not sent yet");
    change(&mut bench, Way::Same, |values| {
        values.notifications = Privacy::Private
    });
    assert_eq!(bench.only_notification().title, "Answer not sent yet");
}

#[test]
fn notifications_are_in_the_language_that_is_set() {
    let mut bench = Bench::new();
    bench.payment();
    assert_eq!(bench.only_notification().title, "Approval request");
    change(&mut bench, Way::Same, |values| {
        values.language = Some("de-AT".into())
    });
    assert_eq!(bench.only_notification().title, "Freigabeanfrage");
    // Without texts in it, the desktop's language stays.
    change(&mut bench, Way::Same, |values| {
        values.language = Some("sv".into())
    });
    assert_eq!(bench.only_notification().title, "Approval request");
}

#[test]
fn when_the_prompt_opens_by_itself_can_be_changed() {
    let mut bench = Bench::new();
    change(&mut bench, Way::Same, |values| {
        values.open_prompt = OpenPrompt::OnReview
    });
    bench.payment();
    assert_eq!(bench.launches(), [] as [Window; 0]);
}

#[test]
fn a_new_way_is_taken_by_every_enrolled_account() {
    let mut bench = Bench::new();
    change(&mut bench, Way::New, |_| {});
    let subscribed = |bench: &Bench| {
        let subscriptions = bench
            .effects
            .iter()
            .filter(|e| matches!(e, Effect::Subscribe(..)));
        subscriptions.count()
    };
    assert_eq!(subscribed(&bench), 1);
    bench.health(Health::Revoked);
    bench.effects.clear();
    change(&mut bench, Way::New, |_| {});
    assert_eq!(subscribed(&bench), 0);
}

#[test]
fn a_rotation_and_a_revocation_wait_for_each_other() {
    let mut bench = Bench::new();
    let rotate = || Request::RotateKey {
        account: AccountId("a1".into()),
    };
    assert!(bench.call_from(TERMINAL, rotate()).is_none());
    let rotation = bench.last_call();
    assert_eq!(bench.call(revoke()).unwrap_err().code, ErrorCode::Unavailable);
    let reserved = bench
        .effects
        .iter()
        .position(|e| matches!(e, Effect::ReserveKey(_)));
    let Effect::ReserveKey(purpose) = bench.effects.remove(reserved.unwrap()) else {
        panic!()
    };
    let failed = Err(crate::keystore::KeyStoreError::Failed("no random numbers".into()));
    bench.event(Event::KeyReserved(purpose, failed));
    assert!(bench.reply_to(rotation).unwrap().is_err());

    let revocation = asked(&mut bench);
    assert_eq!(bench.call(rotate()).unwrap_err().code, ErrorCode::Unavailable);
    let account = bench.account.clone();
    bench.event(Event::DeviceRevoked(revocation, account, Err(offline())));
    assert!(bench.call_from(TERMINAL, rotate()).is_none());
}
