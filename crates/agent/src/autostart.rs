//! Whether the agent starts with the desktop session: the systemd user unit where that is enabled, otherwise an XDG
//! autostart entry of the user's own.
//!
//! Invariants: never both; only files in the user's configuration are written, the system's are overridden (`Hidden=true`
//! over an entry, a mask over a unit); what is as wanted already is left alone.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::desktop_entry::{exec_argument, remove_if_there, replace};

/// The entry's file name, also of the one that packages install.
const ENTRY: &str = "countersign-agent.desktop";
/// The unit's.
const UNIT: &str = "countersign-agent.service";
/// The largest entry that is read, in bytes.
const MAX_ENTRY: u64 = 64 * 1024;
/// Where administrators and packages enable user units for everybody.
const SYSTEM_UNITS: [&str; 3] = [
    "/etc/systemd/user",
    "/usr/local/lib/systemd/user",
    "/usr/lib/systemd/user",
];

/// Start at log-in, on or off.
#[derive(Debug, Clone)]
pub struct Autostart {
    config_home: PathBuf,
    program: PathBuf,
    /// `$XDG_CONFIG_DIRS`, most important first.
    config_dirs: Vec<PathBuf>,
    unit_dirs: Vec<PathBuf>,
}

impl Autostart {
    /// For this agent's program (absolute), with entries in `$XDG_CONFIG_HOME`.
    pub fn new(config_home: &Path, program: &Path) -> Self {
        let dirs = std::env::var_os("XDG_CONFIG_DIRS").filter(|dirs| !dirs.is_empty());
        let config_dirs = std::env::split_paths(&dirs.unwrap_or_else(|| "/etc/xdg".into()))
            .filter(|dir| dir.is_absolute())
            .collect();
        Self {
            config_home: config_home.to_owned(),
            program: program.to_owned(),
            config_dirs,
            unit_dirs: SYSTEM_UNITS.map(PathBuf::from).into(),
        }
    }

    /// Whether the next session starts the agent.
    ///
    /// # Errors
    /// A file that decides it cannot be read.
    pub fn is_enabled(&self) -> io::Result<bool> {
        if self.unit()? == Unit::Enabled {
            return Ok(true);
        }
        Ok(match Entry::read(&self.own_entry())? {
            Entry::Absent => self.system_entry()? == Entry::Starts,
            Entry::Starts => true,
            Entry::Hidden => false,
        })
    }

    /// Turns it on or off.
    ///
    /// # Errors
    /// The system's, and [`io::ErrorKind::InvalidInput`] for a program whose path cannot stand in an entry.
    pub fn set(&self, state: bool) -> io::Result<()> {
        if state { self.enable() } else { self.disable() }
    }

    fn enable(&self) -> io::Result<()> {
        if self.unit()? == Unit::Masked {
            fs::remove_file(self.own_unit())?;
        }
        if self.is_enabled()? {
            return Ok(());
        }
        let own = self.own_entry();
        if self.system_entry()? == Entry::Starts {
            return remove_if_there(&own);
        }
        let exec = exec_argument(&self.program)?;
        replace(
            &own,
            &format!(
                "[Desktop Entry]\nType=Application\nName=Countersign agent\nComment=Shows approval requests for this \
                 computer\nExec={exec} run\nIcon=io.countersign.app\nNoDisplay=true\nTerminal=false\n"
            ),
        )
    }

    fn disable(&self) -> io::Result<()> {
        for link in self.links(&self.own_units())? {
            fs::remove_file(link)?;
        }
        if self.unit()? == Unit::Enabled {
            fs::create_dir_all(self.own_units())?;
            std::os::unix::fs::symlink("/dev/null", self.own_unit())?;
        }
        let own = self.own_entry();
        match (self.system_entry()?, Entry::read(&own)?) {
            (_, Entry::Hidden) | (Entry::Absent | Entry::Hidden, Entry::Absent) => Ok(()),
            (Entry::Absent | Entry::Hidden, Entry::Starts) => fs::remove_file(own),
            (Entry::Starts, Entry::Absent | Entry::Starts) => replace(
                &own,
                "[Desktop Entry]\nType=Application\nName=Countersign agent\nHidden=true\n",
            ),
        }
    }

    fn own_entry(&self) -> PathBuf {
        self.config_home.join("autostart").join(ENTRY)
    }

    /// The first of the system's entries: it stands for all.
    fn system_entry(&self) -> io::Result<Entry> {
        for dir in &self.config_dirs {
            match Entry::read(&dir.join("autostart").join(ENTRY))? {
                Entry::Absent => {}
                found @ (Entry::Starts | Entry::Hidden) => return Ok(found),
            }
        }
        Ok(Entry::Absent)
    }

    fn own_units(&self) -> PathBuf {
        self.config_home.join("systemd/user")
    }

    fn own_unit(&self) -> PathBuf {
        self.own_units().join(UNIT)
    }

    fn unit(&self) -> io::Result<Unit> {
        match fs::read_link(self.own_unit()) {
            Ok(target) if target == Path::new("/dev/null") => return Ok(Unit::Masked),
            // A unit of the user's own is a file, or a link to one.
            Ok(_) => {}
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {}
            Err(e) => return Err(e),
        }
        let own = self.own_units();
        for dir in std::iter::once(&own).chain(&self.unit_dirs) {
            if !self.links(dir)?.is_empty() {
                return Ok(Unit::Enabled);
            }
        }
        Ok(Unit::NotEnabled)
    }

    /// The links by which targets in this directory want the unit.
    fn links(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let mut links = Vec::new();
        for entry in entries {
            let target = entry?;
            if target.file_name().as_encoded_bytes().ends_with(b".target.wants") {
                let link = target.path().join(UNIT);
                if link.symlink_metadata().is_ok() {
                    links.push(link);
                }
            }
        }
        Ok(links)
    }
}

/// The systemd user unit, as files say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Enabled,
    NotEnabled,
    /// The user wants it not to start, whoever enabled it.
    Masked,
}

/// What an autostart entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Absent,
    Starts,
    Hidden,
}

impl Entry {
    fn read(path: &Path) -> io::Result<Self> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::Absent),
            Err(e) => return Err(e),
        };
        let mut text = String::new();
        file.take(MAX_ENTRY).read_to_string(&mut text)?;
        // Only keys of the first group count; the others are actions.
        let group = text
            .lines()
            .map(str::trim)
            .skip_while(|line| *line != "[Desktop Entry]")
            .skip(1);
        let hidden = group
            .take_while(|line| !line.starts_with('['))
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim_end(), value.trim_start()))
            .any(|pair| matches!(pair, ("Hidden", "true") | ("X-GNOME-Autostart-enabled", "false")));
        Ok(if hidden { Self::Hidden } else { Self::Starts })
    }
}

#[cfg(test)]
mod tests;
