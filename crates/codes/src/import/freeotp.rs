//! FreeOTP+ JSON backups. A secret is an array of signed bytes there.

use zeroize::Zeroizing;

use super::{Format, ImportError, Invalid, Item, each, item, json::Json, raw};
use crate::{
    entry::Details,
    secret::{MAX_SECRET, Secret, SecretError},
};

pub(super) fn items(json: &Json) -> Result<Vec<Item>, ImportError> {
    let tokens = json
        .get("tokens")
        .and_then(Json::as_array)
        .ok_or(ImportError::Damaged {
            format: Format::FreeOtpPlus,
            what: "tokens",
        })?;
    each(tokens, |token| {
        item(token.name(&["issuerExt", "issuerInt", "label"]), details(token))
    })
}

fn details(token: &Json) -> Result<Details, Invalid> {
    let issuer = match token.text("issuerExt")? {
        "" => token.text("issuerInt")?,
        issuer => issuer,
    };
    let kind = token.text("type")?;
    raw::Raw {
        issuer,
        account: token.text("label")?,
        // FreeOTP+ goes by the issuer.
        kind: if issuer == "Steam" { "steam" } else { kind },
        algorithm: token.text("algo")?,
        digits: token.number("digits")?,
        period: token.number("period")?,
        counter: next_counter(token)?,
        ..raw::Raw::default()
    }
    .check(secret(token)?)
}

/// FreeOTP+ keeps the counter that was used last: −1 before the first use.
fn next_counter(token: &Json) -> Result<Option<u64>, Invalid> {
    if matches!(token.get("counter"), Some(Json::Number(-1.0))) {
        return Ok(Some(0));
    }
    Ok(token.number("counter")?.map(|last| last.saturating_add(1)))
}

fn secret(token: &Json) -> Result<Secret, Invalid> {
    let numbers = token.get("secret").ok_or(Invalid::NoSecret)?;
    let numbers = numbers.as_array().ok_or(Invalid::WrongType("secret"))?;
    if numbers.len() > MAX_SECRET {
        return Err(SecretError::TooLong.into());
    }
    let bytes: Option<Vec<u8>> = numbers.iter().map(byte).collect();
    let bytes = Zeroizing::new(bytes.ok_or(Invalid::WrongType("secret"))?);
    Ok(Secret::from_bytes(bytes)?)
}

fn byte(value: &Json) -> Option<u8> {
    match value {
        // In range and whole, so nothing is lost.
        Json::Number(n) if n.fract() == 0.0 && (-128.0..256.0).contains(n) => {
            Some((*n as i16).to_le_bytes()[0])
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
            None
        }
    }
}
