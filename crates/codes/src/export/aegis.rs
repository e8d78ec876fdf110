//! An encrypted vault as Aegis writes it (`docs/vault.md` in its repository), for those who move on or keep a second app.

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::rand::SecureRandom;
use serde::Serialize;
use zeroize::Zeroizing;

use super::ExportError;
use crate::{
    aead,
    codes::Codes,
    content::{self, TooLarge},
    entry::{Entry, Kind},
    hex,
    import::kdf::Kdf,
    random,
    text::Label,
};

/// Aegis' own parameters.
const N: u64 = 1 << 15;
const R: u64 = 8;
const P: u64 = 1;

#[derive(Serialize)]
struct Vault {
    version: u8,
    header: Header,
    db: String,
}

#[derive(Serialize)]
struct Header {
    slots: [Slot; 1],
    params: Params,
}

#[derive(Serialize)]
struct Slot {
    r#type: u8,
    uuid: String,
    key: String,
    key_params: Params,
    n: u64,
    r: u64,
    p: u64,
    salt: String,
    repaired: bool,
    is_backup: bool,
}

#[derive(Serialize)]
struct Params {
    nonce: String,
    tag: String,
}

#[derive(Serialize)]
struct Db<'a> {
    version: u8,
    entries: Vec<DbEntry<'a>>,
    groups: &'a [Group<'a>],
}

#[derive(Serialize)]
struct Group<'a> {
    uuid: String,
    name: &'a Label,
}

#[derive(Serialize)]
struct DbEntry<'a> {
    r#type: &'static str,
    uuid: String,
    name: &'a str,
    issuer: &'a str,
    note: &'a str,
    favorite: bool,
    icon: Option<&'static str>,
    info: Info,
    groups: Vec<&'a str>,
}

#[derive(Serialize)]
struct Info {
    secret: Zeroizing<String>,
    algo: &'static str,
    digits: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counter: Option<u64>,
}

/// Encrypts all entries as Aegis does. Takes part of a second: never call it on a task that must not wait.
///
/// # Errors
/// [`ExportError`].
pub fn aegis(codes: &Codes, password: &str, rng: &dyn SecureRandom) -> Result<Vec<u8>, ExportError> {
    if password.is_empty() {
        return Err(ExportError::NoPassword);
    }
    let master = Zeroizing::new(random::bytes::<{ aead::KEY }>(rng)?);
    let salt: [u8; 32] = random::bytes(rng)?;
    let kdf = Kdf::scrypt(N, R, P, &salt).map_err(|_| ExportError::OutOfMemory)?;
    let key = kdf.derive(password).map_err(|_| ExportError::OutOfMemory)?;
    let (sealed_key, key_params) = seal(&key, &*master, rng)?;
    let (sealed_db, params) = seal(&master, &db(codes, rng)?, rng)?;
    let vault = Vault {
        version: 1,
        header: Header {
            slots: [Slot {
                r#type: 1,
                uuid: uuid(rng)?,
                key: hex::encode(&sealed_key),
                key_params,
                n: N,
                r: R,
                p: P,
                salt: hex::encode(&salt),
                repaired: true,
                is_backup: false,
            }],
            params,
        },
        db: BASE64_STANDARD.encode(sealed_db),
    };
    serde_json::to_vec_pretty(&vault).map_err(|_| TooLarge.into())
}

fn db(codes: &Codes, rng: &dyn SecureRandom) -> Result<Zeroizing<Vec<u8>>, ExportError> {
    let mut names: Vec<&Label> = codes
        .entries()
        .iter()
        .flat_map(|entry| entry.details.tags())
        .collect();
    names.sort();
    names.dedup();
    let groups = names
        .into_iter()
        .map(|name| {
            Ok(Group {
                uuid: uuid(rng)?,
                name,
            })
        })
        .collect::<Result<Vec<_>, ExportError>>()?;
    let entries = codes
        .entries()
        .iter()
        .map(|entry| Ok(db_entry(entry, &groups, uuid(rng)?)))
        .collect::<Result<Vec<_>, ExportError>>()?;
    let db = Db {
        version: 3,
        entries,
        groups: &groups,
    };
    Ok(content::to_json(&db, 0)?)
}

fn db_entry<'a>(entry: &'a Entry, groups: &'a [Group<'a>], uuid: String) -> DbEntry<'a> {
    let details = &entry.details;
    let secret = details.secret.to_base32();
    let (kind, info) = match details.kind {
        Kind::Totp {
            algorithm,
            digits,
            period,
        } => (
            "totp",
            Info {
                secret,
                algo: algorithm.name(),
                digits: digits.get(),
                period: Some(period.seconds()),
                counter: None,
            },
        ),
        Kind::Hotp {
            algorithm,
            digits,
            counter,
        } => (
            "hotp",
            Info {
                secret,
                algo: algorithm.name(),
                digits: digits.get(),
                period: None,
                counter: Some(counter),
            },
        ),
        Kind::Steam => (
            "steam",
            Info {
                secret,
                algo: "SHA1",
                digits: 5,
                period: Some(30),
                counter: None,
            },
        ),
    };
    let of_entry = |group: &&Group<'_>| details.tags().contains(group.name);
    DbEntry {
        r#type: kind,
        uuid,
        name: details.account.as_str(),
        issuer: details.issuer.as_str(),
        note: details.note.as_str(),
        favorite: details.pinned,
        icon: None,
        info,
        groups: groups
            .iter()
            .filter(of_entry)
            .map(|group| group.uuid.as_str())
            .collect(),
    }
}

/// Ciphertext, and nonce and tag as Aegis keeps them: beside it.
fn seal(
    key: &[u8; aead::KEY],
    text: &[u8],
    rng: &dyn SecureRandom,
) -> Result<(Vec<u8>, Params), ExportError> {
    let nonce = random::bytes(rng)?;
    let mut sealed = aead::seal(key, nonce, &[], text).ok_or(TooLarge)?;
    let tag = sealed.split_off(sealed.len() - aead::TAG);
    let params = Params {
        nonce: hex::encode(&nonce),
        tag: hex::encode(&tag),
    };
    Ok((sealed, params))
}

/// A random UUID (RFC 9562, section 5.4).
fn uuid(rng: &dyn SecureRandom) -> Result<String, ExportError> {
    let mut bytes: [u8; 16] = random::bytes(rng)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = hex::encode(&bytes);
    for place in [20, 16, 12, 8] {
        text.insert(place, '-');
    }
    Ok(text)
}
