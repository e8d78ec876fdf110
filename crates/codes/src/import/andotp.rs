//! andOTP backups, plain and encrypted with a password (since 0.6.3).

use super::{Format, ImportError, Invalid, Item, Sealed, decrypted, each, item, json::Json, kdf::Kdf, raw};
use crate::{aead, entry::Details};

/// andOTP takes 140,000 to 160,000. The limits also tell its files from others: they have no mark of their own.
const ROUNDS: std::ops::RangeInclusive<u32> = 1_000..=1_000_000;

pub(super) struct Backup {
    kdf: Kdf,
    nonce: [u8; aead::NONCE],
    content: Vec<u8>,
}

/// Rounds, salt, nonce, ciphertext and tag. `None` if it cannot be such a file.
pub(super) fn sealed(input: &[u8]) -> Option<Backup> {
    let (rounds, rest) = input.split_first_chunk()?;
    let rounds = u32::from_be_bytes(*rounds);
    let (salt, rest) = rest.split_first_chunk::<12>()?;
    let (nonce, content) = rest.split_first_chunk()?;
    if !ROUNDS.contains(&rounds) || content.len() < aead::TAG + 2 {
        return None;
    }
    Some(Backup {
        kdf: Kdf::pbkdf2_sha1(rounds.into(), salt).ok()?,
        nonce: *nonce,
        content: content.to_vec(),
    })
}

/// The entries of a file that is not encrypted.
pub(super) fn items(list: &[Json]) -> Result<Vec<Item>, ImportError> {
    each(list, |entry| {
        item(entry.name(&["issuer", "label"]), details(entry))
    })
}

fn details(entry: &Json) -> Result<Details, Invalid> {
    let (issuer, account) = raw::split_label(entry.text("label")?, entry.text("issuer")?);
    let tags = entry.get("tags").and_then(Json::as_array).unwrap_or(&[]);
    raw::Raw {
        issuer,
        account,
        kind: entry.text("type")?,
        algorithm: entry.text("algorithm")?,
        digits: entry.number("digits")?,
        period: entry.number("period")?,
        counter: entry.number("counter")?,
        tags: tags.iter().filter_map(Json::as_str).collect(),
        ..raw::Raw::default()
    }
    .check_base32(entry.text("secret")?)
}

impl Sealed for Backup {
    fn unlock(&self, password: &str) -> Result<Vec<Item>, ImportError> {
        let key = self.kdf.derive(password).map_err(|_| ImportError::OutOfMemory)?;
        let text = aead::open(&key, self.nonce, &[], &self.content)
            .map_err(|_| ImportError::WrongPassword(Format::AndOtp))?;
        let json = decrypted(&text, Format::AndOtp)?;
        items(json.as_array().ok_or(ImportError::Damaged {
            format: Format::AndOtp,
            what: "content",
        })?)
    }
}
