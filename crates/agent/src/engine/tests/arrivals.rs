//! Requests arrive: once each, in bounded number, bursts held back; and they end, by the issuer's word or the clock.

use countersign_agent_api::{Outcome as ApiOutcome, ReceiptState, frame};

use super::{
    issuer::{CODE, asked},
    *,
};
use crate::channel::VerifiedRequest;
use crate::engine::{
    inbox::{BURST, GRACE, LINGER, MAX_TURNED_AWAY, MAX_WAITING, WINDOW},
    views::fitting,
};

fn txn(bench: &Bench, id: &RequestId) -> countersign_protocol::Txn {
    bench.engine.inbox.get(id).unwrap().claims().txn.clone()
}

#[test]
fn a_request_delivered_twice_is_one_request() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let again = bench.issuer.again(&txn(&bench, &id));
    bench.channel(ChannelEvent::Request(Box::new(again)));
    assert_eq!(bench.engine.request_views(bench.now).len(), 1);
}

#[test]
fn another_text_under_the_same_transaction_changes_nothing() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let before = bench.view(&id);
    let mut claims = asked(&bench.issuer.again(&txn(&bench, &id)));
    claims.binding_message = Some("Something else".into());
    let other = bench.issuer.signed(claims);
    bench.channel(ChannelEvent::Request(Box::new(other)));
    assert_eq!(bench.view(&id), before);
}

#[test]
fn views_show_this_computers_clock() {
    let mut bench = Bench::new();
    let id = bench.payment();
    assert_eq!(bench.view(&id).issued_at, START);
    assert_eq!(bench.view(&id).expires_at, Some(START + 120));
}

#[test]
fn a_burst_is_held_back_behind_one_notice() {
    let mut bench = Bench::new();
    for _ in 0..50 {
        let request = bench
            .issuer
            .request(Requires::default(), "Backup Console", bench.now + OFFSET);
        bench.channel(ChannelEvent::Request(Box::new(request)));
    }
    assert_eq!(bench.engine.request_views(bench.now).len(), BURST);
    let held = bench.engine.status_view().held_back;
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].count as usize, 50 - BURST);
    assert_eq!(bench.engine.inbox.iter().count(), MAX_WAITING);
    assert_eq!(bench.desktop().len(), 2);
    assert_eq!(bench.launches().len(), BURST);
    let other = bench.engine.inbox.iter().count();
    bench.pass(WINDOW);
    assert_eq!(bench.engine.inbox.iter().count(), other);
}

/// So many requests of one client.
fn flood(bench: &mut Bench, many: usize) -> Vec<VerifiedRequest> {
    let now = bench.now + OFFSET;
    let template = bench.issuer.request(Requires::default(), "Backup Console", now);
    let numbered = |number: usize| {
        let mut request = template.clone();
        let mut bits = [0xff; 16];
        bits[..8].copy_from_slice(&number.to_be_bytes());
        request.claims.txn = countersign_protocol::Txn::from_random(bits);
        request
    };
    (0..many).map(numbered).collect()
}

/// As a server that is polled does.
fn deliver_all(bench: &mut Bench, requests: &[VerifiedRequest]) {
    for request in requests {
        bench.channel(ChannelEvent::Request(Box::new(request.clone())));
    }
}

fn held_back(bench: &Bench) -> HeldBack {
    let mut held = bench.engine.status_view().held_back;
    assert_eq!(held.len(), 1);
    held.remove(0)
}

#[test]
fn what_is_delivered_again_and_again_is_counted_once_as_held_back() {
    let mut bench = Bench::new();
    let requests = flood(&mut bench, 51);
    deliver_all(&mut bench, &requests[..50]);
    let held = held_back(&bench);
    assert_eq!(held.count as usize, 50 - BURST);
    for _ in 0..20 {
        bench.pass(3);
        deliver_all(&mut bench, &requests[..50]);
        assert_eq!(held_back(&bench), held, "neither more of them nor for longer");
    }
    deliver_all(&mut bench, &requests);
    assert_eq!(held_back(&bench).count, held.count + 1);

    // Nor once more when there is room for it.
    let others = requests[1..].iter().map(|request| request.claims.txn.clone());
    bench.channel(ChannelEvent::Listed(others.collect()));
    assert_eq!(bench.engine.inbox.iter().count(), MAX_WAITING - 1);
    deliver_all(&mut bench, &requests[50..]);
    assert_eq!(bench.engine.inbox.iter().count(), MAX_WAITING);
    assert_eq!(held_back(&bench).count, held.count + 1);
}

#[test]
fn of_what_found_no_room_only_so_much_is_remembered() {
    let mut bench = Bench::new();
    let many = MAX_WAITING + MAX_TURNED_AWAY + 10;
    let requests = flood(&mut bench, many);
    deliver_all(&mut bench, &requests);
    assert_eq!(held_back(&bench).count as usize, many - BURST);
    let remembered = bench.engine.inbox.held().map(|(_, held)| held.turned_away.len());
    assert_eq!(remembered.collect::<Vec<_>>(), [MAX_TURNED_AWAY]);
}

#[test]
fn what_a_frame_does_not_hold_is_left_out_ended_ones_first() {
    let mut bench = Bench::new();
    let mut long = bench.engine.request_views(bench.now);
    assert_eq!(long, []);
    let template = {
        let id = bench.payment();
        bench.view(&id)
    };
    let at = bench.now;
    let ended = RequestState::Ended {
        outcome: ApiOutcome::Denied,
        at,
        by_this_device: true,
        device_name: None,
        receipt: ReceiptState::None,
        muted_until: None,
        code: None,
        reported_at: None,
    };
    for number in 0..40 {
        long.push(RequestView {
            id: RequestId(number.to_string()),
            raw_details: "\"".repeat(25_000),
            state: if number % 2 == 0 {
                ended.clone()
            } else {
                RequestState::Pending
            },
            ..template.clone()
        });
    }
    let ids =
        |views: &[RequestView]| -> Vec<usize> { views.iter().map(|v| v.id.0.parse().unwrap()).collect() };
    let fits = fitting(long.clone());
    assert!(frame::size(&fits).unwrap() < frame::MAX_FRAME - 1024);
    // Nineteen have room: the oldest that wait, in their order.
    assert_eq!(
        ids(&fits),
        (0..19).map(|number| 2 * number + 1).collect::<Vec<_>>()
    );
    long.truncate(30);
    // Of fifteen that wait none is left out; the others are those that ended last.
    assert_eq!(
        ids(&fitting(long)),
        (0..30).filter(|n| n % 2 == 1 || *n > 21).collect::<Vec<_>>()
    );
}

#[test]
fn answered_requests_are_no_burst() {
    let mut bench = Bench::new();
    for _ in 0..3 * BURST {
        let id = bench.payment();
        let answer = bench.approve(&id, CODE);
        bench.deliver(&id, &answer);
    }
    assert_eq!(bench.engine.status_view().held_back, []);
    assert_eq!(bench.issuer.recorded.len(), 3 * BURST);
}

#[test]
fn a_client_that_keeps_quiet_for_a_minute_is_shown_again() {
    let mut bench = Bench::new();
    for _ in 0..=BURST {
        bench.payment();
    }
    assert_eq!(bench.engine.status_view().held_back.len(), 1);
    bench.pass(120 + GRACE);
    assert_eq!(bench.engine.status_view().held_back, []);
    let id = bench.payment();
    assert!(
        bench
            .engine
            .request_views(bench.now)
            .iter()
            .any(|view| view.id == id)
    );
}

#[test]
fn a_cancelled_request_goes_and_leaves_a_record() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let txn = txn(&bench, &id);
    let receipt = bench.issuer.close(&txn, Outcome::Cancelled, bench.now + OFFSET);
    bench.channel(ChannelEvent::Closed(Box::new(receipt)));
    assert!(matches!(
        bench.state(&id),
        RequestState::Ended {
            outcome: ApiOutcome::Cancelled,
            receipt: ReceiptState::Verified,
            ..
        }
    ));
    bench.disk.records[0].evidence.clone().unwrap().verify().unwrap();
    bench.pass(LINGER);
    assert_eq!(bench.engine.inbox.iter().count(), 0);
}

#[test]
fn another_devices_answer_ends_it_here_under_that_devices_name() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let txn = txn(&bench, &id);
    let receipt = bench
        .issuer
        .decided_elsewhere(&txn, Outcome::Approved, bench.now + OFFSET);
    bench.channel(ChannelEvent::Closed(Box::new(receipt)));
    assert!(matches!(
        bench.state(&id),
        RequestState::Ended { by_this_device: false, device_name: Some(name), .. } if name == "Mara’s workstation"
    ));
    bench.disk.records[0].evidence.clone().unwrap().verify().unwrap();
}

#[test]
fn the_loser_of_a_race_is_told_who_won() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let answer = bench.approve(&id, CODE);
    bench
        .issuer
        .decided_elsewhere(&answer.txn, Outcome::Denied, bench.now + OFFSET);
    bench.deliver(&id, &answer);
    assert!(matches!(
        bench.state(&id),
        RequestState::Ended {
            outcome: ApiOutcome::Denied,
            by_this_device: false,
            device_name: Some(_),
            ..
        }
    ));
    assert_eq!(bench.disk.outbox.answers, []);
}

#[test]
fn without_the_issuers_word_a_request_is_shown_as_expired_and_a_later_receipt_corrects_it() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let txn = txn(&bench, &id);
    bench.pass(120 + GRACE - 1);
    assert_eq!(bench.state(&id), RequestState::Pending);
    bench.pass(1);
    assert!(matches!(
        bench.state(&id),
        RequestState::Ended { outcome: ApiOutcome::Expired, receipt: ReceiptState::None, at, .. }
            if at == START + 120
    ));
    bench.pass(3600);
    assert_eq!(bench.engine.request_views(bench.now), []);
    let receipt = bench
        .issuer
        .decided_elsewhere(&txn, Outcome::Approved, START + OFFSET + 119);
    bench.channel(ChannelEvent::Closed(Box::new(receipt)));
    let outcomes: Vec<_> = bench
        .disk
        .records
        .iter()
        .map(|record| record.entry.outcome)
        .collect();
    assert_eq!(outcomes, [ApiOutcome::Expired, ApiOutcome::Approved]);
    assert_eq!(bench.disk.records[1].entry.receipt, ReceiptState::Verified);
}

#[test]
fn an_issuers_word_is_final() {
    let mut bench = Bench::new();
    let id = bench.payment();
    let txn = txn(&bench, &id);
    let first = bench.issuer.close(&txn, Outcome::Cancelled, bench.now + OFFSET);
    bench.channel(ChannelEvent::Closed(Box::new(first)));
    let second = bench
        .issuer
        .decided_elsewhere(&txn, Outcome::Approved, bench.now + OFFSET);
    bench.channel(ChannelEvent::Closed(Box::new(second)));
    assert!(matches!(
        bench.state(&id),
        RequestState::Ended {
            outcome: ApiOutcome::Cancelled,
            ..
        }
    ));
    assert_eq!(bench.disk.records.len(), 1);
}

#[test]
fn a_receipt_for_an_unknown_request_is_ignored() {
    let mut bench = Bench::new();
    let request = bench
        .issuer
        .request(Requires::default(), "Wiki", bench.now + OFFSET);
    let receipt = bench
        .issuer
        .close(&request.claims.txn, Outcome::Cancelled, bench.now + OFFSET);
    bench.channel(ChannelEvent::Closed(Box::new(receipt)));
    assert_eq!(bench.engine.request_views(bench.now), []);
    assert_eq!(bench.disk.records, []);
}

#[test]
fn after_a_suspend_stale_requests_are_gone_at_the_first_look_at_the_clock() {
    let mut bench = Bench::new();
    let id = bench.payment();
    assert!(bench.engine.watches_the_clock());
    bench.pass(8 * 3600);
    assert!(matches!(
        bench.state(&id),
        RequestState::Ended {
            outcome: ApiOutcome::Expired,
            ..
        }
    ));
    assert_eq!(
        bench
            .desktop()
            .values()
            .filter(|n| n.title == "Approval request")
            .count(),
        0
    );
    assert!(!bench.engine.watches_the_clock());
}

#[test]
fn the_next_wake_is_never_in_the_past() {
    let mut bench = Bench::new();
    for _ in 0..8 {
        bench.payment();
    }
    for _ in 0..400 {
        let Some(at) = bench.engine.next_wake(bench.now) else {
            return;
        };
        assert!(at > bench.now);
        bench.now = at;
        bench.event(Event::Tick);
    }
    panic!("it never comes to rest");
}
