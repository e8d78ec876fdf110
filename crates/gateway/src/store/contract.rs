//! One suite for every store: what [`Store`] promises, as functions over any implementation.
//!
//! Each is given a store that nothing has been put into yet. [`run`] calls them all.

use countersign_protocol::{
    Amr, DecidedOn, DeviceId, Es256Key, Evidenced, Jti, Jwk, KeyProtection, Nonce, Outcome, ProtectionLevel,
    Requires, Signer as _, Timestamp, Txn, Verdict,
};

use super::*;
use crate::{
    audit::{self, Actor, Event},
    edge::SystemRng,
};

const NOW: Timestamp = 1_800_000_000;
const LOCKING: u32 = 3;

/// Runs the suite; `new` makes an empty store.
pub async fn run<S: Store>(new: impl AsyncFn() -> S) {
    clients_are_added_once_and_found_by_their_secret(new().await).await;
    an_offer_is_used_once_and_before_it_expires(new().await).await;
    a_device_is_revoked_once(new().await).await;
    a_device_key_is_replaced_only_while_it_is_the_one_that_was(new().await).await;
    an_accepted_approval_is_there_with_what_goes_to_each_device(new().await).await;
    the_same_idempotency_key_is_the_same_approval(new().await).await;
    as_many_approvals_are_pending_as_allowed(new().await).await;
    the_first_decision_wins_and_later_ones_are_told(new().await).await;
    a_decision_is_taken_until_the_second_before_expiry(new().await).await;
    the_same_decision_again_is_recognised(new().await).await;
    a_counter_only_grows(new().await).await;
    wrong_codes_are_counted_over_requests_until_the_user_is_locked(new().await).await;
    a_right_code_resets_the_count(new().await).await;
    a_revoked_device_decides_nothing(new().await).await;
    only_its_client_cancels_an_approval(new().await).await;
    what_expired_ends_once(new().await).await;
    an_inbox_has_what_a_device_does_not_know(new().await).await;
    an_inbox_begins_anew_with_a_cursor_from_the_future(new().await).await;
    an_ending_leaves_a_callback_until_it_is_done(new().await).await;
    every_change_is_in_the_audit_chain(new().await).await;
    changes_of_others_are_noticed(new().await).await;
    old_endings_are_pruned_and_the_audit_log_stays(new().await).await;
}

async fn clients_are_added_once_and_found_by_their_secret(store: impl Store) {
    let client = client();
    assert!(
        store
            .add_client(client.clone(), entry(Event::ClientAdded))
            .await
            .unwrap()
    );
    let second = Client {
        secret_hash: [9; 32],
        ..client.clone()
    };
    assert!(!store.add_client(second, entry(Event::ClientAdded)).await.unwrap());
    assert_eq!(store.clients().await.unwrap(), std::slice::from_ref(&client));
    assert_eq!(store.client_by_secret([1; 32]).await.unwrap(), Some(client));
    assert_eq!(store.client_by_secret([9; 32]).await.unwrap(), None);
    assert!(
        store
            .remove_client("bank", entry(Event::ClientRemoved))
            .await
            .unwrap()
    );
    assert!(
        !store
            .remove_client("bank", entry(Event::ClientRemoved))
            .await
            .unwrap()
    );
    assert_eq!(store.client_by_secret([1; 32]).await.unwrap(), None);
    assert_eq!(
        events(&store).await,
        ["client.added", "client.removed"],
        "what changed nothing is not in the log"
    );
}

async fn an_offer_is_used_once_and_before_it_expires(store: impl Store) {
    let offer = offer("ada", 1);
    store
        .add_offer(offer.clone(), entry(Event::OfferCreated))
        .await
        .unwrap();
    assert_eq!(
        store.offer([1; 32], offer.expires_at - 1).await.unwrap(),
        Some(offer.clone())
    );
    assert_eq!(store.offer([1; 32], offer.expires_at).await.unwrap(), None);
    assert_eq!(store.offer([2; 32], NOW).await.unwrap(), None);

    let late = NewDevice {
        now: offer.expires_at,
        ..new_device(1)
    };
    assert!(store.enrol([1; 32], late).await.unwrap().is_none());
    assert!(store.enrol([2; 32], new_device(1)).await.unwrap().is_none());
    let device = store.enrol([1; 32], new_device(1)).await.unwrap().unwrap();
    assert_eq!(
        (device.user.as_str(), device.account.as_str()),
        ("ada", "ada@example.com")
    );
    assert!(
        store.enrol([1; 32], new_device(2)).await.unwrap().is_none(),
        "used"
    );
    assert_eq!(store.offer([1; 32], NOW).await.unwrap(), None);

    let (user, devices) = store.user_with_devices("ada").await.unwrap().unwrap();
    assert_eq!(
        user,
        User {
            id: "ada".to_owned(),
            wrong_codes: 0,
            locked_at: None,
            created_at: NOW
        }
    );
    assert_eq!(
        devices.iter().map(|device| &device.id).collect::<Vec<_>>(),
        [&device.id]
    );
    assert_eq!(devices[0].key, device.key);
}

async fn a_device_is_revoked_once(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    assert_eq!(revoke(&store, &device.id, NOW + 5).await, Revoked::Now);
    assert_eq!(
        revoke(&store, &device.id, NOW + 9).await,
        Revoked::Before(NOW + 5)
    );
    assert_eq!(revoke(&store, &device_id(7), NOW).await, Revoked::Unknown);
    assert_eq!(
        store.device(&device.id).await.unwrap().unwrap().revoked_at,
        Some(NOW + 5)
    );
    assert!(
        store
            .user_with_devices("ada")
            .await
            .unwrap()
            .unwrap()
            .1
            .is_empty()
    );
    assert_eq!(
        store.devices(Some("ada")).await.unwrap().len(),
        1,
        "it is still listed"
    );
}

async fn a_device_key_is_replaced_only_while_it_is_the_one_that_was(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let (second, third) = (jwk(), jwk());
    let rotation = |old: &Jwk, new: &Jwk| DeviceRotation {
        device: device.id.clone(),
        old: old.clone(),
        new: new.clone(),
        key_protection: protection(),
    };
    assert!(
        store
            .rotate_device(rotation(&device.key, &second), entry(Event::DeviceRotated))
            .await
            .unwrap()
    );
    assert!(
        !store
            .rotate_device(rotation(&device.key, &third), entry(Event::DeviceRotated))
            .await
            .unwrap()
    );
    assert_eq!(store.device(&device.id).await.unwrap().unwrap().key, second);
    revoke(&store, &device.id, NOW).await;
    assert!(
        !store
            .rotate_device(rotation(&second, &third), entry(Event::DeviceRotated))
            .await
            .unwrap()
    );
}

async fn an_accepted_approval_is_there_with_what_goes_to_each_device(store: impl Store) {
    let (one, two) = (enrolled(&store, "ada", 1).await, enrolled(&store, "ada", 2).await);
    let new = NewApproval {
        acr: Some("high".to_owned()),
        authorization_details: Some(r#"[{"type":"access"}]"#.to_owned()),
        auth_ref: Some("ref".to_owned()),
        ..approval(1, &[&one, &two])
    };
    let Accepted::Made { seq } = store.accept(new.clone()).await.unwrap() else {
        panic!("not accepted")
    };
    let stored = store.approval(&new.txn).await.unwrap().unwrap();
    assert_eq!(
        stored,
        Approval {
            txn: new.txn.clone(),
            user: new.user,
            client: new.client,
            acr: new.acr,
            authorization_details: new.authorization_details,
            requires: new.requires,
            created_at: new.now,
            expires_at: new.expires_at,
            callback_url: new.callback_url,
            auth_ref: new.auth_ref,
            state: ApprovalState::Pending,
        }
    );
    assert_eq!(store.recipients(&new.txn).await.unwrap().len(), 2);
    for (device, request) in [&one, &two].into_iter().zip(&new.requests) {
        let inbox = store.inbox(&device.id, Since::Connect(None)).await.unwrap();
        assert_eq!(inbox.seq, seq);
        assert_eq!(
            inbox.pending,
            [InboxRequest {
                seq,
                jws: request.jws.clone()
            }]
        );
    }
    assert_eq!(store.next_expiry().await.unwrap(), Some(new.expires_at));
    assert_eq!(store.approval(&txn(9)).await.unwrap(), None);
}

async fn the_same_idempotency_key_is_the_same_approval(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let key = IdempotencyKey {
        key: "k".to_owned(),
        body_hash: [5; 32],
    };
    let first = NewApproval {
        idempotency: Some(key.clone()),
        ..approval(1, &[&device])
    };
    let again = NewApproval {
        txn: txn(2),
        ..first.clone()
    };
    assert_eq!(store.idempotent("bank", "k").await.unwrap(), None);
    assert!(matches!(
        store.accept(first.clone()).await.unwrap(),
        Accepted::Made { .. }
    ));
    let earlier = Idempotent {
        body_hash: [5; 32],
        txn: first.txn,
    };
    assert!(matches!(store.accept(again).await.unwrap(), Accepted::Repeated(found) if found == earlier));
    assert_eq!(store.idempotent("bank", "k").await.unwrap(), Some(earlier));
    assert_eq!(
        store.idempotent("shop", "k").await.unwrap(),
        None,
        "keys of clients do not meet"
    );
    assert_eq!(store.approval(&txn(2)).await.unwrap(), None);
}

async fn as_many_approvals_are_pending_as_allowed(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let other = enrolled(&store, "bob", 2).await;
    for number in 1..=2 {
        let new = NewApproval {
            max_pending: 2,
            ..approval(number, &[&device])
        };
        assert!(matches!(store.accept(new).await.unwrap(), Accepted::Made { .. }));
    }
    let third = NewApproval {
        max_pending: 2,
        ..approval(3, &[&device])
    };
    assert!(matches!(
        store.accept(third.clone()).await.unwrap(),
        Accepted::TooManyPending
    ));
    let of_bob = NewApproval {
        user: "bob".to_owned(),
        max_pending: 2,
        ..approval(4, &[&other])
    };
    assert!(matches!(
        store.accept(of_bob).await.unwrap(),
        Accepted::Made { .. }
    ));
    let later = NewApproval {
        now: NOW + 120,
        expires_at: NOW + 240,
        ..third
    };
    assert!(
        matches!(store.accept(later).await.unwrap(), Accepted::Made { .. }),
        "what expired is not pending"
    );
}

async fn the_first_decision_wins_and_later_ones_are_told(store: impl Store) {
    let (one, two) = (enrolled(&store, "ada", 1).await, enrolled(&store, "ada", 2).await);
    accepted(&store, approval(1, &[&one, &two])).await;
    let first = attempt(1, &one, 1);
    let Decision::Accepted(won) = store.decide(first.clone()).await.unwrap() else {
        panic!("not accepted")
    };
    let ending = ending(&won);
    assert_eq!((ending.outcome, ending.at), (Outcome::Approved, NOW));
    assert_eq!(ending.decided, Some(first.decided));
    assert_eq!(store.approval(&txn(1)).await.unwrap().as_ref(), Some(&*won));

    let second = DecisionAttempt {
        decided: Decided {
            verdict: Verdict::Deny,
            ..attempt(1, &two, 1).decided
        },
        ..attempt(1, &two, 1)
    };
    let Decision::AlreadyEnded(told) = store.decide(second).await.unwrap() else {
        panic!("decided twice")
    };
    assert_eq!(told, won);
    assert_eq!(store.next_expiry().await.unwrap(), None);
    assert!(matches!(
        store.decide(attempt(9, &one, 2)).await.unwrap(),
        Decision::Unknown
    ));
}

async fn a_decision_is_taken_until_the_second_before_expiry(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    accepted(&store, approval(1, &[&device])).await;
    accepted(&store, approval(2, &[&device])).await;
    let in_time = DecisionAttempt {
        now: NOW + 119,
        ..attempt(1, &device, 1)
    };
    assert!(matches!(
        store.decide(in_time).await.unwrap(),
        Decision::Accepted(_)
    ));
    let late = DecisionAttempt {
        now: NOW + 120,
        ..attempt(2, &device, 2)
    };
    let Decision::Expired(expired) = store.decide(late).await.unwrap() else {
        panic!("taken after expiry")
    };
    assert_eq!(ending(&expired).outcome, Outcome::Expired);
    assert!(
        store.expire(NOW + 999, 10).await.unwrap().is_empty(),
        "it has ended already"
    );
}

async fn the_same_decision_again_is_recognised(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    accepted(&store, approval(1, &[&device])).await;
    let decision = attempt(1, &device, 1);
    assert!(
        store
            .before_decision(&device.id, &decision.jti, &txn(1))
            .await
            .unwrap()
            .prior
            .is_none()
    );
    assert!(matches!(
        store.decide(decision.clone()).await.unwrap(),
        Decision::Accepted(_)
    ));
    let prior = Prior {
        decision_hash: decision.decided.decision_hash.clone(),
        answer: PriorAnswer::Accepted {
            receipt: decision.receipt.clone(),
        },
    };
    let before = store
        .before_decision(&device.id, &decision.jti, &txn(1))
        .await
        .unwrap();
    assert_eq!(before.prior, Some(prior.clone()));
    assert!(matches!(store.decide(decision.clone()).await.unwrap(), Decision::Seen(seen) if seen == prior));
    let other = enrolled(&store, "ada", 2).await;
    let before = store
        .before_decision(&other.id, &decision.jti, &txn(1))
        .await
        .unwrap();
    assert_eq!(before.prior, None, "another device may use the same id");
}

async fn a_counter_only_grows(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    for number in 1..=3 {
        accepted(&store, approval(number, &[&device])).await;
    }
    assert!(matches!(
        store.decide(attempt(1, &device, 7)).await.unwrap(),
        Decision::Accepted(_)
    ));
    for counter in [6, 7] {
        let regressed = store.decide(attempt(2, &device, counter)).await.unwrap();
        assert!(
            matches!(regressed, Decision::CounterRegression { last: 7 }),
            "{regressed:?}"
        );
    }
    assert!(matches!(
        store.decide(attempt(2, &device, 8)).await.unwrap(),
        Decision::Accepted(_)
    ));
    assert_eq!(store.device(&device.id).await.unwrap().unwrap().counter, 8);
}

async fn wrong_codes_are_counted_over_requests_until_the_user_is_locked(store: impl Store) {
    let (one, two) = (enrolled(&store, "ada", 1).await, enrolled(&store, "ada", 2).await);
    for number in 1..=3 {
        accepted(&store, approval(number, &[&one, &two])).await;
    }
    let wrong = |number, device, counter| DecisionAttempt {
        code: CodeCheck::Wrong,
        ..attempt(number, device, counter)
    };
    let first = wrong(1, &one, 1);
    assert!(matches!(
        store.decide(first.clone()).await.unwrap(),
        Decision::WrongCode { attempts_left: 2 }
    ));
    assert!(matches!(
        store.decide(first).await.unwrap(),
        Decision::Seen(Prior {
            answer: PriorAnswer::WrongCode { attempts_left: 2 },
            ..
        })
    ));
    assert!(matches!(
        store.decide(wrong(2, &two, 1)).await.unwrap(),
        Decision::WrongCode { attempts_left: 1 }
    ));
    assert_eq!(store.user("ada").await.unwrap().unwrap().wrong_codes, 2);
    assert_eq!(
        store.approval(&txn(1)).await.unwrap().unwrap().state,
        ApprovalState::Pending
    );

    let Decision::Locked(ended) = store.decide(wrong(3, &one, 2)).await.unwrap() else {
        panic!("not locked")
    };
    assert_eq!(ended.len(), 3);
    assert!(
        ended
            .iter()
            .all(|approval| ending(approval).outcome == Outcome::Locked)
    );
    assert_eq!(store.user("ada").await.unwrap().unwrap().locked_at, Some(NOW));
    assert!(matches!(
        store.accept(approval(4, &[&one])).await.unwrap(),
        Accepted::Locked
    ));
    assert!(matches!(
        store.decide(attempt(1, &two, 2)).await.unwrap(),
        Decision::AlreadyEnded(_)
    ));

    assert!(
        store
            .unlock_user("ada", entry(Event::UserUnlocked))
            .await
            .unwrap()
    );
    assert!(
        !store
            .unlock_user("nobody", entry(Event::UserUnlocked))
            .await
            .unwrap()
    );
    let user = store.user("ada").await.unwrap().unwrap();
    assert_eq!((user.wrong_codes, user.locked_at), (0, None));
    assert!(matches!(
        store.accept(approval(4, &[&one])).await.unwrap(),
        Accepted::Made { .. }
    ));
}

async fn a_right_code_resets_the_count(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    for number in 1..=3 {
        accepted(&store, approval(number, &[&device])).await;
    }
    let coded = |number, counter, code| DecisionAttempt {
        code,
        ..attempt(number, &device, counter)
    };
    let wrong = store.decide(coded(1, 1, CodeCheck::Wrong)).await.unwrap();
    assert!(matches!(wrong, Decision::WrongCode { attempts_left: 2 }));
    assert!(matches!(
        store.decide(coded(1, 2, CodeCheck::NotAsked)).await.unwrap(),
        Decision::Accepted(_)
    ));
    assert_eq!(
        store.user("ada").await.unwrap().unwrap().wrong_codes,
        1,
        "only a code that is right resets it"
    );
    assert!(matches!(
        store.decide(coded(2, 3, CodeCheck::Right)).await.unwrap(),
        Decision::Accepted(_)
    ));
    assert_eq!(store.user("ada").await.unwrap().unwrap().wrong_codes, 0);
}

async fn a_revoked_device_decides_nothing(store: impl Store) {
    let (one, two) = (enrolled(&store, "ada", 1).await, enrolled(&store, "ada", 2).await);
    accepted(&store, approval(1, &[&one, &two])).await;
    revoke(&store, &one.id, NOW).await;
    assert!(matches!(
        store.decide(attempt(1, &one, 1)).await.unwrap(),
        Decision::Revoked
    ));
    let stranger = Device {
        id: device_id(9),
        ..one
    };
    assert!(matches!(
        store.decide(attempt(1, &stranger, 1)).await.unwrap(),
        Decision::Revoked
    ));
    assert!(matches!(
        store.decide(attempt(1, &two, 1)).await.unwrap(),
        Decision::Accepted(_)
    ));
}

async fn only_its_client_cancels_an_approval(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    accepted(&store, approval(1, &[&device])).await;
    accepted(&store, approval(2, &[&device])).await;
    assert!(store.cancel(&txn(1), "shop", NOW).await.unwrap().is_none());
    assert!(store.cancel(&txn(9), "bank", NOW).await.unwrap().is_none());
    let Some(Cancelled::Now(cancelled)) = store.cancel(&txn(1), "bank", NOW).await.unwrap() else {
        panic!("not cancelled")
    };
    assert_eq!(ending(&cancelled).outcome, Outcome::Cancelled);
    let again = store.cancel(&txn(1), "bank", NOW).await.unwrap();
    assert!(matches!(again, Some(Cancelled::Before(before)) if before == cancelled));
    assert!(matches!(
        store.decide(attempt(1, &device, 1)).await.unwrap(),
        Decision::AlreadyEnded(_)
    ));
    let late = store.cancel(&txn(2), "bank", NOW + 120).await.unwrap();
    assert!(matches!(late, Some(Cancelled::Before(expired)) if ending(&expired).outcome == Outcome::Expired));
}

async fn what_expired_ends_once(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    for number in 1..=3 {
        accepted(
            &store,
            NewApproval {
                expires_at: NOW + 60 * i64::from(number),
                ..approval(number, &[&device])
            },
        )
        .await;
    }
    assert!(store.expire(NOW + 59, 10).await.unwrap().is_empty());
    let ended = store.expire(NOW + 180, 2).await.unwrap();
    assert_eq!(
        ended.iter().map(|approval| &approval.txn).collect::<Vec<_>>(),
        [&txn(1), &txn(2)]
    );
    assert!(
        ended
            .iter()
            .all(|approval| ending(approval).outcome == Outcome::Expired)
    );
    assert_eq!(store.next_expiry().await.unwrap(), Some(NOW + 180));
    assert_eq!(store.expire(NOW + 180, 2).await.unwrap().len(), 1);
    assert!(store.expire(NOW + 180, 2).await.unwrap().is_empty());
}

async fn an_inbox_has_what_a_device_does_not_know(store: impl Store) {
    let (one, two) = (enrolled(&store, "ada", 1).await, enrolled(&store, "ada", 2).await);
    let stranger = enrolled(&store, "bob", 3).await;
    let first = accepted(&store, approval(1, &[&one, &two])).await;
    let second = accepted(&store, approval(2, &[&one])).await;
    let known = store.inbox(&one.id, Since::Connect(None)).await.unwrap();
    assert_eq!(
        known
            .pending
            .iter()
            .map(|request| request.seq)
            .collect::<Vec<_>>(),
        [first, second]
    );
    assert_eq!(known.seq, second);
    assert!(
        store
            .inbox(&one.id, Since::Poll(known.seq))
            .await
            .unwrap()
            .pending
            .is_empty()
    );

    store.decide(attempt(1, &two, 1)).await.unwrap();
    let third = accepted(&store, approval(3, &[&one])).await;
    let news = store.inbox(&one.id, Since::Poll(known.seq)).await.unwrap();
    assert_eq!(
        news.pending.iter().map(|request| request.seq).collect::<Vec<_>>(),
        [third]
    );
    assert_eq!(
        news.ended
            .iter()
            .map(|(approval, _)| &approval.txn)
            .collect::<Vec<_>>(),
        [&txn(1)]
    );
    assert_eq!(news.ended[0].1.device, one.id);

    let anew = store
        .inbox(&one.id, Since::Connect(Some(known.seq)))
        .await
        .unwrap();
    assert_eq!(
        anew.pending.iter().map(|request| request.seq).collect::<Vec<_>>(),
        [second, third]
    );
    assert_eq!(anew.ended.len(), 1);
    assert!(
        store
            .inbox(&one.id, Since::Connect(None))
            .await
            .unwrap()
            .ended
            .is_empty()
    );
    for device in [&stranger.id, &device_id(9)] {
        let inbox = store.inbox(device, Since::Connect(Some(0))).await.unwrap();
        assert!(inbox.pending.is_empty() && inbox.ended.is_empty());
    }
}

async fn an_inbox_begins_anew_with_a_cursor_from_the_future(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let seq = accepted(&store, approval(1, &[&device])).await;
    let inbox = store.inbox(&device.id, Since::Poll(seq + 1_000)).await.unwrap();
    assert_eq!((inbox.seq, inbox.pending.len()), (seq, 1));
}

async fn an_ending_leaves_a_callback_until_it_is_done(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let url = "https://bank.example/callback".to_owned();
    for number in 1..=2 {
        accepted(
            &store,
            NewApproval {
                callback_url: Some(url.clone()),
                ..approval(number, &[&device])
            },
        )
        .await;
    }
    accepted(&store, approval(3, &[&device])).await;
    assert_eq!(store.next_callback().await.unwrap(), None);
    for number in 1..=3 {
        store
            .decide(attempt(number, &device, number.into()))
            .await
            .unwrap();
    }
    let callback = |number| Callback {
        txn: txn(number),
        client: "bank".to_owned(),
        url: url.clone(),
        created_at: NOW,
        attempts: 0,
    };
    assert_eq!(store.next_callback().await.unwrap(), Some(NOW));
    assert!(store.due_callbacks(NOW - 1, 10).await.unwrap().is_empty());
    let mut due = store.due_callbacks(NOW, 10).await.unwrap();
    due.sort_by(|one, other| one.txn.cmp(&other.txn));
    assert_eq!(due, [callback(1), callback(2)]);

    store
        .callback_failed(&txn(1), Some(NOW + 30), entry(Event::CallbackFailed))
        .await
        .unwrap();
    store
        .callback_done(&txn(2), entry(Event::CallbackDelivered))
        .await
        .unwrap();
    assert!(store.due_callbacks(NOW + 29, 10).await.unwrap().is_empty());
    assert_eq!(
        store.due_callbacks(NOW + 30, 10).await.unwrap(),
        [Callback {
            attempts: 1,
            ..callback(1)
        }]
    );
    store
        .callback_failed(&txn(1), None, entry(Event::CallbackAbandoned))
        .await
        .unwrap();
    assert_eq!(store.next_callback().await.unwrap(), None);
}

async fn every_change_is_in_the_audit_chain(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    accepted(&store, approval(1, &[&device])).await;
    accepted(&store, approval(2, &[&device])).await;
    store
        .decide(DecisionAttempt {
            code: CodeCheck::Wrong,
            ..attempt(1, &device, 1)
        })
        .await
        .unwrap();
    store.decide(attempt(1, &device, 2)).await.unwrap();
    store.expire(NOW + 120, 10).await.unwrap();
    store.audit(entry(Event::AuditExported)).await.unwrap();
    let expected = [
        "enrolment.offered",
        "device.enrolled",
        "approval.requested",
        "approval.requested",
        "code.wrong",
        "approval.approved",
        "approval.expired",
        "audit.exported",
    ];
    assert_eq!(events(&store).await, expected);

    let records = store.audit_records(0, 100).await.unwrap();
    let export: String = records
        .iter()
        .map(|record| format!("{}\n", record.line))
        .collect();
    let verified = audit::verify(export.as_bytes()).unwrap();
    assert_eq!((verified.first, verified.last), (1, 8));
    assert_eq!(verified.head, records[7].hash);
    assert_eq!(store.audit_records(2, 3).await.unwrap(), records[2..5]);
}

async fn changes_of_others_are_noticed(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let before = store.changes(0).await.unwrap();
    assert_eq!(before.list, []);
    revoke(&store, &device.id, NOW).await;
    store
        .add_client(client(), entry(Event::ClientAdded))
        .await
        .unwrap();
    store.audit(entry(Event::KeysRotated)).await.unwrap();
    store.audit(entry(Event::AuditExported)).await.unwrap();
    let changes = store.changes(before.seq).await.unwrap();
    assert_eq!(
        changes.list,
        [
            Change::DeviceRevoked(device.id),
            Change::Clients,
            Change::IssuerKeys
        ]
    );
    let after = store.changes(changes.seq).await.unwrap();
    assert_eq!((after.seq, after.list), (changes.seq, Vec::new()));
}

async fn old_endings_are_pruned_and_the_audit_log_stays(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let key = IdempotencyKey {
        key: "k".to_owned(),
        body_hash: [5; 32],
    };
    accepted(
        &store,
        NewApproval {
            idempotency: Some(key),
            ..approval(1, &[&device])
        },
    )
    .await;
    let url = Some("https://bank.example/callback".to_owned());
    accepted(
        &store,
        NewApproval {
            callback_url: url,
            ..approval(2, &[&device])
        },
    )
    .await;
    accepted(&store, approval(3, &[&device])).await;
    accepted(
        &store,
        NewApproval {
            now: NOW + 50,
            ..approval(4, &[&device])
        },
    )
    .await;
    for number in [1, 2, 4] {
        store
            .decide(attempt(number, &device, number.into()))
            .await
            .unwrap();
    }
    let records = events(&store).await;
    assert_eq!(store.prune(NOW + 50).await.unwrap(), 1);
    assert_eq!(store.prune(NOW + 50).await.unwrap(), 0);
    assert_eq!(store.approval(&txn(1)).await.unwrap(), None);
    assert_eq!(store.idempotent("bank", "k").await.unwrap(), None);
    assert!(
        store
            .before_decision(&device.id, &jti(1, 1), &txn(1))
            .await
            .unwrap()
            .prior
            .is_none()
    );
    assert!(
        store.approval(&txn(2)).await.unwrap().is_some(),
        "its callback is still to be made"
    );
    assert!(store.approval(&txn(3)).await.unwrap().is_some(), "it is pending");
    assert!(
        store.approval(&txn(4)).await.unwrap().is_some(),
        "it is not old enough"
    );
    assert_eq!(events(&store).await, records);
}

// --- what the facts are told with -------------------------------------------------------------------------------

fn entry(event: Event) -> Entry {
    Entry::new(NOW, Actor::Admin("root".to_owned()), event)
}

fn client() -> Client {
    Client {
        id: "bank".to_owned(),
        name: "Bank".to_owned(),
        secret_hash: [1; 32],
        kind: ClientKind::IdentityProvider,
        callback_urls: vec!["https://bank.example/callback".to_owned()],
        created_at: NOW,
    }
}

fn offer(user: &str, number: u8) -> Offer {
    Offer {
        code_hash: [number; 32],
        user: user.to_owned(),
        account: format!("{user}@example.com"),
        created_at: NOW,
        expires_at: NOW + 600,
    }
}

fn device_id(number: u8) -> DeviceId {
    DeviceId::from_random([number; 16])
}

fn txn(number: u8) -> Txn {
    Txn::from_random([number; 16])
}

fn jwk() -> Jwk {
    let rng = SystemRng::new();
    let pkcs8 = Es256Key::generate_pkcs8(rng.system_random()).unwrap();
    Es256Key::from_pkcs8(&pkcs8, rng.system_random())
        .unwrap()
        .public_key()
        .clone()
}

fn protection() -> KeyProtection {
    KeyProtection {
        level: ProtectionLevel::Sw,
        evidence: Evidenced::Claimed,
    }
}

fn new_device(number: u8) -> NewDevice {
    NewDevice {
        id: device_id(number),
        key: jwk(),
        name: "desk".to_owned(),
        platform: "Linux".to_owned(),
        app_version: "1.0".to_owned(),
        key_protection: protection(),
        now: NOW,
    }
}

async fn enrolled(store: &impl Store, user: &str, number: u8) -> Device {
    store
        .add_offer(offer(user, number), entry(Event::OfferCreated))
        .await
        .unwrap();
    store
        .enrol([number; 32], new_device(number))
        .await
        .unwrap()
        .unwrap()
}

async fn revoke(store: &impl Store, id: &DeviceId, now: Timestamp) -> Revoked {
    store
        .revoke_device(id, now, entry(Event::DeviceRevoked))
        .await
        .unwrap()
}

fn approval(number: u8, devices: &[&Device]) -> NewApproval {
    NewApproval {
        txn: txn(number),
        user: "ada".to_owned(),
        client: "bank".to_owned(),
        acr: None,
        authorization_details: None,
        requires: Requires::default(),
        now: NOW,
        expires_at: NOW + 120,
        callback_url: None,
        auth_ref: None,
        idempotency: None,
        max_pending: 10,
        requests: devices
            .iter()
            .map(|device| NewRequest {
                device: device.id.clone(),
                nonce: Nonce::from_random([number; 16]),
                jws: format!("request {number} for {}", device.id),
                request_hash: format!("request hash {number}"),
                statement_hash: format!("statement hash {number}"),
            })
            .collect(),
    }
}

async fn accepted(store: &impl Store, new: NewApproval) -> u64 {
    match store.accept(new).await.unwrap() {
        Accepted::Made { seq } => seq,
        refused @ (Accepted::Repeated(_) | Accepted::TooManyPending | Accepted::Locked) => panic!("{refused:?}"),
    }
}

fn jti(number: u8, counter: u64) -> Jti {
    Jti::parse(&format!("{number}-{counter}")).unwrap()
}

fn attempt(number: u8, device: &Device, counter: u64) -> DecisionAttempt {
    DecisionAttempt {
        now: NOW,
        txn: txn(number),
        jti: jti(number, counter),
        counter,
        reason: None,
        surface: DecidedOn::Window,
        code: CodeCheck::Right,
        max_wrong_codes: LOCKING,
        decided: Decided {
            device: device.id.clone(),
            device_name: device.name.clone(),
            verdict: Verdict::Approve,
            decision_hash: format!("decision {number} {counter}"),
            request_hash: format!("request hash {number}"),
            statement_hash: format!("statement hash {number}"),
            amr: vec![Amr::Swk, Amr::User],
            key_protection: protection(),
        },
        receipt: format!("receipt {number} {counter}"),
    }
}

fn ending(approval: &Approval) -> Ending {
    match &approval.state {
        ApprovalState::Ended(ending) => (**ending).clone(),
        ApprovalState::Pending => panic!("{} is pending", approval.txn),
    }
}

async fn events(store: &impl Store) -> Vec<String> {
    let records = store.audit_records(0, 1_000).await.unwrap();
    records
        .iter()
        .map(|record| {
            serde_json::from_str::<serde_json::Value>(&record.line).unwrap()["event"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}
