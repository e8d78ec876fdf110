//! Requests, and what became of them.

use countersign_agent_api::{
    HeldBack, HeldCause, HistoryEntry, Matching, Outcome, Problem, ReceiptState, RequestState, RequestView,
    Surface, Verdict, Verification,
};

use super::{
    accounts::{limits, protection},
    count, json, line, note,
};
use crate::{
    cli::{CliError, Exit, args::Output},
    doctor::keyring_advice,
    statement_text::{self, instant, plain},
};

pub(in crate::cli) fn requests(
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

pub(super) fn held_back(held: &[HeldBack]) {
    for held in held {
        let cause = match held.cause {
            HeldCause::Burst => "it asked too often",
            HeldCause::Report => "you reported it",
        };
        line(&format!(
            "{} from {}: held back because {cause}. To see what waits: release {} {}",
            count(held.count, "request"),
            plain(&held.client_name),
            held.account,
            plain(&held.client_id)
        ));
    }
}

/// The whole request: every line, in signing order, and what an approval needs. With JSON on standard error.
pub(in crate::cli) fn statement(request: &RequestView, output: Output) {
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
    for text in statement_text::lines(&request.lines) {
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
    let limits = limits(request.capabilities);
    for limit in &limits {
        print(&format!("Limit    {limit}"));
    }
    if !limits.is_empty() {
        print("         Approve only if you started it a moment ago.");
    }
    print(&format!("State    {}", state(&request.state)));
    if let Some(found) = &request.problem {
        print(&format!("Problem  {}", problem_text(found)));
    }
}

pub(in crate::cli) fn request(request: &RequestView, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(request);
    }
    line(&format!("{}  {}", request.id, state(&request.state)));
    Ok(Exit::Done)
}

/// What became of an answer.
pub(in crate::cli) fn outcome(request: &RequestView, output: Output) -> Result<(), CliError> {
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

pub(in crate::cli) fn history(entries: &[HistoryEntry], output: Output) -> Result<Exit, CliError> {
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
            "{}  {}  {}  {}{who}, {}{}",
            entry.id,
            instant(entry.at),
            plain(&entry.client_name),
            outcome_word(entry.outcome),
            receipt(entry.receipt),
            reported(entry.reported_at)
        ));
    }
    Ok(Exit::Done)
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
            code,
            reported_at,
            ..
        } => {
            let device = device_name
                .as_ref()
                .map(|name| format!(" on {}", plain(name)))
                .unwrap_or_default();
            let code = code
                .as_ref()
                .map(|code| format!(". Now type {} where you started this", plain(code)))
                .unwrap_or_default();
            format!(
                "{}{device} at {}, {}{}{code}",
                outcome_word(*outcome),
                instant(*at),
                receipt(*kept),
                reported(*reported_at)
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
        Problem::NotSent => {
            "It could not be sent in time, and is not sent any more. If this is still wanted, answer again."
                .to_owned()
        }
    }
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
        Outcome::NotTaken => "the issuer did not take your answer",
        Outcome::Unclear => "not clear whether your answer counted",
    }
}

/// A report after the end.
fn reported(at: Option<i64>) -> String {
    at.map(|at| format!(", reported by you at {}", instant(at)))
        .unwrap_or_default()
}

fn receipt(state: ReceiptState) -> &'static str {
    match state {
        ReceiptState::None => "no receipt",
        ReceiptState::Verified => "receipt verified",
        ReceiptState::Invalid => "RECEIPT DOES NOT VERIFY",
    }
}
