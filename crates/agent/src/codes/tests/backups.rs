//! Regular backups: made, kept a few, restored, and told when they fail.

use std::fs;

use countersign_agent_api::BackupPlan;

use super::*;

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
    for _ in 0..6 {
        desk.clock.pass(60);
        // The one that is due by itself may be under way.
        while let Err(busy) = desk.call(CodesRequest::BackUp).await {
            assert_eq!(busy.code, ErrorCode::Unavailable);
        }
    }
    let names = names(folder.path());
    assert!(names.contains(&"mine.txt".to_owned()));
    assert_eq!(names.len(), 4, "{names:?}");
}
