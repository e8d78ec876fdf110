//! What a relying side learns.

use super::*;

#[tokio::test]
async fn who_waits_is_told_when_it_ends() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let gateway = Arc::clone(&world.gateway);
    let (client, txn) = (world.client.clone(), asked.txn.clone());
    // Longer than any test may take: only the ending wakes it.
    let waiting =
        tokio::spawn(async move { gateway.outcome(&client, &txn, Duration::from_secs(3600)).await });
    world.decide(&device, &asked, Verdict::Approve).await.unwrap();
    assert!(matches!(waiting.await.unwrap().unwrap(), Outcome::Ended { .. }));
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_vain_is_told_that_it_is_pending() {
    let world = World::new().await;
    world.device("ada").await;
    let asked = world.ask("ada").await;
    let outcome = world
        .gateway
        .outcome(&world.client, &asked.txn, Duration::from_secs(30))
        .await
        .unwrap();
    assert!(matches!(outcome, Outcome::Pending { .. }));
}

#[tokio::test]
async fn a_client_sees_and_cancels_only_its_own_approvals() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let stranger = Client {
        id: "shop".to_owned(),
        ..world.client.clone()
    };
    let found = world.gateway.outcome(&stranger, &asked.txn, Duration::ZERO).await;
    assert_eq!(refusal(found).code, ErrorCode::NotFound);
    assert_eq!(
        refusal(world.gateway.cancel(&stranger, &asked.txn).await).code,
        ErrorCode::NotFound
    );

    let request = world.request(&device, &asked.txn).await;
    let decision = world.decision(&device, &request, Verdict::Approve, asked.match_code.as_deref());
    assert!(matches!(
        world.gateway.cancel(&world.client, &asked.txn).await,
        Ok(Outcome::Ended { .. })
    ));
    assert_eq!(ended(&world, &asked).await.outcome, How::Cancelled);
    assert_eq!(
        refusal(world.send(&device, &decision).await).code,
        ErrorCode::AlreadyDecided
    );
    let again = world.gateway.cancel(&world.client, &asked.txn).await.unwrap();
    assert!(matches!(again, Outcome::Ended { claims, .. } if claims.outcome == How::Cancelled));
}

#[tokio::test]
async fn an_ending_with_a_callback_leaves_its_body_to_be_sent() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let wish = Ask {
        callback_url: Some("https://bank.example/callback".to_owned()),
        auth_ref: Some("ref-1".to_owned()),
        ..ask("ada")
    };
    let asked = world.gateway.ask(&world.client, wish).await.unwrap();
    assert_eq!(world.gateway.callback_body(&asked.txn).await.unwrap(), None);
    world.decide(&device, &asked, Verdict::Approve).await.unwrap();
    world.gateway.callbacks().notified().await;
    let due = world
        .gateway
        .store()
        .due_callbacks(world.clock.now(), 10)
        .await
        .unwrap();
    assert_eq!(due.len(), 1);
    let body = world.gateway.callback_body(&asked.txn).await.unwrap().unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&body["outcome"], &body["auth_ref"]),
        (&"approved".into(), &"ref-1".into())
    );
    assert_eq!(world.result(body["result"].as_str().unwrap()).txn, asked.txn);
}
