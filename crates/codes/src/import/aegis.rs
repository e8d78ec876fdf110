//! Aegis: `docs/vault.md` in its repository describes the file, plain and encrypted.

use std::collections::HashMap;

use super::{
    Format, ImportError, Invalid, Item, Sealed, base64, decrypted, each, item, json::Json, kdf, names_by_id,
    raw,
};
use crate::{aead, entry::Details, hex};

/// More passwords than anybody sets: each costs a stretch.
const MAX_SLOTS: usize = 8;
const PASSWORD_SLOT: u64 = 1;

pub(super) struct Vault {
    slots: Vec<Slot>,
    /// Ciphertext and tag.
    content: Vec<u8>,
    nonce: [u8; aead::NONCE],
}

/// The master key under one password.
struct Slot {
    kdf: kdf::Kdf,
    /// Ciphertext and tag.
    key: Vec<u8>,
    nonce: [u8; aead::NONCE],
}

/// The encrypted content; `None` if it is not encrypted.
pub(super) fn sealed(json: &Json) -> Result<Option<Vault>, ImportError> {
    let header = json.get("header").ok_or(damaged("header"))?;
    if json.get("version").and_then(Json::as_u64) != Some(1) {
        return Err(ImportError::Version(Format::Aegis));
    }
    let Some(content) = json.get("db").and_then(Json::as_str) else {
        return Ok(None);
    };
    let slots = header
        .get("slots")
        .and_then(Json::as_array)
        .ok_or(damaged("slots"))?;
    let slots: Vec<Slot> = slots
        .iter()
        .filter(|slot| slot.get("type").and_then(Json::as_u64) == Some(PASSWORD_SLOT))
        .take(MAX_SLOTS)
        .map(slot)
        .collect::<Result<_, _>>()?;
    if slots.is_empty() {
        return Err(ImportError::NoPassword(Format::Aegis));
    }
    let mut content = base64::decode(content).ok_or(damaged("db"))?.to_vec();
    let (nonce, tag) = params(header.get("params")).ok_or(damaged("params"))?;
    content.extend_from_slice(&tag);
    Ok(Some(Vault {
        slots,
        content,
        nonce,
    }))
}

/// The entries of the content.
pub(super) fn items(db: &Json) -> Result<Vec<Item>, ImportError> {
    match db.get("version").and_then(Json::as_u64) {
        Some(1..=3) => {}
        Some(_) => return Err(ImportError::Version(Format::Aegis)),
        None => return Err(damaged("version")),
    }
    let entries = db
        .get("entries")
        .and_then(Json::as_array)
        .ok_or(damaged("entries"))?;
    let groups = names_by_id(db.get("groups"), "uuid");
    each(entries, |entry| {
        item(entry.name(&["issuer", "name"]), details(entry, &groups))
    })
}

fn details(entry: &Json, groups: &HashMap<String, String>) -> Result<Details, Invalid> {
    let info = entry.get("info").ok_or(Invalid::WrongType("info"))?;
    // Version 2 names one group; version 3 has a list of their identifiers.
    let mut tags = vec![entry.text("group")?];
    let ids = entry.get("groups").and_then(Json::as_array).unwrap_or(&[]);
    tags.extend(
        ids.iter()
            .filter_map(|id| Some(groups.get(id.as_str()?)?.as_str())),
    );
    raw::Raw {
        issuer: entry.text("issuer")?,
        account: entry.text("name")?,
        kind: entry.text("type")?,
        algorithm: info.text("algo")?,
        digits: info.number("digits")?,
        period: info.number("period")?,
        counter: info.number("counter")?,
        tags,
        pinned: entry.flag("favorite"),
        note: entry.text("note")?,
    }
    .check_base32(info.text("secret")?)
}

fn slot(slot: &Json) -> Result<Slot, ImportError> {
    let number = |name| slot.get(name).and_then(Json::as_u64).ok_or(damaged("slot"));
    let salt = slot.get("salt").and_then(Json::as_str).and_then(hex::decode);
    let kdf = kdf::Kdf::scrypt(
        number("n")?,
        number("r")?,
        number("p")?,
        &salt.ok_or(damaged("slot"))?,
    )
    .map_err(|_| ImportError::TooCostly(Format::Aegis))?;
    let key = slot.get("key").and_then(Json::as_str).and_then(hex::decode);
    let mut key = key.ok_or(damaged("slot"))?;
    let (nonce, tag) = params(slot.get("key_params")).ok_or(damaged("slot"))?;
    key.extend_from_slice(&tag);
    Ok(Slot { kdf, key, nonce })
}

fn params(params: Option<&Json>) -> Option<([u8; aead::NONCE], [u8; aead::TAG])> {
    let bytes = |name| hex::decode(params?.get(name)?.as_str()?);
    Some((bytes("nonce")?.try_into().ok()?, bytes("tag")?.try_into().ok()?))
}

fn damaged(what: &'static str) -> ImportError {
    ImportError::Damaged {
        format: Format::Aegis,
        what,
    }
}

impl Sealed for Vault {
    fn unlock(&self, password: &str) -> Result<Vec<Item>, ImportError> {
        for slot in &self.slots {
            let key = slot.kdf.derive(password).map_err(|_| ImportError::OutOfMemory)?;
            let Ok(master) = aead::open(&key, slot.nonce, &[], &slot.key) else {
                continue;
            };
            let master: &[u8; aead::KEY] = master.as_slice().try_into().map_err(|_| damaged("slot"))?;
            let text = aead::open(master, self.nonce, &[], &self.content).map_err(|_| damaged("db"))?;
            return items(&decrypted(&text, Format::Aegis)?);
        }
        Err(ImportError::WrongPassword(Format::Aegis))
    }
}
