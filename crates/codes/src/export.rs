//! Getting out: our own encrypted export, Aegis' encrypted vault, `otpauth://` links.
//!
//! Invariants: what is encrypted has a fresh salt and nonce each time; what is not is called so by whoever offers it. Everything
//! written here is read by [`crate::Import`] with nothing lost, except that links have no tags, notes and pins.
//! `docs/vault.md` describes our own format.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::rand::SecureRandom;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    RandomError, aead,
    codes::Codes,
    content::{self, TooLarge},
    entry::{Details, Kind},
    import::kdf::Kdf,
    random,
};

mod aegis;
mod read;

pub use aegis::aegis;
pub(crate) use read::sealed;

/// What the member `format` of our own export says.
pub(crate) const FORMAT: &str = "countersign-codes";
/// The format version that is written.
const VERSION: u64 = 1;
const MEMORY_KIB: u64 = 64 * 1024;
const PASSES: u64 = 3;
const LANES: u64 = 1;

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No password, no protection.
    #[error("the password is empty. Choose one")]
    NoPassword,
    /// Too much in it.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// No salt.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Not enough memory to stretch the password.
    #[error("there is not enough memory to encrypt the export. Close other programs and try again")]
    OutOfMemory,
}

/// The file, in its order of members.
#[derive(Serialize)]
struct Envelope<'a> {
    format: &'a str,
    version: u64,
    kdf: KdfMembers<'a>,
    cipher: CipherMembers<'a>,
    content: String,
}

#[derive(Serialize)]
struct KdfMembers<'a> {
    algorithm: &'a str,
    memory_kib: u64,
    passes: u64,
    lanes: u64,
    salt: &'a str,
}

#[derive(Serialize)]
struct CipherMembers<'a> {
    algorithm: &'a str,
    nonce: &'a str,
}

/// Encrypts all entries with a password: argon2id (64 MiB, 3 passes) and AES-256-GCM. Takes part of a second: never call it on
/// a task that must not wait.
///
/// # Errors
/// [`ExportError`].
pub fn encrypted(codes: &Codes, password: &str, rng: &dyn SecureRandom) -> Result<Vec<u8>, ExportError> {
    if password.is_empty() {
        return Err(ExportError::NoPassword);
    }
    let text = content::encode(codes)?;
    let salt: [u8; 16] = random::bytes(rng)?;
    let nonce: [u8; aead::NONCE] = random::bytes(rng)?;
    // Both can only fail for want of memory: the parameters are constant and the text has a limit.
    let kdf = Kdf::argon2id(MEMORY_KIB, PASSES, LANES, &salt).map_err(|_| ExportError::OutOfMemory)?;
    let key = kdf.derive(password).map_err(|_| ExportError::OutOfMemory)?;
    let (salt, nonce_text) = (BASE64_STANDARD.encode(salt), BASE64_STANDARD.encode(nonce));
    let aad = header(MEMORY_KIB, PASSES, LANES, &salt, &nonce_text);
    let sealed = aead::seal(&key, nonce, aad.as_bytes(), &text).ok_or(TooLarge)?;
    let envelope = Envelope {
        format: FORMAT,
        version: VERSION,
        kdf: KdfMembers {
            algorithm: "argon2id",
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: &salt,
        },
        cipher: CipherMembers {
            algorithm: "aes-256-gcm",
            nonce: &nonce_text,
        },
        content: BASE64_STANDARD.encode(sealed),
    };
    serde_json::to_vec_pretty(&envelope).map_err(|_| TooLarge.into())
}

/// One link a line. Not encrypted: warn before. Tags, notes and pins have no place in links.
pub fn links(codes: &Codes) -> Zeroizing<String> {
    let links: Vec<Zeroizing<String>> = codes.entries().iter().map(|entry| link(&entry.details)).collect();
    // A string that grows would leave unwiped copies behind.
    let mut text = Zeroizing::new(String::with_capacity(
        links.iter().map(|link| link.len() + 1).sum(),
    ));
    for link in &links {
        text.push_str(link);
        text.push('\n');
    }
    text
}

/// An entry as `otpauth://` link, with every parameter written out, because programs differ in what they take for granted.
pub fn link(details: &Details) -> Zeroizing<String> {
    // Percent-encoding makes three characters of a byte; the rest is short.
    let names = 2 * details.issuer.as_str().len() + details.account.as_str().len();
    let secret = details.secret.to_base32();
    let mut link = Zeroizing::new(String::with_capacity(3 * names + secret.len() + 128));
    let kind = match details.kind {
        Kind::Totp { .. } => "totp",
        Kind::Hotp { .. } => "hotp",
        Kind::Steam => "steam",
    };
    let _ = write!(link, "otpauth://{kind}/");
    if !details.issuer.is_empty() {
        percent_encode(&mut link, details.issuer.as_str());
        link.push(':');
    } else if details.account.as_str().contains(':') {
        // Without it the account's own colon would separate an issuer.
        link.push(':');
    }
    percent_encode(&mut link, details.account.as_str());
    link.push_str("?secret=");
    link.push_str(&secret);
    if !details.issuer.is_empty() {
        link.push_str("&issuer=");
        percent_encode(&mut link, details.issuer.as_str());
    }
    let _ = match details.kind {
        Kind::Totp {
            algorithm,
            digits,
            period,
        } => write!(
            link,
            "&algorithm={}&digits={}&period={}",
            algorithm.name(),
            digits.get(),
            period.seconds()
        ),
        Kind::Hotp {
            algorithm,
            digits,
            counter,
        } => write!(
            link,
            "&algorithm={}&digits={}&counter={counter}",
            algorithm.name(),
            digits.get()
        ),
        Kind::Steam => write!(link, "&algorithm=SHA1&digits=5&period=30"),
    };
    link
}

/// What is authenticated beside the content.
fn header(memory_kib: u64, passes: u64, lanes: u64, salt: &str, nonce: &str) -> String {
    format!("{FORMAT};{VERSION};argon2id;{memory_kib};{passes};{lanes};{salt};aes-256-gcm;{nonce}")
}

/// Everything but unreserved characters (RFC 3986, section 2.3).
fn percent_encode(link: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            link.push(char::from(byte));
        } else {
            let _ = write!(link, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests;
