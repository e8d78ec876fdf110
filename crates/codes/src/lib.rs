//! One-time codes: entries, generation, the vault file, import, export, search. No network, no async, no clock and no randomness of
//! its own (both are arguments); files only in [`vault::read`] and [`vault::write`].
//!
//! | to | use |
//! |---|---|
//! | keep entries | [`Codes`]: add, edit, move, remove and put back; [`vault`] for the encrypted file |
//! | show codes | [`Details::shown_at`] with the time in milliseconds, clock offset added by the caller |
//! | advance a counter | [`Codes::advance`], then [`vault::write`], then [`PendingCode::reveal`] |
//! | bring entries in | [`Import::read`], perhaps [`Locked::unlock`], [`Found::preview`], [`Found::apply`] |
//! | take entries out | [`export::encrypted`], [`export::aegis`], [`export::links`], [`QrModules`] |
//! | keep backups | [`export::encrypted`] under [`backup::name`], then [`backup::to_delete`]; restoring is importing |
//! | search | [`search::Index`] |
//!
//! ```
//! use countersign_codes::{Codes, Import, Shown, vault};
//! # #[allow(clippy::disallowed_methods)]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rng = ring::rand::SystemRandom::new();
//! # let home = tempfile::tempdir()?;
//! let path = home.path().join("codes.vault");
//! let key = vault::VaultKey::random(&rng)?; // from the OS keystore, of course
//! let mut codes = vault::read(&path, &key)?.unwrap_or_default();
//!
//! let links = b"otpauth://totp/Example:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
//! let Import::Found(found) = Import::read(links)? else { panic!("links have no password") };
//! assert_eq!(found.preview(&codes).new, 1);
//! found.apply(&mut codes, 1_800_000_000, &rng)?;
//! vault::write(&path, &codes, &key, &rng)?;
//!
//! let Shown::Timed(timed) = codes.entries()[0].details.shown_at(59_000) else { panic!("it follows the clock") };
//! assert_eq!((timed.code.as_str(), timed.remaining_ms), ("287082", 1000));
//! # Ok(())
//! # }
//! ```
//!
//! Invariants: every type is valid once it exists. Secrets are wiped when dropped and never shown by `Debug` or errors. What
//! cannot be read is a typed error and stays as it is. What comes from outside is read in bounded time and memory.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod aead;
pub mod backup;
mod codes;
mod content;
mod entry;
pub mod export;
mod generate;
mod hex;
pub mod import;
mod qr;
mod random;
pub mod search;
mod secret;
#[cfg(test)]
mod testing;
mod text;
pub mod vault;

pub use codes::{ChangeError, Codes, MAX_ENTRIES, NotWritten, PendingCode, Removed, Written};
pub use content::{ContentError, TooLarge};
pub use entry::{Algorithm, Details, Digits, Entry, EntryId, Kind, MAX_TAGS, Period, TooManyTags};
pub use generate::{Code, Shown, TimedCode, hotp, steam};
pub use import::{Found, Import, Locked};
pub use qr::{QUIET_ZONE, QrModules, TooLongForQr};
pub use random::RandomError;
pub use secret::{MAX_SECRET, Secret, SecretError};
pub use text::{Label, Note, TooLong};
