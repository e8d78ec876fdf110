//! Commands of the main window that take one-time codes out: an export, and the regular backups.
//!
//! Invariant: where it is written is what the person chose in the desktop's own dialog.

use countersign_agent_api::{
    ApiError, BackupPlan, CodesRequest, ErrorCode, ExportForm, SecretText, VaultView,
};
use tauri::{AppHandle, State, WebviewWindow};

use super::{
    Views,
    codes::{ask, vault},
};
use crate::{agent::Agent, dialogs};

/// Exports all entries. The file's name, or none if the person chose not to.
#[tauri::command]
pub(crate) async fn export_codes(
    app: AppHandle,
    window: WebviewWindow,
    agent: State<'_, Agent>,
    form: ExportForm,
) -> Result<Option<String>, ApiError> {
    let Some(path) = dialogs::save(&app, &window, file_name(&form).to_owned()).await? else {
        return Ok(None);
    };
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let path = dialogs::text(path)?;
    ask(&agent, CodesRequest::Export { path, form }).await?;
    Ok(Some(name))
}

/// Sets the regular backups up in a folder that the person chooses, or moves them there; none if they chose not to. Without a
/// password they stay encrypted as they are.
#[tauri::command]
pub(crate) async fn choose_backups(
    app: AppHandle,
    window: WebviewWindow,
    agent: State<'_, Agent>,
    password: Option<SecretText>,
) -> Result<Option<VaultView>, ApiError> {
    let Some(path) = dialogs::open_folder(&app, &window).await? else {
        return Ok(None);
    };
    let plan = BackupPlan {
        folder: dialogs::text(path)?,
        password,
    };
    plan_backups(&agent, Some(plan)).await.map(Some)
}

/// Encrypts the regular backups under another password from now on.
#[tauri::command]
pub(crate) async fn change_backup_password(
    agent: State<'_, Agent>,
    views: State<'_, Views>,
    password: SecretText,
) -> Result<VaultView, ApiError> {
    let folder = views
        .main
        .borrow()
        .vault
        .as_ref()
        .and_then(|vault| vault.backups.as_ref())
        .map(|backups| backups.folder.clone());
    let Some(folder) = folder else {
        return Err(ApiError::new(
            ErrorCode::NotFound,
            "There are no regular backups. Set them up first.",
        ));
    };
    let plan = BackupPlan {
        folder,
        password: Some(password),
    };
    plan_backups(&agent, Some(plan)).await
}

/// Ends the regular backups. Those that were made stay.
#[tauri::command]
pub(crate) async fn end_backups(agent: State<'_, Agent>) -> Result<VaultView, ApiError> {
    plan_backups(&agent, None).await
}

/// Makes a backup now.
#[tauri::command]
pub(crate) async fn back_up(agent: State<'_, Agent>) -> Result<VaultView, ApiError> {
    vault(ask(&agent, CodesRequest::BackUp).await?)
}

async fn plan_backups(agent: &Agent, plan: Option<BackupPlan>) -> Result<VaultView, ApiError> {
    vault(ask(agent, CodesRequest::SetBackups { plan }).await?)
}

/// What the dialog proposes.
fn file_name(form: &ExportForm) -> &'static str {
    match form {
        ExportForm::Encrypted { .. } => "countersign-codes.json",
        ExportForm::Aegis { .. } => "countersign-codes-aegis.json",
        ExportForm::Links => "countersign-codes.txt",
    }
}
