//! Commands of the main window that bring one-time codes in: from a file, from QR codes, from links. A link that adds an account is
//! no code: it is handed on to the form for that.
//!
//! Invariants: what QR codes, files and opened links say goes to the agent and not to the page; nothing is added before the person
//! has seen what.

use std::sync::{Mutex, PoisonError};

use countersign_agent_api::{
    ApiError, CodesReply, CodesRequest, ErrorCode, ImportSource, ImportStage, ImportView, SecretText,
};
use serde::Serialize;
use tauri::{AppHandle, State, WebviewWindow};

use super::{Views, codes::ask, open, unexpected};
use crate::{
    agent::Agent,
    args::{self, Launch},
    dialogs,
    qr::{self, QrSource},
};

/// The longest text that is read at once, in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// The QR codes of a batch that were read so far: all have to be read together.
#[derive(Default)]
pub(crate) struct Batch(Mutex<Vec<String>>);

/// What was found in a picture.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct QrImport {
    /// What these codes and those of the batch before them would add; none: there is no QR code in the picture.
    pub(crate) import: Option<ImportView>,
}

/// Which codes belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub(crate) enum QrBatch {
    /// These are the first ones.
    New,
    /// These follow the ones that were read before.
    Continued,
}

/// Reads a file that the person chooses; none if they chose not to. Changes nothing.
#[tauri::command]
pub(crate) async fn preview_import_file(
    app: AppHandle,
    window: WebviewWindow,
    agent: State<'_, Agent>,
) -> Result<Option<ImportView>, ApiError> {
    let Some(path) = dialogs::open_import(&app, &window).await? else {
        return Ok(None);
    };
    let path = dialogs::text(path)?;
    preview(&agent, ImportSource::File { path }).await.map(Some)
}

/// Reads links that were pasted; none if it was one that adds an account. Changes nothing.
#[tauri::command]
pub(crate) async fn preview_import_text(
    agent: State<'_, Agent>,
    views: State<'_, Views>,
    text: String,
) -> Result<Option<ImportView>, ApiError> {
    if let Some(link) = account_link(&[&text]) {
        hand_on(&views, link).await?;
        return Ok(None);
    }
    preview_text(&agent, text).await.map(Some)
}

/// Reads the link of this opening. Changes nothing.
#[tauri::command]
pub(crate) async fn preview_opened_link(
    agent: State<'_, Agent>,
    views: State<'_, Views>,
    opening: u32,
) -> Result<ImportView, ApiError> {
    let link = views.main.borrow().codes_link.clone();
    let Some(link) = link.filter(|link| link.opening == opening) else {
        return Err(ApiError::new(
            ErrorCode::NotFound,
            "That link is no longer there. Open it again.",
        ));
    };
    preview_text(&agent, link.text.0).await
}

/// Reads the QR codes of a picture; none if the person has chosen no picture, or it was one that adds an account. Changes nothing.
#[tauri::command]
pub(crate) async fn preview_import_qr(
    app: AppHandle,
    window: WebviewWindow,
    agent: State<'_, Agent>,
    views: State<'_, Views>,
    batch: State<'_, Batch>,
    source: QrSource,
    codes: QrBatch,
) -> Result<Option<QrImport>, ApiError> {
    let known = batch.before(codes);
    let Some(found) = qr::read(&app, &window, source, &known).await? else {
        return Ok(None);
    };
    if found.is_empty() {
        return Ok(Some(QrImport { import: None }));
    }
    if let Some(link) = account_link(&found) {
        hand_on(&views, link).await?;
        return Ok(None);
    }
    let texts = with(known, found);
    let import = preview_text(&agent, texts.join("\n")).await?;
    // What makes no sense does not spoil the codes before it, and what is whole needs none after it.
    batch.keep(if is_partial(&import) { texts } else { Vec::new() });
    Ok(Some(QrImport { import: Some(import) }))
}

/// Gives the password of an encrypted import.
#[tauri::command]
pub(crate) async fn unlock_import(
    agent: State<'_, Agent>,
    import: String,
    password: SecretText,
) -> Result<ImportView, ApiError> {
    shown(ask(&agent, CodesRequest::UnlockImport { import, password }).await?)
}

/// Adds all that is new, or nothing. How many were added.
#[tauri::command]
pub(crate) async fn apply_import(agent: State<'_, Agent>, import: String) -> Result<u32, ApiError> {
    let CodesReply::Imported { added } = ask(&agent, CodesRequest::ApplyImport { import }).await? else {
        return Err(unexpected());
    };
    Ok(added)
}

/// Forgets an import, and the QR codes of its batch.
#[tauri::command]
pub(crate) async fn cancel_import(
    agent: State<'_, Agent>,
    batch: State<'_, Batch>,
    import: String,
) -> Result<(), ApiError> {
    batch.keep(Vec::new());
    ask(&agent, CodesRequest::CancelImport { import }).await.map(drop)
}

impl Batch {
    /// What was read before, if these go on with it.
    fn before(&self, codes: QrBatch) -> Vec<String> {
        match codes {
            QrBatch::New => Vec::new(),
            QrBatch::Continued => self.0.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn keep(&self, texts: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = texts;
    }
}

/// What was known and what was found, each once.
fn with(mut known: Vec<String>, found: Vec<String>) -> Vec<String> {
    for text in found {
        if !known.contains(&text) {
            known.push(text);
        }
    }
    known
}

fn is_partial(import: &ImportView) -> bool {
    match import.stage {
        ImportStage::Locked => false,
        ImportStage::Ready { missing_parts, .. } => missing_parts > 0,
    }
}

/// The link that adds an account, if that is all that was found.
fn account_link(texts: &[impl AsRef<str>]) -> Option<String> {
    let [only] = texts else { return None };
    let link = only.as_ref().trim();
    (args::is_account_link(link) && !link.contains(char::is_whitespace)).then(|| link.to_owned())
}

/// Opens the form that adds an account with this link.
async fn hand_on(views: &Views, link: String) -> Result<(), ApiError> {
    open(views, Launch::Main { link: Some(link) }).await
}

async fn preview_text(agent: &Agent, text: String) -> Result<ImportView, ApiError> {
    if text.len() > MAX_TEXT {
        return Err(ApiError::new(
            ErrorCode::InvalidValue,
            "That is too much text. Save it as a file, then import the file.",
        ));
    }
    preview(agent, ImportSource::Text { text: text.into() }).await
}

async fn preview(agent: &Agent, source: ImportSource) -> Result<ImportView, ApiError> {
    shown(ask(agent, CodesRequest::PreviewImport { source }).await?)
}

fn shown(reply: CodesReply) -> Result<ImportView, ApiError> {
    let CodesReply::Import(import) = reply else {
        return Err(unexpected());
    };
    Ok(import)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_codes_of_a_batch_are_read_together_and_each_counts_once() {
        let batch = Batch::default();
        batch.keep(with(batch.before(QrBatch::New), texts(&["a"])));
        let known = batch.before(QrBatch::Continued);
        assert_eq!(with(known, texts(&["a", "b"])), texts(&["a", "b"]));
        assert_eq!(batch.before(QrBatch::New), texts(&[]));
    }

    #[test]
    fn only_a_link_by_itself_is_handed_on_to_the_form_for_accounts() {
        let push = "otpauth://pipush/PIPU0001?serial=PIPU0001";
        assert_eq!(account_link(&[format!(" {push}\n")]), Some(push.to_owned()));
        assert_eq!(
            account_link(&["pia://container/x"]),
            Some("pia://container/x".into())
        );
        assert_eq!(account_link(&["otpauth://totp/a?secret=GEZDGNBV"]), None);
        assert_eq!(account_link(&[push, push]), None);
        assert_eq!(
            account_link(&[format!("{push}\notpauth://totp/a?secret=GEZDGNBV")]),
            None
        );
        assert_eq!(account_link(&[] as &[String]), None);
    }

    #[test]
    fn codes_that_were_not_kept_do_not_come_back() {
        let batch = Batch::default();
        drop(with(batch.before(QrBatch::New), texts(&["a"])));
        assert_eq!(batch.before(QrBatch::Continued), texts(&[]));
    }
}
