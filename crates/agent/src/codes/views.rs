//! Entries as front ends see them, and back.

use countersign_agent_api::{
    ApiError, CodeAlgorithm, CodeEdit, CodeEntry, CodeId, CodeKind, NewCode, QrPicture, ShownCode,
};
use countersign_codes::{
    Algorithm, Code, Details, Digits, Entry, EntryId, Kind, Label, Note, Period, QUIET_ZONE, QrModules,
    Secret, TimedCode,
};

use super::errors::{invalid, no_entry, too_long};
use crate::wording::sentence;

pub(super) fn code_id(id: EntryId) -> CodeId {
    CodeId(id.to_string())
}

/// # Errors
/// What is none is the id of no entry.
pub(super) fn entry_id(id: &CodeId) -> Result<EntryId, ApiError> {
    EntryId::parse(&id.0).ok_or_else(no_entry)
}

pub(super) fn entry(entry: &Entry) -> CodeEntry {
    let details = &entry.details;
    CodeEntry {
        id: code_id(entry.id),
        issuer: details.issuer.to_string(),
        account: details.account.to_string(),
        kind: kind(details.kind),
        tags: details.tags().iter().map(Label::to_string).collect(),
        note: details.note.as_str().to_owned(),
        pinned: details.pinned,
    }
}

/// What an entry is called in one line.
pub(super) fn name(details: &Details) -> String {
    let names = [details.issuer.as_str(), details.account.as_str()];
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    names.join(" · ")
}

fn kind(kind: Kind) -> CodeKind {
    match kind {
        Kind::Totp {
            algorithm,
            digits,
            period,
        } => CodeKind::Totp {
            algorithm: self::algorithm(algorithm),
            digits: digits.get(),
            period: u32::try_from(period.seconds()).unwrap_or(u32::MAX),
        },
        Kind::Hotp {
            algorithm,
            digits,
            counter,
        } => CodeKind::Hotp {
            algorithm: self::algorithm(algorithm),
            digits: digits.get(),
            counter,
        },
        Kind::Steam => CodeKind::Steam,
    }
}

fn algorithm(algorithm: Algorithm) -> CodeAlgorithm {
    match algorithm {
        Algorithm::Sha1 => CodeAlgorithm::Sha1,
        Algorithm::Sha256 => CodeAlgorithm::Sha256,
        Algorithm::Sha512 => CodeAlgorithm::Sha512,
    }
}

/// What a person typed.
pub(super) fn details(typed: NewCode) -> Result<Details, ApiError> {
    let secret = Secret::from_base32(typed.secret.expose()).map_err(|error| invalid(sentence(&error)))?;
    let digits = |digits: u8| Digits::new(digits.into()).ok_or_else(|| invalid("Codes have 6 to 10 digits."));
    let algorithm = |algorithm| match algorithm {
        CodeAlgorithm::Sha1 => Algorithm::Sha1,
        CodeAlgorithm::Sha256 => Algorithm::Sha256,
        CodeAlgorithm::Sha512 => Algorithm::Sha512,
    };
    let kind = match typed.kind {
        CodeKind::Totp {
            algorithm: a,
            digits: d,
            period,
        } => Kind::Totp {
            algorithm: algorithm(a),
            digits: digits(d)?,
            period: Period::new(period.into())
                .ok_or_else(|| invalid("Codes last from 1 second to one day."))?,
        },
        CodeKind::Hotp {
            algorithm: a,
            digits: d,
            counter,
        } => Kind::Hotp {
            algorithm: algorithm(a),
            digits: digits(d)?,
            counter,
        },
        CodeKind::Steam => Kind::Steam,
    };
    let issuer = label("issuer", &typed.issuer)?;
    let account = label("account", &typed.account)?;
    Ok(Details::new(issuer, account, kind, secret))
}

/// The details with what a person changed of them.
pub(super) fn edited(mut details: Details, edit: &CodeEdit) -> Result<Details, ApiError> {
    details.issuer = label("issuer", &edit.issuer)?;
    details.account = label("account", &edit.account)?;
    let tags = edit.tags.iter().map(|tag| label("tag", tag));
    let tags = tags.collect::<Result<Vec<_>, _>>()?;
    details
        .set_tags(tags)
        .map_err(|error| invalid(sentence(&error)))?;
    details.note = Note::new(&edit.note).map_err(|error| too_long("note", error))?;
    details.pinned = edit.pinned;
    Ok(details)
}

fn label(what: &str, text: &str) -> Result<Label, ApiError> {
    Label::new(text).map_err(|error| too_long(what, error))
}

/// A code by time. `now_ms` is this computer's clock.
pub(super) fn timed(id: EntryId, timed: &TimedCode, now_ms: i64) -> ShownCode {
    let remaining = i64::try_from(timed.remaining_ms).unwrap_or(i64::MAX);
    ShownCode {
        id: code_id(id),
        code: timed.code.as_str().to_owned(),
        next: Some(timed.next.as_str().to_owned()),
        until_ms: Some(now_ms.saturating_add(remaining)),
    }
}

/// A code by counter.
pub(super) fn counted(id: EntryId, code: &Code) -> ShownCode {
    ShownCode {
        id: code_id(id),
        code: code.as_str().to_owned(),
        next: None,
        until_ms: None,
    }
}

/// With its quiet zone.
pub(super) fn picture(qr: &QrModules) -> QrPicture {
    let width = qr.width() + 2 * QUIET_ZONE;
    let mut modules = String::with_capacity(width * width);
    let light = |modules: &mut String, count: usize| modules.extend(std::iter::repeat_n('0', count));
    light(&mut modules, width * QUIET_ZONE);
    for row in qr.rows() {
        light(&mut modules, QUIET_ZONE);
        modules.extend(row.iter().map(|dark| if *dark { '1' } else { '0' }));
        light(&mut modules, QUIET_ZONE);
    }
    light(&mut modules, width * QUIET_ZONE);
    QrPicture {
        width: u32::try_from(width).unwrap_or(u32::MAX),
        modules,
    }
}
