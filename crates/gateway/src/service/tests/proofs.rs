//! Proofs on calls of devices.

use countersign_protocol::{ApprovalProof, Unverified};

use super::*;

#[tokio::test]
async fn a_proof_holds_for_one_call_of_its_device() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let (url, now, nonce) = (
        "https://gateway.example/v1/device/poll",
        world.clock.now(),
        world.gateway.nonce(),
    );
    let prove = async |proof: &str| {
        world
            .gateway
            .prove(proof, "GET", &[url])
            .await
            .map(|caller| (caller.device.id.clone(), caller.proof))
    };
    let right = device.proof("GET", url, &nonce, now);
    let jti = Unverified::<ApprovalProof>::parse(&right)
        .unwrap()
        .untrusted_claims()
        .jti
        .clone();
    assert_eq!(prove(&right).await.unwrap(), (device.id.clone(), jti));
    assert_eq!(refusal(prove(&right).await).code, ErrorCode::Unauthorized, "used");
    let thief = TestDevice {
        id: device.id.clone(),
        key: key(),
        counter: 1.into(),
    };
    let unknown = TestDevice {
        id: DeviceId::from_random([9; 16]),
        key: key(),
        counter: 1.into(),
    };
    for (proof, code) in [
        (device.proof("POST", url, &nonce, now), ErrorCode::Unauthorized),
        (
            device.proof("GET", "https://gateway.example/v1/device/stream", &nonce, now),
            ErrorCode::Unauthorized,
        ),
        (device.proof("GET", url, "an-old-nonce", now), ErrorCode::UseNonce),
        (device.proof("GET", url, &nonce, now - 61), ErrorCode::Stale),
        (device.proof("GET", url, &nonce, now + 61), ErrorCode::Stale),
        (thief.proof("GET", url, &nonce, now), ErrorCode::Unauthorized),
        (unknown.proof("GET", url, &nonce, now), ErrorCode::Unauthorized),
        ("a.b.c".to_owned(), ErrorCode::Unauthorized),
    ] {
        assert_eq!(refusal(prove(&proof).await).code, code);
    }
    assert_eq!(
        world
            .events()
            .await
            .iter()
            .filter(|event| *event == "proof.refused")
            .count(),
        2
    );
}
