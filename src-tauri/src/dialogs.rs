//! The desktop's own file dialogs, over the window that asks.
//!
//! Invariant: a file is read or written only where the person pointed in such a dialog.

mod words;

use std::path::PathBuf;

use countersign_agent_api::{ApiError, ErrorCode, Language};
use gtk::{FileChooserAction, FileChooserNative, FileFilter, ResponseType, glib, prelude::*};
use tauri::{AppHandle, Manager, WebviewWindow};
use tokio::sync::oneshot;

use self::words::Words;
use crate::commands::Views;

/// The window went away while its dialog was open.
#[derive(Debug, thiserror::Error)]
#[error("the window is closing")]
pub(crate) struct Closing;

/// What a dialog asks for.
struct Question {
    title: &'static str,
    action: FileChooserAction,
    /// On the button that goes on; none: the desktop's own word.
    accept: Option<&'static str>,
    /// The name that a new file would get.
    name: Option<String>,
    filter: Option<Filter>,
    many: bool,
}

/// Which files can be chosen.
struct Filter {
    name: &'static str,
    mime: &'static [&'static str],
    patterns: &'static [&'static str],
}

/// A picture to read, or none.
///
/// # Errors
/// [`Closing`].
pub(crate) async fn open_picture(
    app: &AppHandle,
    window: &WebviewWindow,
) -> Result<Option<PathBuf>, Closing> {
    let words = words(app);
    let question = Question {
        title: words.picture,
        action: FileChooserAction::Open,
        accept: None,
        name: None,
        filter: Some(Filter {
            name: words.pictures,
            mime: &["image/png", "image/jpeg"],
            patterns: &[],
        }),
        many: false,
    };
    Ok(ask(app, window, question)
        .await?
        .and_then(|paths| paths.into_iter().next()))
}

/// Certificate files, or none.
///
/// # Errors
/// [`Closing`].
pub(crate) async fn open_certificates(
    app: &AppHandle,
    window: &WebviewWindow,
) -> Result<Option<Vec<PathBuf>>, Closing> {
    let question = Question {
        title: words(app).certificates,
        action: FileChooserAction::Open,
        accept: None,
        name: None,
        filter: Some(Filter {
            name: "PEM",
            mime: &[],
            patterns: &["*.pem", "*.crt", "*.cer"],
        }),
        many: true,
    };
    ask(app, window, question).await
}

/// Where to write a new file, or nowhere. The dialog asks before it gives one that exists.
///
/// # Errors
/// [`Closing`].
pub(crate) async fn save(
    app: &AppHandle,
    window: &WebviewWindow,
    name: String,
) -> Result<Option<PathBuf>, Closing> {
    let question = Question {
        title: words(app).export,
        action: FileChooserAction::Save,
        accept: None,
        name: Some(name),
        filter: None,
        many: false,
    };
    Ok(ask(app, window, question)
        .await?
        .and_then(|paths| paths.into_iter().next()))
}

/// A file with one-time codes of any app, or none.
///
/// # Errors
/// [`Closing`].
pub(crate) async fn open_import(app: &AppHandle, window: &WebviewWindow) -> Result<Option<PathBuf>, Closing> {
    one(app, window, words(app).import, FileChooserAction::Open).await
}

/// A folder to write into, or none.
///
/// # Errors
/// [`Closing`].
pub(crate) async fn open_folder(app: &AppHandle, window: &WebviewWindow) -> Result<Option<PathBuf>, Closing> {
    one(app, window, words(app).folder, FileChooserAction::SelectFolder).await
}

/// A path as it travels to the agent.
///
/// # Errors
/// The path is no text.
pub(crate) fn text(path: PathBuf) -> Result<String, ApiError> {
    path.into_os_string().into_string().map_err(|_| {
        ApiError::new(
            ErrorCode::InvalidValue,
            "That file's name is not plain text. Rename it, then choose it again.",
        )
    })
}

async fn one(
    app: &AppHandle,
    window: &WebviewWindow,
    title: &'static str,
    action: FileChooserAction,
) -> Result<Option<PathBuf>, Closing> {
    let question = Question {
        title,
        action,
        accept: None,
        name: None,
        filter: None,
        many: false,
    };
    Ok(ask(app, window, question)
        .await?
        .and_then(|paths| paths.into_iter().next()))
}

/// In the language of the interface.
fn words(app: &AppHandle) -> &'static Words {
    let views = app.state::<Views>();
    let view = views.main.borrow();
    let setting = view
        .settings
        .as_ref()
        .and_then(|settings| settings.values.language.as_deref());
    words::of(Language::chosen(setting, |name| std::env::var(name).ok()))
}

async fn ask(
    app: &AppHandle,
    window: &WebviewWindow,
    question: Question,
) -> Result<Option<Vec<PathBuf>>, Closing> {
    let (sender, receiver) = oneshot::channel();
    let window = window.clone();
    app.run_on_main_thread(move || {
        glib::MainContext::default().spawn_local(async move {
            let parent = window.gtk_window().ok();
            let dialog = dialog(parent.as_ref(), &question);
            let response = dialog.run_future().await;
            let chosen = (response == ResponseType::Accept).then(|| dialog.filenames());
            dialog.destroy();
            // Nobody waits when the window was closed.
            let _ = sender.send(chosen);
        });
    })
    .map_err(|_| Closing)?;
    receiver.await.map_err(|_| Closing)
}

fn dialog(parent: Option<&gtk::ApplicationWindow>, question: &Question) -> FileChooserNative {
    let dialog = FileChooserNative::new(
        Some(question.title),
        parent,
        question.action,
        question.accept,
        None,
    );
    dialog.set_modal(true);
    dialog.set_local_only(true);
    dialog.set_select_multiple(question.many);
    dialog.set_do_overwrite_confirmation(true);
    if let Some(name) = &question.name {
        dialog.set_current_name(name);
    }
    if let Some(Filter { name, mime, patterns }) = &question.filter {
        let filter = FileFilter::new();
        filter.set_name(Some(name));
        mime.iter().for_each(|mime| filter.add_mime_type(mime));
        patterns.iter().for_each(|pattern| filter.add_pattern(pattern));
        dialog.add_filter(filter);
    }
    dialog
}

impl From<Closing> for ApiError {
    fn from(_: Closing) -> Self {
        Self::new(ErrorCode::Unavailable, "Countersign is closing. Open it again.")
    }
}
