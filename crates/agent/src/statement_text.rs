//! A statement in the words of the terminal: English, with digits as they were signed.
//!
//! Invariant: what came from outside passes [`plain`], so that no text can move a terminal's cursor, change its colours or look like
//! another line.

use countersign_agent_api::{Line, LineValue};
use jiff::{Timestamp, tz::TimeZone};

/// Every line with its label, aligned.
pub fn lines(lines: &[Line]) -> Vec<String> {
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

/// What a line is about, in words.
pub fn label(line: &Line) -> String {
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

/// A value in words; several for a list.
pub fn values(value: &LineValue) -> Vec<String> {
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

/// An instant in this computer's time zone.
pub fn instant(at: i64) -> String {
    let at = Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

/// Text from outside, with everything that is not a visible character or a space escaped.
pub fn plain(text: &str) -> String {
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

/// The digits of a sum or a number in groups of three, as windows show them.
pub fn grouped(value: &LineValue) -> Option<String> {
    match value {
        LineValue::Amount { amount, .. } => Some(in_groups(amount)),
        LineValue::Count(count) => Some(in_groups(&count.to_string())),
        LineValue::Text(_)
        | LineValue::Instant(_)
        | LineValue::Duration(_)
        | LineValue::Flag(_)
        | LineValue::List(_) => None,
    }
}

/// A decimal number with a comma between each three digits of its whole part.
pub fn in_groups(number: &str) -> String {
    let (sign, digits) = number
        .strip_prefix('-')
        .map_or(("", number), |digits| ("-", digits));
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut grouped = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index < whole && (whole - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
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
    fn digits_are_grouped_and_never_changed() {
        for (number, grouped) in [
            ("4250.00", "4,250.00"),
            ("-1234567.891234", "-1,234,567.891234"),
            ("999", "999"),
            ("0.5", "0.5"),
        ] {
            assert_eq!(in_groups(number), grouped);
        }
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
        let printed = super::lines(&lines);
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
