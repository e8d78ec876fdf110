//! What a window may ask for: one command per call to the agent, plus the windows themselves. Here are the commands around
//! requests and windows; the others are in the modules.
//!
//! Invariants: a command does what its name says and nothing before the person acted; which window may use which command is
//! written in `capabilities/`. Errors are the agent's own, with its words for people.

pub(crate) mod accounts;
pub(crate) mod backups;
pub(crate) mod codes;
pub(crate) mod exports;
pub(crate) mod history;
pub(crate) mod imports;
pub(crate) mod settings;

use countersign_agent_api::{
    Activation, ApiError, ErrorCode, HistoryEntry, Reason, Reply, Request, RequestId, RequestView, Verdict,
    client::ClientError,
};
use tauri::{State, WebviewWindow, ipc::Invoke};
use tokio::sync::{mpsc, watch};

use crate::{
    agent::Agent,
    args::Launch,
    shell::Input,
    view::{MainView, Page, PromptView},
    windows::{self, FitError, WindowMemory},
};

/// All commands. Each is declared in `build.rs`, too; which window may use which is in `capabilities/`.
pub(crate) fn handler() -> impl Fn(Invoke) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        prompt_view,
        main_view,
        shown,
        decide,
        withdraw,
        deny,
        report,
        codes::copy_code_to_type,
        fit,
        open_prompt,
        open_main,
        close_window,
        start_agent,
        remember_page,
        link_taken,
        accounts::preview_enrolment,
        accounts::accept_enrolment,
        accounts::cancel_enrolment,
        accounts::rename_account,
        accounts::refresh_account,
        accounts::set_polling,
        accounts::rotate_key,
        accounts::remove_account,
        accounts::revoke_device,
        accounts::release_held_back,
        history::history,
        history::evidence,
        exports::export_receipt,
        exports::export_activity,
        settings::diagnostics,
        settings::settings,
        settings::change_setting,
        settings::mute,
        settings::read_qr,
        settings::stop_camera,
        settings::choose_ca_files,
        settings::copy_text,
        codes::list_codes,
        codes::show_codes,
        codes::copy_code,
        codes::advance_code,
        codes::add_code,
        codes::edit_code,
        codes::move_code,
        codes::remove_code,
        codes::restore_code,
        codes::code_qr,
        codes::correct_clock,
        imports::preview_import_file,
        imports::preview_import_text,
        imports::preview_opened_link,
        imports::preview_import_qr,
        imports::unlock_import,
        imports::apply_import,
        imports::cancel_import,
        backups::export_codes,
        backups::choose_backups,
        backups::change_backup_password,
        backups::end_backups,
        backups::back_up,
    ]
}

/// The shell, as the commands see it.
#[derive(Debug)]
pub(crate) struct Views {
    /// The prompt's snapshot.
    pub(crate) prompt: watch::Receiver<PromptView>,
    /// The main window's snapshot.
    pub(crate) main: watch::Receiver<MainView>,
    /// Where wishes for windows go.
    pub(crate) inputs: mpsc::Sender<Input>,
}

/// The prompt's snapshot; later ones come as events.
#[tauri::command]
pub(crate) fn prompt_view(views: State<'_, Views>) -> PromptView {
    views.prompt.borrow().clone()
}

/// The main window's snapshot; later ones come as events.
#[tauri::command]
pub(crate) fn main_view(views: State<'_, Views>) -> MainView {
    views.main.borrow().clone()
}

/// The whole statement of this request has been on screen.
#[tauri::command]
pub(crate) async fn shown(agent: State<'_, Agent>, id: RequestId) -> Result<(), ApiError> {
    agent.call(Request::Shown { id }).await.map(drop)
}

/// The person's answer, for the statement with this hash.
#[tauri::command]
pub(crate) async fn decide(
    agent: State<'_, Agent>,
    id: RequestId,
    verdict: Verdict,
    match_code: Option<String>,
    reason: Option<Reason>,
    locale: String,
    statement_hash: String,
) -> Result<RequestView, ApiError> {
    request(
        agent
            .call(Request::Decide {
                id,
                verdict,
                match_code,
                reason,
                locale,
                statement_hash,
            })
            .await?,
    )
}

/// No, from the list of requests. There is no yes there.
#[tauri::command]
pub(crate) async fn deny(
    agent: State<'_, Agent>,
    id: RequestId,
    locale: String,
    statement_hash: String,
) -> Result<RequestView, ApiError> {
    let verdict = Verdict::Deny;
    request(
        agent
            .call(Request::Decide {
                id,
                verdict,
                match_code: None,
                reason: None,
                locale,
                statement_hash,
            })
            .await?,
    )
}

/// Reports a request that has ended. Its outcome stays.
#[tauri::command]
pub(crate) async fn report(
    agent: State<'_, Agent>,
    id: RequestId,
    locale: String,
) -> Result<HistoryEntry, ApiError> {
    let Reply::Entry(entry) = agent.call(Request::Report { id, locale }).await? else {
        return Err(unexpected());
    };
    Ok(entry)
}

/// Takes back an answer that has not left yet.
#[tauri::command]
pub(crate) async fn withdraw(agent: State<'_, Agent>, id: RequestId) -> Result<(), ApiError> {
    agent.call(Request::Withdraw { id }).await.map(drop)
}

/// Starts the agent.
#[tauri::command]
pub(crate) fn start_agent(agent: State<'_, Agent>) {
    agent.start();
}

/// Opens the prompt on this request, because the person asked.
#[tauri::command]
pub(crate) async fn open_prompt(views: State<'_, Views>, id: RequestId) -> Result<(), ApiError> {
    open(
        &views,
        Launch::Prompt {
            request: Some(id),
            activation: Activation::Asked,
        },
    )
    .await
}

/// Opens the main window.
#[tauri::command]
pub(crate) async fn open_main(views: State<'_, Views>) -> Result<(), ApiError> {
    open(&views, Launch::Main { link: None }).await
}

/// Gives the prompt the height of its content, in logical pixels, and shows it the first time.
#[tauri::command]
pub(crate) async fn fit(window: WebviewWindow, views: State<'_, Views>, height: f64) -> Result<(), ApiError> {
    let activation = views.prompt.borrow().target.activation;
    windows::fit(&window, height, activation).map_err(|e| match e {
        FitError::NotAHeight => ApiError::new(ErrorCode::InvalidCall, "That is no height for a window."),
        FitError::Window(e) => window_failed(&e),
    })
}

/// Closes the window that asks. Answers nothing.
#[tauri::command]
pub(crate) async fn close_window(window: WebviewWindow) -> Result<(), ApiError> {
    window.destroy().map_err(|e| window_failed(&e))
}

/// Remembers the page that the main window shows, for the next time it opens.
#[tauri::command]
pub(crate) async fn remember_page(
    memory: State<'_, WindowMemory>,
    views: State<'_, Views>,
    page: Page,
) -> Result<(), ApiError> {
    memory.remember_page(page);
    send(&views, Input::Page(page)).await
}

/// The form has the link of this opening: it is not offered again.
#[tauri::command]
pub(crate) async fn link_taken(views: State<'_, Views>, opening: u32) -> Result<(), ApiError> {
    send(&views, Input::LinkTaken(opening)).await
}

async fn open(views: &Views, launch: Launch) -> Result<(), ApiError> {
    send(views, Input::Open(launch)).await
}

async fn send(views: &Views, input: Input) -> Result<(), ApiError> {
    views
        .inputs
        .send(input)
        .await
        .map_err(|_| ApiError::new(ErrorCode::Unavailable, "Countersign is closing. Open it again."))
}

fn request(reply: Reply) -> Result<RequestView, ApiError> {
    let Reply::Request(view) = reply else {
        return Err(unexpected());
    };
    Ok(view)
}

fn unexpected() -> ApiError {
    ClientError::UnexpectedReply.into_api()
}

fn window_failed(error: &tauri::Error) -> ApiError {
    ApiError::new(
        ErrorCode::AppUnavailable,
        format!("The window did not do that: {error}."),
    )
}
