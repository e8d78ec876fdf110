//! The three places a picture comes from.

use std::{fs::File, io::Read, path::Path};

use gtk::{gdk, prelude::*};
use tauri::{AppHandle, WebviewWindow};
use tokio::sync::oneshot;

use super::{Input, Pixels, QrError, blocking, portal};
use crate::dialogs;

/// The largest file that is read, in bytes.
pub(super) const MAX_FILE: u64 = 10 * 1024 * 1024;
/// The largest picture of the screen, in bytes: the portal's own, which may hardly be compressed.
pub(super) const MAX_SCREEN: u64 = 128 * 1024 * 1024;

/// A file that the person chooses, or none.
pub(super) async fn file(app: &AppHandle, window: &WebviewWindow) -> Result<Option<Vec<u8>>, QrError> {
    let chosen = dialogs::open_picture(app, window)
        .await
        .map_err(|_| QrError::Closing)?;
    match chosen {
        Some(path) => blocking(move || load(&path, MAX_FILE)).await?.map(Some),
        None => Ok(None),
    }
}

/// Reads a picture file of at most so many bytes, as it is.
pub(super) fn load(path: &Path, most: u64) -> Result<Vec<u8>, QrError> {
    let file = File::open(path).map_err(QrError::Unreadable)?;
    if !file.metadata().map_err(QrError::Unreadable)?.is_file() {
        return Err(QrError::NotAPicture);
    }
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(QrError::Unreadable)?;
    if bytes.len() as u64 > most {
        return Err(QrError::TooLarge);
    }
    Ok(bytes)
}

/// The picture on the clipboard.
pub(super) async fn clipboard(app: &AppHandle) -> Result<Input, QrError> {
    let (sender, receiver) = oneshot::channel();
    app.run_on_main_thread(move || {
        gtk::Clipboard::get(&gdk::SELECTION_CLIPBOARD).request_image(move |_, image| {
            let pixels = image.ok_or(QrError::EmptyClipboard).and_then(Pixels::of);
            // Nobody waits when the window was closed.
            let _ = sender.send(pixels);
        });
    })
    .map_err(|_| QrError::Closing)?;
    let pixels = receiver.await.map_err(|_| QrError::Closing)??;
    Ok(Input::Grey(blocking(move || pixels.grey()).await??))
}

/// Everything on the screen: the root window on X11, the screenshot portal elsewhere.
pub(super) async fn screen(app: &AppHandle) -> Result<Input, QrError> {
    let (sender, receiver) = oneshot::channel();
    app.run_on_main_thread(move || {
        let _ = sender.send(root_window());
    })
    .map_err(|_| QrError::Closing)?;
    match receiver.await.map_err(|_| QrError::Closing)? {
        Some(pixels) => {
            let pixels = pixels?;
            Ok(Input::Grey(blocking(move || pixels.grey()).await??))
        }
        None => {
            let path = portal::screenshot().await?;
            let bytes = blocking(move || {
                let bytes = load(&path, MAX_SCREEN);
                // It was made for us, and shows whatever was on the screen.
                let _ = std::fs::remove_file(&path);
                bytes
            })
            .await??;
            Ok(Input::File(bytes))
        }
    }
}

/// The root window's content; none where there is no such thing.
fn root_window() -> Option<Result<Pixels, QrError>> {
    let display = gdk::Display::default()?;
    if !display.type_().name().starts_with("GdkX11") {
        return None;
    }
    let root = gdk::Window::default_root_window();
    let pixbuf = root.pixbuf(0, 0, root.width(), root.height());
    Some(
        pixbuf
            .ok_or(QrError::NoScreen(None))
            .and_then(|pixbuf| Pixels::of(&pixbuf)),
    )
}
