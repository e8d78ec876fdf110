//! The directory in which the agent keeps what must survive it: `$XDG_DATA_HOME/countersign`.
//!
//! Invariants: the directory is 0700 and its files 0600; one agent at a time holds its lock; a document is replaced as
//! a whole (temporary file, fsync, rename, fsync of the directory) or not at all; a document that cannot be read, that
//! is not understood or that a newer release wrote stops the agent and is left as it is.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::whole_file;

/// The largest document that is read, in bytes.
const MAX_DOCUMENT: u64 = 8 * 1024 * 1024;

/// State on disk cannot be used. The text says what to do; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Neither `XDG_DATA_HOME` nor `HOME` is set.
    #[error("neither XDG_DATA_HOME nor HOME is set, so there is no place for accounts. Set one of them")]
    NoHome,
    /// Another agent uses the directory.
    #[error("another agent already uses {}. Stop it first, or use that one", .0.display())]
    InUse(PathBuf),
    /// The directory belongs to somebody else.
    #[error("{} belongs to another user. Correct its owner", .0.display())]
    ForeignOwner(PathBuf),
    /// The system refused.
    #[error("cannot {doing} {}. Check free space and permissions", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Written by a newer release.
    #[error(
        "{} was written by a newer release (format {found}; this one knows {known}). Update Countersign; the file \
         is left as it is", path.display()
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// Not what this release or an older one wrote.
    #[error(
        "{} is damaged and left as it is. Restore it from a backup, or move it away to start without its content",
        path.display()
    )]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Larger than anything this release writes.
    #[error("{} is too large to be what this release wrote; it is left as it is", .0.display())]
    TooLarge(PathBuf),
}

/// A document kept as one JSON file.
pub trait Document: Serialize + DeserializeOwned {
    /// File name within the directory.
    const FILE: &'static str;
    /// The format version written; older ones are read as far as `Deserialize` allows, newer ones refused.
    const VERSION: u32;
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    version: u32,
    content: T,
}

/// Only the version: enough to tell a newer file from a damaged one.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

/// The directory, opened and locked for this process.
#[derive(Debug)]
pub struct StateDir {
    root: PathBuf,
    /// Holds the lock until it is dropped.
    _lock: File,
}

/// `$XDG_DATA_HOME/countersign`, by default `~/.local/share/countersign`.
///
/// # Errors
/// [`StateError::NoHome`].
pub fn default_path() -> Result<PathBuf, StateError> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let data = set("XDG_DATA_HOME")
        .filter(|p| p.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".local/share")))
        .ok_or(StateError::NoHome)?;
    Ok(data.join("countersign"))
}

impl StateDir {
    /// Makes the directory if need be, closes it to others and takes its lock.
    ///
    /// # Errors
    /// [`StateError::InUse`] if another agent has it; the system's otherwise.
    pub fn open(root: &Path) -> Result<Self, StateError> {
        create_private_dir(root)?;
        let path = root.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(io_error("open", &path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                root: root.to_owned(),
                _lock: lock,
            }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StateError::InUse(root.to_owned())),
            Err(e) => Err(io_error("lock", &path)(e.into())),
        }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads a document; `None` if it was never written.
    ///
    /// # Errors
    /// [`StateError::Newer`], [`StateError::Corrupt`], [`StateError::TooLarge`] and the system's. An unreadable
    /// file is never taken for an absent one.
    pub fn read<T: Document>(&self) -> Result<Option<T>, StateError> {
        read(&self.root)
    }

    /// Replaces a document, durably, or changes nothing.
    ///
    /// # Errors
    /// [`StateError::Io`]; the old content is then still there.
    pub fn write<T: Document>(&self, content: &T) -> Result<(), StateError> {
        let path = self.root.join(T::FILE);
        let envelope = Envelope {
            version: T::VERSION,
            content,
        };
        let bytes = serde_json::to_vec_pretty(&envelope).map_err(|source| StateError::Corrupt {
            path: path.clone(),
            source,
        })?;
        replace(&path, &bytes)
    }
}

/// Reads a document without the lock, for commands that only look.
///
/// # Errors
/// As [`StateDir::read`].
pub fn read<T: Document>(root: &Path) -> Result<Option<T>, StateError> {
    let path = root.join(T::FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error("open", &path)(e)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_DOCUMENT + 1)
        .read_to_end(&mut bytes)
        .map_err(io_error("read", &path))?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(StateError::TooLarge(path));
    }
    let corrupt = |source| StateError::Corrupt {
        path: path.clone(),
        source,
    };
    let Head { version } = serde_json::from_slice(&bytes).map_err(corrupt)?;
    if version > T::VERSION {
        return Err(StateError::Newer {
            path,
            found: version,
            known: T::VERSION,
        });
    }
    let envelope: Envelope<T> = serde_json::from_slice(&bytes).map_err(corrupt)?;
    Ok(Some(envelope.content))
}

/// Makes a directory that only its owner can enter, or closes an existing one to others.
///
/// # Errors
/// [`StateError::ForeignOwner`] and the system's.
pub fn create_private_dir(path: &Path) -> Result<(), StateError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(io_error("create", parent))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(io_error("create", path)(e)),
    }
    let meta = fs::metadata(path).map_err(io_error("read", path))?;
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(StateError::ForeignOwner(path.to_owned()));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io_error("close", path))?;
    }
    Ok(())
}

pub(crate) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { doing, path, source }
}

/// Replaces a file of one's own durably, or not at all.
///
/// # Errors
/// [`StateError::Io`]; the old content is then still there.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StateError> {
    whole_file::replace(path, bytes, 0o600).map_err(io_error("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        text: String,
    }

    impl Document for Note {
        const FILE: &'static str = "note.json";
        const VERSION: u32 = 2;
    }

    fn opened() -> (tempfile::TempDir, StateDir) {
        let home = tempfile::tempdir().unwrap();
        let dir = StateDir::open(&home.path().join("countersign")).unwrap();
        (home, dir)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_written_is_read() {
        let (_home, dir) = opened();
        assert_eq!(dir.read::<Note>().unwrap(), None);
        dir.write(&Note { text: "a".into() }).unwrap();
        dir.write(&Note { text: "b".into() }).unwrap();
        assert_eq!(dir.read::<Note>().unwrap(), Some(Note { text: "b".into() }));
    }

    #[test]
    fn nothing_is_open_to_others() {
        let (home, dir) = opened();
        dir.write(&Note { text: "a".into() }).unwrap();
        assert_eq!(mode(dir.root()), 0o700);
        assert_eq!(mode(&dir.root().join("note.json")), 0o600);
        assert_eq!(mode(&dir.root().join("lock")), 0o600);
        let loose = home.path().join("loose");
        fs::create_dir(&loose).unwrap();
        fs::set_permissions(&loose, fs::Permissions::from_mode(0o755)).unwrap();
        let reopened = StateDir::open(&loose).unwrap();
        assert_eq!(mode(reopened.root()), 0o700);
    }

    #[test]
    fn a_second_agent_is_refused() {
        let (_home, dir) = opened();
        assert!(matches!(StateDir::open(dir.root()), Err(StateError::InUse(_))));
        let root = dir.root().to_owned();
        drop(dir);
        StateDir::open(&root).unwrap();
    }

    #[test]
    fn a_damaged_document_is_refused_and_left_as_it_is() {
        let (_home, dir) = opened();
        let path = dir.root().join("note.json");
        for damaged in [
            "",
            "[]",
            "{\"version\":2}",
            "{\"version\":2,\"content\":{\"text\":1}}",
            "{\"version\":2,\"content\":{\"text\":\"a\"}",
            "{\"version\":2,\"content\":{\"text\":\"a\",\"more\":1}}",
        ] {
            fs::write(&path, damaged).unwrap();
            assert!(
                matches!(dir.read::<Note>(), Err(StateError::Corrupt { .. })),
                "{damaged}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn a_document_of_a_newer_release_is_not_called_damaged() {
        let (_home, dir) = opened();
        fs::write(dir.root().join("note.json"), "{\"version\":3,\"other\":true}").unwrap();
        assert!(matches!(
            dir.read::<Note>(),
            Err(StateError::Newer {
                found: 3,
                known: 2,
                ..
            })
        ));
    }

    #[test]
    fn a_failed_write_keeps_the_old_document() {
        let (_home, dir) = opened();
        dir.write(&Note { text: "old".into() }).unwrap();
        // A directory in the temporary file's place makes every attempt fail, whoever runs the test.
        fs::create_dir(dir.root().join("note.json.new")).unwrap();
        assert!(matches!(
            dir.write(&Note { text: "new".into() }),
            Err(StateError::Io { .. })
        ));
        assert_eq!(dir.read::<Note>().unwrap(), Some(Note { text: "old".into() }));
    }
}
