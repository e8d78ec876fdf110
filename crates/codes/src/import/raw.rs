//! The members of a foreign entry, before they are checked.

use super::{Field, Invalid, cut};
use crate::{
    entry::{Algorithm, Details, Digits, Kind, Period},
    secret::Secret,
    text::{Label, Note, TooLong},
};

/// What a format says about an entry. What is `None` or empty has its usual value.
#[derive(Default)]
pub(super) struct Raw<'a> {
    pub(super) issuer: &'a str,
    pub(super) account: &'a str,
    /// `totp`, `hotp` or `steam`, in any case.
    pub(super) kind: &'a str,
    pub(super) algorithm: &'a str,
    pub(super) digits: Option<u64>,
    pub(super) period: Option<u64>,
    pub(super) counter: Option<u64>,
    pub(super) tags: Vec<&'a str>,
    pub(super) pinned: bool,
    pub(super) note: &'a str,
}

impl Raw<'_> {
    /// Checks everything, with the secret in base32.
    pub(super) fn check_base32(&self, secret: &str) -> Result<Details, Invalid> {
        if secret.is_empty() {
            return Err(Invalid::NoSecret);
        }
        self.check(Secret::from_base32(secret)?)
    }

    /// Checks everything.
    pub(super) fn check(&self, secret: Secret) -> Result<Details, Invalid> {
        let mut details = Details::new(
            label(Field::Issuer, self.issuer)?,
            label(Field::Account, self.account)?,
            self.kind()?,
            secret,
        );
        let tags = self
            .tags
            .iter()
            .map(|tag| label(Field::Tag, tag))
            .collect::<Result<Vec<_>, _>>()?;
        details.set_tags(tags).map_err(|_| Invalid::TooManyTags)?;
        details.pinned = self.pinned;
        details.note = Note::new(self.note).map_err(too_long(Field::Note))?;
        Ok(details)
    }

    fn kind(&self) -> Result<Kind, Invalid> {
        let is = |name: &str| self.kind.eq_ignore_ascii_case(name);
        if is("steam") {
            return Ok(Kind::Steam);
        }
        if !is("totp") && !is("hotp") {
            return Err(Invalid::Kind(cut(self.kind, 16)));
        }
        let algorithm = match self.algorithm {
            "" => Algorithm::default(),
            name => Algorithm::parse(name).ok_or_else(|| Invalid::Algorithm(cut(name, 16)))?,
        };
        let digits = match self.digits {
            None => Digits::SIX,
            Some(count) => Digits::new(count).ok_or(Invalid::Digits(count))?,
        };
        if is("hotp") {
            return Ok(Kind::Hotp {
                algorithm,
                digits,
                counter: self.counter.unwrap_or(0),
            });
        }
        let period = match self.period {
            None => Period::THIRTY,
            Some(seconds) => Period::new(seconds).ok_or(Invalid::Period(seconds))?,
        };
        Ok(Kind::Totp {
            algorithm,
            digits,
            period,
        })
    }
}

/// Issuer and account of a text like `Issuer:account`, whose issuer may be known from elsewhere.
pub(super) fn split_label<'a>(text: &'a str, issuer: &'a str) -> (&'a str, &'a str) {
    match text.split_once(':') {
        Some((prefix, account)) => choose_names(prefix, account, text, issuer),
        None => (issuer, text),
    }
}

/// Issuer and account of a text that consists of `prefix` and `account`. Another prefix than the issuer is a part of the account.
pub(super) fn choose_names<'a>(
    prefix: &'a str,
    account: &'a str,
    text: &'a str,
    issuer: &'a str,
) -> (&'a str, &'a str) {
    if issuer.trim().is_empty() {
        (prefix, account)
    } else if prefix.trim().eq_ignore_ascii_case(issuer.trim()) {
        (issuer, account)
    } else {
        (issuer, text)
    }
}

fn label(field: Field, text: &str) -> Result<Label, Invalid> {
    Label::new(text).map_err(too_long(field))
}

fn too_long(field: Field) -> impl Fn(TooLong) -> Invalid {
    move |TooLong { limit }| Invalid::TooLong { field, limit }
}
