//! Getting in: what other apps exported, links, and our own backups.
//!
//! The path of a file: bytes → [`Import::read`] recognises the format → with a password [`Locked::unlock`] → [`Found`] →
//! [`Found::preview`] says what would happen → [`Found::apply`] does all of it or nothing.
//!
//! Invariants: a file is hostile until it is typed. At most [`MAX_INPUT`] bytes are looked at, JSON has a limited number of values,
//! and a password is stretched only with parameters within limits that apps keep: time and memory are bounded. One bad
//! entry never hides the others: it is listed with its reason. Nothing of a file is repeated in an error but cleaned names.

use std::{collections::HashMap, fmt};

use zeroize::Zeroizing;

use crate::{
    codes::MAX_ENTRIES,
    content::ContentError,
    entry::{Details, MAX_TAGS},
    export,
    secret::SecretError,
    text::Label,
};

mod aegis;
mod andotp;
pub(crate) mod base64;
mod bitwarden;
mod cbc;
mod ente;
mod freeotp;
mod json;
pub(crate) mod kdf;
mod links;
mod migration;
mod otpauth;
mod preview;
mod proton;
mod raivo;
mod raw;
mod secretstream;
mod twofas;

pub use otpauth::parse as parse_link;
pub use preview::{Applied, Preview, Standing};

pub(crate) use json::Json;

/// The largest input that is looked at, in bytes.
pub const MAX_INPUT: usize = 16 * 1024 * 1024;

/// What wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `otpauth://`, `otpauth-migration://` and `steam://` links, one a line. Ente's plain export is this too.
    Links,
    /// Our own encrypted export or backup.
    Countersign,
    /// Aegis.
    Aegis,
    /// 2FAS.
    TwoFas,
    /// Ente Auth, encrypted.
    Ente,
    /// Bitwarden, password manager or authenticator.
    Bitwarden,
    /// Proton Authenticator.
    Proton,
    /// andOTP.
    AndOtp,
    /// FreeOTP+.
    FreeOtpPlus,
    /// Raivo.
    Raivo,
}

/// What a file turned out to be.
#[derive(Debug)]
pub enum Import {
    /// It could be read.
    Found(Found),
    /// It needs its password first.
    Locked(Locked),
}

/// An encrypted file of a known format, with acceptable parameters.
pub struct Locked {
    format: Format,
    sealed: Box<dyn Sealed>,
}

/// What is in a file.
#[derive(Debug)]
pub struct Found {
    /// What wrote it.
    pub format: Format,
    /// Its entries, in its order.
    pub items: Vec<Item>,
    /// How many more QR codes of a batch there are (`otpauth-migration://` alone): read all links together.
    pub missing_parts: u32,
}

/// One entry of a file.
#[derive(Debug)]
pub enum Item {
    /// Could be kept.
    Valid(Box<Details>),
    /// Could not.
    Invalid {
        /// What it is called, as far as that is known.
        name: Label,
        /// Why not.
        reason: Invalid,
    },
}

/// Why an entry of a file cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is no link that is known here.
    #[error("this is not a link to a one-time code")]
    NotALink,
    /// A link that is not well formed.
    #[error("the link is not well formed")]
    BadLink,
    /// A part is given more than once, and programs would differ about which one counts.
    #[error("the link gives {0} twice")]
    Twice(&'static str),
    /// There is no secret.
    #[error("there is no secret")]
    NoSecret,
    /// The secret cannot be one.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Neither TOTP nor HOTP nor Steam.
    #[error("codes of the kind \"{0}\" are not supported")]
    Kind(Label),
    /// Neither SHA-1 nor SHA-256 nor SHA-512.
    #[error("the algorithm \"{0}\" is not supported")]
    Algorithm(Label),
    /// Not 6 to 10.
    #[error("codes have 6 to 10 digits, not {0}")]
    Digits(u64),
    /// Not 1 second to one day.
    #[error("codes last from 1 second to one day, not {0} seconds")]
    Period(u64),
    /// A text is too long.
    #[error("{field} is longer than {limit} characters")]
    TooLong {
        /// Which.
        field: Field,
        /// The most characters.
        limit: usize,
    },
    /// More than [`MAX_TAGS`].
    #[error("there are more than {MAX_TAGS} tags")]
    TooManyTags,
    /// A member has another type than it should, say a text where a number belongs.
    #[error("{0} is not what it should be")]
    WrongType(&'static str),
    /// The other app had moved it into its trash.
    #[error("it is in the other app's trash")]
    InTrash,
}

/// A text of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Who the code is for.
    Issuer,
    /// Whose it is.
    Account,
    /// One of the groups.
    Tag,
    /// The note.
    Note,
}

/// Why a file cannot be imported at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// More than [`MAX_INPUT`].
    #[error("the file is larger than 16 MiB, and no export is. Choose another file")]
    TooLarge,
    /// Nothing there.
    #[error("the file is empty")]
    Empty,
    /// No format that is known.
    #[error("this is not an export of a known app. docs/import.md lists them")]
    Unknown,
    /// A ZIP archive.
    #[error("this is a ZIP archive. Unpack it and import the file inside")]
    Archive,
    /// An image.
    #[error("this is a picture. Import it as a QR code")]
    Picture,
    /// A known format, but broken.
    #[error("the {format} export is damaged or incomplete ({what}). Export it again")]
    Damaged {
        /// Which.
        format: Format,
        /// What is wrong.
        what: &'static str,
    },
    /// JSON that is broken, too deep or too large.
    #[error("the file is not well-formed JSON, or it has far too many values. Export it again")]
    Json,
    /// A version of a known format that is not.
    #[error("this version of the {0} export is not supported yet")]
    Version(Format),
    /// Encrypted for one account; no password opens it.
    #[error(
        "this Bitwarden export is bound to its account. Export again as \"password protected\" or without encryption"
    )]
    AccountBound,
    /// Encrypted by something else than a password.
    #[error("this {0} export has no password. Set one in the app and export again")]
    NoPassword(Format),
    /// The password would be stretched beyond all measure.
    #[error("the {0} export asks for far more computing than any app does. It was not opened")]
    TooCostly(Format),
    /// Not the password, or damaged: the cipher cannot tell.
    #[error("that password does not open this {0} export")]
    WrongPassword(Format),
    /// Not enough memory to stretch the password.
    #[error("there is not enough memory to open this file. Close other programs and try again")]
    OutOfMemory,
    /// More than [`MAX_ENTRIES`].
    #[error("the file has more than {MAX_ENTRIES} entries")]
    TooMany,
    /// Read well, but nothing in it.
    #[error("the file has no one-time codes")]
    Nothing,
}

/// The content of an encrypted file, until its password is known.
pub(crate) trait Sealed: Send + Sync {
    fn unlock(&self, password: &str) -> Result<Vec<Item>, ImportError>;
}

impl Import {
    /// Recognises the format and reads what can be read without a password.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn read(input: &[u8]) -> Result<Self, ImportError> {
        if input.len() > MAX_INPUT {
            return Err(ImportError::TooLarge);
        }
        let Ok(text) = std::str::from_utf8(input) else {
            return binary(input);
        };
        let text = text.trim_start_matches('\u{feff}').trim();
        match text.bytes().next() {
            None => Err(ImportError::Empty),
            Some(b'{' | b'[') => {
                let json = Json::parse(text.as_bytes()).ok_or(ImportError::Json)?;
                recognise(&json)
            }
            Some(_) => {
                let links = links::read(text)?;
                found(Format::Links, links.items).map(|found| {
                    Self::Found(Found {
                        missing_parts: links.missing_parts,
                        ..found
                    })
                })
            }
        }
    }
}

impl Locked {
    /// What wrote the file.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Opens the file. Takes about as long as the app that wrote it: seconds. Never call it on a task that must not wait.
    ///
    /// # Errors
    /// [`ImportError::WrongPassword`] can be tried again.
    pub fn unlock(&self, password: &str) -> Result<Found, ImportError> {
        found(self.format, self.sealed.unlock(password)?)
    }
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Links => "link list",
            Self::Countersign => "Countersign",
            Self::Aegis => "Aegis",
            Self::TwoFas => "2FAS",
            Self::Ente => "Ente Auth",
            Self::Bitwarden => "Bitwarden",
            Self::Proton => "Proton Authenticator",
            Self::AndOtp => "andOTP",
            Self::FreeOtpPlus => "FreeOTP+",
            Self::Raivo => "Raivo",
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issuer => "the issuer",
            Self::Account => "the account",
            Self::Tag => "a tag",
            Self::Note => "the note",
        })
    }
}

impl From<ContentError> for ImportError {
    fn from(_: ContentError) -> Self {
        Self::Damaged {
            format: Format::Countersign,
            what: "content",
        }
    }
}

/// Something that is not text.
fn binary(input: &[u8]) -> Result<Import, ImportError> {
    if input.starts_with(b"PK\x03\x04") {
        return Err(ImportError::Archive);
    }
    let pictures: [&[u8]; 4] = [b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF"];
    if pictures.iter().any(|magic| input.starts_with(magic)) {
        return Err(ImportError::Picture);
    }
    let sealed = andotp::sealed(input).ok_or(ImportError::Unknown)?;
    locked(Format::AndOtp, sealed)
}

fn recognise(json: &Json) -> Result<Import, ImportError> {
    let has = |name: &str| json.get(name).is_some();
    if json.get("format").and_then(Json::as_str) == Some(export::FORMAT) {
        return locked(Format::Countersign, export::sealed(json)?);
    }
    if has("header") && has("db") {
        return match aegis::sealed(json)? {
            Some(sealed) => locked(Format::Aegis, sealed),
            None => plain(Format::Aegis, aegis::items(json.get("db").unwrap_or(&Json::Null))),
        };
    }
    if has("servicesEncrypted") {
        return locked(Format::TwoFas, twofas::sealed(json)?);
    }
    if has("services") {
        return plain(Format::TwoFas, twofas::items(json, json.get("services")));
    }
    if has("kdfParams") && has("encryptedData") {
        return locked(Format::Ente, ente::sealed(json)?);
    }
    match json.get("encrypted") {
        Some(Json::Bool(true)) => return locked(Format::Bitwarden, bitwarden::sealed(json)?),
        Some(Json::Bool(false)) => return plain(Format::Bitwarden, bitwarden::items(json)),
        Some(Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_)) | None => {}
    }
    if has("tokens") {
        return plain(Format::FreeOtpPlus, freeotp::items(json));
    }
    if has("version") && has("salt") && has("content") {
        return locked(Format::Proton, proton::sealed(json)?);
    }
    if has("version") && has("entries") {
        return plain(Format::Proton, proton::items(json));
    }
    let list = json.as_array().ok_or(ImportError::Unknown)?;
    let first = list.first().ok_or(ImportError::Nothing)?;
    if first.get("kind").is_some() && first.get("timer").is_some() {
        return plain(Format::Raivo, raivo::items(list));
    }
    if first.get("secret").is_some() && first.get("type").is_some() {
        return plain(Format::AndOtp, andotp::items(list));
    }
    Err(ImportError::Unknown)
}

fn locked(format: Format, sealed: impl Sealed + 'static) -> Result<Import, ImportError> {
    Ok(Import::Locked(Locked {
        format,
        sealed: Box::new(sealed),
    }))
}

fn plain(format: Format, items: Result<Vec<Item>, ImportError>) -> Result<Import, ImportError> {
    found(format, items?).map(Import::Found)
}

fn found(format: Format, items: Vec<Item>) -> Result<Found, ImportError> {
    match items.len() {
        0 => Err(ImportError::Nothing),
        1..=MAX_ENTRIES => Ok(Found {
            format,
            items,
            missing_parts: 0,
        }),
        _ => Err(ImportError::TooMany),
    }
}

/// An item for each element, unless there are too many.
fn each(list: &[Json], read: impl FnMut(&Json) -> Item) -> Result<Vec<Item>, ImportError> {
    if list.len() > MAX_ENTRIES {
        return Err(ImportError::TooMany);
    }
    Ok(list.iter().map(read).collect())
}

/// Names by identifier, for groups and folders. A map, because a hostile file has as many groups as entries.
fn names_by_id(list: Option<&Json>, id: &str) -> HashMap<String, String> {
    let list = list.and_then(Json::as_array).unwrap_or(&[]);
    let text = |group: &Json, name| group.get(name).and_then(Json::as_str).map(str::to_owned);
    list.iter()
        .filter_map(|group| Some((text(group, id)?, text(group, "name")?)))
        .collect()
}

/// An entry or its reason, under a name that is known in either case.
fn item(name: &str, details: Result<Details, Invalid>) -> Item {
    match details {
        Ok(details) => Item::Valid(Box::new(details)),
        Err(reason) => Item::Invalid {
            name: cut(name, 64),
            reason,
        },
    }
}

/// A label from the beginning of a text that nobody has checked: for names in messages.
fn cut(text: &str, limit: usize) -> Label {
    let start: String = text.chars().take(limit).collect();
    Label::new(&start).unwrap_or_default()
}

/// A decrypted text as JSON. It was authentic, so what is wrong with it is wrong in the app.
fn decrypted(text: &Zeroizing<Vec<u8>>, format: Format) -> Result<Json, ImportError> {
    Json::parse(text).ok_or(ImportError::Damaged {
        format,
        what: "content",
    })
}

#[cfg(test)]
mod tests;
