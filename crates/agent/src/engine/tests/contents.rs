//! What an account brings along is added and removed as its issuer lists it, and never held before it is kept.

use countersign_agent_api::{
    Brings, CollectionView, ErrorCode, KeyringState, NotificationPrivacy as Privacy,
};
use countersign_protocol::{Txn, wire::OtpLink};

use super::*;
use crate::{
    accounts::{Held, Keeping},
    channel::{
        ChannelProblem, Commitment, Contents, Enrolled, EnrolmentError, Part, PartKind, Polled, Ties,
        privacyidea,
    },
    keystore::KeyStoreError,
};

impl Bench {
    /// Its account brings others along, and holds this.
    fn collection(holds: &[(&str, Keeping)]) -> Self {
        let mut bench = Self::new();
        let ties =
            serde_json::json!({"serial": "SMPH0001", "server": "https://id.alder.example", "device": "desk"});
        let ties: privacyidea::ContainerTies = serde_json::from_value(ties).unwrap();
        let account = &mut bench.engine.accounts.accounts[0];
        account.binding.ties = Ties::Container(Box::new(ties));
        let held = |(name, kept): &(&str, Keeping)| Held {
            name: (*name).into(),
            kept: kept.clone(),
        };
        account.holds = holds.iter().map(held).collect();
        bench.engine.settings.chosen.values.notifications = Privacy::Detailed;
        bench.effects.clear();
        bench
    }

    fn listed(&mut self, add: Vec<Part>, keep: &[&str]) {
        let keep = keep.iter().map(|name| (*name).to_owned()).collect();
        self.channel(ChannelEvent::Contents(Box::new(Contents { add, keep })));
    }

    fn on_disk(&self) -> Vec<(String, Keeping)> {
        let holds = &self.disk.accounts.accounts[0].holds;
        holds
            .iter()
            .map(|held| (held.name.clone(), held.kept.clone()))
            .collect()
    }

    /// The code that the vault is to keep.
    fn kept_next(&mut self) -> (Origin, String) {
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::KeepPart(..)));
        match self.effects.remove(position.expect("nothing to keep")) {
            Effect::KeepPart(origin, id, _) => (origin, id.0),
            other => panic!("{other:?}"),
        }
    }

    fn dropped_next(&mut self) -> (Origin, String) {
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::DropPart(..)));
        match self.effects.remove(position.expect("nothing to drop")) {
            Effect::DropPart(origin, id) => (origin, id.0),
            other => panic!("{other:?}"),
        }
    }

    /// What the channel was told last.
    fn said(&self) -> Option<Vec<String>> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Hold(_, names) => Some(names.clone()),
            _ => None,
        })
    }

    fn told(&self) -> Option<(String, String)> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Notify(_, notification) => Some((notification.title.clone(), notification.body.clone())),
            _ => None,
        })
    }

    /// An account that is brought along is enrolled with this key, without anybody asking.
    fn bring(&mut self, reference: KeyRef) -> AccountId {
        self.bring_as(reference, |binding| binding);
        self.disk.accounts.accounts.last().unwrap().id.clone()
    }

    /// The same, of another device.
    fn bring_as(&mut self, reference: KeyRef, change: impl FnOnce(Binding) -> Binding) {
        let enrolled = self.enrolment_of(reference, change);
        self.event(enrolled);
    }

    /// Up to the issuer's answer.
    fn enrolment_of(&mut self, reference: KeyRef, change: impl FnOnce(Binding) -> Binding) -> Event {
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::ReserveKey(_)));
        let Effect::ReserveKey(purpose) = self.effects.remove(position.expect("no key wanted")) else {
            panic!("something else")
        };
        self.event(Event::KeyReserved(purpose, Ok(reference.clone())));
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::CreateKey(..)));
        let Effect::CreateKey(purpose, _) = self.effects.remove(position.expect("no key wanted")) else {
            panic!("something else")
        };
        let key = DeviceKey {
            reference,
            public: self.binding().key.public,
        };
        self.event(Event::KeyCreated(purpose, key.reference.clone(), Ok(key.clone())));
        let position = self.effects.iter().position(|e| matches!(e, Effect::Enrol(..)));
        let Effect::Enrol(enrolment, _) = self.effects.remove(position.expect("not sent")) else {
            panic!("something else")
        };
        let binding = Binding {
            account: "PIPU0001".into(),
            ..self.issuer.binding(key.clone())
        };
        let enrolled = Enrolled {
            binding: change(binding),
            issuer_name: "Alder Group".into(),
            otp: None,
        };
        Event::Enrolled(enrolment, key, Box::new(Ok(enrolled)))
    }

    /// The issuer lists an account, new or anew.
    fn lists_account(&mut self) {
        let part = Part {
            name: "PIPU0001".into(),
            what: PartKind::Account(Box::new(self.offer("PIPU0001"))),
        };
        self.listed(vec![part], &[]);
    }
}

/// As the account of a PUSH token.
fn as_token(binding: Binding) -> Binding {
    Binding {
        ties: Ties::PrivacyIdea(Box::new(privacyidea::Ties::for_tests())),
        ..binding
    }
}

fn code(name: &str) -> Part {
    let link = format!("otpauth://totp/{name}?secret=GEZDGNBVGY3TQOJQ");
    Part {
        name: name.into(),
        what: PartKind::Code(OtpLink::try_from(link).unwrap()),
    }
}

#[test]
fn what_is_held_is_said_when_a_channel_starts() {
    let mut bench = Bench::collection(&[("T1", Keeping::Code)]);
    bench.health(Health::Connecting);
    assert_eq!(bench.said(), Some(vec!["T1".to_owned()]));
    let mut ordinary = Bench::new();
    ordinary.effects.clear();
    ordinary.health(Health::Connecting);
    assert_eq!(ordinary.said(), None);
}

#[test]
fn a_code_is_held_once_it_is_in_the_vault() {
    let mut bench = Bench::collection(&[]);
    bench.listed(vec![code("T1"), code("T2")], &[]);
    let (first, place) = bench.kept_next();
    assert_eq!((first.name.as_str(), bench.on_disk().len()), ("T1", 0));
    bench.event(Event::PartKept(first, Ok(Some("Alder (T1)".into()))));
    assert_eq!(bench.on_disk(), [("T1".into(), Keeping::Code)]);
    assert_eq!(bench.said(), None, "there is more to do");
    let (second, other) = bench.kept_next();
    assert_ne!(place, other);
    let locked = ApiError::new(ErrorCode::KeyringLocked, "The keyring is locked.");
    bench.event(Event::PartKept(second, Err(locked)));
    // What could not be kept is not held: it is delivered again, to the same place.
    assert_eq!(bench.said(), Some(vec!["T1".to_owned()]));
    bench.listed(vec![code("T2")], &["T1"]);
    let (again, same) = bench.kept_next();
    assert_eq!(same, other);
    bench.event(Event::PartKept(again, Ok(Some("Alder (T2)".into()))));
    assert_eq!(bench.said(), Some(vec!["T1".to_owned(), "T2".to_owned()]));
    let view = bench.engine.account_views().remove(0);
    let held = CollectionView {
        accounts: 0,
        codes: 2,
        unusable: 0,
    };
    assert_eq!(view.collection, Some(held));
    assert_eq!(
        bench.engine.accounts.accounts[0].binding.brings(),
        Brings::Collection
    );
}

#[test]
fn a_code_that_is_no_longer_listed_is_dropped_and_told() {
    let mut bench = Bench::collection(&[("T1", Keeping::Code), ("T2", Keeping::Code)]);
    bench.listed(vec![], &["T2"]);
    let (gone, _) = bench.dropped_next();
    assert_eq!(gone.name, "T1");
    bench.event(Event::PartDropped(gone, Ok(Some("Alder (T1)".into()))));
    assert_eq!(bench.on_disk(), [("T2".into(), Keeping::Code)]);
    let (title, body) = bench.told().expect("nothing was said");
    assert_eq!(
        (title.as_str(), body.as_str()),
        ("Changed by Alder Group", "Removed: Alder (T1).")
    );
    // Nothing new, nothing to say.
    bench.effects.clear();
    bench.listed(vec![], &["T2"]);
    assert_eq!((bench.said(), bench.told()), (Some(vec!["T2".to_owned()]), None));
}

#[test]
fn what_is_given_anew_is_not_held_until_it_is_kept_again() {
    let mut bench = Bench::collection(&[("T1", Keeping::Code)]);
    bench.listed(vec![code("T1")], &[]);
    assert!(
        bench.on_disk().is_empty(),
        "what is in the vault does not count any more"
    );
    let (again, _) = bench.kept_next();
    bench.event(Event::PartKept(again, Ok(None)));
    assert_eq!(bench.on_disk(), [("T1".into(), Keeping::Code)]);
}

#[test]
fn an_account_that_is_brought_along_comes_and_goes_with_its_listing() {
    let mut bench = Bench::collection(&[]);
    bench.lists_account();
    let first = KeyRef::from_random([7; 16]);
    let id = bench.bring(first.clone());
    assert_eq!(
        bench.on_disk(),
        [("PIPU0001".into(), Keeping::Account(id.clone()))]
    );
    assert_eq!(bench.disk.accounts.accounts.len(), 2);

    // Given anew, with a new key.
    bench.lists_account();
    let second = KeyRef::from_random([8; 16]);
    assert_eq!(bench.bring(second.clone()), id);
    let accounts = &bench.disk.accounts;
    assert_eq!(accounts.accounts.len(), 2);
    assert_eq!(accounts.accounts[1].binding.key.reference, second);
    assert!(accounts.spare_keys.contains(&first));

    // Taken back.
    bench.effects.clear();
    bench.listed(vec![], &[]);
    assert_eq!(bench.disk.accounts.accounts.len(), 1);
    assert!(bench.on_disk().is_empty());
    let deleted = |e: &Effect| matches!(e, Effect::DeleteKey(key, _) if *key == second);
    assert!(bench.effects.iter().any(deleted), "its key stays");
    let (_, body) = bench.told().expect("nothing was said");
    assert!(body.contains("PIPU0001"), "{body}");
}

/// An issuer chooses its own address and the names of its devices, and so what the short id of an account is made of.
#[test]
fn a_device_whose_account_would_have_the_id_of_another_replaces_nothing() {
    let evil = countersign_protocol::Issuer::parse("https://evil.example").unwrap();
    let mut bench = Bench::collection(&[]);
    bench.lists_account();
    bench.bring(KeyRef::from_random([7; 16]));
    let device = bench.engine.accounts.accounts[1].binding.device().to_owned();
    let text = inbox::base32(&format!("{evil} {device}"));
    bench.engine.accounts.accounts[1].id = AccountId(text[..8].to_owned());
    let victim = bench.engine.accounts.accounts[1].clone();

    bench.lists_account();
    bench.bring_as(KeyRef::from_random([8; 16]), |binding| Binding {
        issuer: evil,
        ..binding
    });
    let accounts = &bench.disk.accounts.accounts;
    assert_eq!(accounts.len(), 3);
    assert_eq!(accounts[1], victim);
    assert_eq!(accounts[2].id.0, text[..9]);
    assert!(
        !bench
            .disk
            .accounts
            .spare_keys
            .contains(&victim.binding.key.reference)
    );
    assert_eq!(bench.on_disk()[0].1, Keeping::Account(accounts[2].id.clone()));
    // Nor does another protocol's device of the same name at the same issuer.
    let container = bench.engine.accounts.accounts[0].binding.clone();
    let token = as_token(container.clone());
    assert!(!container.is_same_device(&token) && token.is_same_device(&token));
}

#[test]
fn a_token_given_anew_keeps_what_was_answered_and_how_often_it_is_asked() {
    let mut bench = Bench::collection(&[]);
    bench.lists_account();
    bench.bring_as(KeyRef::from_random([7; 16]), as_token);
    let (answered, chosen) = (Txn::from_random([1; 16]), Polled { chosen: Some(45) });
    let binding = &mut bench.engine.accounts.accounts[1].binding;
    binding.commit(&answered);
    binding.poll(chosen);

    bench.lists_account();
    bench.bring_as(KeyRef::from_random([8; 16]), as_token);
    let accounts = &bench.disk.accounts.accounts;
    assert_eq!(accounts.len(), 2);
    let mut given = accounts[1].binding.clone();
    assert_eq!(given.key.reference, KeyRef::from_random([8; 16]));
    assert_eq!(given.polled(), Some(chosen));
    assert_eq!(
        given.commit(&answered),
        Commitment::Free,
        "it would be answered again"
    );
}

#[test]
fn the_key_of_a_token_given_anew_is_deleted_once_the_new_one_is_on_disk() {
    let mut bench = Bench::collection(&[]);
    bench.lists_account();
    let (old, new) = (KeyRef::from_random([7; 16]), KeyRef::from_random([8; 16]));
    bench.bring_as(old.clone(), as_token);
    bench.lists_account();
    let offered = bench.enrolment_of(new, as_token);
    assert_eq!(bench.deleted(), []);
    bench.event(offered);
    assert_eq!(bench.deleted(), std::slice::from_ref(&old));

    // What cannot be deleted now is deleted at the next start.
    bench.event(Event::KeyDeleted(old.clone(), Err(KeyStoreError::Locked)));
    assert_eq!(bench.disk.accounts.spare_keys, std::slice::from_ref(&old));
    bench.restart();
    assert_eq!(bench.deleted(), std::slice::from_ref(&old));
    bench.event(Event::KeyDeleted(old, Ok(())));
    assert_eq!(bench.disk.accounts.spare_keys, []);
}

#[test]
fn a_token_given_anew_that_cannot_be_kept_leaves_the_account_as_it_was() {
    let mut bench = Bench::collection(&[]);
    bench.lists_account();
    bench.bring_as(KeyRef::from_random([7; 16]), as_token);
    let before = bench.disk.clone();

    bench.lists_account();
    let new = KeyRef::from_random([8; 16]);
    // The disk is full from the moment in which the server has bound the key.
    let offered = bench.enrolment_of(new.clone(), as_token);
    bench.disk.full = true;
    bench.event(offered);
    assert_eq!(bench.disk.accounts.accounts[1], before.accounts.accounts[1]);
    assert_eq!(bench.engine.accounts.accounts[1], before.accounts.accounts[1]);
    let deleted = |e: &Effect| matches!(e, Effect::DeleteKey(key, _) if *key == new);
    assert!(bench.effects.iter().any(deleted), "its key stays");
    let other = before.accounts.accounts[1].binding.key.reference.clone();
    assert!(!bench.deleted().contains(&other), "the key in use is deleted");
    bench.disk.full = false;
    bench.event(Event::KeyDeleted(new, Ok(())));
    assert_eq!(bench.disk.accounts.accounts[1], before.accounts.accounts[1]);
    assert!(bench.on_disk().is_empty(), "it is asked for again");
}

#[test]
fn the_issuer_is_told_when_the_account_is_removed() {
    let mut bench = Bench::collection(&[("T1", Keeping::Code)]);
    let account = bench.account.clone();
    let key = bench.engine.accounts.accounts[0].binding.key.reference.clone();
    bench.call(Request::RemoveAccount { account }).unwrap();
    let kept = |e: &Effect| matches!(e, Effect::DeleteKey(..) | Effect::DropPart(..));
    assert!(
        !bench.effects.iter().any(kept),
        "the key is needed, and the codes are the person's"
    );
    assert!(bench.effects.iter().any(|e| matches!(e, Effect::TakeLeave(..))));
    let unreachable = EnrolmentError::Refused;
    bench.event(Event::LeaveTaken(vec![key.clone()], Err(unreachable)));
    assert!(
        bench
            .effects
            .iter()
            .any(|e| matches!(e, Effect::DeleteKey(gone, _) if *gone == key))
    );
}

#[test]
fn an_issuer_is_asked_at_once_when_somebody_wants_it() {
    let mut bench = Bench::collection(&[]);
    let account = bench.account.clone();
    bench
        .call(Request::Refresh {
            account: account.clone(),
        })
        .unwrap();
    assert!(
        bench
            .effects
            .iter()
            .any(|e| matches!(e, Effect::Retry(id) if *id == account))
    );
    let unknown = Request::Refresh {
        account: AccountId("x".into()),
    };
    assert_eq!(bench.call(unknown).unwrap_err().code, ErrorCode::NotFound);
}

/// A container waits for up to an hour after trouble.
#[test]
fn nobody_waits_for_a_keyring_or_a_network_that_is_there_for_another_account() {
    let mut bench = Bench::collection(&[]);
    bench.lists_account();
    let other = bench.bring(KeyRef::from_random([7; 16]));
    let in_an_hour = |problem| Health::Retrying {
        in_ms: 3_600_000,
        problem,
    };
    for (health, tried) in [
        (Health::NoKey(KeyringState::Locked), true),
        (in_an_hour(ChannelProblem::Silent), true),
        (in_an_hour(ChannelProblem::Forbidden), false),
    ] {
        bench.health(health);
        for (now, expected) in [
            (Health::Connecting, false),
            (Health::Connected(Transport::Poll), tried),
            (Health::Connected(Transport::Poll), false),
        ] {
            bench.effects.clear();
            bench.event(Event::Channel(other.clone(), ChannelEvent::Health(now)));
            let retries = |e: &Effect| matches!(e, Effect::Retry(id) if *id == bench.account);
            assert_eq!(bench.effects.iter().any(retries), expected);
        }
    }
}
