//! An account's key is replaced; killed in between, the key that the issuer knows is still here.

use countersign_agent_api::{Connection, ErrorCode};

use super::*;
use crate::channel::{ChannelProblem, EnrolmentError};

impl Bench {
    /// Up to the rotation request on its way to the issuer.
    fn rotate(&mut self, new: &DeviceKey) -> Rotation {
        assert!(
            self.call_from(
                TERMINAL,
                Request::RotateKey {
                    account: self.account.clone()
                }
            )
            .is_none()
        );
        let purpose = self.key_wanted(new.reference.clone());
        self.event(Event::KeyCreated(purpose, new.reference.clone(), Ok(new.clone())));
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::Rotate(..)))
            .expect("not sent");
        match self.effects.remove(position) {
            Effect::Rotate(rotation, _, key) => {
                assert_eq!(key, *new);
                rotation
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_old_key_goes_when_the_issuer_has_accepted_the_new_one() {
    let mut bench = Bench::new();
    let old = bench.key_in_use();
    let new_key = software_key();
    let new = device_key(&new_key, 2);
    let rotation = bench.rotate(&new);
    let call = rotation.call;
    bench.event(Event::Rotated(rotation, new.clone(), Ok(())));
    assert!(matches!(bench.reply_to(call).unwrap(), Ok(Reply::Account(_))));
    assert_eq!(bench.disk.accounts.accounts[0].binding.key, new);
    assert_eq!(bench.deleted(), []);
    bench.health(Health::Connected(Transport::Websocket));
    assert_eq!(bench.deleted(), [old]);
    assert_eq!(bench.disk.accounts.accounts[0].other_key, None);
}

#[test]
fn a_refused_rotation_keeps_the_old_key() {
    let mut bench = Bench::new();
    let old = bench.key_in_use();
    let new = device_key(&software_key(), 2);
    let rotation = bench.rotate(&new);
    let call = rotation.call;
    let refused = EnrolmentError::Issuer {
        error: countersign_protocol::ErrorCode::InvalidMessage,
        message: "no".into(),
    };
    bench.event(Event::Rotated(rotation, new.clone(), Err(refused)));
    assert_eq!(
        bench.reply_to(call).unwrap().unwrap_err().code,
        ErrorCode::Refused
    );
    assert_eq!(bench.key_in_use(), old);
    assert_eq!(bench.deleted(), [new.reference]);
}

#[test]
fn killed_while_rotating_the_key_that_the_issuer_accepts_stays() {
    for issuer_has_new in [false, true] {
        let mut bench = Bench::new();
        let old = bench.key_in_use();
        let new = device_key(&software_key(), 2);
        bench.rotate(&new);
        bench.restart();
        assert_eq!(bench.key_in_use(), old);
        if issuer_has_new {
            bench.health(Health::Retrying {
                in_ms: 1000,
                problem: ChannelProblem::ProofRefused,
            });
            assert!(bench.effects.iter().any(
                |e| matches!(e, Effect::Subscribe(_, binding) if binding.key.reference == new.reference)
            ));
        }
        bench.health(Health::Connected(Transport::Websocket));
        let (kept, gone) = if issuer_has_new {
            (new.reference, old)
        } else {
            (old, new.reference)
        };
        assert_eq!(bench.disk.accounts.accounts[0].binding.key.reference, kept);
        assert_eq!(bench.deleted(), [gone]);
    }
}

#[test]
fn two_refused_keys_are_not_swapped_for_ever() {
    let mut bench = Bench::new();
    bench.rotate(&device_key(&software_key(), 2));
    bench.restart();
    bench.effects.clear();
    for _ in 0..5 {
        bench.health(Health::Retrying {
            in_ms: 1000,
            problem: ChannelProblem::ProofRefused,
        });
    }
    let swaps = bench
        .effects
        .iter()
        .filter(|e| matches!(e, Effect::Subscribe(..)))
        .count();
    assert_eq!(swaps, 1);
    assert_eq!(bench.deleted(), []);
    assert!(matches!(
        bench.engine.account_views()[0].connection,
        Connection::Retrying { .. }
    ));
}

#[test]
fn a_second_rotation_waits_for_the_first() {
    let mut bench = Bench::new();
    let new = device_key(&software_key(), 2);
    let rotation = bench.rotate(&new);
    bench.event(Event::Rotated(rotation, new, Err(unanswered())));
    let refused = bench.call(Request::RotateKey {
        account: bench.account.clone(),
    });
    assert_eq!(refused.unwrap_err().code, ErrorCode::Unavailable);
}

#[test]
fn a_revocation_uses_both_keys_of_an_unfinished_rotation() {
    let mut bench = Bench::new();
    let new = device_key(&software_key(), 2);
    let rotation = bench.rotate(&new);
    bench.event(Event::Rotated(rotation, new.clone(), Err(unanswered())));
    let revoke = Request::RevokeDevice {
        account: bench.account.clone(),
    };
    assert!(bench.call_from(TERMINAL, revoke).is_none());
    let asked = bench.effects.iter().find_map(|effect| match effect {
        Effect::RevokeDevice(_, _, binding, other) => Some((binding.key.clone(), other.clone())),
        _ => None,
    });
    assert_eq!(asked.unwrap(), (bench.binding().key, Some(new)));
}

#[test]
fn a_rotation_that_ends_after_a_revocation_does_not_connect() {
    let mut bench = Bench::new();
    let new = device_key(&software_key(), 2);
    let rotation = bench.rotate(&new);
    bench.health(Health::Revoked);
    bench.effects.clear();
    let call = rotation.call;
    bench.event(Event::Rotated(rotation, new, Ok(())));
    assert!(bench.reply_to(call).unwrap().is_ok());
    assert!(!bench.effects.iter().any(|e| matches!(e, Effect::Subscribe(..))));
}
