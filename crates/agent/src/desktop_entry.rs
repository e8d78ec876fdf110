//! Makes a desktop know an app that was not installed by a package: its entry in the menu, its icon, and that
//! `countersign://` links are its own.
//!
//! Invariants: only when the person asks; only in their own directories; whatever else is in `mimeapps.list` stays as it is.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::whole_file;

/// The entry that packages install, and ours is made of.
const ENTRY: &str = include_str!("../../../packaging/applications/io.countersign.app.desktop");
const ENTRY_NAME: &str = "io.countersign.app.desktop";
const ICON: &str = include_str!("../../../icons/countersign.svg");
const ICON_NAME: &str = "icons/hicolor/scalable/apps/io.countersign.app.svg";
/// The key of our links in `mimeapps.list`, and its group (Association between MIME types and applications 1.0.1).
const SCHEME: &str = "x-scheme-handler/countersign";
const GROUP: &str = "[Default Applications]";
/// The largest list that is read, in bytes.
const MAX_LIST: u64 = 1024 * 1024;

/// The app's entry on one person's desktop.
#[derive(Debug, Clone)]
pub struct DesktopEntry {
    data_home: PathBuf,
    config_home: PathBuf,
}

impl DesktopEntry {
    /// In these directories: `$XDG_DATA_HOME` and `$XDG_CONFIG_HOME`.
    pub fn new(data_home: &Path, config_home: &Path) -> Self {
        Self {
            data_home: data_home.to_owned(),
            config_home: config_home.to_owned(),
        }
    }

    /// Makes the desktop start this program (absolute path) as the app.
    ///
    /// # Errors
    /// The system's, and [`io::ErrorKind::InvalidInput`] for a program whose path cannot stand in an entry.
    pub fn install(&self, program: &Path) -> io::Result<()> {
        let program = exec_argument(program)?;
        let entry: String = ENTRY
            .lines()
            .map(|line| match line.strip_prefix("Exec=countersign") {
                Some(arguments) => format!("Exec={program}{arguments}\n"),
                None => format!("{line}\n"),
            })
            .collect();
        replace(&self.data_home.join(ICON_NAME), ICON)?;
        replace(&self.entry(), &entry)?;
        self.edit_list(Some(ENTRY_NAME))
    }

    /// Takes all of it back.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self) -> io::Result<()> {
        self.edit_list(None)?;
        remove_if_there(&self.entry())?;
        remove_if_there(&self.data_home.join(ICON_NAME))
    }

    fn entry(&self) -> PathBuf {
        self.data_home.join("applications").join(ENTRY_NAME)
    }

    fn edit_list(&self, handler: Option<&str>) -> io::Result<()> {
        let path = self.config_home.join("mimeapps.list");
        let before = read(&path)?.unwrap_or_default();
        let after = with_handler(&before, handler);
        if after == before {
            return Ok(());
        }
        replace(&path, &after)
    }
}

/// The list with this handler for our links; without one, with ours taken out.
fn with_handler(list: &str, handler: Option<&str>) -> String {
    let mut lines: Vec<&str> = list.lines().collect();
    let group = lines.iter().position(|line| line.trim() == GROUP);
    let ours = group.and_then(|group| {
        let rest = lines.iter().enumerate().skip(group + 1);
        let mut inside = rest.take_while(|(_, line)| !line.trim_start().starts_with('['));
        let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
        inside
            .find(|(_, line)| key(line).as_deref() == Some(SCHEME))
            .map(|(at, _)| at)
    });
    let line = handler.map(|handler| format!("{SCHEME}={handler}"));
    match (&line, group, ours) {
        (Some(line), _, Some(at)) => lines[at] = line,
        (Some(line), Some(group), None) => lines.insert(group + 1, line),
        (Some(line), None, None) => {
            if !lines.is_empty() {
                lines.push("");
            }
            lines.extend([GROUP, line]);
        }
        // Somebody else's handler is not ours to take out.
        (None, _, Some(at)) if lines[at].contains(ENTRY_NAME) => drop(lines.remove(at)),
        (None, _, _) => {}
    }
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

/// What Linux adds to the path of a running program whose file is gone.
const GONE: &str = " (deleted)";

/// A path as one argument of an `Exec` line (Desktop Entry Specification 1.5, "The Exec key").
pub(crate) fn exec_argument(program: &Path) -> io::Result<String> {
    let unfit = || {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "the program's path cannot stand in a desktop entry",
        )
    };
    let path = program.to_str().ok_or_else(unfit)?;
    if path.ends_with(GONE) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the program was replaced while it ran. Restart it first",
        ));
    }
    if !program.is_absolute() || path.chars().any(char::is_control) || path.contains('=') {
        return Err(unfit());
    }
    let mut quoted = String::from('"');
    for character in path.chars() {
        match character {
            // Once for the argument, and each backslash once more for the string.
            '\\' => quoted.push_str("\\\\\\\\"),
            '"' | '`' | '$' => {
                quoted.push_str("\\\\");
                quoted.push(character);
            }
            '%' => quoted.push_str("%%"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

/// Replaces a file that everybody may read, or what a link in its place leads to; its permissions stay.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    // Through a link, as people who keep their settings elsewhere have it.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mode = fs::metadata(path).map_or(0o644, |meta| meta.permissions().mode() & 0o777);
    whole_file::replace(path, text.as_bytes(), mode)
}

/// Removes a file, if there is one.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut text = String::new();
    file.take(MAX_LIST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_LIST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "mimeapps.list is too large",
        ));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests;
