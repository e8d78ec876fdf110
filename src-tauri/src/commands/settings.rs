//! Commands of the main window around settings, diagnostics and the desktop's own means.

use countersign_agent_api::{
    ApiError, Check, ErrorCode, Reply, Request, SettingChange, SettingsView, StatusView,
};
use gtk::gdk;
use tauri::{AppHandle, State, WebviewWindow};

use super::unexpected;
use crate::{
    agent::Agent,
    dialogs,
    qr::{self, QrSource, camera::CameraSwitch},
};

/// The longest text that is copied, in bytes: a report of many accounts fits.
const MAX_COPIED: usize = 256 * 1024;
/// So many certificate files at most.
const MAX_FILES: usize = 32;

/// What is set.
#[tauri::command]
pub(crate) async fn settings(agent: State<'_, Agent>) -> Result<SettingsView, ApiError> {
    in_force(agent.call(Request::Settings).await?)
}

/// Changes one setting.
#[tauri::command]
pub(crate) async fn change_setting(
    agent: State<'_, Agent>,
    change: SettingChange,
) -> Result<SettingsView, ApiError> {
    in_force(agent.call(Request::ChangeSetting { change }).await?)
}

/// Holds back notifications until then, or no longer.
#[tauri::command]
pub(crate) async fn mute(agent: State<'_, Agent>, until: Option<i64>) -> Result<StatusView, ApiError> {
    let Reply::Status(status) = agent.call(Request::Mute { until }).await? else {
        return Err(unexpected());
    };
    Ok(status)
}

/// Checks everything between an issuer and the person.
#[tauri::command]
pub(crate) async fn diagnostics(agent: State<'_, Agent>) -> Result<Vec<Check>, ApiError> {
    let Reply::Diagnostics(checks) = agent.call(Request::Diagnostics).await? else {
        return Err(unexpected());
    };
    Ok(checks)
}

/// Texts of the QR codes in a picture: for the link's field, nothing else is done with them.
#[tauri::command]
pub(crate) async fn read_qr(
    app: AppHandle,
    window: WebviewWindow,
    source: QrSource,
) -> Result<Option<Vec<String>>, ApiError> {
    Ok(qr::read(&app, &window, source, &[]).await?)
}

/// Turns the camera off: what waits for a code ends without one.
#[tauri::command]
pub(crate) fn stop_camera(camera: State<'_, CameraSwitch>) {
    camera.off();
}

/// Certificate files that the person chooses; none if they chose not to.
#[tauri::command]
pub(crate) async fn choose_ca_files(
    app: AppHandle,
    window: WebviewWindow,
) -> Result<Option<Vec<String>>, ApiError> {
    let Some(paths) = dialogs::open_certificates(&app, &window).await? else {
        return Ok(None);
    };
    let paths = paths.into_iter().take(MAX_FILES).map(dialogs::text);
    paths.collect::<Result<_, _>>().map(Some)
}

/// Puts text on the clipboard.
#[tauri::command]
pub(crate) async fn copy_text(app: AppHandle, text: String) -> Result<(), ApiError> {
    if text.len() > MAX_COPIED {
        return Err(ApiError::new(
            ErrorCode::InvalidValue,
            "That is too much to copy.",
        ));
    }
    app.run_on_main_thread(move || gtk::Clipboard::get(&gdk::SELECTION_CLIPBOARD).set_text(&text))
        .map_err(|_| dialogs::Closing.into())
}

fn in_force(reply: Reply) -> Result<SettingsView, ApiError> {
    let Reply::Settings(settings) = reply else {
        return Err(unexpected());
    };
    Ok(settings)
}
