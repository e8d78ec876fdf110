//! Commands of the main window that write a file where the person wants it.
//!
//! Invariants: a file is there completely or not at all; what was there before stays until then.

use std::{collections::HashSet, io::Write, path::Path};

use countersign_agent_api::{
    ApiError, ErrorCode, HistoryEntry, HistoryFilter, HistoryRecord, Reply, Request, RequestId,
};
use serde::Serialize;
use tauri::{AppHandle, State, WebviewWindow};
use tempfile::NamedTempFile;

use super::{history::evidence_of, unexpected};
use crate::{agent::Agent, dialogs};

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
    let mut from = None;
    // A request that was recorded again after its part of the history was full is in two parts: the newest counts.
    let mut written = HashSet::new();
    loop {
        let request = Request::Records {
            from: from.take(),
            filter: filter.clone(),
        };
        let Reply::Records(page) = agent.call(request).await? else {
            return Err(unexpected());
        };
        for record in page.records {
            if written.insert(record.entry.id.clone()) {
                file.write_all(line(&record)?.as_bytes())
                    .map_err(|e| not_written(&e))?;
            }
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return finish(file, &path).map(Some),
        }
    }
}

fn line(record: &HistoryRecord) -> Result<String, ApiError> {
    let damaged = |_| {
        ApiError::new(
            ErrorCode::Storage,
            "The record of a request is damaged. Nothing was exported.",
        )
    };
    let evidence = record.evidence.as_deref().map(serde_json::from_str);
    let line = Line {
        entry: &record.entry,
        evidence: evidence.transpose().map_err(damaged)?,
    };
    let mut line = serde_json::to_string(&line).map_err(damaged)?;
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
