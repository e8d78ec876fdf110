//! What the app remembers of its windows: `$XDG_STATE_HOME/countersign/windows.json`.
//!
//! Invariants: nothing else is remembered here; a file that cannot be understood is said, ignored and left as it is; losing this
//! file costs nothing but a window's place.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::placement::Corner;
use crate::view::Page;

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 16 * 1024;
/// The format that is written.
const VERSION: u32 = 1;

/// The file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    version: u32,
    #[serde(default)]
    main: Option<Frame>,
    #[serde(default)]
    page: Option<Page>,
}

/// The main window's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Frame {
    /// Width inside, in physical pixels.
    pub(crate) width: u32,
    /// Height inside, in physical pixels.
    pub(crate) height: u32,
    /// Where it was, if the desktop says.
    pub(crate) corner: Option<Corner>,
    /// How it was shown.
    pub(crate) mode: Mode,
}

/// How a window is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// In its own size.
    Normal,
    /// As large as the screen; the frame is the one to go back to.
    Maximized,
}

/// The memory is not used in this run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MemoryError {
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is damaged or of a newer release. It is left as it is; move it away to have windows remembered", path.display())]
    Damaged {
        path: PathBuf,
        #[source]
        source: Option<serde_json::Error>,
    },
}

/// The memory, shared by windows and commands.
#[derive(Debug)]
pub(crate) struct WindowMemory {
    state: Mutex<Remembered>,
    /// Where it is kept; nowhere when the file is not ours to write.
    path: Option<PathBuf>,
}

impl WindowMemory {
    /// Reads what was remembered. What keeps it from that is said on standard error.
    pub(crate) fn open() -> Self {
        let Some(path) = path() else {
            return Self::nowhere();
        };
        Self::at(path).unwrap_or_else(|e| {
            eprintln!("countersign: {e}");
            Self::nowhere()
        })
    }

    fn nowhere() -> Self {
        Self {
            state: Mutex::new(Remembered::new()),
            path: None,
        }
    }

    fn at(path: PathBuf) -> Result<Self, MemoryError> {
        Ok(Self {
            state: Mutex::new(read(&path)?.unwrap_or(Remembered::new())),
            path: Some(path),
        })
    }

    /// The page shown last.
    pub(crate) fn page(&self) -> Option<Page> {
        self.state().page
    }

    /// The main window's frame.
    pub(crate) fn frame(&self) -> Option<Frame> {
        self.state().main
    }

    /// Keeps the page, at once.
    pub(crate) fn remember_page(&self, page: Page) {
        self.state().page = Some(page);
        self.save();
    }

    /// Notes the frame; [`WindowMemory::save`] keeps it.
    pub(crate) fn note_frame(&self, change: impl FnOnce(Option<Frame>) -> Option<Frame>) {
        let mut state = self.state();
        state.main = change(state.main);
    }

    /// Writes everything, if it can be written. A window's place is not worth a message to the person.
    pub(crate) fn save(&self) {
        let Some(path) = &self.path else { return };
        let state = *self.state();
        if let Err(e) = write(path, &state) {
            eprintln!("countersign: {} cannot be written: {e}", path.display());
        }
    }

    fn state(&self) -> MutexGuard<'_, Remembered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn new() -> Self {
        Self {
            version: VERSION,
            main: None,
            page: None,
        }
    }
}

fn path() -> Option<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("countersign/windows.json"))
}

fn read(path: &Path) -> Result<Option<Remembered>, MemoryError> {
    let unreadable = |source| MemoryError::Read {
        path: path.to_owned(),
        source,
    };
    let damaged = |source| MemoryError::Damaged {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(e)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(unreadable)?;
    let remembered: Remembered = serde_json::from_slice(&bytes).map_err(|e| damaged(Some(e)))?;
    if remembered.version == VERSION {
        Ok(Some(remembered))
    } else {
        Err(damaged(None))
    }
}

fn write(path: &Path, state: &Remembered) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer_pretty(&mut file, state)?;
    file.flush()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        width: 900,
        height: 700,
        corner: Some(Corner { x: -20, y: 40 }),
        mode: Mode::Normal,
    };

    #[test]
    fn what_is_remembered_is_there_the_next_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("countersign/windows.json");
        let memory = WindowMemory::at(path.clone()).unwrap();
        assert_eq!((memory.page(), memory.frame()), (None, None));
        memory.note_frame(|_| Some(FRAME));
        memory.remember_page(Page::Activity);
        let memory = WindowMemory::at(path).unwrap();
        assert_eq!(
            (memory.page(), memory.frame()),
            (Some(Page::Activity), Some(FRAME))
        );
    }

    #[test]
    fn a_damaged_or_newer_file_is_said_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("windows.json");
        for text in ["", "{", "[]", r#"{"version":2}"#, r#"{"version":1,"more":1}"#] {
            fs::write(&path, text).unwrap();
            let error = WindowMemory::at(path.clone()).unwrap_err();
            assert!(error.to_string().contains("left as it is"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn without_a_place_nothing_is_written() {
        let memory = WindowMemory::nowhere();
        memory.remember_page(Page::Settings);
        assert_eq!(memory.page(), Some(Page::Settings));
    }
}
