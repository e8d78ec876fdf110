//! What relying sides and operators call.

use super::*;

#[tokio::test]
async fn an_approval_is_asked_for_read_and_cancelled() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let body = json!({
        "user": "ada",
        "acr": "high",
        "binding_message": "Pay the rent",
        "authorization_details": [{ "type": "payment_initiation", "creditorName": "Landlord" }],
        "context": { "origin": "another_device", "ip": "203.0.113.7", "hints": ["new payee"] },
        "requires": { "match": { "type": "code", "digits": 4 }, "verification": "none", "surface": "window" },
        "expires_in": 60,
    });
    let created = ask(&world, &body).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let created = json_of(created).await;
    assert_eq!(created["match_code"].as_str().unwrap().len(), 4);
    assert_eq!(created["expires_at"], world.clock.now() + 60);
    let txn = created["txn"].as_str().unwrap();
    let uri = format!("/v1/approvals/{txn}");
    let read = json_of(call(&world, as_client("GET", &uri).body(Body::empty()).unwrap()).await).await;
    assert_eq!(
        read,
        json!({ "txn": txn, "state": "pending", "expires_at": world.clock.now() + 60 })
    );

    decide(
        &world,
        &device,
        txn,
        Verdict::Approve,
        created["match_code"].as_str(),
    )
    .await;
    let read = json_of(
        call(
            &world,
            as_client("GET", &format!("{uri}?wait=30"))
                .body(Body::empty())
                .unwrap(),
        )
        .await,
    )
    .await;
    assert_eq!(
        (&read["state"], &read["acr"], &read["verdict"]),
        (&json!("approved"), &json!("high"), &json!("approve"))
    );
    assert_eq!(read["authorization_details"], body["authorization_details"]);
    let signed = serde_json::to_value(world.result(read["result"].as_str().unwrap())).unwrap();
    for (claim, value) in signed.as_object().unwrap() {
        assert_eq!(&read[claim], value, "{claim}");
    }
    let cancelled = json_of(call(&world, as_client("DELETE", &uri).body(Body::empty()).unwrap()).await).await;
    assert_eq!(cancelled["state"], "approved");

    let second = json_of(ask(&world, &body).await).await;
    let uri = format!("/v1/approvals/{}", second["txn"].as_str().unwrap());
    let cancelled = json_of(call(&world, as_client("DELETE", &uri).body(Body::empty()).unwrap()).await).await;
    assert_eq!(cancelled["state"], "cancelled");
}

#[tokio::test]
async fn who_goes_away_before_the_answer_interrupts_nothing() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let connection = world.gateway.hub().connect(&device.id);
    let body = Body::from(json!({ "user": "ada" }).to_string());
    let mut asking = Box::pin(call(
        &world,
        as_client("POST", path::APPROVALS).body(body).unwrap(),
    ));
    assert!(asking.as_mut().now_or_never().is_none(), "it waits for the store");
    drop(asking);
    let told = tokio::time::timeout(Duration::from_secs(60), connection.next())
        .await
        .unwrap();
    assert!(matches!(told, Outgoing::Frame(_)));
    assert_eq!(world.pending(&device).await.len(), 1);
}

#[tokio::test]
async fn only_a_known_secret_is_a_client() {
    let world = World::new().await;
    let uri = "/v1/approvals/txn_AAAAAAAAAAAAAAAAAAAAAA";
    for authorization in [
        None,
        Some("Bearer cs_wrong"),
        Some("Basic YTpi"),
        Some("Bearer"),
        Some(""),
    ] {
        let mut request = request("GET", uri);
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let refused = call(&world, request.body(Body::empty()).unwrap()).await;
        assert_eq!(refused.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(
            error_of(refused).await,
            (401, "unauthorized".to_owned()),
            "{authorization:?}"
        );
    }
    let known = call(&world, as_client("GET", uri).body(Body::empty()).unwrap()).await;
    assert_eq!(error_of(known).await, (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_malformed_request_is_refused_with_what_is_wrong() {
    let world = World::new().await;
    world.device("ada").await;
    for body in [
        "",
        "[]",
        "{",
        r#"{"user":"ada","user":"bob"}"#,
        r#"{"user":"ada","usr":"bob"}"#,
        r#"{"user":""}"#,
        r#"{"user":"ada","acr":null}"#,
        r#"{"user":"ada","expires_in":"60"}"#,
        r#"{"user":"ada","expires_in":5}"#,
        r#"{"user":"ada","authorization_details":[]}"#,
        r#"{"user":"ada","authorization_details":[{"no":"type"}]}"#,
        r#"{"user":"ada","requires":{"match":{"type":"code","digits":9},"verification":"none","surface":"any"}}"#,
        r#"{"user":"ada","requires":{"match":{"type":"choice","options":["1","2"]},"verification":"none","surface":"any"}}"#,
        r#"{"user":"ada","callback_url":"https://evil.example/"}"#,
    ] {
        let refused = call(
            &world,
            as_client("POST", path::APPROVALS).body(Body::from(body)).unwrap(),
        )
        .await;
        assert_eq!(
            error_of(refused).await,
            (400, "invalid_request".to_owned()),
            "{body}"
        );
    }
    for uri in ["?wait=61", "?wait=-1", "?wait=1&wait=1", "?wiat=1"] {
        let uri = format!("/v1/approvals/txn_AAAAAAAAAAAAAAAAAAAAAA{uri}");
        let refused = call(&world, as_client("GET", &uri).body(Body::empty()).unwrap()).await;
        assert_eq!(
            error_of(refused).await,
            (400, "invalid_request".to_owned()),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn a_body_over_64_kib_is_too_large() {
    let world = World::new().await;
    let body = json!({ "user": "x".repeat(64 * 1024) });
    assert_eq!(
        error_of(ask(&world, &body).await).await,
        (413, "too_large".to_owned())
    );
    assert_eq!(
        error_of(post(&world, path::DECISIONS, &body).await).await,
        (413, "too_large".to_owned())
    );
}

#[tokio::test]
async fn an_idempotency_key_is_checked_and_honoured() {
    let world = World::new().await;
    world.device("ada").await;
    let ask = async |key: &str, body: Value| {
        let request = as_client("POST", path::APPROVALS).header("Idempotency-Key", key);
        call(&world, request.body(Body::from(body.to_string())).unwrap()).await
    };
    let first = json_of(ask("k", json!({ "user": "ada" })).await).await;
    assert_eq!(json_of(ask("k", json!({ "user": "ada" })).await).await, first);
    let conflict = ask("k", json!({ "user": "ada", "acr": "high" })).await;
    assert_eq!(error_of(conflict).await, (409, "idempotency_conflict".to_owned()));
    for key in ["", "two words", &"k".repeat(129)] {
        let refused = ask(key, json!({ "user": "ada" })).await;
        assert_eq!(
            error_of(refused).await,
            (400, "invalid_request".to_owned()),
            "{key}"
        );
    }
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_try_again() {
    let world = World::with_limits(Limits {
        requests_per_minute: 1,
        ..Limits::default()
    })
    .await;
    world.device("ada").await;
    ask(&world, &json!({ "user": "ada" })).await;
    let refused = ask(&world, &json!({ "user": "ada" })).await;
    assert_eq!(refused.headers()[header::RETRY_AFTER], "61");
    assert_eq!(error_of(refused).await, (429, "rate_limited".to_owned()));
    let refused = ask(&world, &json!({ "user": "nobody" })).await;
    assert_eq!(error_of(refused).await, (422, "no_device".to_owned()));
}

#[tokio::test]
async fn the_store_being_full_is_unavailable_and_its_damage_is_internal() {
    for (error, status, code) in [
        (
            StoreError::Unavailable("disk full".to_owned()),
            503,
            "unavailable",
        ),
        (StoreError::Corrupt("page 7".to_owned()), 500, "internal"),
    ] {
        let response = failure(&ServiceError::Store(error), None);
        assert_eq!(response.status().as_u16(), status);
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"], code);
        assert!(!body.to_string().contains("page 7") && !body.to_string().contains("disk full"));
    }
}

#[tokio::test]
async fn health_is_told_and_unknown_addresses_and_methods_are_refused() {
    let world = World::new().await;
    for uri in ["/healthz", "/readyz"] {
        let response = call(&world, request("GET", uri).body(Body::empty()).unwrap()).await;
        assert_eq!(
            (response.status(), json_of(response).await),
            (StatusCode::OK, json!({ "status": "ok" }))
        );
    }
    let unknown = call(&world, request("GET", "/v2").body(Body::empty()).unwrap()).await;
    assert_eq!(error_of(unknown).await, (404, "not_found".to_owned()));
    let method = call(
        &world,
        as_client("PUT", path::APPROVALS).body(Body::empty()).unwrap(),
    )
    .await;
    assert_eq!(error_of(method).await, (405, "invalid_request".to_owned()));
}
