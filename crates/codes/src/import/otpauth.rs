//! `otpauth://` (the key URI format) and `steam://` links.
//!
//! Strict where programs could differ (a part given twice, unknown algorithms), tolerant of what is common: any case, missing
//! or empty parameters, blanks in the secret, `HmacSHA1`, labels with or without issuer, Steam in its four spellings.

use zeroize::Zeroizing;

use super::{Invalid, base64, json::Json, raw};
use crate::entry::Details;

/// Reads a link.
///
/// # Errors
/// [`Invalid`] says why not.
pub fn parse(link: &str) -> Result<Details, Invalid> {
    let link = link.trim();
    if let Some(rest) = strip_scheme(link, "steam://") {
        let (secret, _) = rest.split_once(['?', '/']).unwrap_or((rest, ""));
        let raw = raw::Raw {
            issuer: "Steam",
            kind: "steam",
            ..raw::Raw::default()
        };
        return raw.check_base32(&decoded(secret, Plus::Kept)?);
    }
    let rest = strip_scheme(link, "otpauth://").ok_or(Invalid::NotALink)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, label) = path.split_once('/').unwrap_or((path, ""));
    let query = Query::parse(query)?;
    let whole = decoded(label, Plus::Kept)?;
    // A colon that is not encoded separates; an encoded one does only where there is no other.
    let parts = label.split_once(':').map(|(prefix, account)| {
        Ok::<_, Invalid>((decoded(prefix, Plus::Kept)?, decoded(account, Plus::Kept)?))
    });
    let parts = parts.transpose()?;
    let (issuer, account) = match &parts {
        Some((prefix, account)) => raw::choose_names(prefix, account, &whole, &query.issuer),
        None => raw::split_label(&whole, &query.issuer),
    };
    let is_steam = query.encoder.eq_ignore_ascii_case("steam")
        || (kind.eq_ignore_ascii_case("totp")
            && query.digits.as_str() == "5"
            && issuer.trim().eq_ignore_ascii_case("steam"));
    let display = query.display()?;
    let raw = raw::Raw {
        issuer,
        account,
        kind: if is_steam { "steam" } else { kind },
        algorithm: &query.algorithm,
        digits: number("digits", &query.digits)?,
        period: number("period", &query.period)?,
        counter: number("counter", &query.counter)?,
        tags: display.iter().flat_map(tags).collect(),
        pinned: display.as_ref().is_some_and(|display| display.flag("pinned")),
        note: display.as_ref().map_or(Ok(""), |display| display.text("note"))?,
    };
    if display.as_ref().is_some_and(|display| display.flag("trashed")) {
        return Err(Invalid::InTrash);
    }
    raw.check_base32(&query.secret)
}

/// The label of a link, to name it in messages. Never the secret: nothing after `?`.
pub(super) fn name(link: &str) -> Zeroizing<String> {
    let path = link.split('?').next().unwrap_or("");
    let label = strip_scheme(path, "otpauth://").and_then(|path| path.split_once('/'));
    label
        .and_then(|(_, label)| decoded(label, Plus::Kept).ok())
        .unwrap_or_default()
}

/// What follows a scheme, in whatever case it is written.
pub(super) fn strip_scheme<'a>(link: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = link.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The value of the parameter `data` of a migration link, as bytes.
pub(super) fn migration_data(rest: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, query) = rest.split_once('?')?;
    let data = query.split('&').find_map(|pair| pair.strip_prefix("data="))?;
    // Base64 has no blank, so a plus that was not encoded stays one.
    base64::decode(&decoded(data, Plus::Kept).ok()?)
}

/// The parameters that are known; all others are passed over.
#[derive(Default)]
struct Query {
    secret: Zeroizing<String>,
    issuer: Zeroizing<String>,
    algorithm: Zeroizing<String>,
    digits: Zeroizing<String>,
    period: Zeroizing<String>,
    counter: Zeroizing<String>,
    encoder: Zeroizing<String>,
    /// What Ente Auth adds.
    code_display: Zeroizing<String>,
}

impl Query {
    fn parse(query: &str) -> Result<Self, Invalid> {
        let mut parsed = Self::default();
        let mut seen = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = name.to_ascii_lowercase();
            let (name, target) = match name.as_str() {
                "secret" => ("secret", &mut parsed.secret),
                "issuer" => ("issuer", &mut parsed.issuer),
                "algorithm" => ("algorithm", &mut parsed.algorithm),
                "digits" => ("digits", &mut parsed.digits),
                "period" => ("period", &mut parsed.period),
                "counter" => ("counter", &mut parsed.counter),
                "encoder" => ("encoder", &mut parsed.encoder),
                "codedisplay" => ("codeDisplay", &mut parsed.code_display),
                _ => continue,
            };
            if seen.contains(&name) {
                return Err(Invalid::Twice(name));
            }
            seen.push(name);
            *target = decoded(value, Plus::Blank)?;
        }
        Ok(parsed)
    }

    fn display(&self) -> Result<Option<Json>, Invalid> {
        if self.code_display.is_empty() {
            return Ok(None);
        }
        Json::parse(self.code_display.as_bytes())
            .map(Some)
            .ok_or(Invalid::WrongType("codeDisplay"))
    }
}

fn tags(display: &Json) -> impl Iterator<Item = &str> {
    let tags = display.get("tags").and_then(Json::as_array).unwrap_or(&[]);
    tags.iter().filter_map(Json::as_str)
}

fn number(name: &'static str, text: &str) -> Result<Option<u64>, Invalid> {
    match text.trim() {
        "" => Ok(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().map(Some).map_err(|_| Invalid::WrongType(name))
        }
        _ => Err(Invalid::WrongType(name)),
    }
}

/// What a plus means: in a query a blank, elsewhere itself.
#[derive(Clone, Copy, PartialEq)]
enum Plus {
    Kept,
    Blank,
}

/// Percent-decodes. A percent sign that begins no byte stays one: some apps encode nothing.
fn decoded(text: &str, plus: Plus) -> Result<Zeroizing<String>, Invalid> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, rest) {
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |d: u8| char::from(d).to_digit(16).unwrap_or(0) as u8;
                bytes.push(digit(*high) << 4 | digit(*low));
                rest = tail;
            }
            (b'+', _) if plus == Plus::Blank => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Invalid::BadLink),
    }
}

#[cfg(test)]
mod tests;
