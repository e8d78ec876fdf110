//! Reports of approvals that had ended.

use countersign_protocol::wire::LateReport;

use super::*;

/// An approval that one device approved, and the request that another one of the user was sent.
async fn approved_elsewhere(world: &World) -> (Asked, TestDevice, String) {
    let (winner, other) = (world.device("ada").await, world.device("ada").await);
    let asked = world.ask("ada").await;
    let request = world.request(&other, &asked.txn).await;
    world.decide(&winner, &asked, Verdict::Approve).await.unwrap();
    (asked, other, request)
}

/// A report as the device signs it now, of a request that it read when it was fresh.
struct Report(ApprovalDecision);

impl Report {
    fn of(world: &World, device: &TestDevice, request: &str) -> Self {
        Self(world.decision(device, request, Verdict::Report, None))
    }

    fn now(&self, world: &World) -> ApprovalDecision {
        let now = world.clock.now();
        ApprovalDecision {
            iat: now,
            exp: now + 60,
            shown_at: now,
            jti: jti(),
            ..self.0.clone()
        }
    }
}

fn late_entries(events: &[String]) -> usize {
    events
        .iter()
        .filter(|event| *event == "approval.reported_late")
        .count()
}

async fn reported_at(world: &World, asked: &Asked) -> Option<i64> {
    match outcome(world, asked).await {
        Outcome::Ended { reported_at, .. } => reported_at,
        Outcome::Pending { .. } => panic!("still pending"),
    }
}

#[tokio::test]
async fn an_approval_that_another_device_gave_can_be_reported_and_stays_as_it_was() {
    let world = World::new().await;
    let (asked, device, request) = approved_elsewhere(&world).await;
    assert_eq!(reported_at(&world, &asked).await, None);
    let report = Report::of(&world, &device, &request);
    world.clock.advance(3600);
    let report = device.sign(&report.now(&world));
    let taken = world.gateway.decide(&report).await.result.unwrap();
    assert_eq!(taken.report, Some(LateReport::Taken));
    let told = receipt(&world, device.id.as_str(), &taken.receipt);
    assert_eq!((told.outcome, &told.txn), (How::Approved, &asked.txn));
    assert_ne!(told.decided_by, Some(device.id.clone()));
    assert_eq!(ended(&world, &asked).await.outcome, How::Approved);
    assert_eq!(reported_at(&world, &asked).await, Some(world.clock.now()));
    assert_eq!(late_entries(&world.events().await), 1);
}

#[tokio::test]
async fn a_denial_can_be_reported_by_the_device_that_gave_it() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let request = world.request(&device, &asked.txn).await;
    world.decide(&device, &asked, Verdict::Deny).await.unwrap();
    let report = world.decision(&device, &request, Verdict::Report, None);
    let told = world.send(&device, &report).await.unwrap();
    assert_eq!(receipt(&world, device.id.as_str(), &told).outcome, How::Denied);
    assert_eq!(ended(&world, &asked).await.outcome, How::Denied);
    assert_eq!(reported_at(&world, &asked).await, Some(world.clock.now()));
}

#[tokio::test]
async fn a_device_reports_once_however_often_it_says_so() {
    let world = World::new().await;
    let (asked, device, request) = approved_elsewhere(&world).await;
    let first = device.sign(&world.decision(&device, &request, Verdict::Report, None));
    let taken = world.gateway.decide(&first).await.result.unwrap();
    let at = world.clock.now();
    world.clock.advance(30);
    let again = world.gateway.decide(&first).await.result.unwrap();
    assert_eq!(
        (again.report, &taken.report),
        (Some(LateReport::Taken), &again.report)
    );
    let second = device.sign(&world.decision(&device, &request, Verdict::Report, None));
    let world = world.restarted().await;
    assert_eq!(
        world.gateway.decide(&second).await.result.unwrap().report,
        Some(LateReport::Taken)
    );
    assert_eq!(reported_at(&world, &asked).await, Some(at));
    assert_eq!(late_entries(&world.events().await), 1);
}

#[tokio::test]
async fn a_report_that_arrives_after_the_expiry_that_nobody_noticed_is_taken() {
    let world = World::new().await;
    let device = world.device("ada").await;
    let asked = world.ask("ada").await;
    let request = world.request(&device, &asked.txn).await;
    let report = Report::of(&world, &device, &request);
    world.clock.advance(121);
    let report = device.sign(&report.now(&world));
    let taken = world.gateway.decide(&report).await.result.unwrap();
    assert_eq!(taken.report, Some(LateReport::Taken));
    assert_eq!(ended(&world, &asked).await.outcome, How::Expired);
    assert_eq!(reported_at(&world, &asked).await, Some(world.clock.now()));
}

#[tokio::test]
async fn a_report_is_taken_for_a_day_after_the_end() {
    for (seconds, in_time) in [(86_400, true), (86_401, false)] {
        let world = World::new().await;
        let (asked, device, request) = approved_elsewhere(&world).await;
        let report = Report::of(&world, &device, &request);
        world.clock.advance(seconds);
        let sent = world.send(&device, &report.now(&world)).await;
        assert_eq!(sent.is_ok(), in_time, "{seconds}");
        if !in_time {
            let refused = refusal(sent);
            assert_eq!(refused.code, ErrorCode::AlreadyDecided);
            assert!(refused.receipt.is_some(), "it says how it ended");
        }
        assert_eq!(reported_at(&world, &asked).await.is_some(), in_time);
    }
}

#[tokio::test]
async fn nothing_but_a_report_is_taken_after_the_end() {
    let world = World::new().await;
    let (asked, device, request) = approved_elsewhere(&world).await;
    let deny = world.decision(&device, &request, Verdict::Deny, None);
    assert_eq!(
        refusal(world.send(&device, &deny).await).code,
        ErrorCode::AlreadyDecided
    );
    assert_eq!(reported_at(&world, &asked).await, None);
}

#[tokio::test]
async fn a_late_report_is_checked_like_any_decision() {
    let world = World::new().await;
    let (asked, device, request) = approved_elsewhere(&world).await;
    let stranger = world.device("bob").await;
    let right = world.decision(&device, &request, Verdict::Report, None);
    let wrong = [
        (
            "of another user",
            &stranger,
            ApprovalDecision {
                iss: stranger.id.clone(),
                ..right.clone()
            },
            ErrorCode::NotFound,
        ),
        (
            "with another nonce",
            &device,
            ApprovalDecision {
                nonce: Nonce::from_random([9; 16]),
                ..right.clone()
            },
            ErrorCode::InvalidMessage,
        ),
        (
            "over another statement",
            &device,
            ApprovalDecision {
                statement_hash: right.request_hash.clone(),
                ..right.clone()
            },
            ErrorCode::InvalidMessage,
        ),
        (
            "of no approval",
            &device,
            ApprovalDecision {
                txn: Txn::from_random([9; 16]),
                ..right.clone()
            },
            ErrorCode::NotFound,
        ),
    ];
    for (what, sender, decision, code) in wrong {
        let decision = ApprovalDecision {
            jti: jti(),
            ..decision
        };
        assert_eq!(refusal(world.send(sender, &decision).await).code, code, "{what}");
    }
    let later = Report::of(&world, &device, &request);
    world.clock.advance(121);
    let stale = refusal(world.send(&device, &right).await);
    assert_eq!(
        stale.code,
        ErrorCode::Stale,
        "its own times count, whenever the approval ended"
    );
    assert_eq!(reported_at(&world, &asked).await, None);

    let fresh = later.now(&world);
    world.send(&device, &fresh).await.unwrap();
    let used = ApprovalDecision { jti: jti(), ..fresh };
    assert_eq!(
        refusal(world.send(&device, &used).await).code,
        ErrorCode::CounterRegression
    );
}

#[tokio::test]
async fn late_reports_are_limited_and_those_of_pending_approvals_are_not() {
    let world = World::new().await;
    let (_, device, request) = approved_elsewhere(&world).await;
    for _ in 0..LATE_REPORTS {
        let report = world.decision(&device, &request, Verdict::Report, None);
        world.send(&device, &report).await.unwrap();
    }
    let report = world.decision(&device, &request, Verdict::Report, None);
    let refused = refusal(world.send(&device, &report).await);
    assert_eq!(refused.code, ErrorCode::RateLimited);
    assert!(refused.retry_after.is_some());
    let asked = world.ask("ada").await;
    world.decide(&device, &asked, Verdict::Report).await.unwrap();
    assert_eq!(ended(&world, &asked).await.outcome, How::Reported);
}

#[tokio::test]
async fn a_forgotten_approval_is_unknown() {
    let world = World::new().await;
    let (_, device, request) = approved_elsewhere(&world).await;
    let report = Report::of(&world, &device, &request);
    world.clock.advance(3600);
    world.gateway.store().prune(world.clock.now()).await.unwrap();
    assert_eq!(
        refusal(world.send(&device, &report.now(&world)).await).code,
        ErrorCode::NotFound
    );
}
