//! Commands of the main window that add, change and remove accounts.

use countersign_agent_api::{
    AccountId, AccountView, ApiError, EnrolledView, EnrolmentOffer, Reply, Request, RequestView,
};
use tauri::State;

use super::unexpected;
use crate::agent::Agent;

/// Reads an enrolment link and shows what its issuer offers. Changes nothing.
#[tauri::command]
pub(crate) async fn preview_enrolment(
    agent: State<'_, Agent>,
    link: String,
) -> Result<EnrolmentOffer, ApiError> {
    let Reply::Offer(offer) = agent.call(Request::PreviewEnrolment { link }).await? else {
        return Err(unexpected());
    };
    Ok(offer)
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
