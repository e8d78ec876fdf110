//! How often a server is asked, over which connection, at what time, and what is said when that fails.

use super::*;
use crate::{channel::Polled, net::NetError};

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_servers() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    let binding = computer.enrol(&server).await;
    drop(computer);
    let late = Computer {
        ..Computer::new(&server, 600)
    };
    // The same key, on a computer whose clock is ten minutes behind.
    let binding = Binding {
        key: late.key().await,
        ..binding
    };
    server.take_key(&binding.key);
    let mut line = Line::open(&late, binding);
    match line.next().await {
        ChannelEvent::Offset(offset) => assert_eq!(offset, 600),
        other => panic!("{other:?}"),
    }
    server.challenge(1, None);
    line.request().await;
}

#[tokio::test]
async fn a_servers_trouble_is_told_and_passes() {
    let server = FakeServer::start().await;
    let (_computer, mut line) = enrolled(&server).await;
    for trouble in ["500", "large", "html"] {
        server.trouble(trouble);
        let (_, problem) = line.failed().await;
        match problem {
            ChannelProblem::Net(NetError::Status { status: 500, .. }) if trouble == "500" => {}
            ChannelProblem::Net(NetError::TooLarge(_)) if trouble == "large" => {}
            ChannelProblem::Protocol(_) if trouble == "html" => {}
            other => panic!("{trouble}: {other:?}"),
        }
        server.trouble("");
        line.subscription.handle.retry();
        line.health(|health| matches!(health, Health::Connected(_))).await;
    }
    server.forget_key();
    line.health(|health| {
        matches!(
            health,
            Health::Retrying {
                problem: ChannelProblem::ProofRefused,
                ..
            }
        )
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_closed_in_the_moment_of_asking_is_no_trouble() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    let binding = computer.enrol(&server).await;
    server.answers_once_a_connection();
    let mut line = Line::open(&computer, binding);
    line.health(|health| matches!(health, Health::Connected(_))).await;
    let before = server.connections();
    server.challenge(1, None);
    let events = &mut line.subscription.events;
    loop {
        match timeout(Duration::from_secs(20), events.recv()).await {
            Ok(Some(ChannelEvent::Listed(_))) => {}
            Ok(Some(ChannelEvent::Request(_))) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(server.connections() > before, "nothing was closed");
}

#[tokio::test]
async fn a_server_in_trouble_is_not_asked_more_often_than_one_that_is_well() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    let mut binding = computer.enrol(&server).await;
    binding.poll(Polled { chosen: Some(45) });
    let mut line = Line::open(&computer, binding);
    server.trouble("500");
    let (wait, _) = line.failed().await;
    assert!(wait >= Duration::from_secs(45), "{wait:?}");
}

#[tokio::test]
async fn a_server_that_says_no_is_asked_less_and_less() {
    for trouble in ["forbidden", "unknown"] {
        let server = FakeServer::start().await;
        let (_computer, mut line) = enrolled(&server).await;
        line.health(|health| matches!(health, Health::Connected(_))).await;
        match trouble {
            "forbidden" => server.trouble(trouble),
            _ => server.forget_key(),
        }
        let mut waits = Vec::new();
        for _ in 0..7 {
            // Who wants to know does not wait.
            let (wait, problem) = line.failed().await;
            match problem {
                ChannelProblem::Forbidden if trouble == "forbidden" => {}
                ChannelProblem::ProofRefused if trouble == "unknown" => {}
                other => panic!("{trouble}: {other:?}"),
            }
            waits.push(wait.as_secs() / 60);
        }
        // Each is shortened by up to a half.
        let enough = waits.iter().zip([0, 1, 2, 4, 8, 16, 30]);
        assert!(enough.clone().all(|(wait, least)| *wait >= least), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= 60), "{waits:?}");
    }
}

#[tokio::test]
async fn an_answer_does_not_wait_for_a_poll() {
    let server = FakeServer::start().await;
    let (computer, mut line) = enrolled(&server).await;
    server.challenge(1, None);
    let request = line.request().await;
    server.hold_polls();
    server.holds_a_poll().await;
    let answer = computer.answer(&line, &request, decision(Verdict::Approve));
    // A poll may take 15 s.
    let outcome = timeout(Duration::from_secs(10), answer).await;
    assert!(
        matches!(outcome, Ok(DecisionOutcome::Taken { .. })),
        "{outcome:?}"
    );
    server.let_polls_through();
    server.challenge(2, None);
    line.request().await;
}

#[tokio::test]
async fn a_poll_that_waits_for_its_turn_says_the_time_at_which_it_leaves() {
    let server = FakeServer::start().await;
    let (computer, mut first) = enrolled(&server).await;
    first
        .health(|health| matches!(health, Health::Connected(_)))
        .await;
    server.hold_polls();
    server.holds_a_poll().await;
    let mut second = Line::open(&computer, first.binding.clone());
    second.health(|health| matches!(health, Health::Connecting)).await;
    computer.clock.0.fetch_add(30, Ordering::Relaxed);
    drop(first);
    server.let_polls_through();
    second
        .health(|health| matches!(health, Health::Connected(_)))
        .await;
    let later = countersign_privacyidea::poll::timestamp(NOW + 30);
    assert_eq!(server.polled(), later);
}

#[test]
fn an_idle_server_is_asked_half_as_often_and_at_least_once_a_minute() {
    let seconds = |every: u16| {
        let Timing { busy, idle, .. } = Timing::every(every);
        (busy.as_secs(), idle.as_secs())
    };
    assert_eq!(seconds(3), (3, 6));
    assert_eq!(seconds(45), (45, 60));
    assert_eq!(seconds(60), (60, 60));
}

#[tokio::test]
async fn who_wants_to_know_does_not_wait_for_the_next_turn() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    let mut binding = computer.enrol(&server).await;
    binding.poll(Polled { chosen: Some(60) });
    let mut line = Line::open(&computer, binding);
    line.health(|health| matches!(health, Health::Connected(_))).await;
    server.challenge(1, None);
    // Far sooner than in a minute: else the wait for an event runs out.
    line.subscription.handle.retry();
    line.request().await;
}

#[tokio::test]
async fn accounts_of_one_server_share_one_connection() {
    let server = FakeServer::start().await;
    let computer = Computer::new(&server, 0);
    let binding = computer.enrol(&server).await;
    let before = server.connections();
    let mut lines: Vec<Line> = (0..5).map(|_| Line::open(&computer, binding.clone())).collect();
    for line in &mut lines {
        line.health(|health| matches!(health, Health::Connected(_))).await;
    }
    server.challenge(1, None);
    for line in &mut lines {
        line.request().await;
    }
    assert_eq!(server.connections(), before + 1);
}
