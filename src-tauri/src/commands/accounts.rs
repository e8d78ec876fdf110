//! Commands of the main window that add, change and remove accounts.

use countersign_agent_api::{
    AccountId, AccountView, ApiError, EnrolledView, Preview, Reply, Request, RequestView, TrustChoice,
};
use tauri::State;

use super::unexpected;
use crate::agent::Agent;

/// Reads an enrolment link and shows what its issuer offers, or what has to be trusted first. Changes nothing. `sha256` is that of the
/// certificate that the person trusts for this account.
#[tauri::command]
pub(crate) async fn preview_enrolment(
    agent: State<'_, Agent>,
    link: String,
    sha256: Option<String>,
) -> Result<Preview, ApiError> {
    let trust = sha256.map(|sha256| TrustChoice::Presented { sha256 });
    let reply = agent.call(Request::PreviewEnrolment { link, trust }).await?;
    if let Reply::Offer(offer) = reply {
        return Ok(Preview::Offer(offer));
    }
    let Reply::Untrusted(server) = reply else {
        return Err(unexpected());
    };
    Ok(Preview::Untrusted(server))
}

/// The person agreed to this offer.
#[tauri::command]
pub(crate) async fn accept_enrolment(
    agent: State<'_, Agent>,
    offer: String,
    device_name: String,
) -> Result<EnrolledView, ApiError> {
    let accept = Request::AcceptEnrolment { offer, device_name };
    let Reply::Enrolled(enrolled) = agent.call(accept).await? else {
        return Err(unexpected());
    };
    Ok(enrolled)
}

/// Forgets this offer.
#[tauri::command]
pub(crate) async fn cancel_enrolment(agent: State<'_, Agent>, offer: String) -> Result<(), ApiError> {
    agent.call(Request::CancelEnrolment { offer }).await.map(drop)
}

/// Gives an account a name of the person's own, or takes it away.
#[tauri::command]
pub(crate) async fn rename_account(
    agent: State<'_, Agent>,
    account: AccountId,
    name: Option<String>,
) -> Result<AccountView, ApiError> {
    changed(agent.call(Request::RenameAccount { account, name }).await?)
}

/// Has an account's issuer asked now what there is.
#[tauri::command]
pub(crate) async fn refresh_account(
    agent: State<'_, Agent>,
    account: AccountId,
) -> Result<AccountView, ApiError> {
    changed(agent.call(Request::Refresh { account }).await?)
}

/// Has an issuer asked more or less often; without a number, as is usual.
#[tauri::command]
pub(crate) async fn set_polling(
    agent: State<'_, Agent>,
    account: AccountId,
    seconds: Option<u16>,
) -> Result<AccountView, ApiError> {
    changed(agent.call(Request::SetPolling { account, seconds }).await?)
}

/// Replaces an account's key.
#[tauri::command]
pub(crate) async fn rotate_key(agent: State<'_, Agent>, account: AccountId) -> Result<AccountView, ApiError> {
    changed(agent.call(Request::RotateKey { account }).await?)
}

/// Removes an account and its key from this computer.
#[tauri::command]
pub(crate) async fn remove_account(agent: State<'_, Agent>, account: AccountId) -> Result<(), ApiError> {
    agent.call(Request::RemoveAccount { account }).await.map(drop)
}

/// Has the issuer revoke this computer for an account.
#[tauri::command]
pub(crate) async fn revoke_device(
    agent: State<'_, Agent>,
    account: AccountId,
) -> Result<AccountView, ApiError> {
    changed(agent.call(Request::RevokeDevice { account }).await?)
}

/// Shows the requests of one client that were held back.
#[tauri::command]
pub(crate) async fn release_held_back(
    agent: State<'_, Agent>,
    account: AccountId,
    client_id: String,
) -> Result<Vec<RequestView>, ApiError> {
    let Reply::Requests(requests) = agent
        .call(Request::ReleaseHeldBack { account, client_id })
        .await?
    else {
        return Err(unexpected());
    };
    Ok(requests)
}

fn changed(reply: Reply) -> Result<AccountView, ApiError> {
    let Reply::Account(account) = reply else {
        return Err(unexpected());
    };
    Ok(account)
}
