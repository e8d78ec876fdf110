//! Segments on disk: order, pages, filters, damage, age.

use countersign_agent_api::{Line as Shown, LineValue, Outcome, ReceiptState, frame};

use super::*;

/// 2026-11-18 and one calendar month.
const NOVEMBER: i64 = 1_795_000_000;
const MONTH: i64 = 30 * 86_400;

fn record(id: &str, at: i64) -> Record {
    Record {
        account: AccountId("a1".into()),
        entry: HistoryEntry {
            id: RequestId(id.into()),
            txn: format!("txn_{id}"),
            at,
            account: AccountId("a1".into()),
            issuer_name: "Alder Group".into(),
            account_label: "mara".into(),
            client_name: "Treasury Portal".into(),
            lines: Vec::new(),
            outcome: Outcome::Approved,
            by_this_device: true,
            device_name: None,
            receipt: ReceiptState::None,
            reported_at: None,
        },
        evidence: None,
    }
}

fn opened() -> (tempfile::TempDir, History) {
    let home = tempfile::tempdir().unwrap();
    let history = History::open(home.path(), 24).unwrap();
    (home, history)
}

fn ids(page: &HistoryPage) -> Vec<&str> {
    page.entries.iter().map(|entry| entry.id.0.as_str()).collect()
}

#[test]
fn the_newest_comes_first_across_months() {
    let (_home, mut history) = opened();
    for (id, at) in [("a", NOVEMBER), ("b", NOVEMBER + 1), ("c", NOVEMBER + MONTH)] {
        history.append(&record(id, at)).unwrap();
    }
    assert_eq!(
        history.segments().unwrap(),
        ["2026-11.001.jsonl", "2026-12.001.jsonl"]
    );
    assert_eq!(
        ids(&history.page(10, None, &HistoryFilter::default()).unwrap()),
        ["c", "b", "a"]
    );
    assert_eq!(
        ids(&history
            .page(1, Some(&RequestId("c".into())), &HistoryFilter::default())
            .unwrap()),
        ["b"]
    );
    assert_eq!(
        ids(&history
            .page(10, Some(&RequestId("a".into())), &HistoryFilter::default())
            .unwrap()),
        [] as [&str; 0]
    );
}

#[test]
fn a_later_record_of_a_request_replaces_the_earlier_one() {
    let (_home, mut history) = opened();
    let mut expired = record("a", NOVEMBER);
    expired.entry.outcome = Outcome::Expired;
    history.append(&expired).unwrap();
    history.append(&record("b", NOVEMBER)).unwrap();
    history.append(&record("a", NOVEMBER)).unwrap();
    assert_eq!(
        ids(&history.page(10, None, &HistoryFilter::default()).unwrap()),
        ["b", "a"]
    );
    assert_eq!(
        history
            .find(&RequestId("a".into()))
            .unwrap()
            .unwrap()
            .entry
            .outcome,
        Outcome::Approved
    );
    assert!(history.find(&RequestId("c".into())).unwrap().is_none());
}

#[test]
fn a_report_does_not_move_an_entry_in_time() {
    let (_home, mut history) = opened();
    for (id, at) in [("a", NOVEMBER), ("b", NOVEMBER + 1), ("c", NOVEMBER + 2)] {
        history.append(&record(id, at)).unwrap();
    }
    let mut reported = record("b", NOVEMBER + 1);
    reported.entry.reported_at = Some(NOVEMBER + 9);
    history.append(&reported).unwrap();
    let page = history.page(10, None, &HistoryFilter::default()).unwrap();
    assert_eq!(ids(&page), ["c", "b", "a"]);
    assert_eq!(page.entries[1].reported_at, Some(NOVEMBER + 9));
    let older = history
        .page(10, Some(&RequestId("b".into())), &HistoryFilter::default())
        .unwrap();
    assert_eq!(ids(&older), ["a"]);
    assert_eq!(history.find(&RequestId("b".into())).unwrap(), Some(reported));
}

#[test]
fn half_a_line_at_the_end_is_left_and_not_written_upon() {
    let (_home, mut history) = opened();
    history.append(&record("a", NOVEMBER)).unwrap();
    let torn = history.dir.join("2026-11.001.jsonl");
    let mut text = fs::read_to_string(&torn).unwrap();
    text.push_str("{\"v\":1,\"rec");
    fs::write(&torn, &text).unwrap();
    history.append(&record("b", NOVEMBER)).unwrap();
    assert_eq!(fs::read_to_string(&torn).unwrap(), text);
    assert_eq!(
        ids(&history.page(10, None, &HistoryFilter::default()).unwrap()),
        ["b", "a"]
    );
}

#[test]
fn a_damaged_line_is_named_and_left() {
    let (_home, mut history) = opened();
    history.append(&record("a", NOVEMBER)).unwrap();
    let path = history.dir.join("2026-11.001.jsonl");
    for damage in ["nonsense\n", "{\"v\":2,\"record\":{}}\n", "{\"v\":1}\n"] {
        let good = serde_json::to_string(&Line {
            v: VERSION,
            record: record("a", NOVEMBER),
        })
        .unwrap();
        let text = format!("{good}\n{damage}");
        fs::write(&path, &text).unwrap();
        let error = history.page(10, None, &HistoryFilter::default()).unwrap_err();
        assert!(matches!(error, HistoryError::Damaged { line: 2, .. }), "{error}");
        history.append(&record("b", NOVEMBER + MONTH)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn old_months_go_by_the_newest_and_not_by_the_clock() {
    let (home, _) = opened();
    let mut history = History::open(home.path(), 2).unwrap();
    for month in 0..4 {
        history
            .append(&record(&format!("m{month}"), NOVEMBER + month * MONTH))
            .unwrap();
    }
    assert_eq!(
        history.segments().unwrap(),
        ["2027-01.001.jsonl", "2027-02.001.jsonl"]
    );
}

#[test]
fn a_full_segment_is_followed_by_the_next() {
    let (_home, mut history) = opened();
    history.append(&record("a", NOVEMBER)).unwrap();
    let first = OpenOptions::new()
        .write(true)
        .open(history.dir.join("2026-11.001.jsonl"))
        .unwrap();
    first.set_len(SEGMENT_LIMIT).unwrap();
    history.append(&record("b", NOVEMBER)).unwrap();
    assert_eq!(history.segments().unwrap().len(), 2);
}

#[test]
fn segments_are_private() {
    use std::os::unix::fs::MetadataExt as _;
    let (_home, mut history) = opened();
    history.append(&record("a", NOVEMBER)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&history.dir), 0o700);
    assert_eq!(mode(&history.dir.join("2026-11.001.jsonl")), 0o600);
}

#[test]
fn entries_that_did_not_name_their_account_are_read() {
    let (_home, mut history) = opened();
    history.append(&record("a", NOVEMBER)).unwrap();
    let path = history.dir.join("2026-11.001.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let old = text.replacen("\"account\":\"a1\",", "", 1);
    assert_ne!(old, text);
    fs::write(&path, old).unwrap();
    let found = history.find(&RequestId("a".into())).unwrap().unwrap();
    assert_eq!(found.entry.account, AccountId("a1".into()));
}

#[test]
fn a_page_holds_only_what_passes_the_filter() {
    let (_home, mut history) = opened();
    let mut payment = record("a", NOVEMBER);
    payment.entry.lines = vec![Shown {
        key: "payment.amount".into(),
        name: None,
        value: LineValue::Amount {
            amount: "4250.00".into(),
            currency: "EUR".into(),
        },
    }];
    let mut denied = record("b", NOVEMBER + MONTH);
    denied.entry.outcome = Outcome::Denied;
    denied.entry.device_name = Some("Mara’s Büro".into());
    let mut other = record("c", NOVEMBER + MONTH);
    other.entry.account = AccountId("b2".into());
    for record in [&payment, &denied, &other] {
        history.append(record).unwrap();
    }
    let found = |filter: HistoryFilter| {
        let page = history.page(10, None, &filter).unwrap();
        page.entries
            .into_iter()
            .map(|entry| entry.id.0)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let text = |text: &str| HistoryFilter {
        text: Some(text.into()),
        ..HistoryFilter::default()
    };
    assert_eq!(found(HistoryFilter::default()), "c b a");
    for (words, ids) in [
        ("TREASURY", "c b a"),
        ("alder", "c b a"),
        ("büro", "b"),
        ("4250.00 eur", "a"),
        ("4,250", "a"),
        ("amount", "a"),
        ("  4250 ", "a"),
        ("payment.amount", ""),
        ("", "c b a"),
    ] {
        assert_eq!(found(text(words)), ids, "{words}");
    }
    let denied = HistoryFilter {
        outcome: Some(Outcome::Denied),
        ..HistoryFilter::default()
    };
    assert_eq!(found(denied.clone()), "b");
    let of_account = HistoryFilter {
        account: Some(AccountId("b2".into())),
        ..HistoryFilter::default()
    };
    assert_eq!(found(of_account), "c");
    assert_eq!(
        found(HistoryFilter {
            account: Some(AccountId("b2".into())),
            ..denied
        }),
        ""
    );
}

#[test]
fn a_filtered_page_is_filled_from_older_months_and_goes_on_where_it_ended() {
    let (_home, mut history) = opened();
    for number in 0..6 {
        let mut record = record(&number.to_string(), NOVEMBER + number * MONTH);
        if number % 2 == 0 {
            record.entry.outcome = Outcome::Denied;
        }
        history.append(&record).unwrap();
    }
    let denied = HistoryFilter {
        outcome: Some(Outcome::Denied),
        ..HistoryFilter::default()
    };
    assert_eq!(ids(&history.page(2, None, &denied).unwrap()), ["4", "2"]);
    let before = RequestId("2".into());
    assert_eq!(ids(&history.page(2, Some(&before), &denied).unwrap()), ["0"]);
}

#[test]
fn a_page_of_long_entries_fits_a_frame_and_the_rest_follows() {
    let (_home, mut history) = opened();
    for number in 0..30 {
        let mut long = record(&number.to_string(), NOVEMBER + number);
        long.entry.lines = vec![Shown {
            key: "message".into(),
            name: None,
            value: LineValue::Text("\"".repeat(40_000)),
        }];
        history.append(&long).unwrap();
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = history
            .page(200, before.as_ref(), &HistoryFilter::default())
            .unwrap();
        assert!(frame::size(&page).unwrap() < frame::MAX_FRAME - 1024);
        seen.extend(page.entries.iter().map(|entry| entry.id.0.clone()));
        before = page.entries.last().map(|entry| entry.id.clone());
        if !page.more {
            break;
        }
        assert!(page.entries.len() < 20 && !page.entries.is_empty());
    }
    let all: Vec<_> = (0..30).rev().map(|number| number.to_string()).collect();
    assert_eq!(seen, all);
}

#[test]
fn all_records_come_once_in_pages_that_fit_a_frame() {
    let (_home, mut history) = opened();
    let mut wanted = Vec::new();
    for month in 0..3 {
        for number in 0..90 {
            let id = format!("m{month}n{number}");
            let mut record = record(&id, NOVEMBER + month * MONTH + number);
            record.entry.issuer_name = "x".repeat(12_000);
            history.append(&record).unwrap();
            wanted.insert(0, id);
        }
    }
    let filter = HistoryFilter::default();
    let (mut found, mut from, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = history.records_from(from.as_ref(), &filter).unwrap();
        assert!(frame::size(&page).unwrap() <= frame::MAX_FRAME);
        found.extend(page.records.into_iter().map(|record| record.entry.id.0));
        pages += 1;
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    assert_eq!(found, wanted);
    assert!(pages > 1, "all fitted one frame");
}

#[test]
fn records_go_on_behind_a_segment_that_is_gone() {
    let (_home, mut history) = opened();
    for (id, at) in [("a", NOVEMBER), ("b", NOVEMBER + 2 * MONTH)] {
        history.append(&record(id, at)).unwrap();
    }
    let gone = RecordsCursor {
        part: "2026-12.001.jsonl".into(),
        given: 1,
    };
    let page = history
        .records_from(Some(&gone), &HistoryFilter::default())
        .unwrap();
    let ids: Vec<_> = page
        .records
        .iter()
        .map(|record| record.entry.id.0.as_str())
        .collect();
    assert_eq!((ids, page.next), (vec!["a"], None));
}
