//! The lines of one member of `authorization_details` (section 4.2).

use super::line::LineValue;
use super::{Lines, StatementError};
use crate::jcs;
use crate::json::{Json, Object};

/// How deep a field may be nested; a member of the detail itself is at depth 1.
const MAX_DEPTH: usize = 6;

/// The most texts in one list line.
const MAX_LIST: usize = 16;

/// A member that a registered `type` gives a line of its own.
struct Registered {
    member: &'static str,
    key: &'static str,
    form: Form,
}

/// What a registered member must look like, and which line it gives.
#[derive(Clone, Copy)]
enum Form {
    Text,
    List,
    Count,
    Duration,
    /// `{amount, currency}`
    Amount,
    /// `{iban, …}`: the rest becomes fields.
    Account,
    /// `YYYY-MM-DD`
    Date,
}

const fn of(member: &'static str, key: &'static str, form: Form) -> Registered {
    Registered { member, key, form }
}

const PAYMENT: &[Registered] = &[
    of("instructedAmount", "payment.amount", Form::Amount),
    of("creditorName", "payment.payee", Form::Text),
    of("creditorAccount", "payment.iban", Form::Account),
    of(
        "remittanceInformationUnstructured",
        "payment.reference",
        Form::Text,
    ),
    of("debtorAccount", "payment.from", Form::Account),
    of("requestedExecutionDate", "payment.date", Form::Date),
];

const ACCESS: &[Registered] = &[
    of("resource", "access.resource", Form::Text),
    of("actions", "access.actions", Form::List),
    of("locations", "access.locations", Form::List),
    of("datatypes", "access.datatypes", Form::List),
    of("privileges", "access.privileges", Form::List),
    of("identifier", "access.identifier", Form::Text),
    of("reason", "access.reason", Form::Text),
    of("valid_for", "access.valid_for", Form::Duration),
];

const DATA_EXPORT: &[Registered] = &[
    of("dataset", "export.dataset", Form::Text),
    of("records", "export.records", Form::Count),
    of("destination", "export.destination", Form::Text),
    of("format", "export.format", Form::Text),
    of("contains", "export.contains", Form::List),
    of("reason", "export.reason", Form::Text),
];

const DEPLOYMENT: &[Registered] = &[
    of("service", "deployment.service", Form::Text),
    of("version", "deployment.version", Form::Text),
    of("environment", "deployment.environment", Form::Text),
    of("commit", "deployment.commit", Form::Text),
    of("changes", "deployment.changes", Form::Count),
    of("approver", "deployment.approver", Form::Text),
];

const SIGN_IN: &[Registered] = &[
    of("application", "signin.application", Form::Text),
    of("access", "signin.access", Form::Text),
    of("valid_for", "signin.valid_for", Form::Duration),
];

/// The registered members of a `type`, in the order of the table.
fn registered(detail_type: &str) -> &'static [Registered] {
    match detail_type {
        "payment_initiation" => PAYMENT,
        "access" => ACCESS,
        "data_export" => DATA_EXPORT,
        "deployment" => DEPLOYMENT,
        "sign_in" => SIGN_IN,
        _ => &[],
    }
}

pub(super) fn push(lines: &mut Lines, detail: &Object) -> Result<(), StatementError> {
    let Some(Json::String(detail_type)) = detail.get("type") else {
        return Err(StatementError::Form { member: "type" });
    };
    lines.text("action", detail_type)?;
    let registered = registered(detail_type);
    for entry in registered {
        if let Some(value) = detail.get(entry.member) {
            push_registered(lines, entry, value)?;
        }
    }
    for (name, value) in in_order_of_names(detail) {
        match registered
            .iter()
            .find(|entry| entry.member == name)
            .map(|entry| entry.form)
        {
            None if name == "type" => {}
            None => push_field(lines, name, value, 1)?,
            Some(Form::Account) => push_account_rest(lines, name, value)?,
            Some(Form::Text | Form::List | Form::Count | Form::Duration | Form::Amount | Form::Date) => {}
        }
    }
    Ok(())
}

fn push_registered(lines: &mut Lines, entry: &Registered, value: &Json) -> Result<(), StatementError> {
    let line = match entry.form {
        Form::Text => as_text(value).map(LineValue::Text),
        Form::List => as_list(value).map(LineValue::List),
        Form::Count => as_integer(value).map(LineValue::Count),
        Form::Duration => as_integer(value)
            .filter(|seconds| *seconds >= 0)
            .map(LineValue::Duration),
        Form::Amount => as_amount(value),
        Form::Account => as_iban(value).map(LineValue::Text),
        Form::Date => as_text(value).filter(|date| is_date(date)).map(LineValue::Text),
    };
    lines.push(
        entry.key,
        line.ok_or(StatementError::Form { member: entry.member })?,
    )
}

fn push_account_rest(lines: &mut Lines, name: &str, account: &Json) -> Result<(), StatementError> {
    let Json::Object(account) = account else {
        return Ok(());
    };
    for (member, value) in in_order_of_names(account) {
        if member != "iban" {
            push_field(lines, &format!("{name}.{member}"), value, 2)?;
        }
    }
    Ok(())
}

fn push_field(lines: &mut Lines, path: &str, value: &Json, depth: usize) -> Result<(), StatementError> {
    if depth > MAX_DEPTH {
        return Err(StatementError::Depth);
    }
    let line = match value {
        Json::Null => LineValue::Text("null".to_owned()),
        Json::Bool(flag) => LineValue::Flag(*flag),
        Json::Integer(number) => LineValue::Count(*number),
        Json::Fraction(number) => {
            LineValue::Text(jcs::to_string(number).map_err(|_| StatementError::Canonical)?)
        }
        Json::String(text) => LineValue::Text(text.clone()),
        Json::Array(items) if items.is_empty() => LineValue::Text("[]".to_owned()),
        Json::Object(object) if object.is_empty() => LineValue::Text("{}".to_owned()),
        Json::Array(items) => match as_list(value) {
            Some(list) => LineValue::List(list),
            None => {
                return items.iter().enumerate().try_for_each(|(index, item)| {
                    push_field(lines, &format!("{path}[{index}]"), item, depth + 1)
                });
            }
        },
        Json::Object(object) => {
            return in_order_of_names(object)
                .into_iter()
                .try_for_each(|(name, value)| {
                    push_field(lines, &format!("{path}.{name}"), value, depth + 1)
                });
        }
    };
    lines.field(path, line)
}

/// By UTF-16 code units, as RFC 8785 orders members.
fn in_order_of_names(object: &Object) -> Vec<(&str, &Json)> {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    members
}

fn as_text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Null
        | Json::Bool(_)
        | Json::Integer(_)
        | Json::Fraction(_)
        | Json::Array(_)
        | Json::Object(_) => None,
    }
}

fn as_integer(value: &Json) -> Option<i64> {
    match value {
        Json::Integer(number) => Some(*number),
        Json::Null
        | Json::Bool(_)
        | Json::Fraction(_)
        | Json::String(_)
        | Json::Array(_)
        | Json::Object(_) => None,
    }
}

fn as_list(value: &Json) -> Option<Vec<String>> {
    let Json::Array(items) = value else {
        return None;
    };
    if !(1..=MAX_LIST).contains(&items.len()) {
        return None;
    }
    items.iter().map(as_text).collect()
}

fn as_amount(value: &Json) -> Option<LineValue> {
    let Json::Object(object) = value else {
        return None;
    };
    if object.len() != 2 {
        return None;
    }
    let amount = as_text(object.get("amount")?).filter(|amount| is_amount(amount))?;
    let is_code = |code: &String| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
    let currency = as_text(object.get("currency")?).filter(is_code)?;
    Some(LineValue::Amount { amount, currency })
}

fn as_iban(value: &Json) -> Option<String> {
    let Json::Object(object) = value else {
        return None;
    };
    as_text(object.get("iban")?).filter(|iban| is_iban(iban))
}

/// `-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,8})?`
fn is_amount(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let is_whole = whole == "0" || (is_digits(whole, 1, 15) && !whole.starts_with('0'));
    is_whole && fraction.is_none_or(|fraction| is_digits(fraction, 1, 8))
}

/// `[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}`
fn is_iban(text: &str) -> bool {
    let bytes = text.as_bytes();
    (15..=34).contains(&bytes.len())
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit)
        && bytes[4..]
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// `[0-9]{4}-[0-9]{2}-[0-9]{2}`
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts[..], [y, m, d] if is_digits(y, 4, 4) && is_digits(m, 2, 2) && is_digits(d, 2, 2))
}

fn is_digits(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}
