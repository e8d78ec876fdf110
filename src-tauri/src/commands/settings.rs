//! Commands of the main window around settings, diagnostics and the desktop's own means.

use countersign_agent_api::{
    ApiError, Check, ErrorCode, Reply, Request, SettingChange, SettingsView, StatusView,
};
use gtk::gdk;
use serde::Serialize;
use tauri::{AppHandle, State, WebviewWindow};

use super::{Views, send, unexpected};
use crate::{
    agent::Agent,
    args::{Launch, is_account_link, is_codes_link},
    dialogs,
    qr::{self, QrSource, camera::CameraSwitch},
    shell::Input,
    view::Hidden,
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

/// What the QR codes in a picture hold, for the form that adds an account.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct QrTexts {
    /// For the link's field; nothing else is done with them.
    pub(crate) links: Vec<String>,
    /// Whether there were one-time codes as well.
    pub(crate) codes: FoundCodes,
}

/// One-time codes where an account was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub(crate) enum FoundCodes {
    /// None.
    None,
    /// Their links hold secrets: they wait for the page of codes, as if the app had been opened with them.
    Waiting,
}

/// Texts of the QR codes in a picture; none if the person has chosen no picture.
#[tauri::command]
pub(crate) async fn read_qr(
    app: AppHandle,
    window: WebviewWindow,
    views: State<'_, Views>,
    source: QrSource,
) -> Result<Option<QrTexts>, ApiError> {
    let Some(found) = qr::read(&app, &window, source, &[]).await? else {
        return Ok(None);
    };
    let (texts, opens) = sorted(found);
    if let Some(launch) = opens {
        send(&views, Input::Open(launch)).await?;
    }
    Ok(Some(texts))
}

/// What goes to the page, and what the page of codes is opened with.
fn sorted(found: Vec<String>) -> (QrTexts, Option<Launch>) {
    let is_code = |text: &String| is_codes_link(text) && !is_account_link(text);
    let (codes, links): (Vec<_>, Vec<_>) = found.into_iter().partition(is_code);
    if codes.is_empty() {
        let codes = FoundCodes::None;
        return (QrTexts { links, codes }, None);
    }
    let link = Hidden(codes.join("\n"));
    let codes = FoundCodes::Waiting;
    (QrTexts { links, codes }, Some(Launch::Codes { link }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_codes_do_not_reach_the_form_that_adds_an_account() {
        let (enrol, one, two) = (
            "countersign://enroll?x",
            "otpauth://totp/a?secret=A",
            "otpauth://totp/b",
        );
        let (texts, opens) = sorted([enrol, one, two].map(String::from).to_vec());
        assert_eq!(
            (texts.links, texts.codes),
            (vec![enrol.to_owned()], FoundCodes::Waiting)
        );
        let link = Hidden(format!("{one}\n{two}"));
        assert_eq!(opens, Some(Launch::Codes { link }));
        let (texts, opens) = sorted(vec![enrol.to_owned()]);
        assert_eq!(
            (texts.links.len(), texts.codes, opens),
            (1, FoundCodes::None, None)
        );
    }
}
