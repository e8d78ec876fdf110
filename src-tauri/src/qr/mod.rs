//! Texts of QR codes in a picture: from a file, from the clipboard, from the screen, or from a camera.
//!
//! Invariants: what GTK has decoded (the clipboard's, the screen) is checked before it is copied; a file is decoded, a camera is
//! read, and codes are looked for, in a process of its own, so that no picture can end the app; what is found is untrusted text for
//! the form, nothing else.

pub(crate) mod camera;
mod codes;
mod picture;
mod portal;
pub(crate) mod reader;
mod sources;

use countersign_agent_api::{ApiError, ErrorCode};
use serde::Deserialize;
use tauri::{AppHandle, Emitter, Manager, WebviewWindow};

use camera::{CAMERA_EVENT, CameraSwitch};
use codes::PictureError;
use picture::Pixels;
use reader::Input;

/// Where a picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub(crate) enum QrSource {
    /// A file that the person chooses.
    File,
    /// The picture on the clipboard.
    Clipboard,
    /// Everything on the screen.
    Screen,
    /// What is held before the camera, until there is a code.
    Camera,
}

/// There is no picture to read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QrError {
    #[error("There is no picture on the clipboard. Copy the code as a picture, then try again.")]
    EmptyClipboard,
    #[error("That file is not a PNG or JPEG picture. Choose another one.")]
    NotAPicture,
    #[error("That picture is too large. Cut out the code, then try again.")]
    TooLarge,
    #[error("That picture could not be read. Cut out the code, then try again.")]
    Unclear,
    #[error("That file cannot be read: {0}.")]
    Unreadable(#[source] std::io::Error),
    #[error(
        "The desktop did not give a picture of the screen. Save the code as a picture and choose that file."
    )]
    NoScreen(#[source] Option<zbus::Error>),
    #[error("The window is closing.")]
    Closing,
}

impl From<QrError> for ApiError {
    fn from(error: QrError) -> Self {
        let code = match &error {
            QrError::EmptyClipboard | QrError::NotAPicture | QrError::TooLarge | QrError::Unclear => {
                ErrorCode::InvalidValue
            }
            QrError::Unreadable(_) => ErrorCode::Storage,
            QrError::NoScreen(_) | QrError::Closing => ErrorCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

/// The texts of the codes found, each once. `None` when the person chose no file, or no code came from the camera, which goes on
/// looking while it sees codes that are `known`.
///
/// # Errors
/// [`QrError`]: there is no picture.
pub(crate) async fn read(
    app: &AppHandle,
    window: &WebviewWindow,
    source: QrSource,
    known: &[String],
) -> Result<Option<Vec<String>>, QrError> {
    let program = std::env::current_exe().map_err(|_| QrError::Unclear)?;
    let input = match source {
        QrSource::File => match sources::file(app, window).await? {
            Some(bytes) => Input::File(bytes),
            None => return Ok(None),
        },
        QrSource::Clipboard => sources::clipboard(app).await?,
        QrSource::Screen => sources::screen(app).await?,
        QrSource::Camera => {
            let off = app.state::<CameraSwitch>().on();
            // A page that is gone has turned it off.
            let show = |view| drop(window.emit_to(window.label(), CAMERA_EVENT, view));
            return Ok(camera::watch(camera::process(&program), known, off, show).await);
        }
    };
    reader::read(&program, input).await.map(Some)
}

/// Runs something long where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, QrError> {
    tauri::async_runtime::spawn_blocking(work)
        .await
        .map_err(|_| QrError::Closing)
}

impl From<PictureError> for QrError {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::NotAPicture(_) => Self::NotAPicture,
            PictureError::TooLarge => Self::TooLarge,
        }
    }
}

#[cfg(test)]
mod tests;
