//! What goes by time.

use super::*;

#[tokio::test]
async fn what_expires_is_ended_and_told() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let caller = world.caller(&device).await;
    let connection = world.gateway.connect(&caller, None, 25).await.unwrap().connection;
    let asked = world.ask("ada").await;
    frame(&connection).await;
    world.clock.advance(119);
    world.gateway.sweep().await.unwrap();
    assert!(matches!(outcome(&world, &asked).await, Outcome::Pending { .. }));
    world.clock.advance(1);
    world.gateway.sweep().await.unwrap();
    let ServerFrame::Closed { receipt: closed, .. } = frame(&connection).await else {
        panic!("not closed")
    };
    assert_eq!(receipt(&world, device.id.as_str(), &closed).outcome, How::Expired);
    assert_eq!(ended(&world, &asked).await.outcome, How::Expired);
}

#[tokio::test]
async fn the_timers_end_what_expired_while_the_gateway_was_down() {
    let world = World::new().await;
    world.device("ada").await;
    let asked = world.ask("ada").await;
    world.clock.advance(3600);
    let world = world.restarted().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let timers = tokio::spawn(Arc::clone(&world.gateway).run_timers(async move {
        let _ = stopped.await;
    }));
    let outcome = world
        .gateway
        .outcome(&world.client, &asked.txn, Duration::from_secs(3600))
        .await
        .unwrap();
    assert!(matches!(outcome, Outcome::Ended { claims, .. } if claims.outcome == How::Expired));
    stop.send(()).unwrap();
    timers.await.unwrap();
}
