//! Bitwarden's JSON export, of the password manager or the authenticator: plain and password-protected.
//!
//! Only logins with a one-time code are looked at. Passwords, notes and custom fields stay where they are.

use std::collections::HashMap;

use ring::{digest, hkdf};
use zeroize::Zeroizing;

use super::{
    Format, ImportError, Invalid, Item, Sealed,
    cbc::{CipherText, Keys},
    decrypted, item,
    json::Json,
    kdf::{Kdf, Key, Unacceptable},
    names_by_id, otpauth, raw,
};
use crate::{entry::Details, text::Label};

pub(super) struct Export {
    kdf: Kdf,
    /// A known text under the same key, which tells a wrong password from damage.
    validation: CipherText,
    content: CipherText,
}

pub(super) fn sealed(json: &Json) -> Result<Export, ImportError> {
    if !json.flag("passwordProtected") {
        return Err(ImportError::AccountBound);
    }
    let number = |name| json.get(name).and_then(Json::as_u64);
    let needed = |name| number(name).ok_or(damaged("kdf"));
    // The text itself is the salt, although it looks like base64.
    let salt = json
        .get("salt")
        .and_then(Json::as_str)
        .ok_or(damaged("salt"))?
        .as_bytes();
    let kdf = match number("kdfType") {
        Some(0) => Kdf::pbkdf2_sha256(needed("kdfIterations")?, salt),
        Some(1) => {
            let salt = digest::digest(&digest::SHA256, salt);
            let memory_kib = needed("kdfMemory")?.saturating_mul(1024);
            Kdf::argon2id(
                memory_kib,
                needed("kdfIterations")?,
                needed("kdfParallelism")?,
                salt.as_ref(),
            )
        }
        Some(_) | None => return Err(ImportError::Version(Format::Bitwarden)),
    };
    let cipher_text = |name| {
        let text = json.get(name).and_then(Json::as_str).ok_or(damaged(name))?;
        CipherText::parse(text).ok_or(damaged(name))
    };
    Ok(Export {
        kdf: kdf.map_err(|Unacceptable| ImportError::TooCostly(Format::Bitwarden))?,
        validation: cipher_text("encKeyValidation_DO_NOT_EDIT")?,
        content: cipher_text("data")?,
    })
}

/// The entries of a file that is not encrypted.
pub(super) fn items(json: &Json) -> Result<Vec<Item>, ImportError> {
    let list = json
        .get("items")
        .and_then(Json::as_array)
        .ok_or(damaged("items"))?;
    let folders = names_by_id(json.get("folders"), "id");
    Ok(list
        .iter()
        .filter_map(|entry| {
            let login = entry.get("login")?;
            let totp = login.get("totp")?;
            (totp.as_str() != Some(""))
                .then(|| item(entry.name(&["name"]), details(entry, login, totp, &folders)))
        })
        .collect())
}

fn details(
    entry: &Json,
    login: &Json,
    totp: &Json,
    folders: &HashMap<String, String>,
) -> Result<Details, Invalid> {
    let totp = totp.as_str().ok_or(Invalid::WrongType("totp"))?.trim();
    let folder = folders.get(entry.text("folderId")?);
    let raw = raw::Raw {
        issuer: entry.text("name")?,
        account: login.text("username")?,
        kind: "totp",
        tags: folder.map(String::as_str).into_iter().collect(),
        pinned: entry.flag("favorite"),
        ..raw::Raw::default()
    };
    if !totp.contains("://") {
        return raw.check_base32(totp);
    }
    let mut details = otpauth::parse(totp)?;
    // The link says how codes are made. Names, folder and pin are the item's, as far as the link has none.
    let named = raw.check(details.secret.clone())?;
    let is_steam_link = otpauth::strip_scheme(totp, "steam://").is_some();
    let or = |own: &Label, other: &Label| {
        if own.is_empty() {
            other.clone()
        } else {
            own.clone()
        }
    };
    details.issuer = if is_steam_link {
        named.issuer.clone()
    } else {
        or(&details.issuer, &named.issuer)
    };
    details.account = or(&details.account, &named.account);
    details.pinned = named.pinned;
    details
        .set_tags(named.tags().to_vec())
        .map_err(|_| Invalid::TooManyTags)?;
    Ok(details)
}

/// Two keys from one (HKDF-Expand with SHA-256).
fn stretched(key: &Key) -> Option<Keys> {
    let key = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &**key);
    let expand = |info: &[u8]| {
        let mut out = Zeroizing::new([0; 32]);
        key.expand(&[info], hkdf::HKDF_SHA256)
            .ok()?
            .fill(&mut *out)
            .ok()?;
        Some(out)
    };
    Some(Keys {
        encryption: expand(b"enc")?,
        mac: expand(b"mac")?,
    })
}

fn damaged(what: &'static str) -> ImportError {
    ImportError::Damaged {
        format: Format::Bitwarden,
        what,
    }
}

impl Sealed for Export {
    fn unlock(&self, password: &str) -> Result<Vec<Item>, ImportError> {
        let key = self.kdf.derive(password).map_err(|_| ImportError::OutOfMemory)?;
        let keys = stretched(&key).ok_or(damaged("kdf"))?;
        self.validation
            .open(&keys)
            .ok_or(ImportError::WrongPassword(Format::Bitwarden))?;
        let text = self.content.open(&keys).ok_or(damaged("data"))?;
        items(&decrypted(&text, Format::Bitwarden)?)
    }
}
