//! 2FAS backups (`.2fas`), schema versions 1 to 4, plain and encrypted.

use std::collections::HashMap;

use super::{
    Format, ImportError, Invalid, Item, Sealed, base64, decrypted, each, item,
    json::Json,
    kdf::{self, Kdf},
    names_by_id, raw,
};
use crate::{aead, entry::Details};

const ROUNDS: u64 = 10_000;
const MAX_SCHEMA: u64 = 4;

pub(super) struct Services {
    kdf: Kdf,
    nonce: [u8; aead::NONCE],
    content: Vec<u8>,
    /// Identifier and name; these are not encrypted.
    groups: HashMap<String, String>,
}

pub(super) fn sealed(json: &Json) -> Result<Services, ImportError> {
    check_version(json)?;
    let field = json
        .get("servicesEncrypted")
        .and_then(Json::as_str)
        .ok_or(damaged("servicesEncrypted"))?;
    let mut parts = field.splitn(3, ':');
    let mut part = || {
        parts
            .next()
            .and_then(base64::decode)
            .ok_or(damaged("servicesEncrypted"))
    };
    let (content, salt, nonce) = (part()?.to_vec(), part()?, part()?);
    Ok(Services {
        kdf: Kdf::pbkdf2_sha256(ROUNDS, &salt).map_err(|kdf::Unacceptable| damaged("salt"))?,
        nonce: nonce.as_slice().try_into().map_err(|_| damaged("nonce"))?,
        content,
        groups: names_by_id(json.get("groups"), "id"),
    })
}

/// The entries of a file that is not encrypted.
pub(super) fn items(json: &Json, services: Option<&Json>) -> Result<Vec<Item>, ImportError> {
    check_version(json)?;
    list(
        services.unwrap_or(&Json::Null),
        &names_by_id(json.get("groups"), "id"),
    )
}

fn list(services: &Json, groups: &HashMap<String, String>) -> Result<Vec<Item>, ImportError> {
    let services = services.as_array().ok_or(damaged("services"))?;
    each(services, |service| {
        item(service.name(&["name"]), details(service, groups))
    })
}

fn details(service: &Json, groups: &HashMap<String, String>) -> Result<Details, Invalid> {
    let otp = service.get("otp").unwrap_or(&Json::Null);
    let name = service.text("name")?;
    let account = match otp.text("account")? {
        "" => otp.text("label")?,
        account => account,
    };
    let group = groups.get(service.text("groupId")?);
    raw::Raw {
        issuer: if name.trim().is_empty() {
            otp.text("issuer")?
        } else {
            name
        },
        account,
        kind: match otp.text("tokenType")? {
            "" => "totp",
            kind => kind,
        },
        algorithm: otp.text("algorithm")?,
        digits: otp.number("digits")?,
        period: otp.number("period")?,
        counter: otp.number("counter")?,
        tags: group.map(String::as_str).into_iter().collect(),
        ..raw::Raw::default()
    }
    .check_base32(service.text("secret")?)
}

fn check_version(json: &Json) -> Result<(), ImportError> {
    match json.get("schemaVersion").and_then(Json::as_u64) {
        Some(1..=MAX_SCHEMA) => Ok(()),
        Some(_) => Err(ImportError::Version(Format::TwoFas)),
        None => Err(damaged("schemaVersion")),
    }
}

fn damaged(what: &'static str) -> ImportError {
    ImportError::Damaged {
        format: Format::TwoFas,
        what,
    }
}

impl Sealed for Services {
    fn unlock(&self, password: &str) -> Result<Vec<Item>, ImportError> {
        let key = self.kdf.derive(password).map_err(|_| ImportError::OutOfMemory)?;
        let text = aead::open(&key, self.nonce, &[], &self.content)
            .map_err(|_| ImportError::WrongPassword(Format::TwoFas))?;
        list(&decrypted(&text, Format::TwoFas)?, &self.groups)
    }
}
