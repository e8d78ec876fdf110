//! WebSockets over a real connection.

use super::*;

#[tokio::test]
async fn a_stream_carries_requests_decisions_and_receipts() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let served = Served::new(&world).await;
    let mut socket = served.subscribe(&device).await;
    let asked = world.ask("ada").await;
    let ServerFrame::Request { request, .. } = next(&mut socket).await else {
        panic!("no request")
    };
    let send = async |socket: &mut Socket, code: &str| {
        let decision = device.sign(&world.decision(&device, &request, Verdict::Approve, Some(code)));
        let frame = json!({ "type": "decision", "decision": decision });
        socket
            .send(Message::Text(frame.to_string().into()))
            .await
            .unwrap();
        next(socket).await
    };
    let refused = send(&mut socket, &wrong_code(&asked)).await;
    let ServerFrame::Refused {
        txn,
        attempts_left: Some(4),
        ..
    } = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(txn.as_ref(), Some(&asked.txn));
    let ServerFrame::Receipt { receipt, .. } = send(&mut socket, asked.match_code.as_deref().unwrap()).await
    else {
        panic!("not accepted")
    };
    let expect = Expect {
        issuer: Some(ISSUER),
        audience: device.id.as_str(),
        now: world.clock.now(),
    };
    let receipt: countersign_protocol::ApprovalReceipt =
        jws::verify(&receipt, &world.gateway.keys(), &expect).unwrap();
    assert_eq!(receipt.txn, asked.txn);

    socket.send(Message::Text("{}".into())).await.unwrap();
    assert!(
        matches!(next(&mut socket).await, ServerFrame::Refused { txn: None, .. }),
        "and the stream goes on"
    );
    world.ask("ada").await;
    assert!(matches!(next(&mut socket).await, ServerFrame::Request { .. }));
}

#[tokio::test]
async fn a_stream_is_closed_with_the_reason() {
    let world = World::new().await;
    let (one, two) = (world.device("ada").await, world.device("ada").await);
    let served = Served::new(&world).await;
    let mut replaced = served.subscribe(&one).await;
    let mut revoked = served.subscribe(&one).await;
    assert_eq!(close_code(&mut replaced).await, 4409);
    world.revoke(&one).await;
    world.gateway.notice_changes().await.unwrap();
    assert_eq!(next(&mut revoked).await, ServerFrame::Revoked {});
    assert_eq!(close_code(&mut revoked).await, 4403);
    let refused = served.connect(&one, Some("countersign.v1")).await.unwrap_err();
    let tungstenite::Error::Http(response) = refused else {
        panic!("{refused}")
    };
    assert_eq!(response.status(), 403);
    let mut restarted = served.subscribe(&two).await;
    world.gateway.shut_down();
    assert_eq!(close_code(&mut restarted).await, 1012);
}

#[tokio::test]
async fn a_handshake_without_proof_or_sub_protocol_is_refused_before_it_is_a_stream() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let served = Served::new(&world).await;
    let thief = TestDevice {
        id: device.id.clone(),
        key: key(),
        counter: 1.into(),
    };
    for (device, protocol, status) in [
        (&device, None, 400),
        (&device, Some("other"), 400),
        (&thief, Some("countersign.v1"), 401),
    ] {
        let refused = served.connect(device, protocol).await.unwrap_err();
        let tungstenite::Error::Http(response) = refused else {
            panic!("{refused}")
        };
        assert_eq!(response.status(), status, "{protocol:?}");
        assert!(response.headers().contains_key(NONCE_HEADER));
    }
    assert_eq!(world.gateway.hub().connections(), 0);
}

#[tokio::test]
async fn a_frame_that_is_too_long_ends_the_stream() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let served = Served::new(&world).await;
    let mut socket = served.subscribe(&device).await;
    // The server may close while this is still being sent.
    let _ = socket.send(Message::Text("x".repeat(64 * 1024 + 1).into())).await;
    let ended = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .unwrap();
}
