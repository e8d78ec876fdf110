//! `desktop-entry`: makes the desktop know the app.

use std::path::PathBuf;

use super::{CliError, Exit, args::EntryChange};
use crate::desktop_entry::DesktopEntry;

/// Installs or removes the entry in the person's own directories.
pub(super) fn change(change: EntryChange) -> Result<Exit, CliError> {
    let (doing, result) = match change {
        EntryChange::Install => ("install the desktop entry", install()),
        EntryChange::Remove => (
            "remove the desktop entry",
            entry().and_then(|entry| entry.remove()),
        ),
    };
    result.map_err(|source| CliError::Io { doing, source })?;
    Ok(Exit::Done)
}

fn install() -> std::io::Result<()> {
    let app = std::env::current_exe()?.with_file_name("countersign");
    if !app.is_file() {
        let problem = format!("there is no app at {}", app.display());
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, problem));
    }
    entry()?.install(&app)
}

fn entry() -> std::io::Result<DesktopEntry> {
    Ok(DesktopEntry::new(
        &directory("XDG_DATA_HOME", ".local/share")?,
        &directory("XDG_CONFIG_HOME", ".config")?,
    ))
}

fn directory(variable: &str, default: &str) -> std::io::Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    set(variable)
        .or_else(|| Some(set("HOME")?.join(default)))
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, "HOME is not set"))
}
