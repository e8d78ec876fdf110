//! What devices call.

use super::*;

#[tokio::test]
async fn the_configuration_is_that_of_the_issuer_and_its_endpoints_are_there() {
    let world = World::new().await;
    let response = call(
        &world,
        request("GET", "/.well-known/countersign-configuration")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert!(response.headers().contains_key(NONCE_HEADER));
    let configuration: Configuration = serde_json::from_value(json_of(response).await).unwrap();
    configuration.check(&issuer()).unwrap();
    assert_eq!(configuration.keys, world.gateway.keys());
    for endpoint in [
        &configuration.enrolment_preview_endpoint,
        &configuration.enrolment_endpoint,
        &configuration.decision_endpoint,
        &configuration.rotation_endpoint,
    ] {
        let response = post(&world, endpoint.strip_prefix(ISSUER).unwrap(), &json!({})).await;
        assert!(response.headers().contains_key(NONCE_HEADER), "{endpoint}");
        assert_eq!(
            error_of(response).await,
            (400, "invalid_request".to_owned()),
            "{endpoint}"
        );
    }
    let keys = call(&world, request("GET", path::JWKS).body(Body::empty()).unwrap()).await;
    let keys = json_of(keys).await;
    let kid = world.gateway.keys().first().unwrap().thumbprint().to_string();
    assert_eq!(
        (&keys["keys"][0]["kid"], &keys["keys"][0]["use"]),
        (&json!(kid), &json!("sig"))
    );
}

#[tokio::test]
async fn a_device_enrols_over_http() {
    let world = World::new().await;
    let code = world.offer("ada").await;
    let preview = post(&world, path::PREVIEW, &json!({ "code": code.as_str() })).await;
    assert_eq!(preview.status(), StatusCode::OK);
    assert_eq!(json_of(preview).await["account"], "ada@example.com");
    let enrolment = json!({ "enrolment": world.enrolment(&code, &key()) });
    let enrolled = post(&world, path::ENROLMENT, &enrolment).await;
    assert_eq!(enrolled.status(), StatusCode::CREATED);
    assert!(
        json_of(enrolled).await["device_id"]
            .as_str()
            .unwrap()
            .starts_with("dev_")
    );
    let again = post(&world, path::ENROLMENT, &enrolment).await;
    assert_eq!(error_of(again).await, (403, "invalid_code".to_owned()));
    let unknown = EnrolmentCode::from_random([9; 16]);
    let preview = post(&world, path::PREVIEW, &json!({ "code": unknown.as_str() })).await;
    assert_eq!(error_of(preview).await, (403, "invalid_code".to_owned()));
}

#[tokio::test]
async fn a_decision_is_answered_with_its_receipt_and_later_ones_with_the_same_outcome() {
    let world = World::new().await;
    let (one, two) = (world.device("ada").await, world.device("ada").await);
    let asked = json_of(ask(&world, &json!({ "user": "ada" })).await).await;
    let (txn, code) = (
        asked["txn"].as_str().unwrap(),
        asked["match_code"].as_str().unwrap(),
    );
    let request = world.request(&two, &txn.parse().unwrap()).await;
    let late = two.sign(&world.decision(&two, &request, Verdict::Deny, None));

    let accepted = decide(&world, &one, txn, Verdict::Approve, Some(code)).await;
    assert_eq!(accepted.status(), StatusCode::OK);
    assert!(json_of(accepted).await["receipt"].is_string());
    let told = post(&world, path::DECISIONS, &json!({ "decision": late })).await;
    assert_eq!(told.status(), StatusCode::CONFLICT);
    let told = json_of(told).await;
    assert_eq!(
        (&told["error"], &told["time"]),
        (&json!("already_decided"), &json!(world.clock.now()))
    );
    assert!(told["receipt"].is_string());
}

#[tokio::test]
async fn a_wrong_code_says_how_many_attempts_are_left() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let refused = decide(
        &world,
        &device,
        asked.txn.as_str(),
        Verdict::Approve,
        Some(&wrong_code(&asked)),
    )
    .await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let refused = json_of(refused).await;
    assert_eq!(
        (&refused["error"], &refused["attempts_left"]),
        (&json!("wrong_code"), &json!(4))
    );
}

#[tokio::test]
async fn a_call_without_a_good_proof_is_challenged_and_given_a_nonce() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let url = format!("{ISSUER}{}", path::POLL);
    let poll = async |proof: Option<String>| {
        let mut request = request("GET", "/v1/device/poll?wait=0");
        if let Some(proof) = proof {
            request = request.header(PROOF_HEADER, proof);
        }
        call(&world, request.body(Body::empty()).unwrap()).await
    };
    let refused = poll(None).await;
    assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], "Countersign-Proof");
    let nonce = refused.headers()[NONCE_HEADER].to_str().unwrap().to_owned();
    assert_eq!(error_of(refused).await, (401, "use_nonce".to_owned()));
    let now = world.clock.now();
    let refused = poll(Some(device.proof("GET", &url, "old", now))).await;
    assert_eq!(error_of(refused).await, (401, "use_nonce".to_owned()));
    let refused = poll(Some(device.proof("GET", &url, &nonce, now - 3600))).await;
    assert_eq!(error_of(refused).await, (401, "stale".to_owned()));
    let accepted = poll(Some(device.proof("GET", &url, &nonce, now))).await;
    assert_eq!(accepted.status(), StatusCode::OK);
    assert_eq!(json_of(accepted).await["frames"], json!([]));
}

#[tokio::test]
async fn a_device_revokes_itself_once_and_for_all() {
    let world = World::new().await;
    let (device, other) = (world.device("ada").await, world.device("ada").await);
    let asked = world.ask("ada").await;
    let pending = world.request(&device, &asked.txn).await;
    let decision = device.sign(&world.decision(&device, &pending, Verdict::Deny, None));
    let served = Served::new(&world).await;
    let mut stream = served.subscribe(&device).await;
    next(&mut stream).await;
    let url = format!("{ISSUER}{}", path::DEVICE);
    let nonce = world.gateway.nonce();
    let revoke = async |proof: String| {
        let request = request("DELETE", path::DEVICE).header(PROOF_HEADER, proof);
        call(&world, request.body(Body::empty()).unwrap()).await
    };
    let now = world.clock.now();
    let for_another_call = device.proof("GET", &format!("{ISSUER}{}", path::POLL), &nonce, now);
    assert_eq!(
        error_of(revoke(for_another_call).await).await,
        (401, "unauthorized".to_owned())
    );
    for _ in 0..2 {
        let revoked = revoke(device.proof("DELETE", &url, &nonce, now)).await;
        assert_eq!(revoked.status(), StatusCode::OK);
        assert_eq!(json_of(revoked).await, json!({}));
    }
    assert_eq!(next(&mut stream).await, ServerFrame::Revoked {});
    assert_eq!(close_code(&mut stream).await, 4403);
    let refused = post(&world, path::DECISIONS, &json!({ "decision": decision })).await;
    assert_eq!(error_of(refused).await, (403, "device_revoked".to_owned()));
    let actors = revocations(&world).await;
    assert_eq!(actors, [format!("device:{}", device.id)]);
    world.decide(&other, &asked, Verdict::Deny).await.unwrap();
}

/// Who revoked devices, from the audit log.
async fn revocations(world: &World) -> Vec<String> {
    let log = world.gateway.store().audit_records(0, 1_000).await.unwrap();
    let records = log
        .iter()
        .map(|record| serde_json::from_str::<Value>(&record.line).unwrap());
    records
        .filter(|record| record["event"] == Event::DeviceRevoked.as_str())
        .map(|record| record["actor"].as_str().unwrap().to_owned())
        .collect()
}
