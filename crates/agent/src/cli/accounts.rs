//! Accounts from the terminal: list, enrol, rename, refresh, rotate, revoke, remove.

use std::{
    io::{self, Read as _},
    path::Path,
};

use countersign_agent_api::{
    AccountId, CodesRequest, DeliveredCode, ErrorCode, Reply, Request, TrustChoice, client::ClientError,
};

use super::{
    CliError, Exit,
    args::{AccountCommand, Output},
    render,
    session::{Session, unexpected},
};

/// How much of a certificate file is read, in bytes: more than a call of the agent holds is refused by it.
const MAX_CA_FILE: u64 = 128 * 1024;

/// Whether the person has agreed on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    /// They are asked.
    Asked,
    /// They have, to the account. A certificate that nobody knew of is not part of that.
    Given,
}

/// What the command line says is to be trusted for the account.
pub(super) fn trust(ca_file: Option<&Path>, sha256: Option<String>) -> Result<Option<TrustChoice>, CliError> {
    let Some(path) = ca_file else {
        return Ok(sha256.map(|sha256| TrustChoice::Presented {
            sha256: sha256.to_ascii_uppercase(),
        }));
    };
    let read = || {
        let mut text = String::new();
        let file = std::fs::File::open(path)?;
        file.take(MAX_CA_FILE).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().map_err(|source: io::Error| CliError::Io {
        doing: "read the certificate file",
        source,
    })?;
    Ok(Some(TrustChoice::Pem { text }))
}

/// Shows what the issuer offers; only then, and only if the person agrees, a key is made.
pub(super) async fn enrol(
    session: &Session,
    link: String,
    consent: Consent,
    name: Option<String>,
    trust: Option<TrustChoice>,
) -> Result<Exit, CliError> {
    let mut trust = trust;
    let offer = loop {
        let preview = Request::PreviewEnrolment {
            link: link.clone(),
            trust: trust.take(),
        };
        let reply = session.call(preview).await?;
        if let Reply::Offer(offer) = reply {
            break offer;
        }
        let Reply::Untrusted(server) = reply else {
            return unexpected();
        };
        if session.output == Output::Json {
            return render::untrusted_server(&server);
        }
        render::untrusted(&server);
        match consent {
            Consent::Given => {
                render::note(
                    "Not trusted without being asked. Give --ca-file, or --trust with this SHA-256.",
                );
                return Ok(Exit::Refused);
            }
            Consent::Asked => {
                let question = "Trust it for this account alone? Ask an administrator for the SHA-256 and compare it. \
                                Type yes to trust it: ";
                if !render::ask_yes(question)? {
                    render::note("Nothing was trusted, nothing was added.");
                    return Ok(Exit::Refused);
                }
            }
        }
        let sha256 = server.certificate.sha256;
        trust = Some(TrustChoice::Presented { sha256 });
    };
    if session.output == Output::Text {
        render::offer(&offer);
    }
    let device_name = name.unwrap_or_else(|| offer.device_name.clone());
    if consent == Consent::Asked && !render::ask_yes(render::offer_question(&offer))? {
        session.call(Request::CancelEnrolment { offer: offer.id }).await?;
        render::note("Nothing was added.");
        return Ok(Exit::Refused);
    }
    let accept = Request::AcceptEnrolment {
        offer: offer.id,
        device_name,
    };
    let Reply::Enrolled(mut enrolled) = session.call(accept).await? else {
        return unexpected();
    };
    while let DeliveredCode::Waiting { name, import, error } = &enrolled.code {
        render::waiting_code(name, error);
        if consent == Consent::Given || !render::ask_yes("It waits for ten minutes. Type yes to try again: ")?
        {
            break;
        }
        enrolled.code = keep(session, name.clone(), import.clone()).await?;
    }
    render::enrolled(&enrolled, session.output)
}

/// Tries once more to keep the code that came with an account.
async fn keep(session: &Session, name: String, import: String) -> Result<DeliveredCode, CliError> {
    let call = CodesRequest::ApplyImport {
        import: import.clone(),
    };
    match session.call(Request::Codes { call }).await {
        Ok(_) => Ok(DeliveredCode::Kept { name }),
        Err(CliError::Client(ClientError::Api(error))) if error.code == ErrorCode::NotFound => {
            Ok(DeliveredCode::Lost { error })
        }
        Err(CliError::Client(ClientError::Api(error))) => Ok(DeliveredCode::Waiting { name, import, error }),
        Err(error) => Err(error),
    }
}

/// Lists the accounts, or changes one.
pub(super) async fn execute(session: &Session, command: Option<AccountCommand>) -> Result<Exit, CliError> {
    match command {
        None => list(session).await,
        Some(AccountCommand::Rename { account, name }) => rename(session, account, name).await,
        Some(AccountCommand::Refresh { account }) => refresh(session, account).await,
        Some(AccountCommand::Poll { account, seconds }) => poll(session, account, seconds).await,
        Some(AccountCommand::Rotate { account }) => rotate(session, account).await,
        Some(AccountCommand::Revoke { account, yes }) => revoke(session, account, yes).await,
        Some(AccountCommand::Remove { account, yes }) => remove(session, account, yes).await,
    }
}

async fn list(session: &Session) -> Result<Exit, CliError> {
    let Reply::Accounts(accounts) = session.call(Request::Accounts).await? else {
        return unexpected();
    };
    render::accounts(&accounts, session.output)
}

async fn rename(session: &Session, account: String, name: Option<String>) -> Result<Exit, CliError> {
    let account = AccountId(account);
    let Reply::Account(account) = session.call(Request::RenameAccount { account, name }).await? else {
        return unexpected();
    };
    render::account_renamed(&account, session.output)
}

async fn poll(session: &Session, account: String, seconds: Option<u16>) -> Result<Exit, CliError> {
    let account = AccountId(account);
    let Reply::Account(account) = session.call(Request::SetPolling { account, seconds }).await? else {
        return unexpected();
    };
    render::accounts(&[account], session.output)
}

/// Has the issuer refuse this computer, after asking.
async fn revoke(session: &Session, account: String, yes: bool) -> Result<Exit, CliError> {
    let question = "Have the issuer refuse this computer from now on? Nobody can take that back: it has to be enrolled anew. \
                    Type yes to revoke it: ";
    if !yes && !render::ask_yes(question)? {
        render::note("Nothing was revoked.");
        return Ok(Exit::Refused);
    }
    let account = AccountId(account);
    let Reply::Account(account) = session.call(Request::RevokeDevice { account }).await? else {
        return unexpected();
    };
    render::device_revoked(&account, session.output)
}

/// Has the issuer asked now.
async fn refresh(session: &Session, account: String) -> Result<Exit, CliError> {
    let refresh = Request::Refresh {
        account: AccountId(account),
    };
    let Reply::Account(account) = session.call(refresh).await? else {
        return unexpected();
    };
    render::account_refreshed(&account, session.output)
}

/// Replaces the key.
async fn rotate(session: &Session, account: String) -> Result<Exit, CliError> {
    let rotate = Request::RotateKey {
        account: AccountId(account),
    };
    let Reply::Account(account) = session.call(rotate).await? else {
        return unexpected();
    };
    render::key_rotated(&account, session.output)
}

/// Removes an account, after asking.
async fn remove(session: &Session, account: String, yes: bool) -> Result<Exit, CliError> {
    let question =
        "Remove this account and its key from this computer? The issuer is not told. Type yes to remove it: ";
    if !yes && !render::ask_yes(question)? {
        render::note("Nothing was removed.");
        return Ok(Exit::Refused);
    }
    let remove = Request::RemoveAccount {
        account: AccountId(account),
    };
    let Reply::Done = session.call(remove).await? else {
        return unexpected();
    };
    render::note("Removed. Tell the issuer's administrator if this computer is not to be used any more.");
    Ok(Exit::Done)
}
