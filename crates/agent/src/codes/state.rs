//! The vault as it is in memory and what calls do to it, without I/O: a call leads to a [`Step`], and what a step led to comes back.
//!
//! Invariants: a change is made on a copy, which takes the place of what was there only when it is on disk ([`State::written`]); so
//! memory never has what the disk has not. A counter's code is known only to [`Then::Advanced`] until then.

mod calls;

pub(super) use calls::Takes;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    path::PathBuf,
    sync::Arc,
};

use countersign_agent_api::{
    ApiError, BackupPlan, BackupsView, CodeId, CodesClock, CodesReply, ExportForm, KeyringState, SecretText,
    VaultState, VaultView, frame,
};
use countersign_codes::{
    Code, Codes, Entry, EntryId, Import, Kind, Locked, PendingCode, Removed, Written, search::Index,
};
use zeroize::Zeroizing;

use super::{
    ClockTrouble, IssuerTime, News,
    clock::{CodesTime, Instant},
    errors,
    imports::Imports,
    open::{Opened, VaultFile},
    views,
};

/// After how many seconds without use decrypted entries are dropped.
pub(super) const REST: i64 = 5 * 60;

/// For how many seconds a deleted entry can be had back.
const UNDO: i64 = 60;

/// The most deleted entries that can be had back.
const MAX_REMOVED: usize = 64;

/// The state.
#[derive(Debug)]
pub(super) struct State {
    vault: Vault,
    revision: u64,
    removed: VecDeque<Taken>,
    imports: Imports,
    /// The last codes of counters that were shown.
    counted: HashMap<EntryId, Code>,
    time: CodesTime,
    /// When the vault was last used, steady.
    used_at: i64,
}

#[derive(Debug)]
enum Vault {
    /// Not looked at yet.
    Closed,
    Open(Open),
    /// It was open and nobody used it: opened again when somebody does.
    Resting(Summary),
    /// It cannot be used, and what callers are told.
    Unusable(VaultState, ApiError),
}

#[derive(Debug)]
struct Open {
    codes: Arc<Codes>,
    index: Index,
    /// None before the first write.
    file: Option<VaultFile>,
    summary: Summary,
}

/// What is told of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Summary {
    entries: u32,
    tags: Vec<String>,
    follows_clock: bool,
}

/// A deleted entry.
#[derive(Debug)]
struct Taken {
    id: EntryId,
    removed: Removed,
    /// Steady.
    until: i64,
}

/// When a call is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// This computer's clocks in seconds.
    pub(super) instant: Instant,
    /// This computer's clock in milliseconds since 1970.
    pub(super) now_ms: i64,
}

/// What a call leads to.
#[derive(Debug)]
pub(super) enum Step {
    /// An answer.
    Reply(CodesReply),
    /// A write, then [`State::written`].
    Write(Change),
    /// The vault as a whole.
    View,
    /// A code for the clipboard.
    Copy(Zeroizing<String>),
    /// Something that takes long.
    Work(Work),
    /// Another plan of backups, or none.
    SetBackups(Option<BackupPlan>),
    /// A backup.
    BackUp,
}

/// Entries to be written.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) codes: Arc<Codes>,
    then: Then,
}

/// What is answered when they are.
#[derive(Debug)]
enum Then {
    Done,
    Entry(EntryId),
    Removed(EntryId, Removed),
    Restored(EntryId),
    Imported {
        /// Forgotten then.
        import: String,
        added: u32,
    },
    Advanced(EntryId, PendingCode),
}

/// What takes seconds.
#[derive(Debug)]
pub(super) enum Work {
    /// Read an import, then [`State::imported`].
    Read(ImportText),
    /// Try a password, then [`State::unlocked`].
    Unlock(String, Locked, SecretText),
    /// Write all entries.
    Export(PathBuf, ExportForm, Arc<Codes>),
}

/// A code that came with an enrolment.
#[derive(Debug)]
pub(super) struct Delivered {
    /// As what it waits.
    pub(super) import: String,
    /// What it is called.
    pub(super) name: String,
}

/// What an import is read from.
#[derive(Debug)]
pub(super) enum ImportText {
    File(PathBuf),
    Typed(SecretText),
}

impl State {
    /// Before anything was looked at. Revisions go on from `now` (seconds since 1970), so that none comes twice.
    pub(super) fn new(at: Instant) -> Self {
        Self {
            vault: Vault::Closed,
            revision: at.now.unsigned_abs().saturating_mul(1000),
            removed: VecDeque::new(),
            imports: Imports::default(),
            counted: HashMap::new(),
            time: CodesTime::default(),
            used_at: at.steady,
        }
    }

    /// Whether the entries are at hand.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.vault, Vault::Open(_))
    }

    /// The entries and, unless nothing was written yet, the file they are in.
    pub(super) fn open(&self) -> Option<(&Arc<Codes>, Option<&VaultFile>)> {
        match &self.vault {
            Vault::Open(open) => Some((&open.codes, open.file.as_ref())),
            Vault::Closed | Vault::Resting(_) | Vault::Unusable(..) => None,
        }
    }

    /// It was tried to open the vault. Says why it cannot be used, if it cannot.
    pub(super) fn opened(&mut self, opened: Opened, at: Instant) -> Result<(), ApiError> {
        self.used_at = at.steady;
        let (codes, file) = match opened {
            Opened::None => (Codes::default(), None),
            Opened::Vault(codes, file) => (codes, Some(file)),
            Opened::Unusable(state, error) => {
                self.vault = Vault::Unusable(state, error.clone());
                return Err(error);
            }
        };
        let summary = Summary::of(&codes);
        // What rested is as it was, unless somebody changed the file: then it looks different.
        if !matches!(&self.vault, Vault::Resting(rested) if *rested == summary) {
            self.revision += 1;
        }
        self.vault = Vault::Open(Open {
            index: Index::new(&codes),
            codes: Arc::new(codes),
            file,
            summary,
        });
        Ok(())
    }

    /// What is on disk is something else now: it is looked at again, and nothing of what was there is put into it.
    pub(super) fn close(&mut self) {
        self.vault = Vault::Closed;
        self.removed.clear();
        self.counted.clear();
    }

    /// An issuer signed its time.
    pub(super) fn told(&mut self, time: IssuerTime) {
        self.time.tell(time);
    }

    /// The entries of a change are on disk: they are the vault now.
    pub(super) fn written(
        &mut self,
        change: Change,
        written: &Written,
        file: VaultFile,
        at: At,
    ) -> Result<CodesReply, ApiError> {
        let Change { codes, then } = change;
        let Vault::Open(open) = &mut self.vault else {
            return Err(errors::failed());
        };
        open.index = Index::new(&codes);
        open.summary = Summary::of(&codes);
        open.codes = codes;
        open.file = Some(file);
        self.revision += 1;
        match then {
            Then::Done => Ok(CodesReply::Done),
            Then::Entry(id) => self.entry_reply(id),
            Then::Removed(id, removed) => {
                self.counted.remove(&id);
                if self.removed.len() >= MAX_REMOVED {
                    self.removed.pop_front();
                }
                let until = at.instant.steady + UNDO;
                self.removed.push_back(Taken { id, removed, until });
                Ok(CodesReply::Removed {
                    undo_until: at.instant.now + UNDO,
                })
            }
            Then::Restored(id) => {
                self.removed.retain(|taken| taken.id != id);
                self.entry_reply(id)
            }
            Then::Imported { import, added } => {
                self.imports.cancel(&import);
                Ok(CodesReply::Imported { added })
            }
            Then::Advanced(id, pending) => {
                let code = pending.reveal(written).map_err(|error| errors::storage(&error))?;
                let shown = views::counted(id, &code);
                self.counted.insert(id, code);
                Ok(CodesReply::Shown(vec![shown]))
            }
        }
    }

    /// An import was read.
    pub(super) fn imported(&mut self, import: Import, at: At) -> Result<CodesReply, ApiError> {
        let id = self.imports.add(import, at.instant.steady);
        self.preview(&id)
    }

    /// A password was tried on an import.
    pub(super) fn unlocked(
        &mut self,
        id: &str,
        result: Result<Import, (Option<Locked>, ApiError)>,
    ) -> Result<CodesReply, ApiError> {
        match result {
            Ok(import) => {
                self.imports.put_back(id, Some(import));
                self.preview(id)
            }
            Err((locked, error)) => {
                self.imports.put_back(id, locked.map(Import::Locked));
                Err(error)
            }
        }
    }

    /// Drops what is over: deleted entries, imports, and the entries when nobody uses them.
    pub(super) fn tidy(&mut self, at: Instant) {
        self.removed.retain(|taken| taken.until > at.steady);
        self.imports.tidy(at.steady);
        if at.steady >= self.used_at + REST
            && self.removed.is_empty()
            && let Vault::Open(open) = &self.vault
        {
            // What was counted stays: a counter's code may be on display for long, and copied then.
            self.vault = Vault::Resting(open.summary.clone());
        }
    }

    /// When [`State::tidy`] has something to do, steady.
    pub(super) fn next_wake(&self) -> Option<i64> {
        let removed = self.removed.iter().map(|taken| taken.until).min();
        let rest = self.is_open().then_some(self.used_at + REST);
        removed
            .into_iter()
            .chain(self.imports.next_wake())
            .chain(rest)
            .min()
    }

    /// What the rest of the agent is told.
    pub(super) fn news(&self, backups: Option<BackupsView>, at: Instant) -> News {
        let (state, summary) = match &self.vault {
            Vault::Closed => (VaultState::Closed, None),
            Vault::Open(Open { summary, .. }) | Vault::Resting(summary) => (VaultState::Open, Some(summary)),
            Vault::Unusable(state, _) => (state.clone(), None),
        };
        let clock = self.time.clock(at);
        let follows_clock = summary.is_some_and(|summary| summary.follows_clock);
        let trouble = match &clock {
            CodesClock::Off { offset, .. } => Some(ClockTrouble::Off(*offset)),
            CodesClock::Wrong => Some(ClockTrouble::Wrong),
            CodesClock::Unknown | CodesClock::Right | CodesClock::Corrected { .. } => None,
        };
        News {
            view: VaultView {
                state,
                entries: summary.map(|summary| summary.entries),
                tags: summary.map(|summary| summary.tags.clone()).unwrap_or_default(),
                revision: self.revision,
                clock,
                backups,
            },
            trouble: trouble.filter(|_| follows_clock),
        }
    }

    fn codes(&self) -> Result<&Open, ApiError> {
        match &self.vault {
            Vault::Open(open) => Ok(open),
            Vault::Unusable(_, error) => Err(error.clone()),
            Vault::Closed | Vault::Resting(_) => Err(errors::failed()),
        }
    }

    fn entry(&self, id: &CodeId) -> Result<&Entry, ApiError> {
        let id = views::entry_id(id)?;
        self.codes()?.codes.get(id).map_err(errors::change)
    }

    fn entry_reply(&self, id: EntryId) -> Result<CodesReply, ApiError> {
        let entry = self.codes()?.codes.get(id).map_err(errors::change)?;
        Ok(CodesReply::Entry(views::entry(entry)))
    }

    fn preview(&self, id: &str) -> Result<CodesReply, ApiError> {
        let view = self.imports.view(id, &self.codes()?.codes)?;
        Ok(CodesReply::Import(view))
    }
}

impl Summary {
    fn of(codes: &Codes) -> Self {
        let tags: BTreeSet<&str> = codes
            .entries()
            .iter()
            .flat_map(|entry| entry.details.tags())
            .map(|tag| tag.as_str())
            .collect();
        Self {
            entries: u32::try_from(codes.entries().len()).unwrap_or(u32::MAX),
            tags: frame::Room::new().fill(tags.into_iter().map(str::to_owned)),
            follows_clock: codes.entries().iter().any(|entry| match entry.details.kind {
                Kind::Totp { .. } | Kind::Steam => true,
                Kind::Hotp { .. } => false,
            }),
        }
    }
}

/// The vault's state while its key cannot be had.
pub(super) fn no_key(keyring: KeyringState) -> VaultState {
    VaultState::NoKey { keyring }
}
