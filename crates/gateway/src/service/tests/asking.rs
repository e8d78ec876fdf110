//! What a relying side may ask, and how often.

use super::*;

#[tokio::test]
async fn an_approval_gives_a_receipt_and_a_signed_result() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let details =
        r#"[{"type":"payment_initiation","instructedAmount":{"currency":"EUR","amount":"850.00"}}]"#;
    let wish = Ask {
        authorization_details: Some(AuthorizationDetails::parse(details).unwrap()),
        ..ask("ada")
    };
    let asked = world.gateway.ask(&world.client, wish).await.unwrap();
    assert_eq!(asked.match_code.as_deref().map(str::len), Some(6));

    let request = world.request(&device, &asked.txn).await;
    assert!(
        !request.contains(asked.match_code.as_deref().unwrap()),
        "the code never travels to the device"
    );
    let decision = world.decision(&device, &request, Verdict::Approve, asked.match_code.as_deref());
    let token = device.sign(&decision);
    let receipt = receipt(
        &world,
        device.id.as_str(),
        &world.gateway.decide(&token).await.result.unwrap().receipt,
    );
    assert_eq!(receipt.outcome, How::Approved);
    assert_eq!(receipt.decided_by.as_ref(), Some(&device.id));
    assert_eq!(receipt.device_name.as_deref(), Some("desk"));
    assert_eq!(
        receipt.decision_hash,
        Some(countersign_protocol::decision_hash(&token))
    );
    assert_eq!(receipt.request_hash.as_ref(), Some(&decision.request_hash));
    assert_eq!(receipt.aud, [device.id.to_string(), "bank".to_owned()]);

    let result = ended(&world, &asked).await;
    assert_eq!(result.sub, "ada");
    assert_eq!(result.verdict, Some(Verdict::Approve));
    assert_eq!(result.acr.as_deref(), Some("urn:example:high"));
    assert_eq!(result.amr, Some(vec![Amr::Swk, Amr::User]));
    assert_eq!(result.auth_time, Some(world.clock.now()));
    assert_eq!(
        serde_json::to_string(&result.authorization_details).unwrap(),
        details,
        "granted is what was asked"
    );
    assert_eq!(
        result.key_protection.unwrap().evidence,
        Evidenced::Claimed,
        "nobody attested anything"
    );
}

#[tokio::test]
async fn denying_and_reporting_end_it_without_granting_anything() {
    let world = World::new().await;
    let device = world.device("ada").await;
    for (verdict, outcome) in [(Verdict::Deny, How::Denied), (Verdict::Report, How::Reported)] {
        let asked = world.ask("ada").await;
        world.decide(&device, &asked, verdict).await.unwrap();
        let result = ended(&world, &asked).await;
        assert_eq!((result.outcome, result.verdict), (outcome, Some(verdict)));
        assert_eq!(
            (result.acr, result.amr, result.auth_time, result.key_protection),
            (None, None, None, None)
        );
    }
    let events = world.events().await;
    assert!(
        events.contains(&"approval.denied".to_owned()) && events.contains(&"approval.reported".to_owned())
    );
}

#[tokio::test]
async fn each_device_gets_a_request_of_its_own() {
    let world = World::new().await;
    let (one, two) = (world.device("ada").await, world.device("ada").await);
    let asked = world.ask("ada").await;
    let (first, second) = (
        world.request(&one, &asked.txn).await,
        world.request(&two, &asked.txn).await,
    );
    assert_ne!(world.read(&one, &first).nonce, world.read(&two, &second).nonce);
    assert_eq!(world.read(&one, &first).sub, "ada@example.com");
}

#[tokio::test]
async fn a_user_without_a_device_cannot_be_asked() {
    let world = World::new().await;
    let code = refusal(world.gateway.ask(&world.client, ask("nobody")).await).code;
    assert_eq!(code, ErrorCode::NoDevice);
    world.offer("ada").await;
    assert_eq!(
        refusal(world.gateway.ask(&world.client, ask("ada")).await).code,
        ErrorCode::NoDevice
    );
    assert_eq!(
        world
            .events()
            .await
            .iter()
            .filter(|event| *event == "approval.refused")
            .count(),
        2
    );
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_and_the_field_is_named() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let details = |text: &str| AuthorizationDetails::parse(text).ok();
    let long = "x".repeat(10_000);
    for (wish, field) in [
        (
            Ask {
                binding_message: Some("line\nbreak".to_owned()),
                ..ask("ada")
            },
            "binding_message",
        ),
        (
            Ask {
                binding_message: Some("\u{202e}evil".to_owned()),
                ..ask("ada")
            },
            "binding_message",
        ),
        (
            Ask {
                binding_message: Some(long.clone()),
                ..ask("ada")
            },
            "binding_message",
        ),
        (
            Ask {
                acr: Some("\u{0}".to_owned()),
                ..ask("ada")
            },
            "acr",
        ),
        (
            Ask {
                context: Some(Context {
                    place: Some(long.clone()),
                    ..Context::default()
                }),
                ..ask("ada")
            },
            "place",
        ),
        (
            Ask {
                context: Some(Context {
                    ip: Some("here".to_owned()),
                    ..Context::default()
                }),
                ..ask("ada")
            },
            "ip",
        ),
        (
            Ask {
                authorization_details: details(r#"[{"type":"sign_in","application":"a\u200bb"}]"#),
                ..ask("ada")
            },
            "application",
        ),
        (
            Ask {
                authorization_details: details(r#"[{"type":"payment_initiation","instructedAmount":"5"}]"#),
                ..ask("ada")
            },
            "instructedAmount",
        ),
    ] {
        let refused = refusal(world.gateway.ask(&world.client, wish).await);
        assert_eq!(refused.code, ErrorCode::InvalidRequest);
        assert!(refused.message.contains(field), "{field}: {}", refused.message);
        assert!(refused.message.len() < 500, "a refusal does not repeat the text");
    }
    assert!(world.pending(&device).await.is_empty());
}

#[tokio::test]
async fn only_an_identity_provider_names_another_client() {
    let mut world = World::new().await;
    let device = world.device("ada").await;
    let shown = Some(ShownClient {
        id: "shop".to_owned(),
        name: "Web Shop".to_owned(),
    });
    let wish = Ask {
        shown_client: shown,
        ..ask("ada")
    };
    assert_eq!(
        refusal(world.gateway.ask(&world.client, wish.clone()).await).code,
        ErrorCode::NotAllowed
    );
    world.client.kind = ClientKind::IdentityProvider;
    let asked = world.gateway.ask(&world.client, wish).await.unwrap();
    let request = world.read(&device, &world.request(&device, &asked.txn).await);
    assert_eq!(request.client.name, "Web Shop");
    world.decide(&device, &asked, Verdict::Deny).await.unwrap();
    assert_eq!(
        ended(&world, &asked).await.aud,
        "bank",
        "the result goes to the one who asked"
    );
}

#[tokio::test]
async fn a_life_and_a_callback_outside_of_what_is_registered_are_refused() {
    let world = World::new().await;
    world.device("ada").await;
    for wish in [
        Ask {
            expires_in: Some(9),
            ..ask("ada")
        },
        Ask {
            expires_in: Some(601),
            ..ask("ada")
        },
        Ask {
            expires_in: Some(-1),
            ..ask("ada")
        },
        Ask {
            callback_url: Some("https://bank.example/callback?".to_owned()),
            ..ask("ada")
        },
        Ask {
            callback_url: Some("http://169.254.169.254/".to_owned()),
            ..ask("ada")
        },
    ] {
        assert_eq!(
            refusal(world.gateway.ask(&world.client, wish).await).code,
            ErrorCode::InvalidRequest
        );
    }
}

#[tokio::test]
async fn a_user_is_asked_no_more_often_than_configured() {
    let limits = Limits {
        requests_per_minute: 3,
        pending_per_user: 50,
        ..Limits::default()
    };
    let world = World::with_limits(limits).await;
    let (device, _) = (world.device("ada").await, world.device("bob").await);
    for _ in 0..3 {
        world.ask("ada").await;
    }
    for _ in 0..47 {
        let refused = refusal(world.gateway.ask(&world.client, ask("ada")).await);
        assert_eq!(
            (refused.code, refused.retry_after),
            (ErrorCode::RateLimited, Some(21))
        );
    }
    assert_eq!(world.pending(&device).await.len(), 3);
    world.ask("bob").await;
    world.clock.advance(20);
    world.ask("ada").await;
}

#[tokio::test]
async fn too_many_pending_approvals_are_refused() {
    let world = World::with_limits(Limits {
        pending_per_user: 2,
        ..Limits::default()
    })
    .await;
    let device = world.device("ada").await;
    let first = world.ask("ada").await;
    world.ask("ada").await;
    assert_eq!(
        refusal(world.gateway.ask(&world.client, ask("ada")).await).code,
        ErrorCode::RateLimited
    );
    world.decide(&device, &first, Verdict::Deny).await.unwrap();
    world.ask("ada").await;
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_same_answer_and_another_body_a_conflict() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let wish = |body: u8| Ask {
        idempotency: Some(crate::store::IdempotencyKey {
            key: "k".to_owned(),
            body_hash: [body; 32],
        }),
        ..ask("ada")
    };
    let asked = world.gateway.ask(&world.client, wish(1)).await.unwrap();
    assert_eq!(world.gateway.ask(&world.client, wish(1)).await.unwrap(), asked);
    assert_eq!(
        refusal(world.gateway.ask(&world.client, wish(2)).await).code,
        ErrorCode::IdempotencyConflict
    );
    assert_eq!(world.pending(&device).await.len(), 1);
    let world = world.restarted().await;
    assert_eq!(
        world.gateway.ask(&world.client, wish(1)).await.unwrap(),
        asked,
        "the code is derived, not kept"
    );
}

#[tokio::test]
async fn two_requests_with_one_idempotency_key_at_once_are_one_approval() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let wish = Ask {
        idempotency: Some(crate::store::IdempotencyKey {
            key: "k".to_owned(),
            body_hash: [1; 32],
        }),
        ..ask("ada")
    };
    let (one, other) = tokio::join!(
        world.gateway.ask(&world.client, wish.clone()),
        world.gateway.ask(&world.client, wish),
    );
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(world.pending(&device).await.len(), 1);
}
