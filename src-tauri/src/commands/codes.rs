//! Commands around one-time codes: of the main window, and one of the prompt.
//!
//! Invariant: no secret of an entry comes back; what does is the codes on display, and one entry as a QR code when the person asks
//! for it.

use countersign_agent_api::{
    ApiError, CodeEdit, CodeEntry, CodeId, CodesPage, CodesReply, CodesRequest, ErrorCode, MAX_CODES,
    NewCode, QrPicture, Reply, Request, RequestId, ShownCode, VaultView,
};
use tauri::State;

use super::unexpected;
use crate::agent::Agent;

/// The longest text that is passed on, in bytes: a call has its place in one frame.
const MAX_TEXT: usize = 64 * 1024;

/// Some entries, in the person's order or the best match first.
#[tauri::command]
pub(crate) async fn list_codes(
    agent: State<'_, Agent>,
    query: String,
    tag: Option<String>,
    from: u32,
    limit: u32,
) -> Result<CodesPage, ApiError> {
    fits([query.as_str(), tag.as_deref().unwrap_or_default()])?;
    let request = CodesRequest::List {
        query,
        tag,
        from,
        limit: limit.min(MAX_CODES),
    };
    let CodesReply::Page(page) = ask(&agent, request).await? else {
        return Err(unexpected());
    };
    Ok(page)
}

/// The codes of these entries now.
#[tauri::command]
pub(crate) async fn show_codes(
    agent: State<'_, Agent>,
    ids: Vec<CodeId>,
) -> Result<Vec<ShownCode>, ApiError> {
    let ids = ids.into_iter().take(MAX_CODES as usize).collect();
    let CodesReply::Shown(codes) = ask(&agent, CodesRequest::Show { ids }).await? else {
        return Err(unexpected());
    };
    Ok(codes)
}

/// Puts a code on the clipboard. Until when it is there, in seconds since 1970; none: until something else is.
#[tauri::command]
pub(crate) async fn copy_code(agent: State<'_, Agent>, id: CodeId) -> Result<Option<i64>, ApiError> {
    let CodesReply::Copied { until } = ask(&agent, CodesRequest::Copy { id }).await? else {
        return Err(unexpected());
    };
    Ok(until)
}

/// Puts on the clipboard what is to be typed where an approved request started; otherwise as [`copy_code`].
#[tauri::command]
pub(crate) async fn copy_code_to_type(
    agent: State<'_, Agent>,
    id: RequestId,
) -> Result<Option<i64>, ApiError> {
    let Reply::Codes(CodesReply::Copied { until }) = agent.call(Request::CopyCode { id }).await? else {
        return Err(unexpected());
    };
    Ok(until)
}

/// The next code of an entry that follows a counter.
#[tauri::command]
pub(crate) async fn advance_code(agent: State<'_, Agent>, id: CodeId) -> Result<ShownCode, ApiError> {
    let CodesReply::Shown(codes) = ask(&agent, CodesRequest::Advance { id }).await? else {
        return Err(unexpected());
    };
    codes.into_iter().next().ok_or_else(unexpected)
}

/// Adds an entry that was typed in.
#[tauri::command]
pub(crate) async fn add_code(agent: State<'_, Agent>, entry: NewCode) -> Result<CodeEntry, ApiError> {
    fits([entry.issuer.as_str(), &entry.account, entry.secret.expose()])?;
    changed(ask(&agent, CodesRequest::Add { entry }).await?)
}

/// Changes what an entry is called.
#[tauri::command]
pub(crate) async fn edit_code(
    agent: State<'_, Agent>,
    id: CodeId,
    edit: CodeEdit,
) -> Result<CodeEntry, ApiError> {
    fits([&edit.issuer, &edit.account, &edit.note].map(String::as_str))?;
    fits(edit.tags.iter().map(String::as_str))?;
    changed(ask(&agent, CodesRequest::Edit { id, edit }).await?)
}

/// Moves an entry before another one, or to the end.
#[tauri::command]
pub(crate) async fn move_code(
    agent: State<'_, Agent>,
    id: CodeId,
    before: Option<CodeId>,
) -> Result<(), ApiError> {
    ask(&agent, CodesRequest::Move { id, before }).await.map(drop)
}

/// Deletes an entry. Until when it can be had back, in seconds since 1970.
#[tauri::command]
pub(crate) async fn remove_code(agent: State<'_, Agent>, id: CodeId) -> Result<i64, ApiError> {
    let CodesReply::Removed { undo_until } = ask(&agent, CodesRequest::Remove { id }).await? else {
        return Err(unexpected());
    };
    Ok(undo_until)
}

/// Puts a deleted entry back.
#[tauri::command]
pub(crate) async fn restore_code(agent: State<'_, Agent>, id: CodeId) -> Result<CodeEntry, ApiError> {
    changed(ask(&agent, CodesRequest::Restore { id }).await?)
}

/// One entry as a QR code for another device: it holds the secret, and the person asked for it.
#[tauri::command]
pub(crate) async fn code_qr(agent: State<'_, Agent>, id: CodeId) -> Result<QrPicture, ApiError> {
    let CodesReply::Qr(picture) = ask(&agent, CodesRequest::Qr { id }).await? else {
        return Err(unexpected());
    };
    Ok(picture)
}

/// Uses the clock correction that the person was shown.
#[tauri::command]
pub(crate) async fn correct_clock(agent: State<'_, Agent>, offset: i64) -> Result<VaultView, ApiError> {
    vault(ask(&agent, CodesRequest::CorrectClock { offset }).await?)
}

/// One call about codes.
pub(super) async fn ask(agent: &Agent, call: CodesRequest) -> Result<CodesReply, ApiError> {
    let Reply::Codes(reply) = agent.call(Request::Codes { call }).await? else {
        return Err(unexpected());
    };
    Ok(reply)
}

/// The reply as the state of the vault.
pub(super) fn vault(reply: CodesReply) -> Result<VaultView, ApiError> {
    let CodesReply::Vault(vault) = reply else {
        return Err(unexpected());
    };
    Ok(vault)
}

fn changed(reply: CodesReply) -> Result<CodeEntry, ApiError> {
    let CodesReply::Entry(entry) = reply else {
        return Err(unexpected());
    };
    Ok(entry)
}

/// Refuses what cannot be meant: the agent says what of the rest is too long.
fn fits<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), ApiError> {
    if texts.into_iter().map(str::len).sum::<usize>() > MAX_TEXT {
        return Err(ApiError::new(
            ErrorCode::InvalidValue,
            "That is too long. Shorten it, then try again.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_a_call_is_refused_before_it_is_made() {
        let half = "a".repeat(MAX_TEXT / 2);
        assert!(fits([half.as_str(), &half]).is_ok());
        assert_eq!(
            fits([half.as_str(), &half, "a"]).unwrap_err().code,
            ErrorCode::InvalidValue
        );
    }
}
