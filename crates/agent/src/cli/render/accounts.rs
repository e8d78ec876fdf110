//! Accounts and what an issuer offers.

use countersign_agent_api::{
    AccountView, ApiError, Connection, DeliveredCode, EnrolledView, EnrolmentOffer, KeyProtection,
    KeyProtectionLevel, KeyringState, Transport,
};

use super::{json, line, note};
use crate::{
    cli::{CliError, Exit, args::Output},
    doctor::keyring_advice,
    statement_text::{instant, plain},
};

pub(in crate::cli) fn accounts(accounts: &[AccountView], output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(&accounts);
    }
    if accounts.is_empty() {
        line("There is no account. Add one with `countersign-agent enrol <link>`.");
    }
    for account in accounts {
        line(&named(account));
        line(&format!("    Host         {}", plain(&account.issuer_host)));
        line(&format!("    Fingerprint  {}", account.fingerprint));
        line(&format!("    Connection   {}", connection(&account.connection)));
        line(&format!(
            "    Key          {}",
            protection(account.key_protection)
        ));
        match account.key {
            KeyringState::Ready | KeyringState::Unknown => {}
            state @ (KeyringState::Locked
            | KeyringState::Missing
            | KeyringState::Empty
            | KeyringState::Hanging) => line(&format!("                 {}", keyring_advice(state))),
        }
    }
    Ok(Exit::Done)
}

/// A failure if the account is there and its one-time code is not.
pub(in crate::cli) fn enrolled(enrolled: &EnrolledView, output: Output) -> Result<Exit, CliError> {
    let EnrolledView { account, code } = enrolled;
    match output {
        Output::Json => {
            json(enrolled)?;
        }
        Output::Text => {
            line(&format!(
                "Added {} at {} as {}.",
                plain(&account.account),
                plain(&account.issuer_name),
                account.id
            ));
        }
    }
    let ask = "Ask the issuer for another one.";
    match code {
        DeliveredCode::None => Ok(Exit::Done),
        DeliveredCode::Kept { name } => {
            note(&format!("Its one-time code is there too: {}.", plain(name)));
            Ok(Exit::Done)
        }
        DeliveredCode::Waiting { .. } => {
            note(&format!("Its one-time code was not added. {ask}"));
            Ok(Exit::Failure)
        }
        DeliveredCode::Lost { error } => {
            note(&format!(
                "Its one-time code was not added. {} {ask}",
                plain(&error.message)
            ));
            Ok(Exit::Failure)
        }
    }
}

pub(in crate::cli) fn waiting_code(name: &str, error: &ApiError) {
    let (name, why) = (plain(name), plain(&error.message));
    note(&format!(
        "The one-time code {name} that came with the account is not added yet. {why}"
    ));
}

pub(in crate::cli) fn key_rotated(account: &AccountView, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(account);
    }
    line(&format!(
        "{} at {} has a new key.",
        plain(&account.account),
        plain(&account.issuer_name)
    ));
    Ok(Exit::Done)
}

pub(in crate::cli) fn account_renamed(account: &AccountView, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(account);
    }
    line(&named(account));
    Ok(Exit::Done)
}

pub(in crate::cli) fn device_revoked(account: &AccountView, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(account);
    }
    line(&format!(
        "{} refuses this computer for {} from now on. Remove the account here when you no longer need it.",
        plain(&account.issuer_name),
        plain(&account.account)
    ));
    Ok(Exit::Done)
}

/// Id and names of an account.
fn named(account: &AccountView) -> String {
    let own_name = account.name.as_deref().map(|name| format!("{}: ", plain(name)));
    format!(
        "{}  {}{} at {}",
        account.id,
        own_name.unwrap_or_default(),
        plain(&account.account),
        plain(&account.issuer_name)
    )
}

/// What the person agrees to.
pub(in crate::cli) fn offer(offer: &EnrolmentOffer) {
    line(&format!("{} offers to add", plain(&offer.issuer_name)));
    line(&format!("    Account      {}", plain(&offer.account)));
    line(&format!("    Host         {}", plain(&offer.issuer_host)));
    line(&format!("    Fingerprint  {}", offer.fingerprint));
    line(&format!("    Key          {}", protection(offer.key_protection)));
    if offer.delivers_code {
        line("    With it      a one-time code, added to the others");
    }
    line(&format!("    Offer ends   {}", instant(offer.expires_at)));
}

fn connection(connection: &Connection) -> String {
    match connection {
        Connection::Connecting => "connecting".to_owned(),
        Connection::Connected {
            transport: Transport::Websocket,
            since,
        } => {
            format!("connected since {}", instant(*since))
        }
        Connection::Connected {
            transport: Transport::LongPoll,
            since,
        } => {
            format!("connected by long poll since {}", instant(*since))
        }
        Connection::Retrying {
            at,
            problem,
            cause: _,
        } => {
            format!(
                "not connected. {} Tried again at {}",
                plain(problem),
                instant(*at)
            )
        }
        Connection::Revoked => "removed by the issuer. Remove the account and enrol again".to_owned(),
        Connection::NoKey => "not tried: the key cannot be used".to_owned(),
    }
}

/// What protects a key, honestly.
pub(super) fn protection(protection: KeyProtection) -> String {
    let text = match protection.level {
        KeyProtectionLevel::Sw => "kept in the desktop's keyring: any program running as you can read it",
        KeyProtectionLevel::SwPin => {
            "kept in the desktop's keyring under a passphrase: a stolen copy can be guessed offline"
        }
        KeyProtectionLevel::Hw => {
            "kept in hardware: cannot be copied, but a program running as you can use it"
        }
        KeyProtectionLevel::HwPin => "kept in hardware: cannot be copied, and signs only after your PIN",
        KeyProtectionLevel::HwUv => {
            "kept in hardware: cannot be copied, and signs only after your fingerprint or face"
        }
    };
    let claimed = if protection.attested {
        ""
    } else {
        " (stated by this program, not proven)"
    };
    format!("{text}{claimed}")
}
