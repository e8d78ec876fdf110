//! Which decisions count.

use super::*;

#[tokio::test]
async fn two_devices_at_once_have_one_winner_and_the_other_is_told() {
    let world = World::new().await;
    let (one, two) = (world.device("ada").await, world.device("ada").await);
    let asked = world.ask("ada").await;
    // Both have it before either answers.
    let code = asked.match_code.as_deref();
    let request = world.request(&one, &asked.txn).await;
    let yes = world.decision(&one, &request, Verdict::Approve, code);
    let request = world.request(&two, &asked.txn).await;
    let no = world.decision(&two, &request, Verdict::Deny, None);
    let (first, second) = tokio::join!(world.send(&one, &yes), world.send(&two, &no));
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
