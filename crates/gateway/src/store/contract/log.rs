//! The audit log, and what goes with time.

use super::*;

pub(super) async fn every_change_is_in_the_audit_chain(store: impl Store) {
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

pub(super) async fn changes_of_others_are_noticed(store: impl Store) {
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

pub(super) async fn old_endings_are_pruned_and_the_audit_log_stays(store: impl Store) {
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
        with(approval(2, &[&device]), |approval| approval.callback_url = url),
    )
    .await;
    accepted(&store, approval(3, &[&device])).await;
    accepted(
        &store,
        with(approval(4, &[&device]), |approval| approval.created_at = NOW + 50),
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
