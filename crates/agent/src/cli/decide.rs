//! Requests from the terminal: the whole statement is printed, then the person answers.

use std::time::Duration;

use countersign_agent_api::{
    ErrorCode, Event, Matching, Outcome, Reason, Reply, Request, RequestId, RequestState, RequestView,
    Verdict, client::ClientError,
};
use tokio::time::timeout;

use super::{
    CliError, Exit,
    args::Output,
    render,
    session::{Session, unexpected},
};
use crate::{statement_text::plain, wording::LANGUAGE};

/// How long the end of an answer is waited for. After that it is still on its way.
const PATIENCE: Duration = Duration::from_secs(30);

/// What waits, and what is held back.
pub(super) async fn list(session: &Session) -> Result<Exit, CliError> {
    let Reply::Requests(requests) = session.call(Request::Requests).await? else {
        return unexpected();
    };
    let Reply::Status(status) = session.call(Request::Status).await? else {
        return unexpected();
    };
    render::requests(&requests, &status.held_back, session.output)
}

/// Everything about one request.
pub(super) async fn show(session: &Session, id: RequestId) -> Result<Exit, CliError> {
    let request = print_whole(session, id).await?;
    if session.output == Output::Json {
        return render::request(&request, session.output);
    }
    Ok(Exit::Done)
}

/// Prints the statement, asks for the code (or a yes), answers, waits for the end.
pub(super) async fn approve(
    session: &mut Session,
    id: RequestId,
    code: Option<String>,
    yes: bool,
) -> Result<Exit, CliError> {
    let request = print_whole(session, id).await?;
    let match_code = match &request.requires.matching {
        Matching::Code { digits } => match code {
            Some(code) => Some(code),
            None => {
                let question =
                    format!("Type the {digits} digits shown where you started this (empty to stop): ");
                match render::ask(&question)? {
                    typed if typed.is_empty() => return Ok(stopped()),
                    typed => Some(typed),
                }
            }
        },
        Matching::None => {
            if !yes && !render::ask_yes("Approve this? Type yes: ")? {
                return Ok(stopped());
            }
            None
        }
        Matching::Choice { options } => match code {
            Some(code) => Some(code),
            None => {
                let question = format!(
                    "Type the one that is shown where you started this: {} (empty to stop): ",
                    options
                        .iter()
                        .map(|option| plain(option))
                        .collect::<Vec<_>>()
                        .join(", ")
                );
                match render::ask(&question)? {
                    picked if picked.is_empty() => return Ok(stopped()),
                    picked => Some(picked),
                }
            }
        },
    };
    answer(session, &request, Verdict::Approve, match_code, None).await
}

/// Denies or reports.
pub(super) async fn deny(
    session: &mut Session,
    id: RequestId,
    verdict: Verdict,
    reason: Option<Reason>,
) -> Result<Exit, CliError> {
    let request = print_whole(session, id).await?;
    answer(session, &request, verdict, None, reason).await
}

/// Reports: with the answer while the request waits, beside the outcome once it has ended.
pub(super) async fn report(session: &mut Session, id: RequestId) -> Result<Exit, CliError> {
    match session.call(Request::ShowRequest { id: id.clone() }).await {
        Ok(Reply::Request(request)) if !matches!(request.state, RequestState::Ended { .. }) => {
            deny(session, id, Verdict::Report, Some(Reason::NotMe)).await
        }
        Ok(Reply::Request(_)) => report_ended(session, id).await,
        Err(CliError::Client(ClientError::Api(error))) if error.code == ErrorCode::NotFound => {
            report_ended(session, id).await
        }
        Ok(_) => unexpected(),
        Err(error) => Err(error),
    }
}

async fn report_ended(session: &Session, id: RequestId) -> Result<Exit, CliError> {
    let report = Request::Report {
        id,
        locale: LANGUAGE.to_owned(),
    };
    let Reply::Entry(entry) = session.call(report).await? else {
        return unexpected();
    };
    render::history(&[entry], session.output)
}

/// Prints the whole statement and says so to the agent: only then it can be approved.
async fn print_whole(session: &Session, id: RequestId) -> Result<RequestView, CliError> {
    let request = fetch(session, &id).await?;
    // With --json the person sees it all the same: on standard error.
    render::statement(&request, session.output);
    session.call(Request::Shown { id }).await?;
    Ok(request)
}

async fn fetch(session: &Session, id: &RequestId) -> Result<RequestView, CliError> {
    let Reply::Request(request) = session.call(Request::ShowRequest { id: id.clone() }).await? else {
        return unexpected();
    };
    Ok(request)
}

async fn answer(
    session: &mut Session,
    request: &RequestView,
    verdict: Verdict,
    match_code: Option<String>,
    reason: Option<Reason>,
) -> Result<Exit, CliError> {
    session.call(Request::Subscribe).await?;
    let decide = Request::Decide {
        id: request.id.clone(),
        verdict,
        match_code,
        reason,
        locale: LANGUAGE.to_owned(),
        statement_hash: request.statement_hash.clone(),
    };
    let Reply::Request(_) = session.call(decide).await? else {
        return unexpected();
    };
    let settled = match timeout(PATIENCE, wait(session, &request.id)).await {
        Ok(settled) => settled?,
        Err(_) => fetch(session, &request.id).await?,
    };
    render::outcome(&settled, session.output)?;
    Ok(exit(&settled.state, verdict))
}

/// Follows the events until the request is over, waits for a connection, or waits for the person again.
async fn wait(session: &mut Session, id: &RequestId) -> Result<RequestView, CliError> {
    // Snapshots from before the answer show the request pending, too: the answer counts from the first one that does not.
    let mut underway = Underway::No;
    loop {
        let requests = match session.event().await? {
            Event::Requests(requests) => requests,
            Event::Accounts(_) | Event::Status(_) | Event::Settings(_) | Event::Vault(_) | Event::Open(_) => {
                continue;
            }
        };
        let Some(request) = requests.into_iter().find(|request| request.id == *id) else {
            continue;
        };
        match (&request.state, underway) {
            (RequestState::Sending { .. }, _) => underway = Underway::Yes,
            (RequestState::Pending, Underway::No) => {}
            (RequestState::Pending, Underway::Yes)
            | (RequestState::Queued { .. } | RequestState::Ended { .. }, _) => return Ok(request),
        }
    }
}

#[derive(Clone, Copy)]
enum Underway {
    No,
    Yes,
}

/// Whether it ended as the person wanted.
fn exit(state: &RequestState, verdict: Verdict) -> Exit {
    let wanted = match verdict {
        Verdict::Approve => Outcome::Approved,
        Verdict::Deny => Outcome::Denied,
        Verdict::Report => Outcome::Reported,
    };
    match state {
        RequestState::Ended {
            outcome,
            by_this_device: true,
            ..
        } if *outcome == wanted => Exit::Done,
        RequestState::Ended { .. } | RequestState::Pending => Exit::Refused,
        RequestState::Sending { .. } | RequestState::Queued { .. } => Exit::Failure,
    }
}

fn stopped() -> Exit {
    render::note("Nothing was approved. The request still waits.");
    Exit::Refused
}
