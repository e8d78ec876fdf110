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
    agent.history(limit, before, &filter.unwrap_or_default()).await
}

/// The signed evidence of an ended request, as the exported file has it.
#[tauri::command]
pub(crate) async fn evidence(agent: State<'_, Agent>, id: RequestId) -> Result<String, ApiError> {
    evidence_of(&agent, id).await
}

/// The evidence file's JSON text.
pub(super) async fn evidence_of(agent: &Agent, id: RequestId) -> Result<String, ApiError> {
    let Reply::Evidence(text) = agent.call(Request::Evidence { id }).await? else {
        return Err(unexpected());
    };
    Ok(text)
}
