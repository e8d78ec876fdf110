//! Commands of the main window that write a file where the person wants it.
//!
//! Invariants: a file is there completely or not at all; what was there before stays until then.

use std::{io::Write, path::Path};

use countersign_agent_api::{ApiError, ErrorCode, HistoryEntry, HistoryFilter, RequestId};
use serde::Serialize;
use tauri::{AppHandle, State, WebviewWindow};
use tempfile::NamedTempFile;

use super::history::{entries, evidence_of};
use crate::{agent::Agent, dialogs};

/// Entries asked for at once.
const PAGE: u32 = 200;

/// Exports the signed evidence of one request. The file's name, or none if the person chose not to.
#[tauri::command]
pub(crate) async fn export_receipt(
    app: AppHandle,
    window: WebviewWindow,
    agent: State<'_, Agent>,
    id: RequestId,
) -> Result<Option<String>, ApiError> {
    let text = evidence_of(&agent, id.clone()).await?;
    let Some(path) = dialogs::save(&app, &window, format!("countersign-receipt-{}.json", id.0)).await? else {
        return Ok(None);
    };
    let mut file = begin(&path)?;
    file.write_all(text.as_bytes()).map_err(|e| not_written(&e))?;
    finish(file, &path).map(Some)
}

/// One line of the exported log.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    entry: &'a HistoryEntry,
    /// The evidence file, as JSON; null where none was kept.
    evidence: Option<serde_json::Value>,
}

/// Exports every entry that passes the filter with its evidence, newest first, one JSON object a line. The file's name, or none
/// if the person chose not to.
#[tauri::command]
pub(crate) async fn export_activity(
    app: AppHandle,
    window: WebviewWindow,
    agent: State<'_, Agent>,
    filter: Option<HistoryFilter>,
) -> Result<Option<String>, ApiError> {
    let Some(path) = dialogs::save(&app, &window, "countersign-activity.jsonl".to_owned()).await? else {
        return Ok(None);
    };
    let filter = filter.unwrap_or_default();
    let mut file = begin(&path)?;
    let mut before = None;
    loop {
        let page = entries(&agent, PAGE, before.take(), filter.clone()).await?;
        for entry in &page {
            let line = line(&agent, entry).await?;
            file.write_all(line.as_bytes()).map_err(|e| not_written(&e))?;
        }
        match page.into_iter().last() {
            Some(last) => before = Some(last.id),
            None => return finish(file, &path).map(Some),
        }
    }
}

async fn line(agent: &Agent, entry: &HistoryEntry) -> Result<String, ApiError> {
    let damaged = |_| {
        ApiError::new(
            ErrorCode::Storage,
            "The record of a request is damaged. Nothing was exported.",
        )
    };
    let evidence = match evidence_of(agent, entry.id.clone()).await {
        Ok(text) => Some(serde_json::from_str(&text).map_err(damaged)?),
        // No receipt was kept: an expired request has none.
        Err(e) if e.code == ErrorCode::NotFound => None,
        Err(e) => return Err(e),
    };
    let mut line = serde_json::to_string(&Line { entry, evidence }).map_err(damaged)?;
    line.push('\n');
    Ok(line)
}

/// A new file beside the one that it will become.
fn begin(path: &Path) -> Result<NamedTempFile, ApiError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    NamedTempFile::new_in(directory).map_err(|e| not_written(&e))
}

fn finish(file: NamedTempFile, path: &Path) -> Result<String, ApiError> {
    file.as_file().sync_all().map_err(|e| not_written(&e))?;
    file.persist(path).map_err(|e| not_written(&e.error))?;
    Ok(path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned()))
}

fn not_written(error: &std::io::Error) -> ApiError {
    ApiError::new(
        ErrorCode::Storage,
        format!("The file could not be written: {error}. Choose another place."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_an_abandoned_one_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("receipt.json");
        std::fs::write(&path, "before").unwrap();
        let mut abandoned = begin(&path).unwrap();
        abandoned.write_all(b"half").unwrap();
        drop(abandoned);
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        let mut file = begin(&path).unwrap();
        file.write_all(b"after").unwrap();
        assert_eq!(finish(file, &path).unwrap(), "receipt.json");
        assert_eq!(std::fs::read(&path).unwrap(), b"after");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_said() {
        let error = begin(Path::new("/nonexistent/receipt.json")).unwrap_err();
        assert_eq!(error.code, ErrorCode::Storage);
        assert!(
            error.message.contains("Choose another place"),
            "{}",
            error.message
        );
    }
}
