//! Files that a person names: what is imported, exported and backed up. Everything here may take long.
//!
//! Invariants: only regular files are read, and at most [`MAX_INPUT`] bytes of them; what is written is replaced as a whole, only for
//! this user, and never through a link.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use countersign_agent_api::{ApiError, Cause, ErrorCode, ExportForm};
use countersign_codes::{
    Codes, Import, backup,
    export::{self, ExportError},
    import::{ImportError, MAX_INPUT},
};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::errors::{self, invalid};
use crate::{whole_file, wording::sentence};

/// The most names in a backup folder that are looked at.
const MAX_NAMES: usize = 100_000;

/// Reads an export of another app, or one of ours.
///
/// # Errors
/// [`ErrorCode::InvalidValue`] for what is no file, [`ErrorCode::UnknownFormat`] for what is no export.
pub(super) fn read_import(path: &Path) -> Result<Import, ApiError> {
    check_absolute(path)?;
    let refused = |error: io::Error| invalid(format!("{} cannot be read: {error}.", path.display()));
    // Without waiting: a pipe that nobody writes to is no file either.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(refused)?;
    if !file.metadata().map_err(refused)?.is_file() {
        return Err(invalid(format!("{} is not a file.", path.display())));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_INPUT as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(refused)?;
    if bytes.len() > MAX_INPUT {
        return Err(errors::import(ImportError::TooLarge));
    }
    Import::read(&bytes).map_err(errors::import)
}

/// Writes all entries to a file, anywhere but in the agent's `own` directory.
///
/// # Errors
/// [`ErrorCode::InvalidValue`] for a path or password that cannot be one, [`ErrorCode::Storage`] for a disk that does not take it.
pub(super) fn write_export(
    path: &Path,
    own: &Path,
    form: ExportForm,
    codes: &Codes,
    rng: &dyn SecureRandom,
) -> Result<(), ApiError> {
    check_absolute(path)?;
    check_elsewhere(path, own)?;
    let bytes = match form {
        ExportForm::Encrypted { password } => {
            Zeroizing::new(export::encrypted(codes, password.expose(), rng).map_err(refused)?)
        }
        ExportForm::Aegis { password } => {
            Zeroizing::new(export::aegis(codes, password.expose(), rng).map_err(refused)?)
        }
        ExportForm::Links => Zeroizing::new(export::links(codes).as_bytes().to_vec()),
    };
    write(path, &bytes)
}

/// Writes a backup made at `now` (seconds since 1970) and deletes those with its tag that need not be kept any more.
///
/// # Errors
/// [`ErrorCode::Storage`]; what was there is still there.
pub(super) fn back_up(
    folder: &Path,
    tag: Option<&backup::Tag>,
    password: &str,
    codes: &Codes,
    now: i64,
    rng: &dyn SecureRandom,
) -> Result<(), ApiError> {
    check_folder(folder)?;
    let name = u64::try_from(now).ok().and_then(|now| backup::name(now, tag));
    let name = name.ok_or_else(|| invalid("The clock is too far off to name a backup. Correct it."))?;
    let bytes = export::encrypted(codes, password, rng).map_err(refused)?;
    write(&folder.join(name), &bytes)?;
    let names = names(folder).unwrap_or_default();
    let names = names.iter().map(String::as_str);
    for old in backup::to_delete(names, tag, backup::Retention::default()) {
        if let Err(error) = fs::remove_file(folder.join(old)) {
            tracing::warn!(%error, "an old backup could not be deleted");
        }
    }
    Ok(())
}

/// # Errors
/// [`ErrorCode::InvalidValue`] for what is no folder.
pub(super) fn check_folder(folder: &Path) -> Result<(), ApiError> {
    check_absolute(folder)?;
    if folder.is_dir() {
        return Ok(());
    }
    let path = folder.display();
    let text = format!("There is no folder {path}. Create or connect it.");
    let cause = Cause::new("file.no_folder", text).with("path", path);
    Err(ApiError::because(ErrorCode::InvalidValue, cause))
}

fn check_absolute(path: &Path) -> Result<(), ApiError> {
    if path.is_absolute() {
        return Ok(());
    }
    Err(invalid("Give an absolute path."))
}

/// An export in the place of a file of the agent would be the end of that file.
fn check_elsewhere(path: &Path, own: &Path) -> Result<(), ApiError> {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, own.canonicalize()) {
        (Some(folder), Ok(own)) if folder.starts_with(&own) => {
            let text = format!(
                "{} is where Countersign keeps its own files. Choose another folder.",
                path.display()
            );
            Err(invalid(text))
        }
        (Some(_) | None, Ok(_) | Err(_)) => Ok(()),
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?.take(MAX_NAMES);
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ApiError> {
    if path.is_dir() {
        return Err(invalid(format!("{} is a folder. Give a file.", path.display())));
    }
    whole_file::replace(path, bytes, 0o600).map_err(|error| {
        let path = path.display();
        let cause = Cause::new("file.not_written", format!("{path} cannot be written: {error}."));
        ApiError::because(ErrorCode::Storage, cause.with("path", path))
    })
}

fn refused(error: ExportError) -> ApiError {
    let code = match error {
        ExportError::NoPassword => ErrorCode::InvalidValue,
        ExportError::TooLarge(_) | ExportError::Random(_) | ExportError::OutOfMemory => {
            ErrorCode::Unavailable
        }
    };
    ApiError::new(code, sentence(&error))
}
