//! Commands of the main window that look back.

use countersign_agent_api::{ApiError, HistoryEntry, HistoryFilter, Reply, Request, RequestId};
use tauri::State;

use super::unexpected;
use crate::agent::Agent;

/// Ended requests that pass the filter, newest first.
#[tauri::command]
pub(crate) async fn history(
    agent: State<'_, Agent>,
    limit: u32,
    before: Option<RequestId>,
    filter: Option<HistoryFilter>,
) -> Result<Vec<HistoryEntry>, ApiError> {
    entries(&agent, limit, before, filter.unwrap_or_default()).await
}

/// The signed evidence of an ended request, as the exported file has it.
#[tauri::command]
pub(crate) async fn evidence(agent: State<'_, Agent>, id: RequestId) -> Result<String, ApiError> {
    evidence_of(&agent, id).await
}

/// As many entries as are wanted, if there are: the agent's pages hold fewer when they are long.
pub(crate) async fn entries(
    agent: &Agent,
    limit: u32,
    before: Option<RequestId>,
    filter: HistoryFilter,
) -> Result<Vec<HistoryEntry>, ApiError> {
    let mut entries: Vec<HistoryEntry> = Vec::new();
    let mut before = before;
    let mut left = limit;
    while left > 0 {
        let request = Request::History {
            limit: left,
            before: before.take(),
            filter: filter.clone(),
        };
        let Reply::History(page) = agent.call(request).await? else {
            return Err(unexpected());
        };
        left = left.saturating_sub(u32::try_from(page.entries.len()).unwrap_or(u32::MAX));
        entries.extend(page.entries);
        before = entries.last().map(|entry| entry.id.clone());
        if !page.more {
            break;
        }
    }
    Ok(entries)
}

/// The evidence file's JSON text.
pub(super) async fn evidence_of(agent: &Agent, id: RequestId) -> Result<String, ApiError> {
    let Reply::Evidence(text) = agent.call(Request::Evidence { id }).await? else {
        return Err(unexpected());
    };
    Ok(text)
}
