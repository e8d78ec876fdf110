//! The TypeScript types of everything that crosses into the windows, kept in `ui/src/bindings`.
//!
//! `COUNTERSIGN_WRITE_BINDINGS=1 cargo test -p countersign-app bindings` writes them anew.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use countersign_agent_api::{
    AccountView, ApiError, Check, CodeEdit, CodesPage, EnrolledView, ExportForm, HistoryEntry, HistoryFilter,
    ImportView, NewCode, Preview, QrPicture, Reason, RequestView, SettingChange, SettingsView, ShownCode,
    Verdict,
};
use ts_rs::{Config, TS};

use crate::{
    commands::{
        imports::{QrBatch, QrImport},
        settings::QrTexts,
    },
    qr::{QrSource, camera::CameraView},
    view::{MainView, Page, PromptView},
};

/// As cargo says now: a target directory may be shared by two clones.
fn checked_in() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).join("../ui/src/bindings")
}

fn export(directory: &Path) {
    let config = Config::new().with_out_dir(directory);
    PromptView::export_all(&config).unwrap();
    MainView::export_all(&config).unwrap();
    RequestView::export_all(&config).unwrap();
    AccountView::export_all(&config).unwrap();
    EnrolledView::export_all(&config).unwrap();
    Preview::export_all(&config).unwrap();
    ApiError::export_all(&config).unwrap();
    Verdict::export_all(&config).unwrap();
    Reason::export_all(&config).unwrap();
    HistoryEntry::export_all(&config).unwrap();
    HistoryFilter::export_all(&config).unwrap();
    Check::export_all(&config).unwrap();
    SettingsView::export_all(&config).unwrap();
    SettingChange::export_all(&config).unwrap();
    QrSource::export_all(&config).unwrap();
    Page::export_all(&config).unwrap();
    CodesPage::export_all(&config).unwrap();
    ShownCode::export_all(&config).unwrap();
    NewCode::export_all(&config).unwrap();
    CodeEdit::export_all(&config).unwrap();
    QrPicture::export_all(&config).unwrap();
    ImportView::export_all(&config).unwrap();
    ExportForm::export_all(&config).unwrap();
    QrBatch::export_all(&config).unwrap();
    QrImport::export_all(&config).unwrap();
    QrTexts::export_all(&config).unwrap();
    CameraView::export_all(&config).unwrap();
}

fn read(directory: &Path) -> BTreeMap<String, String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

#[test]
fn checked_in_bindings_are_current() {
    let fresh = tempfile::tempdir().unwrap();
    export(fresh.path());
    if std::env::var_os("COUNTERSIGN_WRITE_BINDINGS").is_some() {
        let _ = fs::remove_dir_all(checked_in());
        fs::create_dir_all(checked_in()).unwrap();
        export(&checked_in());
    }
    assert_eq!(
        read(fresh.path()),
        read(&checked_in()),
        "write them anew: see the top of this file"
    );
}
