//! Approvals until they end.

use super::*;

pub(super) async fn an_accepted_approval_is_there_with_what_goes_to_each_device(store: impl Store) {
    let (one, two) = (enrolled(&store, "ada", 1).await, enrolled(&store, "ada", 2).await);
    let new = with(approval(1, &[&one, &two]), |approval| {
        approval.acr = Some("high".to_owned());
        approval.authorization_details = Some(r#"[{"type":"access"}]"#.to_owned());
        approval.auth_ref = Some("ref".to_owned());
    });
    let Accepted::Made { seq } = store.accept(new.clone()).await.unwrap() else {
        panic!("not accepted")
    };
    let stored = store.approval(&new.approval.txn).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&new.approval));
    assert_eq!(store.recipients(&new.approval.txn).await.unwrap().len(), 2);
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
    assert_eq!(store.next_expiry().await.unwrap(), Some(new.approval.expires_at));
    assert_eq!(store.approval(&txn(9)).await.unwrap(), None);
}

pub(super) async fn the_same_idempotency_key_is_the_same_approval(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let key = IdempotencyKey {
        key: "k".to_owned(),
        body_hash: [5; 32],
    };
    let first = NewApproval {
        idempotency: Some(key.clone()),
        ..approval(1, &[&device])
    };
    let again = with(first.clone(), |approval| approval.txn = txn(2));
    assert_eq!(store.idempotent("bank", "k").await.unwrap(), None);
    assert!(matches!(
        store.accept(first.clone()).await.unwrap(),
        Accepted::Made { .. }
    ));
    let earlier = Idempotent {
        body_hash: [5; 32],
        txn: first.approval.txn,
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

pub(super) async fn as_many_approvals_are_pending_as_allowed(store: impl Store) {
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
        max_pending: 2,
        ..with(approval(4, &[&other]), |approval| {
            approval.user = "bob".to_owned()
        })
    };
    assert!(matches!(
        store.accept(of_bob).await.unwrap(),
        Accepted::Made { .. }
    ));
    let later = with(third, |approval| {
        approval.created_at = NOW + 120;
        approval.expires_at = NOW + 240;
    });
    assert!(
        matches!(store.accept(later).await.unwrap(), Accepted::Made { .. }),
        "what expired is not pending"
    );
}

pub(super) async fn only_its_client_cancels_an_approval(store: impl Store) {
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

pub(super) async fn what_expired_ends_once(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    for number in 1..=3 {
        accepted(
            &store,
            with(approval(number, &[&device]), |approval| {
                approval.expires_at = NOW + 60 * i64::from(number);
            }),
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
