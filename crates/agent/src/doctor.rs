//! The diagnostics: what has to work for a request to reach the person and the answer to reach the issuer, in the order a
//! packet travels, each with what was found and what to do next.

use std::path::Path;

use countersign_agent_api::{Check, CheckState, Connection, KeyringState, Transport};

use crate::{
    engine::AccountFacts,
    keystore::{Interaction, KeyStoreError},
    net::Connection as NetConnection,
    run::Parts,
    wording::sentence,
};

/// A difference between the clocks worth telling, in seconds.
const CLOCK_WARNING: i64 = 60;

/// Runs every check. Asks nobody for anything: no dialog appears.
pub async fn diagnose(parts: &Parts, state: &Path, accounts: Vec<AccountFacts>) -> Vec<Check> {
    let mut checks = vec![
        check(
            "state",
            "Accounts and history",
            CheckState::Passed,
            format!("Kept in {}.", state.display()),
        ),
        keyring(parts.keys.probe(Interaction::Forbidden).await),
    ];
    if accounts.is_empty() {
        let detail = "There is no account. Add one with `countersign-agent enrol <link>`.";
        checks.push(check("accounts", "Accounts", CheckState::Warning, detail));
    }
    for account in &accounts {
        checks.push(key(parts, account).await);
        checks.push(reach(parts, account).await);
        checks.push(connection(account));
        checks.push(clock(account));
        checks.push(frames(account));
    }
    checks
}

fn keyring(probed: Result<(), KeyStoreError>) -> Check {
    let title = "Keyring";
    match probed {
        Ok(()) => check(
            "keyring",
            title,
            CheckState::Passed,
            "The keyring answers and is unlocked.",
        ),
        Err(error) => check("keyring", title, CheckState::Failed, sentence(&error)),
    }
}

async fn key(parts: &Parts, account: &AccountFacts) -> Check {
    let name = format!("issuer.{}.key", account.view.id);
    let title = format!("Key for {}", account.view.issuer_name);
    let reference = &account.binding.key.reference;
    match parts.keys.public_key(reference, Interaction::Forbidden).await {
        Ok(public) if public == account.binding.key.public => {
            check(&name, &title, CheckState::Passed, "The key can be used.")
        }
        Ok(_) => check(
            &name,
            &title,
            CheckState::Failed,
            sentence(&KeyStoreError::Damaged),
        ),
        Err(error) => check(&name, &title, CheckState::Failed, sentence(&error)),
    }
}

async fn reach(parts: &Parts, account: &AccountFacts) -> Check {
    let name = format!("issuer.{}.tls", account.view.id);
    let title = format!("Way to {}", account.view.issuer_host);
    let Ok(url) = url::Url::parse(account.binding.issuer.as_str()) else {
        return check(
            &name,
            &title,
            CheckState::Failed,
            "The issuer's address is not valid.",
        );
    };
    match NetConnection::open(&parts.net, &url).await {
        Ok(_) => check(
            &name,
            &title,
            CheckState::Passed,
            "The host answers and its certificate is trusted.",
        ),
        Err(error) => check(&name, &title, CheckState::Failed, sentence(&error)),
    }
}

fn connection(account: &AccountFacts) -> Check {
    let name = format!("issuer.{}.connection", account.view.id);
    let title = format!("Connection to {}", account.view.issuer_name);
    let (state, detail) = match &account.view.connection {
        Connection::Connected {
            transport: Transport::Websocket,
            ..
        } => (
            CheckState::Passed,
            "Connected. Requests arrive at once.".to_owned(),
        ),
        Connection::Connected {
            transport: Transport::LongPoll,
            ..
        } => (
            CheckState::Warning,
            "Connected by long poll: something on the way blocks WebSockets. Requests still arrive at once."
                .to_owned(),
        ),
        Connection::Connecting => (CheckState::Warning, "Connecting.".to_owned()),
        Connection::Retrying { problem, .. } => (
            CheckState::Failed,
            format!("{problem} It is tried again by itself."),
        ),
        Connection::Revoked => {
            let detail = "The issuer has removed this computer. Remove the account and enrol again.";
            (CheckState::Failed, detail.to_owned())
        }
        Connection::NoKey => (
            CheckState::Skipped,
            "Not tried: the key cannot be used, see above.".to_owned(),
        ),
    };
    check(&name, &title, state, detail)
}

fn clock(account: &AccountFacts) -> Check {
    let name = format!("issuer.{}.clock", account.view.id);
    let title = format!("Clock against {}", account.view.issuer_name);
    let offset = account.binding.offset;
    if offset.abs() < CLOCK_WARNING {
        return check(
            &name,
            &title,
            CheckState::Passed,
            format!("{} s apart.", offset.abs()),
        );
    }
    let way = if offset > 0 { "behind" } else { "ahead" };
    let detail = format!(
        "This clock is {} s {way}. Approvals are not affected.",
        offset.abs()
    );
    check(&name, &title, CheckState::Warning, detail)
}

fn frames(account: &AccountFacts) -> Check {
    let name = format!("issuer.{}.frames", account.view.id);
    let title = format!("Messages of {}", account.view.issuer_name);
    match account.rejected {
        0 => check(&name, &title, CheckState::Passed, "Every message verified."),
        count => {
            let detail =
                format!("{count} messages did not verify and were dropped. Tell the issuer's administrator.");
            check(&name, &title, CheckState::Warning, detail)
        }
    }
}

/// The check of the agent itself, for a command line that finds none.
pub fn no_agent(problem: &str) -> Check {
    check("agent", "Agent", CheckState::Failed, problem.to_owned())
}

/// One line of the diagnostics.
pub fn check(name: &str, title: &str, state: CheckState, detail: impl Into<String>) -> Check {
    Check {
        name: name.to_owned(),
        title: title.to_owned(),
        state,
        detail: detail.into(),
        account: None,
        finding: name.to_owned(),
        values: std::collections::BTreeMap::new(),
    }
}

/// What a keyring state means, and the way out.
pub fn keyring_advice(state: KeyringState) -> &'static str {
    match state {
        KeyringState::Unknown => "The keyring was not asked yet.",
        KeyringState::Ready => "The keyring is unlocked.",
        KeyringState::Locked => {
            "The keyring is locked. Your accounts are still there: unlock it and try again."
        }
        KeyringState::Missing => {
            "No keyring service answers. Your accounts are still there: start GNOME Keyring, KWallet or KeePassXC."
        }
        KeyringState::Empty => {
            "The keyring answers, but a key is not in it. Restore the keyring from a backup, or remove the account and \
             enrol again."
        }
        KeyringState::Hanging => {
            "The keyring does not answer. Look for an open unlock dialog, or restart the keyring service."
        }
    }
}
