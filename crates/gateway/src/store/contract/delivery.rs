//! What devices and relying sides are still to be told.

use super::*;

pub(super) async fn an_inbox_has_what_a_device_does_not_know(store: impl Store) {
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

pub(super) async fn an_inbox_begins_anew_with_a_cursor_from_the_future(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let seq = accepted(&store, approval(1, &[&device])).await;
    let inbox = store.inbox(&device.id, Since::Poll(seq + 1_000)).await.unwrap();
    assert_eq!((inbox.seq, inbox.pending.len()), (seq, 1));
}

pub(super) async fn an_ending_leaves_a_callback_until_it_is_done(store: impl Store) {
    let device = enrolled(&store, "ada", 1).await;
    let url = "https://bank.example/callback".to_owned();
    for number in 1..=2 {
        accepted(
            &store,
            with(approval(number, &[&device]), |approval| {
                approval.callback_url = Some(url.clone())
            }),
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
