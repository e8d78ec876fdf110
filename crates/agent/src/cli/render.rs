//! Printing, for people and for programs, and asking.
//!
//! Invariant: what came from outside is printed by [`plain`], so that no text can move the cursor, change colours or look like
//! another line.

use std::io::{self, BufRead as _, Write as _};

use countersign_agent_api::{
    AccountView, Check, CheckState, Connection, EnrolmentOffer, HeldBack, HistoryEntry, KeyProtection,
    KeyProtectionLevel, KeyringState, Line, LineValue, Matching, Outcome, Problem, ReceiptState,
    RequestState, RequestView, StatusView, Surface, Transport, Verdict, Verification,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{CliError, Exit, args::Output};
use crate::{
    doctor::keyring_advice,
    verify::{Trust, Verified},
    wording::sentence,
};

/// One line on standard output.
pub(super) fn line(text: &str) {
    // A reader that went away (`| head`) is no reason to fail.
    let _ = writeln!(io::stdout(), "{text}");
}

/// One line on standard error: not part of the result.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A failure with its causes.
pub(super) fn problem(error: &CliError) {
    note(&format!("countersign-agent: {}", sentence(error)));
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        note(&format!("  because: {}", plain(&source.to_string())));
        cause = source.source();
    }
}

/// Asks for one line on the terminal, whatever standard input is.
pub(super) fn ask(question: &str) -> Result<String, CliError> {
    let mut terminal = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| CliError::NoTerminal)?;
    let failed = |source| CliError::Io {
        doing: "ask on the terminal",
        source,
    };
    terminal.write_all(question.as_bytes()).map_err(failed)?;
    let mut typed = String::new();
    io::BufReader::new(io::Read::take(terminal, 256))
        .read_line(&mut typed)
        .map_err(failed)?;
    Ok(typed.trim().to_owned())
}

/// Whether the person typed `yes`, in full.
pub(super) fn ask_yes(question: &str) -> Result<bool, CliError> {
    Ok(ask(question)?.eq_ignore_ascii_case("yes"))
}

pub(super) fn status(status: &StatusView, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(status);
    }
    line(&format!("Agent {}", status.agent_version));
    line(&format!(
        "{}, {}",
        count(status.accounts, "account"),
        count(status.pending, "pending request")
    ));
    line(keyring_advice(status.keyring));
    held_back(&status.held_back);
    Ok(Exit::Done)
}

pub(super) fn accounts(accounts: &[AccountView], output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(&accounts);
    }
    if accounts.is_empty() {
        line("There is no account. Add one with `countersign-agent enrol <link>`.");
    }
    for account in accounts {
        line(&format!(
            "{}  {} at {}",
            account.id,
            plain(&account.account),
            plain(&account.issuer_name)
        ));
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

pub(super) fn account_added(account: &AccountView, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(account);
    }
    line(&format!(
        "Added {} at {} as {}.",
        plain(&account.account),
        plain(&account.issuer_name),
        account.id
    ));
    Ok(Exit::Done)
}

pub(super) fn key_rotated(account: &AccountView, output: Output) -> Result<Exit, CliError> {
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

/// What the person agrees to.
pub(super) fn offer(offer: &EnrolmentOffer) {
    line(&format!("{} offers to add", plain(&offer.issuer_name)));
    line(&format!("    Account      {}", plain(&offer.account)));
    line(&format!("    Host         {}", plain(&offer.issuer_host)));
    line(&format!("    Fingerprint  {}", offer.fingerprint));
    line(&format!("    Key          {}", protection(offer.key_protection)));
    line(&format!("    Offer ends   {}", instant(offer.expires_at)));
}

pub(super) fn requests(
    requests: &[RequestView],
    held: &[HeldBack],
    output: Output,
) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(&requests);
    }
    if requests.is_empty() && held.is_empty() {
        line("Nothing waits for an answer.");
    }
    for request in requests {
        line(&format!(
            "{}  {}  {}  {}",
            request.id,
            instant(request.issued_at),
            plain(&request.client_name),
            state(&request.state)
        ));
    }
    held_back(held);
    Ok(Exit::Done)
}

fn held_back(held: &[HeldBack]) {
    for held in held {
        line(&format!(
            "{} requests from {} are held back.",
            held.count,
            plain(&held.client_name)
        ));
    }
}

/// The whole request: every line, in signing order, and what an approval needs. With JSON on standard error.
pub(super) fn statement(request: &RequestView, output: Output) {
    let print: fn(&str) = match output {
        Output::Text => line,
        Output::Json => note,
    };
    print(&format!(
        "{} asks {} to",
        plain(&request.client_name),
        plain(&request.account_label)
    ));
    print("");
    for text in statement_lines(&request.lines) {
        print(&text);
    }
    print("");
    print(&format!(
        "Issuer   {} ({})",
        plain(&request.issuer_name),
        plain(&request.issuer_host)
    ));
    if let Some(at) = request.expires_at {
        print(&format!("Expires  {}", instant(at)));
    }
    print(&format!("Needs    {}", requirements(request)));
    print(&format!("Signs    {}", protection(request.key_protection)));
    print(&format!("State    {}", state(&request.state)));
    if let Some(found) = &request.problem {
        print(&format!("Problem  {}", problem_text(found)));
    }
}

pub(super) fn request(request: &RequestView, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(request);
    }
    line(&format!("{}  {}", request.id, state(&request.state)));
    Ok(Exit::Done)
}

/// What became of an answer.
pub(super) fn outcome(request: &RequestView, output: Output) -> Result<(), CliError> {
    if output == Output::Json {
        return json(request).map(|_| ());
    }
    line("");
    line(&state(&request.state));
    if let Some(found) = &request.problem {
        line(&problem_text(found));
    }
    Ok(())
}

pub(super) fn history(entries: &[HistoryEntry], output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(&entries);
    }
    if entries.is_empty() {
        line("Nothing has ended yet.");
    }
    for entry in entries {
        let who = match (&entry.device_name, entry.by_this_device) {
            (Some(device), _) => format!(" on {}", plain(device)),
            (None, true) => " here".to_owned(),
            (None, false) => String::new(),
        };
        line(&format!(
            "{}  {}  {}  {}{who}, {}",
            entry.id,
            instant(entry.at),
            plain(&entry.client_name),
            outcome_word(entry.outcome),
            receipt(entry.receipt)
        ));
    }
    Ok(Exit::Done)
}

pub(super) fn checks(checks: &[Check], output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(&checks);
    }
    for check in checks {
        let mark = match check.state {
            CheckState::Passed => "ok  ",
            CheckState::Warning => "warn",
            CheckState::Failed => "FAIL",
            CheckState::Skipped => "skip",
        };
        line(&format!(
            "{mark}  {}: {}",
            plain(&check.title),
            plain(&check.detail)
        ));
    }
    Ok(Exit::Done)
}

pub(super) fn verified(verified: &Verified, trust: &Trust, output: Output) -> Result<Exit, CliError> {
    #[derive(Serialize)]
    struct Report<'a> {
        verified: bool,
        issuer: &'a str,
        issuer_name: &'a str,
        fingerprint: &'a str,
        fingerprint_compared: bool,
        account: &'a str,
        outcome: &'a str,
        ended_at: i64,
        decided_by_this_device: bool,
        request: &'a countersign_protocol::ApprovalRequest,
        statement: &'a [countersign_protocol::Line],
        receipt: &'a countersign_protocol::ApprovalReceipt,
    }
    let report = &verified.report;
    let compared = *trust != Trust::Unchecked;
    if output == Output::Json {
        return json(&Report {
            verified: true,
            issuer: verified.evidence.issuer.as_str(),
            issuer_name: &verified.evidence.issuer_name,
            fingerprint: &report.fingerprint,
            fingerprint_compared: compared,
            account: &report.request.sub,
            outcome: report.receipt.outcome.as_str(),
            ended_at: report.receipt.iat,
            decided_by_this_device: report.decision.is_some(),
            request: &report.request,
            statement: report.statement.lines(),
            receipt: &report.receipt,
        });
    }
    line("The receipt verifies.");
    line("");
    line(&format!(
        "Issuer       {} ({})",
        plain(&verified.evidence.issuer_name),
        verified.evidence.issuer
    ));
    line(&format!("Fingerprint  {}", report.fingerprint));
    if !compared {
        line("             Compare it with a copy from the issuer, or give it with --issuer-fingerprint.");
    }
    line(&format!("Account      {}", plain(&report.request.sub)));
    line(&format!(
        "Outcome      {} at {}",
        report.receipt.outcome,
        instant(report.receipt.iat)
    ));
    match (&report.decision, &report.receipt.device_name) {
        (Some(decision), _) => line(&format!(
            "Decided      on this device at {}",
            instant(decision.iat)
        )),
        (None, Some(device)) => line(&format!("Decided      on {}", plain(device))),
        (None, None) => line("Decided      by nobody"),
    }
    line("");
    line("What was shown:");
    for text in statement_lines(&crate::engine::statement_lines(&report.statement)) {
        line(&text);
    }
    Ok(Exit::Done)
}

/// Every line with its label, aligned.
fn statement_lines(lines: &[Line]) -> Vec<String> {
    let labels: Vec<String> = lines.iter().map(label).collect();
    let width = labels
        .iter()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or(0)
        .min(32);
    let mut printed = Vec::new();
    for (line, label) in lines.iter().zip(labels) {
        let mut values = values(&line.value).into_iter();
        let first = values.next().unwrap_or_default();
        printed.push(format!("    {label:width$}  {first}"));
        printed.extend(values.map(|value| format!("    {:width$}  {value}", "")));
    }
    printed
}

fn label(line: &Line) -> String {
    if let Some(name) = &line.name {
        return plain(name);
    }
    let known = match line.key.as_str() {
        "client" => "Asked by",
        "account" => "Account",
        "message" => "Message",
        "action" => "Action",
        "acr" => "Level",
        "payment.amount" => "Amount",
        "payment.payee" => "Payee",
        "payment.iban" => "Payee's account",
        "payment.reference" => "Reference",
        "payment.from" => "From account",
        "payment.date" => "Date",
        "access.resource" => "Resource",
        "access.actions" => "Actions",
        "access.locations" => "Locations",
        "access.datatypes" => "Kinds of data",
        "access.privileges" => "Privileges",
        "access.identifier" => "Identifier",
        "access.reason" | "export.reason" => "Reason",
        "access.valid_for" | "signin.valid_for" => "Valid for",
        "export.dataset" => "Data set",
        "export.records" => "Records",
        "export.destination" => "Destination",
        "export.format" => "Format",
        "export.contains" => "Contains",
        "deployment.service" => "Service",
        "deployment.version" => "Version",
        "deployment.environment" => "Environment",
        "deployment.commit" => "Commit",
        "deployment.changes" => "Changes",
        "deployment.approver" => "Approver",
        "signin.application" => "Application",
        "signin.access" => "Access",
        "context.origin" => "Started on",
        "context.place" => "Place",
        "context.ip" => "Address",
        "context.agent" => "Browser",
        "context.started_at" => "Started at",
        "context.risk" => "Risk",
        "context.hint" => "Check",
        other => return plain(other),
    };
    known.to_owned()
}

fn values(value: &LineValue) -> Vec<String> {
    match value {
        LineValue::Text(text) => vec![plain(text)],
        LineValue::Amount { amount, currency } => vec![format!("{} {}", plain(amount), plain(currency))],
        LineValue::Instant(at) => vec![instant(*at)],
        LineValue::Duration(seconds) => vec![duration(*seconds)],
        LineValue::Count(count) => vec![count.to_string()],
        LineValue::Flag(true) => vec!["yes".to_owned()],
        LineValue::Flag(false) => vec!["no".to_owned()],
        LineValue::List(items) => items.iter().map(|item| plain(item)).collect(),
    }
}

fn requirements(request: &RequestView) -> String {
    let code = match &request.requires.matching {
        Matching::None => "no code".to_owned(),
        Matching::Code { digits } => format!("the {digits} digits shown where you started this"),
        Matching::Choice { options } => format!(
            "one of {}",
            options.iter().map(|o| plain(o)).collect::<Vec<_>>().join(", ")
        ),
    };
    let verification = match request.requires.verification {
        Verification::None | Verification::Presence => "",
        Verification::User => ", a PIN or biometrics",
    };
    let surface = match request.requires.surface {
        Surface::Any => "",
        Surface::Window => ", the whole text in view",
    };
    format!("{code}{verification}{surface}")
}

fn state(state: &RequestState) -> String {
    match state {
        RequestState::Pending => "waits for your answer".to_owned(),
        RequestState::Sending { verdict } => format!("{} is on its way", answer_word(*verdict)),
        RequestState::Queued { verdict, .. } => {
            format!(
                "{} is not sent yet: there is no connection, it is tried again by itself",
                answer_word(*verdict)
            )
        }
        RequestState::Ended {
            outcome,
            at,
            device_name,
            receipt: kept,
            ..
        } => {
            let device = device_name
                .as_ref()
                .map(|name| format!(" on {}", plain(name)))
                .unwrap_or_default();
            format!(
                "{}{device} at {}, {}",
                outcome_word(*outcome),
                instant(*at),
                receipt(*kept)
            )
        }
    }
}

fn problem_text(problem: &Problem) -> String {
    match problem {
        Problem::WrongCode {
            attempts_left: Some(left),
        } => {
            format!(
                "The code did not match. {} left on this account.",
                count(*left, "attempt")
            )
        }
        Problem::WrongCode { attempts_left: None } => "The code did not match.".to_owned(),
        Problem::Key { state } => keyring_advice(*state).to_owned(),
        Problem::Refused { message } => plain(message),
    }
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
fn protection(protection: KeyProtection) -> String {
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

fn answer_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "your approval",
        Verdict::Deny => "your denial",
        Verdict::Report => "your report",
    }
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Approved => "approved",
        Outcome::Denied => "denied",
        Outcome::Reported => "reported",
        Outcome::Cancelled => "taken back",
        Outcome::Expired => "expired, nothing was approved",
        Outcome::Locked => "ended by too many wrong codes",
    }
}

fn receipt(state: ReceiptState) -> &'static str {
    match state {
        ReceiptState::None => "no receipt",
        ReceiptState::Verified => "receipt verified",
        ReceiptState::Invalid => "RECEIPT DOES NOT VERIFY",
    }
}

fn count(number: u32, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

fn instant(at: i64) -> String {
    let at = Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

fn duration(seconds: i64) -> String {
    let parts = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds.max(0);
    let mut words = Vec::new();
    for (size, unit) in parts {
        if rest >= size {
            words.push(format!("{} {unit}", rest / size));
            rest %= size;
        }
    }
    if words.is_empty() {
        "0 s".to_owned()
    } else {
        words.join(" ")
    }
}

/// Text from outside, with everything that is not a visible character or a space escaped.
fn plain(text: &str) -> String {
    let bidirectional = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || bidirectional(character) {
            plain.extend(character.escape_unicode());
        } else {
            plain.push(character);
        }
    }
    plain
}

fn json<T: Serialize>(value: &T) -> Result<Exit, CliError> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_move_the_cursor_is_escaped() {
        assert_eq!(
            plain("a\u{1b}[2Jb\r\nc\u{202e}d"),
            "a\\u{1b}[2Jb\\u{d}\\u{a}c\\u{202e}d"
        );
        assert_eq!(plain("Zoë € 4,250.00"), "Zoë € 4,250.00");
    }

    #[test]
    fn every_value_of_a_statement_is_printed() {
        let lines = [
            Line {
                key: "payment.amount".into(),
                name: None,
                value: LineValue::Amount {
                    amount: "4250.00".into(),
                    currency: "EUR".into(),
                },
            },
            Line {
                key: "field".into(),
                name: Some("x[0].y".into()),
                value: LineValue::Flag(true),
            },
            Line {
                key: "access.actions".into(),
                name: None,
                value: LineValue::List(vec!["read".into(), "write".into()]),
            },
            Line {
                key: "access.valid_for".into(),
                name: None,
                value: LineValue::Duration(5_400),
            },
        ];
        let printed = statement_lines(&lines);
        assert_eq!(
            printed,
            [
                "    Amount     4250.00 EUR",
                "    x[0].y     yes",
                "    Actions    read",
                "               write",
                "    Valid for  1 h 30 min",
            ]
        );
    }
}
