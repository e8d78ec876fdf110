//! Regular backups: made, kept a few, restored, and told when they fail.

use std::fs;

use countersign_agent_api::BackupPlan;

use super::*;
use crate::keystore::MemoryState;

async fn set(
    desk: &mut Desk,
    folder: &std::path::Path,
    password: Option<&str>,
) -> Result<CodesReply, ApiError> {
    let plan = Some(BackupPlan {
        folder: folder.display().to_string(),
        password: password.map(Into::into),
    });
    desk.call(CodesRequest::SetBackups { plan }).await
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Waits for news of the backups that satisfy the condition.
async fn until(desk: &mut Desk, wanted: impl Fn(&countersign_agent_api::BackupsView) -> bool) {
    while !desk
        .news
        .as_ref()
        .and_then(|news| news.view.backups.as_ref())
        .is_some_and(&wanted)
    {
        match desk.outputs.recv().await.unwrap() {
            Output::News(news) => desk.news = Some(*news),
            Output::Reply(..) => {}
        }
    }
}

#[tokio::test]
async fn a_backup_is_made_at_once_and_restores_on_another_computer() {
    let (mut desk, store) = Desk::new();
    desk.add("a", TOTP).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.txt"), "mine").unwrap();
    set(&mut desk, folder.path(), Some("correct horse"))
        .await
        .unwrap();
    assert_eq!(store.secrets(), 2);
    desk.clock.pass(1);
    until(&mut desk, |backups| backups.last_at.is_some()).await;
    let names = names(folder.path());
    assert_eq!(names.len(), 2);
    let (mut other, _) = Desk::new();
    let view = other.preview(file(folder.path().join(&names[0]))).await;
    assert_eq!(view.format, "Countersign");
    let unlock = CodesRequest::UnlockImport {
        import: view.id.clone(),
        password: "correct horse".into(),
    };
    other.call(unlock).await.unwrap();
    other
        .call(CodesRequest::ApplyImport { import: view.id })
        .await
        .unwrap();
    assert_eq!(other.issuers("").await, ["a"]);
}

#[tokio::test]
async fn the_plan_survives_a_restart_and_its_password_can_stay() {
    let (mut desk, store) = Desk::new();
    desk.add("a", TOTP).await;
    let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    set(&mut desk, first.path(), Some("pw")).await.unwrap();
    let mut desk = desk.restart().await;
    set(&mut desk, second.path(), None).await.unwrap();
    desk.call(CodesRequest::BackUp).await.unwrap();
    assert_eq!(names(second.path()).len(), 1);
    set(&mut desk, second.path(), Some("another")).await.unwrap();
    assert_eq!(store.secrets(), 2, "the earlier password is deleted");
    desk.call(CodesRequest::SetBackups { plan: None }).await.unwrap();
    assert_eq!(store.secrets(), 1);
    assert_eq!(desk.view().await.backups, None);
    assert_eq!(desk.refusal(CodesRequest::BackUp).await, ErrorCode::InvalidCall);
}

#[tokio::test]
async fn a_plan_that_cannot_work_is_refused() {
    let (mut desk, store) = Desk::new();
    let folder = tempfile::tempdir().unwrap();
    for (folder, password) in [
        (folder.path(), None),
        (folder.path(), Some("")),
        (std::path::Path::new("/nonexistent"), Some("pw")),
        (std::path::Path::new("relative"), Some("pw")),
    ] {
        let refused = set(&mut desk, folder, password).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidValue);
    }
    assert_eq!(store.secrets(), 0);
    assert_eq!(desk.view().await.backups, None);
}

#[tokio::test]
async fn a_backup_that_fails_is_told_and_the_next_one_takes_it_back() {
    let (mut desk, _) = Desk::new();
    desk.add("a", TOTP).await;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("stick");
    fs::create_dir(&folder).unwrap();
    set(&mut desk, &folder, Some("pw")).await.unwrap();
    fs::remove_dir_all(&folder).unwrap();
    desk.call(CodesRequest::BackUp).await.unwrap_err();
    let problem = desk.view().await.backups.unwrap().problem.unwrap();
    assert!(problem.message.contains("stick"), "{problem}");
    fs::create_dir(&folder).unwrap();
    desk.call(CodesRequest::BackUp).await.unwrap();
    let backups = desk.view().await.backups.unwrap();
    assert_eq!((backups.problem, backups.last_at), (None, Some(NOW)));
}

#[tokio::test]
async fn old_backups_go_and_other_files_stay() {
    let (mut desk, _) = Desk::new();
    desk.add("a", TOTP).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.txt"), "mine").unwrap();
    set(&mut desk, folder.path(), Some("pw")).await.unwrap();
    until(&mut desk, |backups| backups.last_at.is_some()).await;
    for _ in 0..6 {
        desk.clock.pass(60);
        desk.call(CodesRequest::BackUp).await.unwrap();
    }
    let names = names(folder.path());
    assert!(names.contains(&"mine.txt".to_owned()));
    assert_eq!(names.len(), 4, "{names:?}");
}

#[tokio::test]
async fn a_backup_by_an_earlier_plan_does_not_count_for_the_present_one() {
    let (mut desk, store) = Desk::new();
    desk.add("a", TOTP).await;
    let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    set(&mut desk, first.path(), Some("pw")).await.unwrap();
    store.set_state(MemoryState::Hanging);
    let slow = desk.send(CodesRequest::BackUp);
    set(&mut desk, second.path(), None).await.unwrap();
    store.set_state(MemoryState::Ready);
    desk.answer(slow).await.unwrap();
    assert_eq!(desk.view().await.backups.unwrap().last_at, None);
    assert_eq!(names(first.path()).len(), 1);
    until(&mut desk, |backups| backups.last_at.is_some()).await;
    assert_eq!(names(second.path()).len(), 1);
}

#[tokio::test]
async fn a_backup_that_has_to_wait_is_no_problem() {
    let (mut desk, store) = Desk::new();
    desk.add("a", TOTP).await;
    let folder = tempfile::tempdir().unwrap();
    set(&mut desk, folder.path(), Some("pw")).await.unwrap();
    store.set_state(MemoryState::Hanging);
    let slow = desk.send(CodesRequest::BackUp);
    // The one that is due comes while the other one is under way.
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(2)).await;
    tokio::time::resume();
    assert_eq!(desk.view().await.backups.unwrap().problem, None);
    store.set_state(MemoryState::Ready);
    desk.answer(slow).await.unwrap();
}

#[tokio::test]
async fn codes_are_there_while_a_plan_waits_for_the_keyring() {
    let (mut desk, store) = Desk::new();
    desk.add("a", TOTP).await;
    let folder = tempfile::tempdir().unwrap();
    let plan = || {
        Some(BackupPlan {
            folder: folder.path().display().to_string(),
            password: Some("pw".into()),
        })
    };
    store.set_state(MemoryState::Hanging);
    let slow = desk.send(CodesRequest::SetBackups { plan: plan() });
    assert_eq!(desk.issuers("").await, ["a"]);
    let another = CodesRequest::SetBackups { plan: plan() };
    assert_eq!(desk.refusal(another).await, ErrorCode::Unavailable);
    store.set_state(MemoryState::Ready);
    desk.answer(slow).await.unwrap();
}

#[tokio::test]
async fn a_password_is_named_on_disk_until_it_is_out_of_the_keyring() {
    let (mut desk, store) = Desk::new();
    desk.add("a", TOTP).await;
    let folder = tempfile::tempdir().unwrap();
    let kept = |desk: &Desk| fs::read_to_string(desk.path("codes.json")).unwrap();
    store.set_state(MemoryState::Locked);
    let locked = set(&mut desk, folder.path(), Some("pw")).await.unwrap_err();
    assert_eq!(locked.code, ErrorCode::KeyringLocked);
    assert!(kept(&desk).contains("spare"), "it may be there after all");
    store.set_state(MemoryState::Ready);
    set(&mut desk, folder.path(), Some("pw")).await.unwrap();
    assert_eq!(store.secrets(), 2, "the vault's key and one password");
    assert!(!kept(&desk).contains("spare"));
}

#[tokio::test]
async fn two_computers_that_back_up_to_one_folder_leave_each_others_backups_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = 0;
    for issuer in ["laptop", "desktop"] {
        let (mut desk, _) = Desk::new();
        desk.add(issuer, TOTP).await;
        set(&mut desk, folder.path(), Some("pw")).await.unwrap();
        until(&mut desk, |backups| backups.last_at.is_some()).await;
        for _ in 0..6 {
            desk.clock.pass(60);
            desk.call(CodesRequest::BackUp).await.unwrap();
        }
        made += 3;
        assert_eq!(names(folder.path()).len(), made);
    }
}
