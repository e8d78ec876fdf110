//! Decisions, the first and the others.

use super::*;

pub(super) async fn the_first_decision_wins_and_later_ones_are_told(store: impl Store) {
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

pub(super) async fn a_decision_is_taken_until_the_second_before_expiry(store: impl Store) {
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

pub(super) async fn the_same_decision_again_is_recognised(store: impl Store) {
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

pub(super) async fn a_counter_only_grows(store: impl Store) {
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

pub(super) async fn wrong_codes_are_counted_over_requests_until_the_user_is_locked(store: impl Store) {
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

pub(super) async fn a_right_code_resets_the_count(store: impl Store) {
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

pub(super) async fn a_revoked_device_decides_nothing(store: impl Store) {
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

pub(super) async fn a_report_after_the_end_is_kept_once_for_each_device(store: impl Store) {
    let (one, two) = (enrolled(&store, "ada", 1).await, enrolled(&store, "ada", 2).await);
    accepted(&store, approval(1, &[&one, &two])).await;
    accepted(&store, approval(2, &[&one, &two])).await;
    let Decision::Accepted(won) = store.decide(attempt(1, &one, 1)).await.unwrap() else {
        panic!("not accepted")
    };
    assert_eq!(store.reported_at(&txn(1)).await.unwrap(), None);
    let report = |device: &Device, jti: u8, counter: u64, now: Timestamp| {
        let attempt = attempt(1, device, counter);
        DecisionAttempt {
            jti: Jti::from_random([jti; 16]),
            now,
            decided: Decided {
                verdict: Verdict::Report,
                ..attempt.decided
            },
            ..attempt
        }
    };
    let records = async || store.audit_records(0, 1000).await.unwrap().len();
    let before = records().await;
    let first = report(&two, 50, 1, NOW + 60);
    let Decision::Reported(told, Report::First) = store.decide(first.clone()).await.unwrap() else {
        panic!("not taken")
    };
    assert_eq!(told, won, "the outcome is what it was");
    assert!(matches!(
        store.decide(first).await.unwrap(),
        Decision::Seen(Prior {
            answer: PriorAnswer::Reported,
            ..
        })
    ));
    assert!(matches!(
        store.decide(report(&two, 51, 2, NOW + 90)).await.unwrap(),
        Decision::Reported(_, Report::Again)
    ));
    assert_eq!(
        (records().await, store.reported_at(&txn(1)).await.unwrap()),
        (before + 1, Some(NOW + 60))
    );
    assert!(matches!(
        store.decide(report(&one, 52, 2, NOW + 95)).await.unwrap(),
        Decision::Reported(_, Report::First)
    ));
    assert_eq!(
        (records().await, store.reported_at(&txn(1)).await.unwrap()),
        (before + 2, Some(NOW + 60))
    );
    assert_eq!(store.approval(&txn(1)).await.unwrap(), Some(*won));
    assert_eq!(store.reported_at(&txn(2)).await.unwrap(), None);
}
