//! The texts of desktop notifications: private ones say that something is asked, detailed ones who asks and what.
//!
//! Invariants: a title has at most 40 characters, a body at most 90; longer ones are cut with "…" here, and shown in full in the
//! prompt. Never in a notification: match codes, addresses, account numbers, fingerprints; so detailed texts are made
//! only of client names, payees, amounts and the like, never of the free text of a request.

use countersign_agent_api::{KeyringState, NotificationPrivacy as Privacy};
use countersign_protocol::{ApprovalRequest, LineValue, Origin, Outcome, Statement, Verdict};
use jiff::tz::TimeZone;

use crate::statement_text::in_groups;

/// The most characters of a title.
const TITLE: usize = 40;

/// The most characters of a body.
const BODY: usize = 90;

/// Title and body.
pub(super) type Text = (String, String);

/// Who asks and what, of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) claims: &'a ApprovalRequest,
    pub(super) statement: &'a Statement,
}

/// Rows 1 and 2: a request.
pub(super) fn request(privacy: Privacy, asked: Asked<'_>) -> Text {
    match privacy {
        Privacy::Private => text("Approval request", "Open it to see what is asked."),
        Privacy::Detailed => {
            let title = format!("{} asks for approval", shortened_name(asked.claims, 22));
            let body = match (sentence(asked.statement), origin(asked.claims)) {
                (Some(sentence), Some(origin)) => format!("{sentence}. {origin}."),
                (Some(sentence), None) => format!("{sentence}."),
                (None, Some(origin)) => format!("Open it to see what is asked. {origin}."),
                (None, None) => "Open it to see what is asked.".to_owned(),
            };
            text(&title, &body)
        }
    }
}

/// Row 3: several requests; `oldest` is the one to open first.
pub(super) fn several(privacy: Privacy, count: usize, oldest: Asked<'_>) -> Text {
    let title = format!("{count} approval requests");
    match privacy {
        Privacy::Private => text(&title, "Open them one by one."),
        Privacy::Detailed => {
            let name = &oldest.claims.client.name;
            let body = match sentence(oldest.statement) {
                Some(sentence) => format!("Oldest: {name}, {sentence}"),
                None => format!("Oldest: {name}"),
            };
            text(&title, &body)
        }
    }
}

/// Row 4: a burst is held back.
pub(super) fn held_back(privacy: Privacy, count: u32, client_name: &str) -> Text {
    match privacy {
        Privacy::Private => text(
            "Requests held back",
            "Many arrived at once. Nothing was approved.",
        ),
        Privacy::Detailed => text(
            &format!("{count} requests held back"),
            &format!("From {client_name} within one minute. Nothing was approved."),
        ),
    }
}

/// Row 5: another device answered.
pub(super) fn elsewhere(privacy: Privacy, outcome: Outcome, device: &str, asked: Asked<'_>) -> Text {
    match privacy {
        Privacy::Private => text("Already answered", "Another device of yours answered first."),
        Privacy::Detailed => {
            let title = match outcome {
                Outcome::Approved => "Already approved",
                Outcome::Denied | Outcome::Reported => "Already denied",
                Outcome::Cancelled | Outcome::Expired | Outcome::Locked => "Already answered",
            };
            text(title, &format!("{device}: {}", what(asked)))
        }
    }
}

/// Row 6: nobody answered. `at` is this computer's clock.
pub(super) fn expired(privacy: Privacy, asked: Asked<'_>, at: i64, zone: &TimeZone) -> Text {
    let body = match privacy {
        Privacy::Private => "Nothing was approved.".to_owned(),
        Privacy::Detailed => {
            format!(
                "{}, {}. Nothing was approved.",
                asked.claims.client.name,
                clock_time(at, zone)
            )
        }
    };
    text("A request expired", &body)
}

/// Row 7: an answer cannot be sent. `seconds` are left.
pub(super) fn unsent(privacy: Privacy, verdict: Verdict, host: &str, seconds: i64) -> Text {
    match privacy {
        Privacy::Private => text("Answer not sent yet", "There is no connection."),
        Privacy::Detailed => {
            let answer = match verdict {
                Verdict::Approve => "Approval",
                Verdict::Deny => "Denial",
                Verdict::Report => "Report",
            };
            let left = seconds.max(0);
            text(
                &format!("{answer} not sent yet"),
                &format!("No connection to {host}. {}:{:02} left.", left / 60, left % 60),
            )
        }
    }
}

/// Row 8: an approval did not count.
pub(super) fn refused(privacy: Privacy, why: &str) -> Text {
    match privacy {
        Privacy::Private => text("Not approved", "Open it to see why."),
        Privacy::Detailed => text("Not approved", why),
    }
}

/// The body of row 8 for a wrong code.
pub(super) fn wrong_code(attempts_left: Option<u32>) -> String {
    match attempts_left {
        Some(1) => "The code did not match. 1 attempt left on this account.".to_owned(),
        Some(left) => format!("The code did not match. {left} attempts left on this account."),
        None => "The code did not match.".to_owned(),
    }
}

/// Row 9: the issuer removed this computer.
pub(super) fn revoked(privacy: Privacy, issuer_name: &str, account: &str) -> Text {
    match privacy {
        Privacy::Private => text("An account was removed", "Open Countersign to see which."),
        Privacy::Detailed => text(
            &format!("{issuer_name} removed this computer"),
            &format!("It can no longer approve for {account}."),
        ),
    }
}

/// Row 10: keys cannot be read, and in which way.
pub(super) fn locked_out(privacy: Privacy, keyring: KeyringState) -> Text {
    let body = match (privacy, keyring) {
        (Privacy::Private, KeyringState::Locked | KeyringState::Unknown | KeyringState::Ready) => {
            "Unlock your keyring to answer requests."
        }
        (Privacy::Detailed, KeyringState::Locked | KeyringState::Unknown | KeyringState::Ready) => {
            "The keyring is locked. Your accounts are still there."
        }
        (_, KeyringState::Missing) => "No keyring service answers. Your accounts are still there.",
        (_, KeyringState::Empty) => "A key is not in the keyring. Restore the keyring, or enrol again.",
        (_, KeyringState::Hanging) => "The keyring does not answer. Your accounts are still there.",
    };
    text("Countersign is locked out", body)
}

/// Row 11: no connection for ten minutes. `only` is the issuer and since when, if it is about one.
pub(super) fn offline(privacy: Privacy, only: Option<(&str, i64)>, zone: &TimeZone) -> Text {
    match (privacy, only) {
        (Privacy::Detailed, Some((issuer, since))) => text(
            &format!("No connection to {issuer}"),
            &format!("Since {}. Trying again by itself.", clock_time(since, zone)),
        ),
        (Privacy::Detailed, None) | (Privacy::Private, _) => {
            text("Countersign is offline", "Requests cannot reach this computer.")
        }
    }
}

/// Row 13: denied from the notification.
pub(super) fn denied(privacy: Privacy, asked: Asked<'_>) -> Text {
    match privacy {
        Privacy::Private => text("Denied", "Open Countersign for details."),
        Privacy::Detailed => text(
            "Denied",
            &format!("{}: {}", asked.claims.client.name, what(asked)),
        ),
    }
}

/// What is asked in one sentence without its full stop, if it is of a kind that has one.
fn sentence(statement: &Statement) -> Option<String> {
    let shown = |key: &str| {
        statement
            .lines()
            .iter()
            .find(|line| line.key == key)
            .and_then(|line| match &line.value {
                LineValue::Text(text) => Some(text.clone()),
                LineValue::Amount { amount, currency } => Some(money(amount, currency)),
                LineValue::Instant(_)
                | LineValue::Duration(_)
                | LineValue::Count(_)
                | LineValue::Flag(_)
                | LineValue::List(_) => None,
            })
    };
    let actions = statement
        .lines()
        .iter()
        .filter(|line| line.key == "action")
        .count();
    if actions != 1 {
        return None;
    }
    match shown("action")?.as_str() {
        "payment_initiation" => match (shown("payment.amount"), shown("payment.payee")) {
            (Some(amount), Some(payee)) => Some(format!("Send {amount} to {payee}")),
            (Some(amount), None) => Some(format!("Send {amount}")),
            (None, _) => None,
        },
        "access" => shown("access.resource").map(|resource| format!("Open {resource}")),
        "data_export" => shown("export.dataset").map(|dataset| format!("Export {dataset}")),
        "deployment" => match (shown("deployment.service"), shown("deployment.environment")) {
            (Some(service), Some(environment)) => Some(format!("Deploy {service} to {environment}")),
            (Some(service), None) => Some(format!("Deploy {service}")),
            (None, _) => None,
        },
        "sign_in" => Some("Confirm that you are signing in".to_owned()),
        _ => None,
    }
}

fn what(asked: Asked<'_>) -> String {
    sentence(asked.statement).unwrap_or_else(|| asked.claims.client.name.clone())
}

fn origin(claims: &ApprovalRequest) -> Option<&'static str> {
    match claims.context.as_ref()?.origin? {
        Origin::ThisDevice => Some("This computer"),
        Origin::AnotherDevice => Some("Another device"),
    }
}

/// A sum with its digits unchanged: grouped by three, the symbol where there is only one reading of it.
fn money(amount: &str, currency: &str) -> String {
    let digits = in_groups(amount);
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits.as_str()), |digits| ("-", digits));
    match currency {
        "EUR" => format!("{sign}€{digits}"),
        "GBP" => format!("{sign}£{digits}"),
        other => format!("{sign}{other}\u{a0}{digits}"),
    }
}

fn clock_time(at: i64, zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_second(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned(zone.clone()).strftime("%H:%M").to_string()
}

fn shortened_name(claims: &ApprovalRequest, max: usize) -> String {
    cut(&claims.client.name, max)
}

fn text(title: &str, body: &str) -> Text {
    (cut(title, TITLE), cut(body, BODY))
}

/// At most `max` characters, the last one "…" if something was cut.
fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(max - 1).collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}
