//! Accounts and what an issuer offers.

use countersign_agent_api::{
    AccountView, ApiError, Brings, Capabilities, CertificateCheck, CertificateKind, CertificateView,
    CollectionView, Connection, DeliveredCode, EnrolledView, EnrolmentOffer, KeyProtection,
    KeyProtectionLevel, KeyringState, Transport, UntrustedServer,
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
        if !account.fingerprint.is_empty() {
            line(&format!("    Fingerprint  {}", account.fingerprint));
        }
        if let Some(collection) = account.collection {
            line(&format!("    Manages      {}", managed(collection)));
        }
        line(&format!("    Connection   {}", connection(account)));
        line(&format!(
            "    Key          {}",
            protection(account.key_protection)
        ));
        for limit in limits(account.capabilities) {
            line(&format!("    Limit        {limit}"));
        }
        certificates(&account.trusted);
        if let Some(polling) = account.polling {
            line(&format!("    Asked        every {} s", polling.seconds));
        }
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

/// What an issuer's protocol cannot do, and a person should know before they answer.
pub(super) fn limits(can: Capabilities) -> Vec<&'static str> {
    let limits = [
        (can.signed_requests, "This server does not sign what it asks."),
        (
            can.signs_statement,
            "Your key signs a random number of this server, not the text that is shown.",
        ),
        (can.has_expiry, "It does not say when a request ends."),
    ];
    let missing = limits.into_iter().filter(|(can, _)| !can);
    missing.map(|(_, text)| text).collect()
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

pub(in crate::cli) fn account_refreshed(account: &AccountView, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(account);
    }
    line(&format!("{} is being asked.", plain(&account.issuer_name)));
    Ok(Exit::Done)
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

/// What an account has brought along.
fn managed(collection: CollectionView) -> String {
    let CollectionView {
        accounts,
        codes,
        unusable,
    } = collection;
    let here = format!("accounts: {accounts}, one-time codes: {codes}");
    if unusable == 0 {
        here
    } else {
        format!("{here}, unusable here: {unusable}")
    }
}

/// What the person agrees to.
pub(in crate::cli) fn offer(offer: &EnrolmentOffer) {
    line(&format!("{} offers to add", plain(&offer.issuer_name)));
    line(&format!("    Account      {}", plain(&offer.account)));
    line(&format!("    Host         {}", plain(&offer.issuer_host)));
    if !offer.fingerprint.is_empty() {
        line(&format!("    Fingerprint  {}", offer.fingerprint));
    }
    match offer.brings {
        Brings::Account => {}
        Brings::Collection => line(
            "    Brings       accounts and one-time codes. The issuer adds and removes them here from then on; you are told",
        ),
    }
    line(&format!("    Key          {}", protection(offer.key_protection)));
    if offer.delivers_code {
        line("    With it      a one-time code, added to the others");
    }
    line(&format!("    Offer ends   {}", instant(offer.expires_at)));
    certificates(&offer.trusted);
    waived(offer.check);
}

/// What the person is asked about it: there is something to compare, now or later, or nothing but an address.
pub(in crate::cli) fn offer_question(offer: &EnrolmentOffer) -> &'static str {
    match offer.brings {
        Brings::Account | Brings::Collection if !offer.fingerprint.is_empty() => {
            "Add this account? Compare the fingerprint first. Type yes to add it: "
        }
        Brings::Account => {
            "Add this account? Check the host first. Compare the fingerprint afterwards: `countersign-agent accounts` shows it. \
             Type yes to add it: "
        }
        Brings::Collection => {
            "Add this account? The certificate alone says who the host is, and nothing is shown to compare: check its name first. \
             Type yes to add it: "
        }
    }
}

/// A certificate that nobody here trusts yet.
pub(in crate::cli) fn untrusted(server: &UntrustedServer) {
    let host = plain(&server.host);
    let what = match server.kind {
        CertificateKind::Authority => "is vouched for by an authority that is unknown here",
        CertificateKind::Server => "shows a certificate, and no authority that is known here vouches for it",
    };
    line(&format!("{host} {what}"));
    certificate(&server.certificate);
    waived(server.check);
}

/// The same for programs.
pub(in crate::cli) fn untrusted_server(server: &UntrustedServer) -> Result<Exit, CliError> {
    json(server)?;
    Ok(Exit::Refused)
}

/// What is trusted for one account alone.
fn certificates(trusted: &[CertificateView]) {
    for one in trusted {
        line("    Trusted for this account alone");
        certificate(one);
    }
}

fn certificate(of: &CertificateView) {
    let name = of.name.as_deref().map_or("no name in it".to_owned(), plain);
    line(&format!("    Certificate  {name}"));
    if let Some(issuer) = &of.issuer {
        line(&format!("    Issued by    {}", plain(issuer)));
    }
    line(&format!("    SHA-256      {}", of.sha256));
    line(&format!(
        "    Valid        {} to {}",
        instant(of.not_before),
        instant(of.not_after)
    ));
}

fn waived(check: CertificateCheck) {
    match check {
        CertificateCheck::Wanted => {}
        CertificateCheck::Waived => {
            line("    The link asks not to check the server's certificate. It is always checked.");
        }
    }
}

fn connection(account: &AccountView) -> String {
    match &account.connection {
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
        Connection::Connected {
            transport: Transport::Poll,
            since,
        } if account.collection.is_some() => {
            format!("connected, last asked {}. Asked once a day", instant(*since))
        }
        Connection::Connected {
            transport: Transport::Poll,
            since,
        } => {
            format!("connected by asking regularly since {}", instant(*since))
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

#[cfg(test)]
mod tests {
    use countersign_agent_api::Reports;

    use super::*;

    #[test]
    fn nobody_is_asked_to_compare_what_is_not_shown() {
        let question = |brings, fingerprint: &str| {
            offer_question(&EnrolmentOffer {
                id: "offer".to_owned(),
                issuer_name: "Alder Group".to_owned(),
                issuer_host: "id.alder.example".to_owned(),
                account: "mara".to_owned(),
                fingerprint: fingerprint.to_owned(),
                brings,
                key_protection: KeyProtection {
                    level: KeyProtectionLevel::Sw,
                    attested: false,
                },
                device_name: "desk".to_owned(),
                delivers_code: false,
                expires_at: 0,
                trusted: Vec::new(),
                check: CertificateCheck::Wanted,
            })
        };
        assert!(question(Brings::Account, "1F2E 3D4C").contains("Compare the fingerprint first"));
        let later = question(Brings::Account, "");
        assert!(
            later.contains("Check the host first") && later.contains("afterwards"),
            "{later}"
        );
        let never = question(Brings::Collection, "");
        assert!(
            never.contains("The certificate alone says who the host is"),
            "{never}"
        );
        assert!(!never.contains("fingerprint"), "{never}");
    }

    #[test]
    fn what_a_protocol_cannot_do_is_said_and_nothing_of_one_that_can() {
        let all = Capabilities {
            signed_requests: true,
            signs_statement: true,
            reports: Reports::NotTaken,
            has_expiry: true,
            can_revoke: false,
            can_withdraw: false,
            can_rotate: false,
        };
        assert!(limits(all).is_empty());
        let polled = Capabilities {
            signs_statement: false,
            has_expiry: false,
            ..all
        };
        let said = limits(polled).join(" ");
        assert!(said.contains("not the text that is shown"), "{said}");
        assert!(said.contains("when a request ends"), "{said}");
        assert!(!said.contains("does not sign"), "{said}");
    }
}
