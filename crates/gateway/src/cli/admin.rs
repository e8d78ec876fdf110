//! What the administrator's commands share: the store, the clock, and who runs them.

use std::{
    fs::{self, File, OpenOptions},
    future::Future,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use super::{CliError, CliResult};
use crate::{
    audit::{Actor, Entry, Event},
    config::Config,
    edge::{Clock, SystemClock, SystemRng},
    keys::KeyFile,
    store::{Store, StoreResult, sqlite::SqliteStore},
};

/// One command at work.
#[derive(Debug)]
pub(super) struct Admin {
    pub(super) config: Config,
    pub(super) store: Arc<dyn Store>,
    pub(super) rng: SystemRng,
    pub(super) now: i64,
    actor: Actor,
}

impl Admin {
    /// An audit entry in the administrator's name.
    pub(super) fn entry(&self, event: Event) -> Entry {
        Entry::new(self.now, self.actor.clone(), event)
    }
}

/// Opens the store and runs a command on it.
pub(super) fn with_store<F, T>(config: Config, command: impl FnOnce(Admin) -> F) -> CliResult<T>
where
    F: Future<Output = CliResult<T>>,
{
    runtime()?.block_on(async {
        let store = open_store(&config, SqliteStore::open)?;
        let now = SystemClock.now();
        command(Admin {
            config,
            store,
            rng: SystemRng::new(),
            now,
            actor: Actor::Admin(account()),
        })
        .await
    })
}

/// Opens the store. A store that is gone is not made anew.
pub(super) fn open_store(
    config: &Config,
    open: impl FnOnce(&Path) -> StoreResult<SqliteStore>,
) -> CliResult<Arc<dyn Store>> {
    let path = config.database();
    match path.try_exists() {
        Ok(true) => Ok(Arc::new(open(&path)?)),
        Ok(false) => Err(CliError::NoDatabase(path)),
        Err(source) => Err(CliError::Io {
            what: format!("look at {}", path.display()),
            source,
        }),
    }
}

pub(super) fn key_file(config: &Config) -> KeyFile {
    KeyFile::new(config.key_file(), SystemRng::new())
}

fn runtime() -> CliResult<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::io("start"))
}

/// The account that runs the command: who called sudo, or the name of our user id.
pub(super) fn account() -> String {
    if let Some(name) = std::env::var("SUDO_USER")
        .ok()
        .filter(|name| !name.is_empty() && name.len() <= 64)
    {
        return name;
    }
    let uid = rustix::process::getuid().as_raw().to_string();
    let names = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = names.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

/// Makes a file that only its owner reads, unless it exists.
pub(super) fn create_new(path: &Path) -> CliResult<File> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map_err(CliError::io(format!("write {}", path.display())))
}

/// Writes a file that only its owner reads, unless it exists.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> CliResult {
    let mut file = create_new(path)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(CliError::io(format!("write {}", path.display())))
}
