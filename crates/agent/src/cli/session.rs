//! Commands that talk to the agent, or to nobody.

use std::path::Path;

use countersign_agent_api::{
    AccountId, Check, CheckState, Event, HistoryFilter, Outcome, Reason, Reply, Request, RequestId, Role,
    Verdict, Window,
    client::{Client, ClientError},
    socket,
};
use tokio::sync::mpsc;

use super::{
    CliError, Exit, accounts,
    accounts::Consent,
    args::{AgentCommand, OutcomeArg, Output, ReasonArg},
    codes, decide, render,
};
use crate::{
    config::ConfigFiles,
    doctor::{self, Found},
    state_dir,
    verify::{self, Trust},
    wording::sentence,
};

/// A connection to the agent.
pub(super) struct Session {
    client: Client,
    events: mpsc::Receiver<Event>,
    pub(super) output: Output,
}

impl Session {
    async fn connect(output: Output) -> Result<Self, CliError> {
        let (client, events) = Client::connect(&socket::path()?, Role::Terminal).await?;
        Ok(Self {
            client,
            events,
            output,
        })
    }

    pub(super) async fn call(&self, request: Request) -> Result<Reply, CliError> {
        Ok(self.client.call(request).await?)
    }

    /// The next event; an error when the agent is gone.
    pub(super) async fn event(&mut self) -> Result<Event, CliError> {
        let closed = || ClientError::Broken(countersign_agent_api::frame::FrameError::Closed);
        Ok(self.events.recv().await.ok_or_else(closed)?)
    }
}

/// The answer is of another kind than the question.
pub(super) fn unexpected<T>() -> Result<T, CliError> {
    Err(ClientError::UnexpectedReply.into())
}

/// Runs a command that needs an agent.
pub(super) async fn execute(command: AgentCommand, output: Output) -> Result<Exit, CliError> {
    let mut session = Session::connect(output).await?;
    match command {
        AgentCommand::Status => {
            let Reply::Status(status) = session.call(Request::Status).await? else {
                return unexpected();
            };
            render::status(&status, output)
        }
        AgentCommand::Enrol {
            link,
            yes,
            name,
            ca_file,
            trust,
        } => {
            let trust = accounts::trust(ca_file.as_deref(), trust)?;
            let consent = if yes { Consent::Given } else { Consent::Asked };
            accounts::enrol(&session, link, consent, name, trust).await
        }
        AgentCommand::Accounts { command } => accounts::execute(&session, command).await,
        AgentCommand::Requests => decide::list(&session).await,
        AgentCommand::Show { id } => decide::show(&session, RequestId(id)).await,
        AgentCommand::Approve { id, code, yes } => {
            decide::approve(&mut session, RequestId(id), code, yes).await
        }
        AgentCommand::Deny { id, reason } => {
            decide::deny(
                &mut session,
                RequestId(id),
                Verdict::Deny,
                reason.map(ReasonArg::api),
            )
            .await
        }
        AgentCommand::Report { id } => decide::report(&mut session, RequestId(id)).await,
        AgentCommand::Withdraw { id } => {
            let withdraw = Request::Withdraw { id: RequestId(id) };
            let Reply::Request(request) = session.call(withdraw).await? else {
                return unexpected();
            };
            render::request(&request, output)
        }
        AgentCommand::Release { account, client } => {
            let release = Request::ReleaseHeldBack {
                account: AccountId(account),
                client_id: client,
            };
            let Reply::Requests(requests) = session.call(release).await? else {
                return unexpected();
            };
            render::requests(&requests, &[], output)
        }
        AgentCommand::History {
            limit,
            before,
            search,
            outcome,
            account,
        } => {
            let filter = HistoryFilter {
                text: search,
                outcome: outcome.map(OutcomeArg::api),
                account: account.map(AccountId),
            };
            let before = before.map(RequestId);
            let entries = session.client.history(limit, before, &filter).await?;
            render::history(&entries, output)
        }
        AgentCommand::Evidence { id, out } => {
            let evidence = Request::Evidence { id: RequestId(id) };
            let Reply::Evidence(text) = session.call(evidence).await? else {
                return unexpected();
            };
            write_evidence(&text, out.as_deref())
        }
        AgentCommand::Codes(args) => codes::execute(&session, args).await,
        AgentCommand::Open => done(session.call(Request::OpenApp { window: Window::Main }).await?),
        AgentCommand::Stop => done(session.call(Request::Shutdown).await?),
    }
}

fn done(reply: Reply) -> Result<Exit, CliError> {
    if reply == Reply::Done {
        Ok(Exit::Done)
    } else {
        unexpected()
    }
}

fn write_evidence(text: &str, out: Option<&Path>) -> Result<Exit, CliError> {
    match out {
        Some(path) => std::fs::write(path, format!("{text}\n")).map_err(|source| CliError::Io {
            doing: "write the evidence file",
            source,
        })?,
        None => render::line(text),
    }
    Ok(Exit::Done)
}

/// Verifies an exported receipt.
pub(super) fn verify_file(
    path: &Path,
    fingerprint: Option<String>,
    output: Output,
) -> Result<Exit, CliError> {
    let trust = fingerprint.map_or(Trust::Unchecked, Trust::Fingerprint);
    let verified = verify::file(path, &trust)?;
    render::verified(&verified, &trust, output)
}

/// The agent's own diagnostics, after what can be seen without it.
pub(super) async fn diagnose(output: Output, files: &ConfigFiles) -> Result<Exit, CliError> {
    let mut checks = vec![
        match files.load() {
            Ok(_) => Found::passed("config.usable", "It can be used."),
            Err(error) => Found::failed("config.unusable", sentence(&error)),
        }
        .into_check("config", "Configuration"),
    ];
    match Session::connect(output).await {
        Ok(session) => {
            let Reply::Diagnostics(found) = session.call(Request::Diagnostics).await? else {
                return unexpected();
            };
            checks.extend(found);
        }
        Err(error) => {
            checks.push(doctor::no_agent(&sentence(&error)));
            checks.push(kept_state());
        }
    }
    let failed = checks.iter().any(|check| check.state == CheckState::Failed);
    render::checks(&checks, output)?;
    Ok(if failed { Exit::Failure } else { Exit::Done })
}

/// What is on disk, as far as it can be seen without an agent. Most often this is why there is none.
fn kept_state() -> Check {
    let read = state_dir::default_path().and_then(|root| {
        let accounts = state_dir::read::<crate::accounts::Accounts>(&root)?;
        state_dir::read::<crate::accounts::Outbox>(&root)?;
        Ok((root, accounts.map_or(0, |a| a.accounts.len())))
    });
    match read {
        Ok((root, count)) => {
            let detail = format!("{count} accounts are kept in {}.", root.display());
            Found::passed("state.kept", detail).with("path", root.display())
        }
        Err(error) => Found::failed("state.unusable", sentence(&error)),
    }
    .into_check("state", "Accounts and history")
}

impl OutcomeArg {
    fn api(self) -> Outcome {
        match self {
            Self::Approved => Outcome::Approved,
            Self::Denied => Outcome::Denied,
            Self::Reported => Outcome::Reported,
            Self::Cancelled => Outcome::Cancelled,
            Self::Expired => Outcome::Expired,
            Self::Locked => Outcome::Locked,
            Self::NotTaken => Outcome::NotTaken,
            Self::Unclear => Outcome::Unclear,
        }
    }
}

impl ReasonArg {
    fn api(self) -> Reason {
        match self {
            Self::NotMe => Reason::NotMe,
            Self::ChangedMind => Reason::ChangedMind,
            Self::WrongDetails => Reason::WrongDetails,
            Self::Other => Reason::Other,
        }
    }
}
