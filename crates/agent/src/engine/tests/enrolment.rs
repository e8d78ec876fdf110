//! Accounts come and go; killed in between, nothing is left half done.

use countersign_agent_api::{DeliveredCode, EnrolledView, ErrorCode};

use super::*;
use crate::{
    channel::{Enrolled, EnrolmentError, Ties},
    keystore::{Interaction, KeyStoreError},
    net::NetError,
};

const LINK: &str = "countersign://enroll?issuer=https%3A%2F%2Fid.alder.example&code=AAAAAAAAAAAAAAAAAAAAAA";

impl Bench {
    /// Asks for an offer; returns its id.
    fn preview(&mut self, account: &str) -> Result<String, ApiError> {
        assert!(
            self.call_from(
                TERMINAL,
                Request::PreviewEnrolment {
                    link: LINK.into(),
                    trust: None
                }
            )
            .is_none()
        );
        let call = self.last_call();
        let offer = self.offer(account);
        self.event(Event::Previewed(call, Box::new(Ok(offer))));
        match self.reply_to(call).unwrap()? {
            Reply::Offer(offer) => Ok(offer.id),
            other => panic!("{other:?}"),
        }
    }

    /// The person agrees; returns what the key is for.
    fn accept(&mut self, offer: &str) -> KeyPurpose {
        let request = Request::AcceptEnrolment {
            offer: offer.into(),
            device_name: "desk".into(),
        };
        assert!(self.call_from(TERMINAL, request).is_none());
        self.key_wanted(KeyRef::from_random([2; 16]))
    }

    fn enrolment_sent(&mut self) -> Box<Enrolment> {
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::Enrol(..)))
            .expect("not sent");
        match self.effects.remove(position) {
            Effect::Enrol(enrolment, _) => enrolment,
            other => panic!("{other:?}"),
        }
    }

    fn enrolled(&mut self, key: DeviceKey) -> Enrolled {
        let binding = Binding {
            account: "second@alder.example".into(),
            ..self.issuer.binding(key)
        };
        let Ties::Native(ties) = binding.ties else {
            panic!("another protocol")
        };
        let device_id = countersign_protocol::DeviceId::from_random([2; 16]);
        let ties = Ties::Native(native::Ties { device_id, ..ties });
        Enrolled {
            binding: Binding { ties, ..binding },
            issuer_name: "Alder Group".into(),
            otp: None,
        }
    }
}

fn asked_by(enrolment: &Enrolment) -> Call {
    match &enrolment.cause {
        Cause::Call(call) => *call,
        Cause::Origin(origin) => panic!("{origin:?}"),
    }
}

#[test]
fn nothing_is_made_before_the_person_agrees() {
    let mut bench = Bench::new();
    let offer = bench.preview("second@alder.example").unwrap();
    assert!(
        !bench
            .effects
            .iter()
            .any(|e| matches!(e, Effect::CreateKey(..) | Effect::ReserveKey(_)))
    );
    bench
        .call(Request::CancelEnrolment { offer: offer.clone() })
        .unwrap();
    let gone = bench.call(Request::AcceptEnrolment {
        offer,
        device_name: "desk".into(),
    });
    assert_eq!(gone.unwrap_err().code, ErrorCode::NotFound);
}

#[test]
fn an_enrolment_ends_with_the_account_on_disk_and_subscribed() {
    let mut bench = Bench::new();
    let offer = bench.preview("second@alder.example").unwrap();
    let purpose = bench.accept(&offer);
    let key = device_key(&software_key(), 2);
    bench.event(Event::KeyCreated(purpose, key.reference.clone(), Ok(key.clone())));
    assert_eq!(
        bench.disk.accounts.spare_keys,
        std::slice::from_ref(&key.reference)
    );
    let enrolment = bench.enrolment_sent();
    let enrolled = bench.enrolled(key.clone());
    let call = asked_by(&enrolment);
    bench.event(Event::Enrolled(enrolment, key.clone(), Box::new(Ok(enrolled))));
    let Ok(Reply::Enrolled(EnrolledView { account, code })) = bench.reply_to(call).unwrap() else {
        panic!("no account")
    };
    assert_eq!(account.account, "second@alder.example");
    assert_eq!(code, DeliveredCode::None);
    assert_eq!(bench.disk.accounts.accounts[1].binding.key, key);
    assert_eq!(bench.disk.accounts.spare_keys, []);
    assert!(
        bench
            .effects
            .iter()
            .any(|e| matches!(e, Effect::Subscribe(id, _) if *id == account.id))
    );
}

#[test]
fn a_code_that_comes_with_an_account_is_kept_before_that_is_said_and_does_not_cost_the_account() {
    let name = || "Alder · mara".to_owned();
    let waiting = DeliveredCode::Waiting {
        name: name(),
        import: "1".into(),
        error: ApiError::new(ErrorCode::KeyringLocked, "The keyring is locked."),
    };
    for code in [DeliveredCode::Kept { name: name() }, waiting] {
        let mut bench = Bench::new();
        let offer = bench.preview("second@alder.example").unwrap();
        let purpose = bench.accept(&offer);
        let key = device_key(&software_key(), 2);
        bench.event(Event::KeyCreated(purpose, key.reference.clone(), Ok(key.clone())));
        let enrolment = bench.enrolment_sent();
        let call = asked_by(&enrolment);
        let otp = "otpauth://totp/Alder:mara?secret=GEZDGNBV".to_owned();
        let otp = Some(countersign_protocol::wire::OtpLink::try_from(otp).unwrap());
        let enrolled = Enrolled {
            otp: otp.clone(),
            ..bench.enrolled(key.clone())
        };
        bench.event(Event::Enrolled(enrolment, key, Box::new(Ok(enrolled))));
        assert_eq!(bench.reply_to(call), None);
        let wanted = bench.effects.iter().find_map(|effect| match effect {
            Effect::KeepCode(_, account, link) => Some((account.clone(), link.clone())),
            _ => None,
        });
        let (account, link) = wanted.expect("the code is not kept");
        assert_eq!(Some(link), otp);
        bench.event(Event::CodeKept(call, account.clone(), code.clone()));
        let Ok(Reply::Enrolled(enrolled)) = bench.reply_to(call).unwrap() else {
            panic!("no account")
        };
        assert_eq!((enrolled.account.id, enrolled.code), (account, code));
        assert_eq!(bench.disk.accounts.accounts.len(), 2);
    }
}

#[test]
fn an_account_that_is_there_already_is_not_offered_again() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.preview("mara@alder.example").unwrap_err().code,
        ErrorCode::AlreadyEnrolled
    );
}

#[test]
fn an_offer_ends_with_its_time() {
    let mut bench = Bench::new();
    let offer = bench.preview("second@alder.example").unwrap();
    bench.pass(600);
    let gone = bench.call(Request::AcceptEnrolment {
        offer,
        device_name: "desk".into(),
    });
    assert_eq!(gone.unwrap_err().code, ErrorCode::NotFound);
}

#[test]
fn a_computers_name_is_plain_text() {
    let mut bench = Bench::new();
    let offer = bench.preview("second@alder.example").unwrap();
    for name in ["", " desk", "de\u{202e}sk", &"x".repeat(65)] {
        let request = Request::AcceptEnrolment {
            offer: offer.clone(),
            device_name: name.into(),
        };
        assert_eq!(
            bench.call(request).unwrap_err().code,
            ErrorCode::InvalidCall,
            "{name:?}"
        );
    }
    bench.accept(&offer);
}

#[test]
fn a_keyring_that_makes_no_key_ends_the_enrolment_before_anything_is_sent() {
    for (error, code) in [
        (KeyStoreError::Locked, ErrorCode::KeyringLocked),
        (KeyStoreError::NoService(None), ErrorCode::KeyringMissing),
        (KeyStoreError::TimedOut, ErrorCode::KeyringTimeout),
    ] {
        let mut bench = Bench::new();
        let offer = bench.preview("second@alder.example").unwrap();
        let purpose = bench.accept(&offer);
        let call = bench.last_call();
        let reference = KeyRef::from_random([2; 16]);
        bench.event(Event::KeyCreated(purpose, reference.clone(), Err(error)));
        assert_eq!(bench.reply_to(call).unwrap().unwrap_err().code, code);
        assert_eq!(bench.deleted(), [reference]);
        assert!(!bench.effects.iter().any(|e| matches!(e, Effect::Enrol(..))));
        // The keyring is unlocked, and the person agrees once more.
        bench.accept(&offer);
    }
}

#[test]
fn a_full_disk_ends_the_enrolment_before_a_key_is_made() {
    let mut bench = Bench::new();
    let offer = bench.preview("second@alder.example").unwrap();
    let request = Request::AcceptEnrolment {
        offer: offer.clone(),
        device_name: "desk".into(),
    };
    assert!(bench.call_from(TERMINAL, request).is_none());
    let call = bench.last_call();
    bench.disk.full = true;
    bench.reserve(KeyRef::from_random([2; 16]));
    assert_eq!(
        bench.reply_to(call).unwrap().unwrap_err().code,
        ErrorCode::Storage
    );
    assert!(!bench.effects.iter().any(|e| matches!(e, Effect::CreateKey(..))));
    assert_eq!(bench.engine.accounts.spare_keys, []);
    bench.disk.full = false;
    bench.accept(&offer);
}

#[test]
fn killed_while_a_key_is_made_it_is_deleted_at_the_next_start() {
    let mut bench = Bench::new();
    let offer = bench.preview("second@alder.example").unwrap();
    bench.accept(&offer);
    bench.restart();
    assert_eq!(bench.deleted(), [KeyRef::from_random([2; 16])]);
}

#[test]
fn a_refused_enrolment_leaves_no_key_and_no_account() {
    let unreached = EnrolmentError::Net(NetError::TimedOut {
        host: "id.alder.example".into(),
        sent: false,
    });
    for (error, unknown, again) in [
        (EnrolmentError::Refused, false, false),
        (unanswered(), true, false),
        (unreached, false, true),
    ] {
        let mut bench = Bench::new();
        let offer = bench.preview("second@alder.example").unwrap();
        let purpose = bench.accept(&offer);
        let key = device_key(&software_key(), 2);
        bench.event(Event::KeyCreated(purpose, key.reference.clone(), Ok(key.clone())));
        let enrolment = bench.enrolment_sent();
        let call = asked_by(&enrolment);
        bench.event(Event::Enrolled(enrolment, key.clone(), Box::new(Err(error))));
        let refused = bench.reply_to(call).unwrap().unwrap_err();
        assert_eq!(refused.message.contains("It is not known"), unknown, "{refused}");
        assert_eq!(bench.deleted(), std::slice::from_ref(&key.reference));
        bench.event(Event::KeyDeleted(key.reference, Ok(())));
        assert_eq!(bench.disk.accounts.spare_keys, []);
        assert_eq!(bench.disk.accounts.accounts.len(), 1);
        // The offer is used up, unless the issuer has heard nothing of it.
        let once_more = Request::AcceptEnrolment {
            offer,
            device_name: "desk".into(),
        };
        let answer = bench.call_from(TERMINAL, once_more);
        assert_eq!(answer.is_none(), again, "{answer:?}");
    }
}

#[test]
fn killed_while_enrolling_the_key_is_deleted_at_the_next_start() {
    let mut bench = Bench::new();
    let offer = bench.preview("second@alder.example").unwrap();
    let purpose = bench.accept(&offer);
    let key = device_key(&software_key(), 2);
    bench.event(Event::KeyCreated(purpose, key.reference.clone(), Ok(key.clone())));
    bench.restart();
    assert_eq!(bench.engine.account_views().len(), 1);
    assert_eq!(bench.deleted(), std::slice::from_ref(&key.reference));
    bench.event(Event::KeyDeleted(
        key.reference.clone(),
        Err(KeyStoreError::Locked),
    ));
    assert_eq!(
        bench.disk.accounts.spare_keys,
        std::slice::from_ref(&key.reference)
    );
    bench.restart();
    bench.event(Event::KeyDeleted(key.reference, Ok(())));
    assert_eq!(bench.disk.accounts.spare_keys, []);
}

#[test]
fn an_account_that_cannot_be_kept_is_not_there() {
    let mut bench = Bench::new();
    let offer = bench.preview("second@alder.example").unwrap();
    let purpose = bench.accept(&offer);
    let key = device_key(&software_key(), 2);
    bench.event(Event::KeyCreated(purpose, key.reference.clone(), Ok(key.clone())));
    let enrolment = bench.enrolment_sent();
    let call = asked_by(&enrolment);
    let enrolled = bench.enrolled(key.clone());
    bench.disk.full = true;
    bench.event(Event::Enrolled(enrolment, key.clone(), Box::new(Ok(enrolled))));
    assert_eq!(
        bench.reply_to(call).unwrap().unwrap_err().code,
        ErrorCode::Storage
    );
    assert_eq!(bench.engine.account_views().len(), 1);
    assert_eq!(bench.deleted(), [key.reference]);
}

#[test]
fn a_removed_accounts_key_is_deleted_after_the_account_is_off_the_disk() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let key = bench.key_in_use();
    bench
        .call(Request::RemoveAccount {
            account: bench.account.clone(),
        })
        .unwrap();
    assert_eq!(bench.disk.accounts.accounts, []);
    assert_eq!(bench.disk.accounts.spare_keys, std::slice::from_ref(&key));
    assert_eq!(bench.deleted(), [key]);
    assert!(bench.engine.view_of(&id).is_none());
}

#[test]
fn an_account_that_cannot_be_taken_off_the_disk_stays() {
    let mut bench = Bench::new();
    let id = bench.payment();
    bench.disk.full = true;
    let refused = bench.call(Request::RemoveAccount {
        account: bench.account.clone(),
    });
    assert_eq!(refused.unwrap_err().code, ErrorCode::Storage);
    assert_eq!(bench.engine.account_views().len(), 1);
    assert_eq!(bench.state(&id), RequestState::Pending);
    assert_eq!(bench.deleted(), []);
}

#[test]
fn new_issuer_keys_are_kept() {
    let mut bench = Bench::new();
    let issuer_keys = [software_key().public_key().clone()].into_iter().collect();
    let Ties::Native(ties) = bench.binding().ties else {
        panic!("another protocol")
    };
    let changed = Ties::Native(native::Ties { issuer_keys, ..ties });
    bench.channel(ChannelEvent::TiesChanged(Box::new(changed.clone())));
    assert_eq!(bench.disk.accounts.accounts[0].binding.ties, changed);
}

#[test]
fn spare_keys_are_deleted_without_a_dialog() {
    let mut bench = Bench::new();
    bench.disk.accounts.spare_keys.push(KeyRef::from_random([5; 16]));
    bench.restart();
    assert!(
        bench
            .effects
            .iter()
            .any(|e| matches!(e, Effect::DeleteKey(_, Interaction::Forbidden))),
        "{:?}",
        bench.effects
    );
}
