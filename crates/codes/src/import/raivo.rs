//! Raivo's JSON export (the file inside its archive). Numbers and flags are texts there.

use super::{ImportError, Invalid, Item, each, item, json::Json, raw};
use crate::entry::Details;

pub(super) fn items(list: &[Json]) -> Result<Vec<Item>, ImportError> {
    each(list, |entry| {
        item(entry.name(&["issuer", "account"]), details(entry))
    })
}

fn details(entry: &Json) -> Result<Details, Invalid> {
    raw::Raw {
        issuer: entry.text("issuer")?,
        account: entry.text("account")?,
        kind: entry.text("kind")?,
        algorithm: entry.text("algorithm")?,
        digits: entry.number("digits")?,
        period: entry.number("timer")?,
        counter: entry.number("counter")?,
        pinned: entry.flag("pinned"),
        ..raw::Raw::default()
    }
    .check_base32(entry.text("secret")?)
}
