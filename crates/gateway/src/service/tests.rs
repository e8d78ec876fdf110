//! The flows, on a real database and with real signatures.

use std::{sync::atomic::Ordering, time::Duration};

use countersign_protocol::{
    Amr, ApprovalDecision, ApprovalKeys, ApprovalReceipt, ApprovalRequest, ApprovalResult, ApprovalRotate,
    AuthorizationDetails, Context, DecidedOn, EnrolmentCode, Evidenced, Expect, KeyProtection, Match, Nonce,
    Outcome as How, ProtectionLevel, Requires, RotateNew, Signer as _, Surface, Txn, Verdict, Verification,
    jws, wire::ServerFrame,
};

use super::{
    testing::{ISSUER, TestDevice, World, ask, issuer, jti, key, refusal, wrong_code},
    *,
};
use crate::{
    audit::Event,
    hub::{Close, Outgoing},
    store::ClientKind,
};

fn receipt(world: &World, audience: &str, jws: &str) -> ApprovalReceipt {
    let expect = Expect {
        issuer: Some(ISSUER),
        audience,
        now: world.clock.now(),
    };
    jws::verify(jws, &world.gateway.keys(), &expect).unwrap()
}

async fn outcome(world: &World, asked: &Asked) -> Outcome {
    world
        .gateway
        .outcome(&world.client, &asked.txn, Duration::ZERO)
        .await
        .unwrap()
}

async fn ended(world: &World, asked: &Asked) -> ApprovalResult {
    match outcome(world, asked).await {
        Outcome::Ended { claims, result, .. } => {
            assert_eq!(
                world.result(&result),
                *claims,
                "the plain members are those that are signed"
            );
            *claims
        }
        Outcome::Pending { .. } => panic!("still pending"),
    }
}

async fn frame(connection: &crate::hub::Connection) -> ServerFrame {
    match connection.next().await {
        Outgoing::Frame(text) => ServerFrame::parse(text.as_bytes()).unwrap(),
        Outgoing::Close(why) => panic!("closed: {why:?}"),
    }
}

// --- asking -----------------------------------------------------------------------------------------------------

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
        &world.gateway.decide(&token).await.result.unwrap(),
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

// --- deciding ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn two_devices_at_once_have_one_winner_and_the_other_is_told() {
    let world = World::new().await;
    let (one, two) = (world.device("ada").await, world.device("ada").await);
    let asked = world.ask("ada").await;
    let (first, second) = tokio::join!(
        world.decide(&one, &asked, Verdict::Approve),
        world.decide(&two, &asked, Verdict::Deny),
    );
    let (winner, loser, refused) = match (first, second) {
        (Ok(receipt), refused) => (receipt, &two, refusal(refused)),
        (refused, Ok(receipt)) => (receipt, &one, refusal(refused)),
        (Err(one), Err(other)) => panic!("nobody won: {one} {other}"),
    };
    assert_eq!(refused.code, ErrorCode::AlreadyDecided);
    let told = receipt(&world, loser.id.as_str(), &refused.receipt.unwrap());
    let won = receipt(&world, "bank", &winner);
    assert_eq!(
        (told.outcome, told.decided_by, told.decision_hash),
        (won.outcome, won.decided_by, won.decision_hash)
    );
    assert_ne!(
        told.request_hash, won.request_hash,
        "each receipt names the request that its device was sent"
    );
    assert_eq!(ended(&world, &asked).await.outcome, won.outcome);
}

#[tokio::test]
async fn the_same_decision_again_gets_its_own_receipt_again() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let request = world.request(&device, &asked.txn).await;
    let token =
        device.sign(&world.decision(&device, &request, Verdict::Approve, asked.match_code.as_deref()));
    let first = world.gateway.decide(&token).await.result.unwrap();
    assert_eq!(world.gateway.decide(&token).await.result.unwrap(), first);
    let world = world.restarted().await;
    assert_eq!(world.gateway.decide(&token).await.result.unwrap(), first);
}

#[tokio::test]
async fn another_decision_with_a_used_id_is_a_replay() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let (first, second) = (world.ask("ada").await, world.ask("ada").await);
    let request = world.request(&device, &first.txn).await;
    let used = world.decision(&device, &request, Verdict::Deny, None);
    world.send(&device, &used).await.unwrap();
    let request = world.request(&device, &second.txn).await;
    let mut replayed = world.decision(&device, &request, Verdict::Deny, None);
    replayed.jti = used.jti;
    assert_eq!(
        refusal(world.send(&device, &replayed).await).code,
        ErrorCode::Replayed
    );
    assert!(world.events().await.contains(&"decision.refused".to_owned()));
}

#[tokio::test]
async fn a_decision_moved_elsewhere_is_refused_and_audited() {
    let world = World::new().await;
    let (ada, bob) = (world.device("ada").await, world.device("bob").await);
    let (asked, other, of_bob) = (
        world.ask("ada").await,
        world.ask("ada").await,
        world.ask("bob").await,
    );
    let request = world.request(&ada, &asked.txn).await;
    let right = world.decision(&ada, &request, Verdict::Deny, None);
    let moved = [
        (
            "another approval's nonce",
            ApprovalDecision {
                txn: other.txn.clone(),
                ..right.clone()
            },
            ErrorCode::InvalidMessage,
        ),
        (
            "another user's approval",
            ApprovalDecision {
                txn: of_bob.txn.clone(),
                ..right.clone()
            },
            ErrorCode::NotFound,
        ),
        (
            "no approval",
            ApprovalDecision {
                txn: Txn::from_random([9; 16]),
                ..right.clone()
            },
            ErrorCode::NotFound,
        ),
        (
            "another nonce",
            ApprovalDecision {
                nonce: Nonce::from_random([9; 16]),
                ..right.clone()
            },
            ErrorCode::InvalidMessage,
        ),
        (
            "another request",
            ApprovalDecision {
                request_hash: right.statement_hash.clone(),
                ..right.clone()
            },
            ErrorCode::InvalidMessage,
        ),
        (
            "another statement",
            ApprovalDecision {
                statement_hash: right.request_hash.clone(),
                ..right.clone()
            },
            ErrorCode::InvalidMessage,
        ),
        (
            "another issuer",
            ApprovalDecision {
                aud: Issuer::parse("https://other.example").unwrap(),
                ..right.clone()
            },
            ErrorCode::InvalidMessage,
        ),
        (
            "another device",
            ApprovalDecision {
                iss: bob.id.clone(),
                ..right.clone()
            },
            ErrorCode::InvalidMessage,
        ),
    ];
    let before = world.events().await.len();
    let count = moved.len();
    for (what, decision, code) in moved {
        let decision = ApprovalDecision {
            jti: jti(),
            ..decision
        };
        assert_eq!(refusal(world.send(&ada, &decision).await).code, code, "{what}");
    }
    let events = world.events().await;
    assert_eq!(events[before..], vec!["decision.refused".to_owned(); count]);
    assert_eq!(world.pending(&ada).await.len(), 2, "nothing was decided");
    world.send(&ada, &right).await.unwrap();
}

#[tokio::test]
async fn a_signature_of_another_key_is_refused_and_audited() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let request = world.request(&device, &asked.txn).await;
    let decision = world.decision(&device, &request, Verdict::Approve, asked.match_code.as_deref());
    let thief = TestDevice {
        id: device.id.clone(),
        key: key(),
        counter: 1.into(),
    };
    assert_eq!(
        refusal(world.send(&thief, &decision).await).code,
        ErrorCode::InvalidMessage
    );
    let garbage = world.gateway.decide("a.b.c").await;
    assert_eq!(
        (garbage.txn, refusal(garbage.result).code),
        (None, ErrorCode::InvalidMessage)
    );
    assert_eq!(
        world
            .events()
            .await
            .iter()
            .filter(|event| *event == "decision.refused")
            .count(),
        2
    );
    assert_eq!(world.pending(&device).await.len(), 1);
}

#[tokio::test]
async fn strangers_cannot_fill_the_audit_log() {
    let world = World::new().await;
    for _ in 0..300 {
        assert_eq!(
            refusal(world.gateway.decide("a.b.c").await.result).code,
            ErrorCode::InvalidMessage
        );
    }
    let written = world
        .events()
        .await
        .iter()
        .filter(|event| *event == "decision.refused")
        .count();
    assert_eq!(written, usize::try_from(AUDITED_STRANGERS).unwrap());
}

#[tokio::test]
async fn decisions_out_of_time_are_stale() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let request = world.request(&device, &asked.txn).await;
    let now = world.clock.now();
    for shift in [-2 * 24 * 3600, -121, 61, 2 * 24 * 3600] {
        let decision = ApprovalDecision {
            iat: now + shift,
            exp: now + shift + 60,
            shown_at: now + shift,
            ..world.decision(&device, &request, Verdict::Deny, None)
        };
        assert_eq!(
            refusal(world.send(&device, &decision).await).code,
            ErrorCode::Stale,
            "{shift}"
        );
    }
}

#[tokio::test]
async fn the_issuer_decides_what_is_still_in_time() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let (first, second) = (world.ask("ada").await, world.ask("ada").await);
    world.clock.advance(119);
    world.decide(&device, &first, Verdict::Approve).await.unwrap();
    let request = world.request(&device, &second.txn).await;
    let token =
        device.sign(&world.decision(&device, &request, Verdict::Approve, second.match_code.as_deref()));
    world.clock.advance(1);
    let refused = refusal(world.gateway.decide(&token).await.result);
    assert_eq!(refused.code, ErrorCode::Expired);
    assert_eq!(
        receipt(&world, device.id.as_str(), &refused.receipt.unwrap()).outcome,
        How::Expired
    );
    assert_eq!(ended(&world, &first).await.outcome, How::Approved);
    assert_eq!(ended(&world, &second).await.outcome, How::Expired);
    assert_eq!(
        refusal(world.gateway.decide(&token).await.result).code,
        ErrorCode::Expired,
        "and again when sent again"
    );
}

#[tokio::test]
async fn a_counter_that_does_not_grow_is_refused() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let (first, second) = (world.ask("ada").await, world.ask("ada").await);
    device.counter.store(7, Ordering::SeqCst);
    world.decide(&device, &first, Verdict::Deny).await.unwrap();
    device.counter.store(7, Ordering::SeqCst);
    let refused = refusal(world.decide(&device, &second, Verdict::Deny).await);
    assert_eq!(refused.code, ErrorCode::CounterRegression);
    assert!(refused.message.contains("greater than 7"));
    world.decide(&device, &second, Verdict::Deny).await.unwrap();
}

#[tokio::test]
async fn wrong_codes_are_counted_over_requests_and_restarts_until_the_user_is_locked() {
    let world = World::with_limits(Limits {
        wrong_codes: 3,
        ..Limits::default()
    })
    .await;
    let device = world.device("ada").await;
    let (first, second) = (world.ask("ada").await, world.ask("ada").await);
    let refused = world.mistype(&device, &first).await;
    assert_eq!(
        (refused.code, refused.attempts_left),
        (ErrorCode::WrongCode, Some(2))
    );
    let world = world.restarted().await;
    let refused = world.mistype(&device, &second).await;
    assert_eq!(
        (refused.code, refused.attempts_left),
        (ErrorCode::WrongCode, Some(1))
    );
    let world = world.restarted().await;
    let refused = world.mistype(&device, &second).await;
    assert_eq!(refused.code, ErrorCode::Locked);
    assert_eq!(
        receipt(&world, device.id.as_str(), &refused.receipt.unwrap()).outcome,
        How::Locked
    );
    for asked in [&first, &second] {
        assert_eq!(ended(&world, asked).await.outcome, How::Locked);
    }
    assert_eq!(
        refusal(world.gateway.ask(&world.client, ask("ada")).await).code,
        ErrorCode::Locked
    );
    let entry = Entry::new(
        world.clock.now(),
        Actor::Admin("root".to_owned()),
        Event::UserUnlocked,
    )
    .user("ada");
    assert!(world.other_process().unlock_user("ada", entry).await.unwrap());
    let asked = world.ask("ada").await;
    world.decide(&device, &asked, Verdict::Approve).await.unwrap();
    let events = world.events().await;
    assert_eq!(events.iter().filter(|event| *event == "code.wrong").count(), 3);
    assert_eq!(events.iter().filter(|event| *event == "user.locked").count(), 1);
}

#[tokio::test]
async fn a_wrong_code_sent_twice_counts_once() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let request = world.request(&device, &asked.txn).await;
    let token = device.sign(&world.decision(&device, &request, Verdict::Approve, Some(&wrong_code(&asked))));
    for _ in 0..3 {
        let refused = refusal(world.gateway.decide(&token).await.result);
        assert_eq!(
            (refused.code, refused.attempts_left),
            (ErrorCode::WrongCode, Some(4))
        );
    }
    world.decide(&device, &asked, Verdict::Approve).await.unwrap();
}

#[tokio::test]
async fn no_code_is_not_an_approval_and_too_short_a_code_neither() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let request = world.request(&device, &asked.txn).await;
    for code in [None, Some("12345"), Some("1234567")] {
        let decision = world.decision(&device, &request, Verdict::Approve, code);
        assert_eq!(
            refusal(world.send(&device, &decision).await).code,
            ErrorCode::InvalidMessage,
            "{code:?}"
        );
    }
    assert!(matches!(outcome(&world, &asked).await, Outcome::Pending { .. }));
}

#[tokio::test]
async fn what_the_request_requires_is_required_of_an_approval() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let requires = |verification, surface| Requires {
        matching: Match::None,
        verification,
        surface,
    };
    for (requires, surface, amr, allowed) in [
        (
            requires(Verification::None, Surface::Window),
            DecidedOn::Notification,
            vec![Amr::Swk],
            false,
        ),
        (
            requires(Verification::None, Surface::Window),
            DecidedOn::Terminal,
            vec![Amr::Swk],
            true,
        ),
        (
            requires(Verification::None, Surface::Any),
            DecidedOn::Notification,
            vec![Amr::Swk],
            true,
        ),
        (
            requires(Verification::Presence, Surface::Any),
            DecidedOn::Window,
            vec![Amr::Swk],
            false,
        ),
        (
            requires(Verification::Presence, Surface::Any),
            DecidedOn::Window,
            vec![Amr::Swk, Amr::User],
            true,
        ),
        (
            requires(Verification::User, Surface::Any),
            DecidedOn::Window,
            vec![Amr::Swk, Amr::User],
            false,
        ),
        (
            requires(Verification::User, Surface::Any),
            DecidedOn::Window,
            vec![Amr::Pin, Amr::Swk, Amr::User],
            true,
        ),
    ] {
        let asked = world
            .gateway
            .ask(
                &world.client,
                Ask {
                    requires: Some(requires),
                    ..ask("ada")
                },
            )
            .await
            .unwrap();
        assert_eq!(asked.match_code, None);
        let request = world.request(&device, &asked.txn).await;
        let mut decision = world.decision(&device, &request, Verdict::Approve, None);
        (decision.surface, decision.amr) = (surface, amr);
        let sent = world.send(&device, &decision).await;
        if allowed {
            sent.unwrap();
        } else {
            assert_eq!(
                refusal(sent).code,
                ErrorCode::InvalidMessage,
                "{requires:?} {surface:?}"
            );
            let denied = world.decision(&device, &request, Verdict::Deny, None);
            let denied = ApprovalDecision {
                surface: DecidedOn::Notification,
                ..denied
            };
            world.send(&device, &denied).await.unwrap();
        }
    }
}

#[tokio::test]
async fn hardware_that_nobody_attested_is_not_passed_on_as_proven() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let request = world.request(&device, &asked.txn).await;
    let mut decision = world.decision(&device, &request, Verdict::Approve, asked.match_code.as_deref());
    decision.amr = vec![Amr::Hwk, Amr::User];
    decision.key_protection = KeyProtection {
        level: ProtectionLevel::Hw,
        evidence: Evidenced::Attested,
    };
    world.send(&device, &decision).await.unwrap();
    let result = ended(&world, &asked).await;
    assert_eq!(result.amr, Some(vec![Amr::Swk, Amr::User]));
    assert_eq!(result.key_protection.unwrap().evidence, Evidenced::Claimed);
}

#[tokio::test]
async fn match_codes_have_the_digits_asked_for_and_differ() {
    let world = World::with_limits(Limits {
        pending_per_user: 50,
        requests_per_minute: 50,
        ..Limits::default()
    })
    .await;
    world.device("ada").await;
    let mut codes = std::collections::HashSet::new();
    for digits in 2..=8 {
        for _ in 0..4 {
            let requires = Requires {
                matching: Match::Code { digits },
                ..Requires::default()
            };
            let asked = world
                .gateway
                .ask(
                    &world.client,
                    Ask {
                        requires: Some(requires),
                        ..ask("ada")
                    },
                )
                .await
                .unwrap();
            let code = asked.match_code.unwrap();
            assert_eq!(code.len(), usize::from(digits));
            codes.insert(code);
        }
    }
    assert!(codes.len() > 20, "{codes:?}");
}

// --- results ----------------------------------------------------------------------------------------------------

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

// --- devices ----------------------------------------------------------------------------------------------------

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
    let known = world.gateway.enrolled(&device.id).await.unwrap();
    let delivery = world.gateway.connect(&known, None, 25).await.unwrap();
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
    let again = world.gateway.connect(&known, Some(cursor), 25).await.unwrap();
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
        let device = world.gateway.enrolled(&device.id).await.unwrap();
        world.gateway.connect(&device, None, 25).await.unwrap().connection
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

#[tokio::test]
async fn a_poll_is_answered_by_what_happens() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let known = world.gateway.enrolled(&device.id).await.unwrap();
    let long = Duration::from_secs(3600);
    let first = world.gateway.poll(&known, None, long).await.unwrap();
    assert_eq!(first.frames, [], "without a cursor the answer comes at once");
    let cursor = first.cursor.parse().unwrap();
    let (gateway, waiting) = (Arc::clone(&world.gateway), Arc::clone(&known));
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
        .poll(&known, polled.cursor.parse().ok(), long)
        .await
        .unwrap();
    assert!(matches!(&polled.frames[..], [ServerFrame::Closed { .. }]));
}

#[tokio::test(start_paused = true)]
async fn a_poll_with_nothing_to_say_ends_after_its_wait() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let known = world.gateway.enrolled(&device.id).await.unwrap();
    let cursor = world
        .gateway
        .poll(&known, None, Duration::ZERO)
        .await
        .unwrap()
        .cursor;
    let polled = world
        .gateway
        .poll(&known, cursor.parse().ok(), Duration::from_secs(25))
        .await
        .unwrap();
    assert_eq!((polled.frames, polled.cursor), (Vec::new(), cursor));
}

#[tokio::test]
async fn a_device_revoked_by_another_process_is_closed_and_its_signatures_are_refused() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let known = world.gateway.enrolled(&device.id).await.unwrap();
    let connection = world.gateway.connect(&known, None, 25).await.unwrap().connection;
    let polling = world.gateway.hub().poller(&device.id);
    let request = world.request(&device, &asked.txn).await;
    let decision = world.decision(&device, &request, Verdict::Approve, asked.match_code.as_deref());

    let entry = Entry::new(
        world.clock.now(),
        Actor::Admin("root".to_owned()),
        Event::DeviceRevoked,
    );
    world
        .other_process()
        .revoke_device(&device.id, world.clock.now(), entry)
        .await
        .unwrap();
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
        .poll(&known, Some(Cursor(0)), Duration::from_secs(3600))
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
    let known = world.gateway.enrolled(&device.id).await.unwrap();
    let pinned = world.gateway.keys();
    let connection = world.gateway.connect(&known, None, 25).await.unwrap().connection;
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
    let again = world.gateway.connect(&known, None, 25).await.unwrap();
    assert!(matches!(
        &again.frames[..],
        [
            ServerFrame::Welcome { .. },
            ServerFrame::Keys { .. },
            ServerFrame::Request { .. }
        ]
    ));
    let polled = world.gateway.poll(&known, None, Duration::ZERO).await.unwrap();
    assert!(matches!(
        &polled.frames[..],
        [ServerFrame::Keys { .. }, ServerFrame::Request { .. }]
    ));
}

// --- proofs -----------------------------------------------------------------------------------------------------

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
            .map(|device| device.id.clone())
    };
    let right = device.proof("GET", url, &nonce, now);
    assert_eq!(prove(&right).await.unwrap(), device.id);
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

// --- time -------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn what_expires_is_ended_and_told() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let known = world.gateway.enrolled(&device.id).await.unwrap();
    let connection = world.gateway.connect(&known, None, 25).await.unwrap().connection;
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

// --- what a dump of the database gives away ---------------------------------------------------------------------

#[tokio::test]
async fn a_dumped_database_approves_nothing_and_logs_in_nowhere() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let unused = world.offer("bob").await;
    let asked = world.ask("ada").await;
    world.mistype(&device, &asked).await;
    let mut dump = Vec::new();
    for file in std::fs::read_dir(world.dir.path())
        .unwrap()
        .map(|file| file.unwrap().path())
    {
        if file
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("gateway.db")
        {
            dump.extend(std::fs::read(file).unwrap());
        }
    }
    let contains = |needle: &[u8]| dump.windows(needle.len()).any(|window| window == needle);
    assert!(
        contains(asked.txn.as_str().as_bytes()),
        "the search finds what is there"
    );
    let code = asked.match_code.unwrap();
    for (what, needle) in [
        ("client secret", testing::SECRET.as_bytes()),
        ("match code", code.as_bytes()),
        ("enrolment code", unused.as_str().as_bytes()),
        ("private key", b"PRIVATE KEY".as_slice()),
        ("private member", br#""d":""#.as_slice()),
    ] {
        assert!(!contains(needle), "{what}");
    }
}
