//! Accounts from the terminal: list, enrol, rename, rotate, revoke, remove.

use countersign_agent_api::{
    AccountId, CodesRequest, DeliveredCode, ErrorCode, Reply, Request, client::ClientError,
};

use super::{
    CliError, Exit,
    args::{AccountCommand, Output},
    render,
    session::{Session, unexpected},
};

/// Shows what the issuer offers; only then, and only if the person agrees, a key is made.
pub(super) async fn enrol(
    session: &Session,
    link: String,
    yes: bool,
    name: Option<String>,
) -> Result<Exit, CliError> {
    let Reply::Offer(offer) = session.call(Request::PreviewEnrolment { link }).await? else {
        return unexpected();
    };
    if session.output == Output::Text {
        render::offer(&offer);
    }
    let device_name = name.unwrap_or_else(|| offer.device_name.clone());
    if !yes && !render::ask_yes("Add this account? Compare the fingerprint first. Type yes to add it: ")? {
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
        if yes || !render::ask_yes("It waits for ten minutes. Type yes to try again: ")? {
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
