//! Entries: what calls do to them, and what the clock does to their codes.

use countersign_agent_api::{CodeEdit, CodesClock, MAX_CODES};

use super::*;

fn edit(entry: &CodeEntry) -> CodeEdit {
    CodeEdit {
        issuer: entry.issuer.clone(),
        account: entry.account.clone(),
        tags: entry.tags.clone(),
        note: entry.note.clone(),
        pinned: entry.pinned,
    }
}

#[tokio::test]
async fn codes_are_those_of_the_standards_until_their_period_is_over() {
    let (mut desk, _) = Desk::new();
    let entry = desk.add("Example", TOTP).await;
    desk.clock.set(59_250);
    let ids = vec![entry.id];
    let shown = desk.shown(CodesRequest::Show { ids }).await.remove(0);
    // RFC 6238, appendix B.
    assert_eq!(shown.code, "94287082");
    assert_eq!(shown.until_ms, Some(60_000));
    desk.clock.set(60_000);
    assert_eq!(desk.code(&shown.id).await, shown.next.unwrap());
}

#[tokio::test]
async fn a_counter_goes_on_and_survives_a_restart() {
    let (mut desk, _) = Desk::new();
    let entry = desk.add("Door", HOTP).await;
    assert_eq!(desk.advance(&entry.id).await, COUNTED[0]);
    assert_eq!(desk.advance(&entry.id).await, COUNTED[1]);
    let mut desk = desk.restart().await;
    assert_eq!(desk.advance(&entry.id).await, COUNTED[2]);
    let ids = vec![entry.id.clone()];
    assert_eq!(desk.shown(CodesRequest::Show { ids }).await, []);
}

#[tokio::test]
async fn a_counter_whose_write_fails_shows_no_code_and_loses_none() {
    let (mut desk, _) = Desk::new();
    let id = desk.add("Door", HOTP).await.id;
    // A directory in the temporary file's place makes every attempt fail, whoever runs the test.
    let blocked = desk.path("codes.vault.new");
    std::fs::create_dir(&blocked).unwrap();
    let advance = CodesRequest::Advance { id: id.clone() };
    assert_eq!(desk.refusal(advance).await, ErrorCode::Storage);
    std::fs::remove_dir(&blocked).unwrap();
    assert_eq!(desk.advance(&id).await, COUNTED[0]);
}

#[tokio::test]
async fn a_change_that_cannot_be_written_is_not_made() {
    let (mut desk, _) = Desk::new();
    let kept = desk.add("Kept", TOTP).await;
    std::fs::create_dir(desk.path("codes.vault.new")).unwrap();
    let remove = CodesRequest::Remove { id: kept.id.clone() };
    assert_eq!(desk.refusal(remove).await, ErrorCode::Storage);
    assert_eq!(desk.issuers("").await, ["Kept"]);
    let restore = CodesRequest::Restore { id: kept.id };
    assert_eq!(desk.refusal(restore).await, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_copied_code_is_the_one_shown_and_is_taken_off_after_the_set_time() {
    let (mut desk, _) = Desk::new();
    let timed = desk.add("Example", TOTP).await.id;
    let code = desk.code(&timed).await;
    let reply = desk.call(CodesRequest::Copy { id: timed.clone() }).await.unwrap();
    let until = Some(NOW + 30);
    assert_eq!(reply, CodesReply::Copied { until });
    assert_eq!(desk.clipboard.held(), Some((code, Some(Duration::from_secs(30)))));
    let counted = desk.add("Door", HOTP).await.id;
    let copy = CodesRequest::Copy { id: counted.clone() };
    assert_eq!(desk.refusal(copy.clone()).await, ErrorCode::NotFound);
    let shown = desk.advance(&counted).await;
    desk.call(copy).await.unwrap();
    assert_eq!(desk.clipboard.held().unwrap().0, shown);
    desk.clipboard.take_away();
    let copy = CodesRequest::Copy { id: timed };
    assert_eq!(desk.refusal(copy).await, ErrorCode::ClipboardUnavailable);
}

#[tokio::test]
async fn a_code_that_is_not_the_vaults_is_copied_while_the_vault_is_closed() {
    let (mut desk, _) = Desk::new();
    let id = desk.tell(|call| Inbox::Copy {
        call,
        code: Zeroizing::new("42".to_owned()),
        clear_after: None,
    });
    assert_eq!(desk.answer(id).await.unwrap(), CodesReply::Copied { until: None });
    assert_eq!(desk.clipboard.held(), Some(("42".to_owned(), None)));
}

#[tokio::test]
async fn a_code_is_taken_off_the_clipboard_when_the_agent_ends() {
    let (mut desk, _) = Desk::new();
    let id = desk.add("Example", TOTP).await.id;
    desk.call(CodesRequest::Copy { id }).await.unwrap();
    let clipboard = Arc::clone(&desk.clipboard);
    assert!(clipboard.held().is_some());
    desk.restart().await;
    assert_eq!(clipboard.held(), None);
}

#[tokio::test]
async fn pinned_entries_come_first_and_others_keep_their_order() {
    let (mut desk, _) = Desk::new();
    for issuer in ["a", "b", "c", "d"] {
        desk.add(issuer, TOTP).await;
    }
    let entries = desk.page("").await.entries;
    for entry in [&entries[3], &entries[1]] {
        let edit = CodeEdit {
            pinned: true,
            ..edit(entry)
        };
        let id = entry.id.clone();
        assert!(desk.entry(CodesRequest::Edit { id, edit }).await.pinned);
    }
    assert_eq!(desk.issuers("").await, ["b", "d", "a", "c"]);
    let moved = |from: usize, before: Option<usize>| CodesRequest::Move {
        id: entries[from].id.clone(),
        before: before.map(|place| entries[place].id.clone()),
    };
    desk.call(moved(2, Some(0))).await.unwrap();
    assert_eq!(desk.issuers("").await, ["b", "d", "c", "a"]);
    desk.call(moved(1, None)).await.unwrap();
    assert_eq!(desk.issuers("").await, ["d", "b", "c", "a"]);
    assert_eq!(desk.refusal(moved(0, Some(1))).await, ErrorCode::InvalidValue);
    let mut desk = desk.restart().await;
    assert_eq!(desk.issuers("").await, ["d", "b", "c", "a"]);
}

#[tokio::test]
async fn what_is_renamed_and_tagged_is_found_by_it() {
    let (mut desk, _) = Desk::new();
    let entry = desk.add("Exampel", TOTP).await;
    desk.add("Other", TOTP).await;
    let id = entry.id.clone();
    let edit = CodeEdit {
        issuer: "Örtliche Bank".into(),
        tags: vec!["Work".into(), "Money".into(), "Work".into()],
        note: "two\nlines".into(),
        ..edit(&entry)
    };
    let edited = desk.entry(CodesRequest::Edit { id, edit }).await;
    assert_eq!(edited.tags, ["Money", "Work"]);
    assert_eq!(edited.id, entry.id);
    assert_eq!(desk.issuers("ortliche").await, ["Örtliche Bank"]);
    let list = CodesRequest::List {
        query: String::new(),
        tag: Some("Work".into()),
        from: 0,
        limit: 10,
    };
    let CodesReply::Page(page) = desk.call(list).await.unwrap() else {
        panic!()
    };
    assert_eq!((page.total, page.entries), (1, vec![edited]));
    assert_eq!(desk.view().await.tags, ["Money", "Work"]);
}

#[tokio::test]
async fn a_deleted_entry_comes_back_to_its_place_for_a_minute() {
    let (mut desk, _) = Desk::new();
    for issuer in ["a", "b", "c"] {
        desk.add(issuer, TOTP).await;
    }
    let id = desk.page("").await.entries[1].id.clone();
    let remove = CodesRequest::Remove { id: id.clone() };
    let restore = CodesRequest::Restore { id };
    let undo_until = NOW + 60;
    assert_eq!(
        desk.call(remove.clone()).await.unwrap(),
        CodesReply::Removed { undo_until }
    );
    assert_eq!(desk.issuers("").await, ["a", "c"]);
    desk.clock.pass(59);
    assert_eq!(desk.entry(restore.clone()).await.issuer, "b");
    assert_eq!(desk.issuers("").await, ["a", "b", "c"]);
    assert_eq!(desk.refusal(restore.clone()).await, ErrorCode::NotFound);
    desk.call(remove).await.unwrap();
    desk.clock.pass(60);
    assert_eq!(desk.refusal(restore).await, ErrorCode::NotFound);
    assert_eq!(desk.issuers("").await, ["a", "c"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let (mut desk, _) = Desk::new();
    let new = |secret: &str, kind| CodesRequest::Add {
        entry: NewCode {
            issuer: "x".into(),
            account: String::new(),
            secret: secret.into(),
            kind,
        },
    };
    let bad = |digits, period| CodeKind::Totp {
        algorithm: CodeAlgorithm::Sha256,
        digits,
        period,
    };
    for request in [
        new("not base32!", TOTP),
        new("", TOTP),
        new(SECRET, bad(5, 30)),
        new(SECRET, bad(11, 30)),
        new(SECRET, bad(6, 0)),
        new(SECRET, bad(6, 86_401)),
        CodesRequest::List {
            query: "x".repeat(257),
            tag: None,
            from: 0,
            limit: 1,
        },
        CodesRequest::Show {
            ids: vec![CodeId("0".repeat(32)); MAX_CODES as usize + 1],
        },
    ] {
        assert_eq!(desk.refusal(request).await, ErrorCode::InvalidValue);
    }
    for id in ["0".repeat(32), "nonsense".into(), String::new()] {
        let id = CodeId(id);
        assert_eq!(
            desk.refusal(CodesRequest::Remove { id: id.clone() }).await,
            ErrorCode::NotFound
        );
        assert_eq!(desk.refusal(CodesRequest::Qr { id }).await, ErrorCode::NotFound);
    }
    assert!(!desk.vault().exists(), "nothing was written");
}

#[tokio::test]
async fn every_change_has_another_revision_and_is_told() {
    let (mut desk, _) = Desk::new();
    let empty = desk.page("").await.revision;
    desk.add("a", TOTP).await;
    let one = desk.page("").await;
    assert_ne!(one.revision, empty);
    assert_eq!(desk.view().await.revision, one.revision);
    let news = desk.news.clone().unwrap();
    assert_eq!((news.view.entries, news.view.revision), (Some(1), one.revision));
    let mut desk = desk.restart().await;
    desk.clock.pass(1);
    assert_ne!(desk.page("").await.revision, one.revision);
}

#[tokio::test]
async fn the_qr_code_is_square_and_has_its_quiet_zone() {
    let (mut desk, _) = Desk::new();
    let id = desk.add("Example", TOTP).await.id;
    let CodesReply::Qr(qr) = desk.call(CodesRequest::Qr { id }).await.unwrap() else {
        panic!()
    };
    let width = qr.width as usize;
    assert_eq!(qr.modules.len(), width * width);
    let rows: Vec<&str> = (0..width)
        .map(|row| &qr.modules[row * width..][..width])
        .collect();
    for row in rows[..4].iter().chain(&rows[width - 4..]) {
        assert_eq!(*row, "0".repeat(width));
    }
    // The finder patterns.
    assert!(rows[4].starts_with("00001111111") && rows[4].ends_with("11111110000"));
}

/// Waits for the clock to be told of.
async fn clock(desk: &mut Desk, offset: i64) -> CodesClock {
    let told = IssuerTime {
        offset,
        at: desk.clock.moment(),
        issuer_name: "Alder Group".into(),
    };
    desk.issuer_time.send(Some(told)).unwrap();
    let seen = |news: &News| !matches!(news.view.clock, CodesClock::Unknown);
    while !desk.news.as_ref().is_some_and(seen) {
        match desk.outputs.recv().await.unwrap() {
            Output::News(news) => desk.news = Some(*news),
            Output::Reply(..) => {}
        }
    }
    desk.view().await.clock
}

#[tokio::test]
async fn a_clock_that_is_off_by_a_little_is_corrected_and_that_is_said() {
    let (mut desk, _) = Desk::new();
    let id = desk.add("Example", TOTP).await.id;
    let right = desk.code(&id).await;
    desk.clock.set((NOW - 120) * 1000);
    assert_ne!(desk.code(&id).await, right);
    let issuer_name = "Alder Group".into();
    let corrected = CodesClock::Corrected {
        offset: 120,
        issuer_name,
    };
    assert_eq!(clock(&mut desk, 120).await, corrected);
    let ids = vec![id];
    let shown = desk.shown(CodesRequest::Show { ids }).await.remove(0);
    assert_eq!(shown.code, right);
    // By this computer's clock, however wrong it is.
    assert_eq!(shown.until_ms, Some((NOW - 120 + 30) * 1000));
    assert_eq!(desk.news.unwrap().trouble, None);
}

#[tokio::test]
async fn a_clock_that_is_off_by_much_is_corrected_only_when_the_person_says_so() {
    let (mut desk, _) = Desk::new();
    let id = desk.add("Example", TOTP).await.id;
    let right = desk.code(&id).await;
    desk.clock.set((NOW - 4000) * 1000);
    let wrong = desk.code(&id).await;
    assert!(matches!(
        clock(&mut desk, 4000).await,
        CodesClock::Off { offset: 4000, .. }
    ));
    assert_eq!(desk.code(&id).await, wrong);
    let trouble = desk.news.as_ref().unwrap().trouble;
    assert_eq!(trouble, Some(ClockTrouble::Off(4000)));
    assert_eq!(
        desk.refusal(CodesRequest::CorrectClock { offset: 300 }).await,
        ErrorCode::InvalidValue
    );
    let reply = desk
        .call(CodesRequest::CorrectClock { offset: 4000 })
        .await
        .unwrap();
    assert!(matches!(
        reply,
        CodesReply::Vault(VaultView {
            clock: CodesClock::Corrected { offset: 4000, .. },
            ..
        })
    ));
    assert_eq!(desk.code(&id).await, right);
}

#[tokio::test]
async fn a_wrong_clock_is_no_trouble_for_counters() {
    let (mut desk, _) = Desk::new();
    desk.add("Door", HOTP).await;
    clock(&mut desk, 4000).await;
    assert_eq!(desk.news.unwrap().trouble, None);
}

mod random {
    //! Random changes against a plain list.

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Change {
        Add,
        Remove(usize),
        Restore,
        Move(usize, Option<usize>),
        Pin(usize),
        Restart,
    }

    fn change() -> impl Strategy<Value = Change> {
        let place = 0_usize..8;
        prop_oneof![
            4 => Just(Change::Add),
            2 => place.clone().prop_map(Change::Remove),
            1 => Just(Change::Restore),
            3 => (place.clone(), proptest::option::of(place.clone())).prop_map(|(a, b)| Change::Move(a, b)),
            2 => place.prop_map(Change::Pin),
            1 => Just(Change::Restart),
        ]
    }

    /// Issuer, pinned.
    type Model = Vec<(String, bool)>;

    fn shown(model: &Model) -> Vec<String> {
        let pinned = model.iter().filter(|(_, pinned)| *pinned);
        let others = model.iter().filter(|(_, pinned)| !*pinned);
        pinned.chain(others).map(|(name, _)| name.clone()).collect()
    }

    async fn play(changes: Vec<Change>) {
        let (mut desk, _) = Desk::new();
        let mut model = Model::new();
        let mut removed: Option<(CodeId, usize, (String, bool))> = None;
        for (number, change) in changes.into_iter().enumerate() {
            let entries = desk.page("").await.entries;
            let by_name = |name: &str| entries.iter().find(|e| e.issuer == name).unwrap().clone();
            match change {
                Change::Add => {
                    let name = format!("n{number}");
                    desk.add(&name, TOTP).await;
                    model.push((name, false));
                }
                Change::Remove(place) if place < model.len() => {
                    let row = model.remove(place);
                    let id = by_name(&row.0).id;
                    desk.call(CodesRequest::Remove { id: id.clone() }).await.unwrap();
                    removed = Some((id, place, row));
                }
                Change::Restore => {
                    if let Some((id, place, row)) = removed.take() {
                        desk.call(CodesRequest::Restore { id }).await.unwrap();
                        model.insert(place.min(model.len()), row);
                    }
                }
                Change::Move(from, before) if from < model.len() => {
                    let before = before.filter(|place| *place < model.len());
                    let id = by_name(&model[from].0).id;
                    let request = CodesRequest::Move {
                        id,
                        before: before.map(|place| by_name(&model[place].0).id),
                    };
                    let alike = before.is_none_or(|place| model[place].1 == model[from].1);
                    assert_eq!(desk.call(request).await.is_ok(), alike);
                    if alike && before != Some(from) {
                        let to = before.map(|place| model[place].0.clone());
                        let row = model.remove(from);
                        let place = to.and_then(|to| model.iter().position(|(name, _)| *name == to));
                        model.insert(place.unwrap_or(model.len()), row);
                    }
                }
                Change::Pin(place) if place < model.len() => {
                    let entry = by_name(&model[place].0);
                    model[place].1 = !model[place].1;
                    let id = entry.id.clone();
                    let edit = CodeEdit {
                        pinned: model[place].1,
                        ..edit(&entry)
                    };
                    desk.call(CodesRequest::Edit { id, edit }).await.unwrap();
                }
                Change::Restart => {
                    desk = desk.restart().await;
                    removed = None;
                }
                Change::Remove(_) | Change::Move(..) | Change::Pin(_) => {}
            }
            assert_eq!(desk.issuers("").await, shown(&model));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_changes_lead_to_what_a_list_would_be(changes in proptest::collection::vec(change(), 1..16)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(play(changes));
        }
    }
}
