//! Texts of QR codes in a picture: from a file, from the clipboard, or from the screen.
//!
//! Invariants: the size of a file's picture is checked before it is decoded; what GTK has decoded (the clipboard's, the
//! screen) is checked before it is copied; the main thread neither decodes a file nor looks for codes; what is found is
//! untrusted text for the form, nothing else.

mod picture;
mod portal;
mod sources;

use countersign_agent_api::{ApiError, ErrorCode};
use serde::Deserialize;
use tauri::{AppHandle, WebviewWindow};

pub(crate) use picture::Picture;
use picture::Pixels;

/// More codes than this in one picture are not reported.
const MAX_CODES: usize = 16;

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
}

/// There is no picture to read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QrError {
    #[error("There is no picture on the clipboard. Copy the code as a picture, then try again.")]
    EmptyClipboard,
    #[error("That file is not a PNG or JPEG picture. Choose another one.")]
    NotAPicture(#[source] Option<image::ImageError>),
    #[error("That picture is too large. Cut out the code, then try again.")]
    TooLarge,
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
            QrError::EmptyClipboard | QrError::NotAPicture(_) | QrError::TooLarge => ErrorCode::InvalidValue,
            QrError::Unreadable(_) => ErrorCode::Storage,
            QrError::NoScreen(_) | QrError::Closing => ErrorCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

/// The texts of the codes found, each once. `None` when the person chose no file.
///
/// # Errors
/// [`QrError`]: there is no picture.
pub(crate) async fn read(
    app: &AppHandle,
    window: &WebviewWindow,
    source: QrSource,
) -> Result<Option<Vec<String>>, QrError> {
    let picture = match source {
        QrSource::File => match sources::file(app, window).await? {
            Some(picture) => picture,
            None => return Ok(None),
        },
        QrSource::Clipboard => sources::clipboard(app).await?,
        QrSource::Screen => sources::screen(app).await?,
    };
    blocking(move || texts(&picture)).await.map(Some)
}

/// Runs something long where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, QrError> {
    tauri::async_runtime::spawn_blocking(work)
        .await
        .map_err(|_| QrError::Closing)
}

/// The texts of the codes in a picture, each once. A code may be printed light on dark.
fn texts(picture: &Picture) -> Vec<String> {
    let mut found = Vec::new();
    for inverted in [false, true] {
        let mut prepared =
            rqrr::PreparedImage::prepare_from_greyscale(picture.width(), picture.height(), |x, y| {
                let luma = picture.luma(x, y);
                if inverted { u8::MAX - luma } else { luma }
            });
        for grid in prepared.detect_grids() {
            let Ok((_, text)) = grid.decode() else { continue };
            if found.len() < MAX_CODES && !text.is_empty() && !found.contains(&text) {
                found.push(text);
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests;
