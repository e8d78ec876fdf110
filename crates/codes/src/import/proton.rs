//! Proton Authenticator's export, version 1, plain and with password.

use super::{
    Field, Format, ImportError, Invalid, Item, Sealed, base64, decrypted, each, item,
    json::Json,
    kdf::{Kdf, Unacceptable},
    otpauth,
};
use crate::{
    aead,
    entry::Details,
    text::{Label, Note},
};

const MEMORY_KIB: u64 = 19 * 1024;
const PASSES: u64 = 2;
const AAD: &[u8] = b"proton.authenticator.export.v1";

pub(super) struct Export {
    kdf: Kdf,
    nonce: [u8; aead::NONCE],
    content: Vec<u8>,
}

pub(super) fn sealed(json: &Json) -> Result<Export, ImportError> {
    check_version(json)?;
    let bytes = |name| {
        let text = json.get(name).and_then(Json::as_str);
        text.and_then(base64::decode).ok_or(damaged(name))
    };
    let content = bytes("content")?;
    let (nonce, content) = content.split_first_chunk().ok_or(damaged("content"))?;
    Ok(Export {
        kdf: Kdf::argon2id(MEMORY_KIB, PASSES, 1, &bytes("salt")?).map_err(|Unacceptable| damaged("salt"))?,
        nonce: *nonce,
        content: content.to_vec(),
    })
}

/// The entries of a file that is not encrypted.
pub(super) fn items(json: &Json) -> Result<Vec<Item>, ImportError> {
    check_version(json)?;
    let entries = json
        .get("entries")
        .and_then(Json::as_array)
        .ok_or(damaged("entries"))?;
    each(entries, |entry| {
        let content = entry.get("content").unwrap_or(&Json::Null);
        item(content.name(&["name"]), details(entry, content))
    })
}

fn details(entry: &Json, content: &Json) -> Result<Details, Invalid> {
    let mut details = otpauth::parse(content.text("uri")?)?;
    let name = Label::new(content.text("name")?).map_err(|e| Invalid::TooLong {
        field: Field::Account,
        limit: e.limit,
    })?;
    if details.account.is_empty() {
        details.account = name;
    }
    details.note = Note::new(entry.text("note")?).map_err(|e| Invalid::TooLong {
        field: Field::Note,
        limit: e.limit,
    })?;
    Ok(details)
}

fn check_version(json: &Json) -> Result<(), ImportError> {
    match json.get("version").and_then(Json::as_u64) {
        Some(1) => Ok(()),
        Some(_) | None => Err(ImportError::Version(Format::Proton)),
    }
}

fn damaged(what: &'static str) -> ImportError {
    ImportError::Damaged {
        format: Format::Proton,
        what,
    }
}

impl Sealed for Export {
    fn unlock(&self, password: &str) -> Result<Vec<Item>, ImportError> {
        let key = self.kdf.derive(password).map_err(|_| ImportError::OutOfMemory)?;
        let text = aead::open(&key, self.nonce, AAD, &self.content)
            .map_err(|_| ImportError::WrongPassword(Format::Proton))?;
        items(&decrypted(&text, Format::Proton)?)
    }
}
