//! Lists of links, one a line: `otpauth://`, `steam://` and the batches of `otpauth-migration://`.

use super::{ImportError, Invalid, Item, item, migration, otpauth};
use crate::codes::MAX_ENTRIES;

/// The longest line that is looked at. A Google Authenticator batch of ten has less than 3,000.
const MAX_LINE: usize = 64 * 1024;

pub(super) struct Links {
    pub(super) items: Vec<Item>,
    pub(super) missing_parts: u32,
}

/// Reads every line. Blank lines and those that begin with `#` do not count.
pub(super) fn read(text: &str) -> Result<Links, ImportError> {
    let mut items = Vec::new();
    let mut batches = migration::Batches::default();
    let mut any_link = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if items.len() > MAX_ENTRIES {
            return Err(ImportError::TooMany);
        }
        if line.len() > MAX_LINE {
            items.push(item("", Err(Invalid::BadLink)));
            continue;
        }
        if let Some(rest) = otpauth::strip_scheme(line, "otpauth-migration://") {
            any_link = true;
            match migration::read(rest) {
                Some(part) => items.extend(batches.add(part)),
                None => items.push(item("", Err(Invalid::BadLink))),
            }
        } else {
            let details = otpauth::parse(line);
            any_link |= details != Err(Invalid::NotALink);
            items.push(item(&otpauth::name(line), details));
        }
    }
    // Some text or other is not a list of links with mistakes.
    if !any_link && !items.is_empty() {
        return Err(ImportError::Unknown);
    }
    Ok(Links {
        items,
        missing_parts: batches.missing(),
    })
}
