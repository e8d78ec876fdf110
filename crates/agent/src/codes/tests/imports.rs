//! Getting in and out.

use std::{fs, os::unix::fs::PermissionsExt as _};

use countersign_agent_api::{ExportForm, ImportStanding};

use super::*;
use crate::keystore::MemoryState;

fn sample(name: &str) -> ImportSource {
    file(sample_path(name))
}

fn sample_path(name: &str) -> String {
    format!("{}/../codes/samples/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn apply(view: &ImportView) -> CodesRequest {
    let import = view.id.clone();
    CodesRequest::ApplyImport { import }
}

fn unlock(view: &ImportView, password: &str) -> CodesRequest {
    CodesRequest::UnlockImport {
        import: view.id.clone(),
        password: password.into(),
    }
}

#[tokio::test]
async fn a_preview_changes_nothing_and_applying_adds_what_is_new() {
    let (mut desk, _) = Desk::new();
    let links = format!(
        "otpauth://totp/A:ada?secret={SECRET}\notpauth://totp/B?secret={SECRET}\notpauth://totp/C?secret=01\n"
    );
    let view = desk.preview(typed(&links)).await;
    let ImportStage::Ready {
        new,
        duplicate,
        invalid,
        ref rows,
        ..
    } = view.stage
    else {
        panic!()
    };
    assert_eq!((new, duplicate, invalid), (1, 1, 1));
    assert_eq!(rows[0].standing, ImportStanding::New);
    assert_eq!(rows[1].standing, ImportStanding::Duplicate);
    let ImportStanding::Invalid { reason } = &rows[2].standing else {
        panic!()
    };
    assert_eq!(reason.finding, "entry.not_base32");
    assert!(
        reason.text.starts_with("The secret has a character"),
        "{reason:?}"
    );
    assert!(!desk.vault().exists());
    assert_eq!(
        desk.call(apply(&view)).await.unwrap(),
        CodesReply::Imported { added: 1 }
    );
    assert_eq!(desk.issuers("").await, ["A"]);
    assert_eq!(desk.refusal(apply(&view)).await, ErrorCode::NotFound);
    let again = desk.preview(typed(&links)).await;
    assert_eq!(
        desk.call(apply(&again)).await.unwrap(),
        CodesReply::Imported { added: 0 }
    );
}

#[tokio::test]
async fn an_encrypted_file_needs_its_password_and_a_wrong_one_can_be_corrected() {
    let (mut desk, _) = Desk::new();
    let view = desk.preview(sample("ente-encrypted-small.txt")).await;
    assert_eq!(
        (view.format.as_str(), &view.stage),
        ("Ente Auth", &ImportStage::Locked)
    );
    assert_eq!(desk.refusal(apply(&view)).await, ErrorCode::NotFound);
    assert_eq!(
        desk.refusal(unlock(&view, "wrong")).await,
        ErrorCode::WrongPassword
    );
    let CodesReply::Import(ready) = desk.call(unlock(&view, "correct horse")).await.unwrap() else {
        panic!()
    };
    let ImportStage::Ready { new, .. } = ready.stage else {
        panic!()
    };
    assert_eq!(
        desk.call(apply(&view)).await.unwrap(),
        CodesReply::Imported { added: new }
    );
}

#[tokio::test]
async fn one_thing_that_takes_long_at_a_time_and_everything_else_meanwhile() {
    let (mut desk, _) = Desk::new();
    desk.add("a", TOTP).await;
    let view = desk.preview(sample("ente-encrypted.txt")).await;
    let long = desk.send(unlock(&view, "wrong"));
    let refused = desk.send(CodesRequest::PreviewImport { source: typed("x") });
    assert_eq!(
        desk.answer(refused).await.unwrap_err().code,
        ErrorCode::Unavailable
    );
    assert_eq!(desk.issuers("").await, ["a"], "answered before the long one");
    assert_eq!(
        desk.answer(long).await.unwrap_err().code,
        ErrorCode::WrongPassword
    );
}

#[tokio::test]
async fn only_a_few_imports_wait_and_not_for_ever() {
    let (mut desk, _) = Desk::new();
    let text = format!("otpauth://totp/A:ada?secret={SECRET}");
    let mut views = Vec::new();
    for _ in 0..5 {
        views.push(desk.preview(typed(&text)).await);
    }
    assert_eq!(desk.refusal(apply(&views[0])).await, ErrorCode::NotFound);
    let import = views[1].id.clone();
    desk.call(CodesRequest::CancelImport { import }).await.unwrap();
    assert_eq!(desk.refusal(apply(&views[1])).await, ErrorCode::NotFound);
    desk.call(apply(&views[2])).await.unwrap();
}

#[tokio::test]
async fn what_is_no_file_is_not_read() {
    let (mut desk, _) = Desk::new();
    let pipe = desk.home.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let large = desk.home.path().join("large");
    fs::File::create(&large).unwrap().set_len(17 << 20).unwrap();
    for (source, code) in [
        (file(&pipe), ErrorCode::InvalidValue),
        (file(desk.home.path()), ErrorCode::InvalidValue),
        (file("/dev/zero"), ErrorCode::InvalidValue),
        (file("relative.json"), ErrorCode::InvalidValue),
        (file("/nonexistent/file"), ErrorCode::InvalidValue),
        (file(&large), ErrorCode::UnknownFormat),
        (sample("make.py"), ErrorCode::UnknownFormat),
        (typed(&"x".repeat(256 * 1024 + 1)), ErrorCode::InvalidValue),
        (typed(""), ErrorCode::UnknownFormat),
    ] {
        let request = CodesRequest::PreviewImport { source };
        assert_eq!(desk.refusal(request).await, code);
    }
}

#[tokio::test]
async fn a_long_preview_has_its_place_in_a_frame() {
    let (mut desk, _) = Desk::new();
    let name = "%F0%9F%94%91".repeat(120);
    let links: String = (0..3000)
        .map(|number| {
            format!(
                "otpauth://totp/{name}{number}:{name}?secret={SECRET}&digits={}\n",
                6 + number % 3
            )
        })
        .collect();
    let path = desk.home.path().join("many.txt");
    fs::write(&path, links).unwrap();
    let view = desk.preview(file(&path)).await;
    let ImportStage::Ready {
        rows, new, duplicate, ..
    } = &view.stage
    else {
        panic!()
    };
    assert_eq!((*new, *duplicate), (3, 2997));
    assert!(!rows.is_empty() && rows.len() <= 500);
    assert!(countersign_agent_api::frame::size(&view).unwrap() < countersign_agent_api::frame::MAX_FRAME);
}

#[tokio::test]
async fn an_export_is_read_back_whole_and_only_by_this_user() {
    let (mut desk, _) = Desk::new();
    desk.add("a", TOTP).await;
    desk.add("b", HOTP).await;
    let password = "correct horse";
    let encrypted = ExportForm::Encrypted {
        password: password.into(),
    };
    for (name, form) in [("own.json", encrypted), ("links.txt", ExportForm::Links)] {
        let path = desk.home.path().join(name);
        // What is in the way is replaced, and not followed.
        let victim = desk.home.path().join("victim");
        fs::write(&victim, "untouched").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        let export = CodesRequest::Export {
            path: path.display().to_string(),
            form,
        };
        assert_eq!(desk.call(export).await.unwrap(), CodesReply::Done);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
        let meta = fs::symlink_metadata(&path).unwrap();
        assert!(meta.is_file());
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
        let (mut other, _) = Desk::new();
        let view = other.preview(file(&path)).await;
        if view.stage == ImportStage::Locked {
            other.call(unlock(&view, password)).await.unwrap();
        }
        other.call(apply(&view)).await.unwrap();
        assert_eq!(other.issuers("").await, ["a", "b"]);
    }
}

#[tokio::test]
async fn an_export_to_nowhere_or_without_a_password_is_refused() {
    let (mut desk, _) = Desk::new();
    desk.add("a", TOTP).await;
    let inside = desk.home.path().join("x").display().to_string();
    let folder = desk.home.path().display().to_string();
    let empty = || ExportForm::Encrypted { password: "".into() };
    for (path, form, code) in [
        ("x.txt".to_owned(), ExportForm::Links, ErrorCode::InvalidValue),
        (folder, ExportForm::Links, ErrorCode::InvalidValue),
        ("/nonexistent/x".to_owned(), ExportForm::Links, ErrorCode::Storage),
        (inside.clone(), empty(), ErrorCode::InvalidValue),
    ] {
        let request = CodesRequest::Export { path, form };
        assert_eq!(desk.refusal(request).await, code);
    }
    assert!(!PathBuf::from(inside).exists());
}

#[tokio::test]
async fn what_an_issuer_delivers_is_kept_once() {
    let (mut desk, store) = Desk::new();
    let link = format!("otpauth://totp/Alder:mara?secret={SECRET}&issuer=Alder");
    let name = || "Alder · mara".to_owned();
    assert_eq!(desk.keep(&link).await, DeliveredCode::Kept { name: name() });
    assert_eq!(desk.keep(&link).await, DeliveredCode::Kept { name: name() });
    assert_eq!(desk.issuers("").await, ["Alder"]);
    for wrong in [
        "otpauth://totp/Alder:mara?secret=01",
        "otpauth://migration?data=x",
    ] {
        let DeliveredCode::Lost { error } = desk.keep(wrong).await else {
            panic!("{wrong}")
        };
        assert_eq!(error.code, ErrorCode::InvalidValue);
    }
    assert_eq!(store.secrets(), 1);
}

#[tokio::test]
async fn what_an_issuer_delivers_waits_until_the_vault_can_take_it() {
    let (mut desk, store) = Desk::new();
    desk.add("a", TOTP).await;
    let mut desk = desk.restart().await;
    store.set_state(MemoryState::Locked);
    let link = format!("otpauth://totp/Alder:mara?secret={SECRET}&issuer=Alder");
    let DeliveredCode::Waiting { name, import, error } = desk.keep(&link).await else {
        panic!()
    };
    assert_eq!(
        (name.as_str(), error.code),
        ("Alder · mara", ErrorCode::KeyringLocked)
    );
    let apply = CodesRequest::ApplyImport { import };
    assert_eq!(desk.refusal(apply.clone()).await, ErrorCode::KeyringLocked);
    store.set_state(MemoryState::Ready);
    assert_eq!(desk.call(apply).await.unwrap(), CodesReply::Imported { added: 1 });
    assert_eq!(desk.issuers("").await, ["a", "Alder"]);
}

#[tokio::test]
async fn what_an_issuer_delivers_behind_a_silent_call_may_still_ask_the_person() {
    let (mut desk, store) = Desk::new();
    desk.add("a", TOTP).await;
    let mut desk = desk.restart().await;
    store.set_state(MemoryState::LockedButUnlockable);
    desk.send(CodesRequest::Show { ids: Vec::new() });
    let kept = desk
        .keep(&format!("otpauth://totp/Alder:mara?secret={SECRET}"))
        .await;
    assert!(matches!(kept, DeliveredCode::Kept { .. }), "{kept:?}");
}

#[tokio::test]
async fn an_import_that_could_not_be_written_can_be_applied_again() {
    let (mut desk, _) = Desk::new();
    desk.add("a", TOTP).await;
    let view = desk
        .preview(typed(&format!("otpauth://totp/B:ada?secret={SECRET}&digits=7")))
        .await;
    fs::create_dir(desk.path("codes.vault.new")).unwrap();
    assert_eq!(desk.refusal(apply(&view)).await, ErrorCode::Storage);
    assert_eq!(desk.issuers("").await, ["a"]);
    fs::remove_dir(desk.path("codes.vault.new")).unwrap();
    assert_eq!(
        desk.call(apply(&view)).await.unwrap(),
        CodesReply::Imported { added: 1 }
    );
    assert_eq!(desk.refusal(apply(&view)).await, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_part_of_a_batch_is_not_added_alone() {
    let (mut desk, _) = Desk::new();
    let parts = fs::read_to_string(sample_path("google-batch.txt")).unwrap();
    let first = parts.lines().next().unwrap();
    let view = desk.preview(typed(first)).await;
    assert!(matches!(
        view.stage,
        ImportStage::Ready {
            missing_parts: 1..,
            ..
        }
    ));
    assert_eq!(desk.refusal(apply(&view)).await, ErrorCode::InvalidCall);
    assert!(!desk.vault().exists());
    let view = desk.preview(typed(&parts)).await;
    desk.call(apply(&view)).await.unwrap();
}

#[tokio::test]
async fn an_export_never_takes_the_place_of_the_agents_own_files() {
    let (mut desk, _) = Desk::new();
    desk.add("a", TOTP).await;
    let before = fs::read(desk.vault()).unwrap();
    let link = desk.home.path().join("link");
    std::os::unix::fs::symlink(desk.path(""), &link).unwrap();
    for path in [
        desk.vault(),
        desk.path("codes.json"),
        desk.path("new.txt"),
        link.join(VAULT_FILE),
        desk.path("../data/codes.vault"),
    ] {
        let path = path.display().to_string();
        let form = ExportForm::Links;
        assert_eq!(
            desk.refusal(CodesRequest::Export { path, form }).await,
            ErrorCode::InvalidValue
        );
    }
    assert_eq!(fs::read(desk.vault()).unwrap(), before);
    assert!(!desk.path("new.txt").exists());
}
