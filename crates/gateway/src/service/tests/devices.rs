//! Enrolment, delivery, revocation and keys.

use super::*;

#[tokio::test]
async fn a_preview_changes_nothing_and_an_offer_is_used_once() {
    let world = World::new().await;
    let code = world.offer("ada").await;
    for _ in 0..2 {
        let preview = world.gateway.preview(&code).await.unwrap();
        assert_eq!(
            (preview.account.as_str(), preview.issuer_name.as_str()),
            ("ada@example.com", "Example")
        );
    }
    let key = key();
    let enrolled = world.gateway.enrol(&world.enrolment(&code, &key)).await.unwrap();
    assert_eq!(enrolled.keys, world.gateway.keys());
    let again = world.gateway.enrol(&world.enrolment(&code, &key)).await;
    assert_eq!(refusal(again).code, ErrorCode::InvalidCode);
    assert_eq!(
        refusal(world.gateway.preview(&code).await).code,
        ErrorCode::InvalidCode
    );
    let events = world.events().await;
    assert_eq!(
        events.iter().filter(|event| *event == "device.enrolled").count(),
        1
    );
    assert_eq!(
        events
            .iter()
            .filter(|event| *event == "enrolment.refused")
            .count(),
        2
    );
}

#[tokio::test]
async fn a_one_time_code_is_delivered_once_and_never_kept_readable() {
    const LINK: &str = "otpauth://totp/Example:ada?secret=GEZDGNBVGY3TQOJQ";
    let world = World::new().await;
    let code = EnrolmentCode::from_random([9; 16]);
    let link = LINK.to_owned().try_into().unwrap();
    let now = world.clock.now();
    let offer = crate::store::Offer {
        code_hash: sha256(code.as_str().as_bytes()),
        user: "ada".to_owned(),
        account: "ada@example.com".to_owned(),
        created_at: now,
        expires_at: now + MAX_OFFER,
        otp: otp::seal(&code, &link),
    };
    let kept = offer.otp.clone().unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("GEZDGNBV"));
    let hash = offer.code_hash;
    let entry = Entry::new(now, Actor::Admin("root".to_owned()), Event::OfferCreated).user("ada");
    world.gateway.store().add_offer(offer, entry).await.unwrap();
    let read = world.gateway.store().offer(hash, now).await.unwrap().unwrap();
    assert_eq!(read.otp, Some(kept));
    assert!(world.gateway.preview(&code).await.unwrap().otp, "it is announced");
    let enrolled = world
        .gateway
        .enrol(&world.enrolment(&code, &key()))
        .await
        .unwrap();
    assert_eq!(enrolled.otp, Some(link));
    let without = world.offer("bob").await;
    assert!(!world.gateway.preview(&without).await.unwrap().otp);
    let enrolled = world
        .gateway
        .enrol(&world.enrolment(&without, &key()))
        .await
        .unwrap();
    assert_eq!(enrolled.otp, None);
}

#[tokio::test]
async fn unknown_and_expired_offers_are_not_told_apart() {
    let world = World::new().await;
    let code = world.offer("ada").await;
    world.clock.advance(MAX_OFFER);
    let unknown = EnrolmentCode::from_random([9; 16]);
    let key = key();
    let (expired, unknown) = (
        refusal(world.gateway.enrol(&world.enrolment(&code, &key)).await),
        refusal(world.gateway.enrol(&world.enrolment(&unknown, &key)).await),
    );
    assert_eq!(expired, unknown);
}

#[tokio::test]
async fn a_device_that_rotates_signs_with_its_new_key_only() {
    let world = World::new().await;
    let mut device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let (now, new) = (world.clock.now(), key());
    let inner = RotateNew {
        iss: device.id.clone(),
        aud: issuer(),
        iat: now,
        exp: now + 60,
        jti: jti(),
        key_protection: world
            .decision(
                &device,
                &world.request(&device, &asked.txn).await,
                Verdict::Deny,
                None,
            )
            .key_protection,
    };
    let outer = |new: String| ApprovalRotate {
        iss: device.id.clone(),
        aud: issuer(),
        iat: now,
        exp: now + 60,
        jti: jti(),
        new,
    };
    let rotation = device.sign(&outer(jws::sign(&inner, &new).unwrap()));
    let rotated = world.gateway.rotate(&rotation).await.unwrap();
    assert_eq!(rotated.kid, *new.public_key().thumbprint());
    assert!(
        world.gateway.rotate(&rotation).await.is_err(),
        "the old key signs no more"
    );

    let request = world.request(&device, &asked.txn).await;
    let decision = world.decision(&device, &request, Verdict::Deny, None);
    assert_eq!(
        refusal(world.send(&device, &decision).await).code,
        ErrorCode::InvalidMessage
    );
    device.key = new;
    world.send(&device, &decision).await.unwrap();
    assert!(world.events().await.contains(&"device.rotated".to_owned()));
}

#[tokio::test]
async fn a_connected_device_is_sent_what_is_pending_and_what_comes() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let before = world.ask("ada").await;
    let caller = world.caller(&device).await;
    let delivery = world.gateway.connect(&caller, None, 25).await.unwrap();
    let [
        ServerFrame::Welcome {
            heartbeat: 25,
            cursor,
            ..
        },
        ServerFrame::Request { request, .. },
    ] = &delivery.frames[..]
    else {
        panic!("{:?}", delivery.frames)
    };
    assert_eq!(world.read(&device, request).txn, before.txn);
    let asked = world.ask("ada").await;
    let ServerFrame::Request { request, .. } = frame(&delivery.connection).await else {
        panic!("no request")
    };
    assert_eq!(world.read(&device, &request).txn, asked.txn);
    world.gateway.cancel(&world.client, &asked.txn).await.unwrap();
    let ServerFrame::Closed { receipt: closed, .. } = frame(&delivery.connection).await else {
        panic!("not closed")
    };
    assert_eq!(
        receipt(&world, device.id.as_str(), &closed).outcome,
        How::Cancelled
    );

    let cursor = cursor.parse().unwrap();
    let again = world.gateway.connect(&caller, Some(cursor), 25).await.unwrap();
    assert_eq!(delivery.connection.next().await, Outgoing::Close(Close::Replaced));
    let [
        _,
        ServerFrame::Request { .. },
        ServerFrame::Closed { receipt: closed, .. },
    ] = &again.frames[..]
    else {
        panic!("{:?}", again.frames)
    };
    assert_eq!(receipt(&world, device.id.as_str(), closed).txn, asked.txn);
}

#[tokio::test]
async fn the_other_device_is_told_when_one_decides() {
    let world = World::new().await;
    let (one, two) = (world.device("ada").await, world.device("ada").await);
    let connect = async |device: &TestDevice| {
        let caller = world.caller(device).await;
        world.gateway.connect(&caller, None, 25).await.unwrap().connection
    };
    let (first, second) = (connect(&one).await, connect(&two).await);
    let asked = world.ask("ada").await;
    frame(&first).await;
    frame(&second).await;
    world.decide(&one, &asked, Verdict::Approve).await.unwrap();
    let ServerFrame::Closed { receipt: closed, .. } = frame(&second).await else {
        panic!("not told")
    };
    let told = receipt(&world, two.id.as_str(), &closed);
    assert_eq!((told.outcome, told.decided_by), (How::Approved, Some(one.id)));
}

/// The time in answer to a call, verified as the device does it.
fn told_time(world: &World, device: &TestDevice, keys: &KeySet, time_proof: Option<&String>) -> ApprovalTime {
    let expect = Expect {
        issuer: Some(ISSUER),
        audience: device.id.as_str(),
        now: world.clock.now(),
    };
    jws::verify(time_proof.unwrap(), keys, &expect).unwrap()
}

#[tokio::test]
async fn the_time_is_signed_at_the_end_of_a_call_and_for_that_call_alone() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let keys = world.gateway.keys();
    let caller = world.caller(&device).await;
    let delivery = world.gateway.connect(&caller, None, 25).await.unwrap();
    let [ServerFrame::Welcome { time, time_proof, .. }] = &delivery.frames[..] else {
        panic!("{:?}", delivery.frames)
    };
    let told = told_time(&world, &device, &keys, time_proof.as_ref());
    assert_eq!((told.iat, told.proof_jti), (*time, caller.proof));

    let caller = world.caller(&device).await;
    let (gateway, waiting) = (Arc::clone(&world.gateway), caller.clone());
    let long = Duration::from_secs(3600);
    let poll = tokio::spawn(async move { gateway.poll(&waiting, Some(Cursor::Polled(0)), long).await });
    world.clock.advance(7);
    world.ask("ada").await;
    let polled = poll.await.unwrap().unwrap();
    let told = told_time(&world, &device, &keys, polled.time_proof.as_ref());
    assert_eq!((told.iat, told.proof_jti), (world.clock.now(), caller.proof));
}

#[tokio::test]
async fn a_poll_is_answered_by_what_happens() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let caller = world.caller(&device).await;
    let long = Duration::from_secs(3600);
    let first = world.gateway.poll(&caller, None, long).await.unwrap();
    assert_eq!(first.frames, [], "without a cursor the answer comes at once");
    let cursor = first.cursor.parse().unwrap();
    let (gateway, waiting) = (Arc::clone(&world.gateway), caller.clone());
    let poll = tokio::spawn(async move { gateway.poll(&waiting, Some(cursor), long).await });
    let asked = world.ask("ada").await;
    let polled = poll.await.unwrap().unwrap();
    let [ServerFrame::Request { request, .. }] = &polled.frames[..] else {
        panic!("{:?}", polled.frames)
    };
    assert_eq!(world.read(&device, request).txn, asked.txn);
    world.decide(&device, &asked, Verdict::Deny).await.unwrap();
    let polled = world
        .gateway
        .poll(&caller, polled.cursor.parse().ok(), long)
        .await
        .unwrap();
    assert!(matches!(&polled.frames[..], [ServerFrame::Closed { .. }]));
}

#[tokio::test]
async fn a_device_that_goes_over_to_polling_is_told_what_its_stream_may_have_lost() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let caller = world.caller(&device).await;
    let stream = world.gateway.connect(&caller, None, 25).await.unwrap().connection;
    let mut last = None;
    for _ in 0..2 {
        let asked = world.ask("ada").await;
        frame(&stream).await;
        world.gateway.cancel(&world.client, &asked.txn).await.unwrap();
        let ServerFrame::Closed { cursor, .. } = frame(&stream).await else {
            panic!("not closed")
        };
        last = cursor.parse().ok();
    }
    let polled = world
        .gateway
        .poll(&caller, last, Duration::from_secs(3600))
        .await
        .unwrap();
    assert!(
        matches!(
            &polled.frames[..],
            [ServerFrame::Closed { .. }, ServerFrame::Closed { .. }]
        ),
        "the first ending may have been overtaken by the second: {:?}",
        polled.frames
    );
    let cursor = polled.cursor.parse().ok();
    let next = world.gateway.poll(&caller, cursor, Duration::ZERO).await.unwrap();
    assert_eq!(next.frames, [], "what a poll answered was told completely");
}

#[tokio::test(start_paused = true)]
async fn a_poll_with_nothing_to_say_ends_after_its_wait() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let caller = world.caller(&device).await;
    let cursor = world
        .gateway
        .poll(&caller, None, Duration::ZERO)
        .await
        .unwrap()
        .cursor;
    let polled = world
        .gateway
        .poll(&caller, cursor.parse().ok(), Duration::from_secs(25))
        .await
        .unwrap();
    assert_eq!((polled.frames, polled.cursor), (Vec::new(), cursor));
}

#[tokio::test]
async fn a_device_revoked_by_another_process_is_closed_and_its_signatures_are_refused() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let caller = world.caller(&device).await;
    let connection = world.gateway.connect(&caller, None, 25).await.unwrap().connection;
    let polling = world.gateway.hub().poller(&device.id);
    let request = world.request(&device, &asked.txn).await;
    let decision = world.decision(&device, &request, Verdict::Approve, asked.match_code.as_deref());

    world.revoke(&device).await;
    assert_eq!(
        refusal(world.send(&device, &decision).await).code,
        ErrorCode::DeviceRevoked,
        "even before it is noticed"
    );
    world.gateway.notice_changes().await.unwrap();
    assert_eq!(frame(&connection).await, ServerFrame::Revoked {});
    assert_eq!(connection.next().await, Outgoing::Close(Close::Revoked));
    let polled = world
        .gateway
        .poll(&caller, Some(Cursor::Polled(0)), Duration::from_secs(3600))
        .await;
    assert_eq!(refusal(polled).code, ErrorCode::DeviceRevoked);
    drop(polling);
    assert_eq!(
        refusal(world.send(&device, &decision).await).code,
        ErrorCode::DeviceRevoked
    );
    assert_eq!(
        refusal(world.gateway.ask(&world.client, ask("ada")).await).code,
        ErrorCode::NoDevice
    );
}

#[tokio::test]
async fn a_client_removed_by_another_process_is_refused() {
    let world = World::new().await;
    assert_eq!(
        *world.gateway.client(testing::SECRET).await.unwrap(),
        world.client
    );
    assert_eq!(
        refusal(world.gateway.client("cs_other").await).code,
        ErrorCode::Unauthorized
    );
    let entry = Entry::new(
        world.clock.now(),
        Actor::Admin("root".to_owned()),
        Event::ClientRemoved,
    );
    world.other_process().remove_client("bank", entry).await.unwrap();
    world.gateway.notice_changes().await.unwrap();
    assert_eq!(
        refusal(world.gateway.client(testing::SECRET).await).code,
        ErrorCode::Unauthorized
    );
}

#[tokio::test]
async fn rotated_issuer_keys_are_introduced_by_a_key_that_the_device_has() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let caller = world.caller(&device).await;
    let pinned = world.gateway.keys();
    let connection = world.gateway.connect(&caller, None, 25).await.unwrap().connection;
    world.keys.rotate(world.clock.now()).unwrap();
    let entry = Entry::new(
        world.clock.now(),
        Actor::Admin("root".to_owned()),
        Event::KeysRotated,
    );
    world.other_process().audit(entry).await.unwrap();
    world.gateway.notice_changes().await.unwrap();

    let ServerFrame::Keys { keys } = frame(&connection).await else {
        panic!("not introduced")
    };
    let expect = Expect {
        issuer: Some(ISSUER),
        audience: device.id.as_str(),
        now: world.clock.now(),
    };
    let introduced: ApprovalKeys = jws::verify(&keys, &pinned, &expect).unwrap();
    assert_eq!(introduced.keys, world.gateway.keys());
    assert_ne!(introduced.keys.first(), pinned.first());

    world.ask("ada").await;
    let ServerFrame::Request { request, .. } = frame(&connection).await else {
        panic!("no request")
    };
    assert!(jws::verify::<ApprovalRequest>(&request, &pinned, &expect).is_err());
    jws::verify::<ApprovalRequest>(&request, &introduced.keys, &expect).unwrap();
    let again = world.gateway.connect(&caller, None, 25).await.unwrap();
    let [
        ServerFrame::Welcome { time_proof, .. },
        ServerFrame::Keys { .. },
        ServerFrame::Request { .. },
    ] = &again.frames[..]
    else {
        panic!("{:?}", again.frames)
    };
    // It comes before the new keys, so it is signed with one that the device has.
    told_time(&world, &device, &pinned, time_proof.as_ref());
    let polled = world.gateway.poll(&caller, None, Duration::ZERO).await.unwrap();
    assert!(matches!(
        &polled.frames[..],
        [ServerFrame::Keys { .. }, ServerFrame::Request { .. }]
    ));
}

#[tokio::test]
async fn devices_hear_that_a_key_was_retired() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let caller = world.caller(&device).await;
    world.keys.rotate(world.clock.now()).unwrap();
    let both = world.keys.read().unwrap().public();
    world.keys.retire(both[1].thumbprint().as_str()).unwrap();
    let entry = Entry::new(
        world.clock.now(),
        Actor::Admin("root".to_owned()),
        Event::KeysRotated,
    );
    world.other_process().audit(entry).await.unwrap();
    world.gateway.notice_changes().await.unwrap();

    let connected = world.gateway.connect(&caller, None, 25).await.unwrap();
    let [ServerFrame::Welcome { .. }, ServerFrame::Keys { keys }] = &connected.frames[..] else {
        panic!("not told: {:?}", connected.frames)
    };
    let pinned = both.into_iter().collect();
    let expect = Expect {
        issuer: Some(ISSUER),
        audience: device.id.as_str(),
        now: world.clock.now(),
    };
    let told: ApprovalKeys = jws::verify(keys, &pinned, &expect).unwrap();
    assert_eq!(told.keys.len(), 1);
}

#[tokio::test]
async fn a_device_revoked_between_its_proof_and_its_connection_is_not_connected() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let caller = world.caller(&device).await;
    world.revoke(&device).await;
    world.gateway.notice_changes().await.unwrap();
    let refused = world.gateway.connect(&caller, None, 25).await;
    assert_eq!(refusal(refused).code, ErrorCode::DeviceRevoked);
    assert_eq!(world.gateway.hub().connections(), 0);
}
