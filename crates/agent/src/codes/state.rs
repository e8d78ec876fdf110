//! The vault as it is in memory and what calls do to it, without I/O: a call leads to a [`Step`], and what a step led to comes back.
//!
//! Invariants: a change is made on a copy, which takes the place of what was there only when it is on disk ([`State::written`]); so
//! memory never has what the disk has not. A counter's code is known only to [`Then::Advanced`] until then.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    path::PathBuf,
    sync::Arc,
};

use countersign_agent_api::{
    ApiError, BackupsView, CodeId, CodesClock, CodesPage, CodesReply, CodesRequest, ErrorCode, ExportForm,
    ImportSource, KeyringState, MAX_CODES, ShownCode, VaultState, VaultView, frame,
};
use countersign_codes::{
    Code, Codes, Entry, EntryId, Import, Kind, Locked, PendingCode, QrModules, Removed, Shown, Written,
    search::Index, vault::VaultKey,
};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::{
    ClockTrouble, IssuerTime, News,
    clock::{CodesTime, Instant},
    errors::{self, invalid, no_entry},
    imports::Imports,
    open::Opened,
    views,
};
use crate::wording::sentence;

/// After how many seconds without use decrypted entries are dropped.
pub(super) const REST: i64 = 5 * 60;

/// For how many seconds a deleted entry can be had back.
const UNDO: i64 = 60;

/// The most deleted entries that can be had back.
const MAX_REMOVED: usize = 64;

/// The longest query, in characters.
const MAX_QUERY: usize = 256;

/// The longest text that is imported, in bytes.
const MAX_TEXT: usize = 256 * 1024;

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
    key: Option<VaultKey>,
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
    /// A code for the clipboard.
    Copy(Zeroizing<String>),
    /// Something that takes long.
    Work(Work),
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
    Imported(u32),
    Advanced(EntryId, PendingCode),
}

/// What takes seconds.
#[derive(Debug)]
pub(super) enum Work {
    /// Read an import, then [`State::imported`].
    Read(ImportText),
    /// Try a password, then [`State::unlocked`].
    Unlock(String, Locked, Zeroizing<String>),
    /// Write all entries.
    Export(PathBuf, ExportForm, Arc<Codes>),
}

/// What an import is read from.
#[derive(Debug)]
pub(super) enum ImportText {
    File(PathBuf),
    Typed(Zeroizing<String>),
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

    /// The entries and, unless nothing was written yet, their key.
    pub(super) fn open(&self) -> Option<(&Arc<Codes>, Option<&VaultKey>)> {
        match &self.vault {
            Vault::Open(open) => Some((&open.codes, open.key.as_ref())),
            Vault::Closed | Vault::Resting(_) | Vault::Unusable(..) => None,
        }
    }

    /// It was tried to open the vault. Says why it cannot be used, if it cannot.
    pub(super) fn opened(&mut self, opened: Opened, at: Instant) -> Result<(), ApiError> {
        self.used_at = at.steady;
        let (codes, key) = match opened {
            Opened::None => (Codes::default(), None),
            Opened::Vault(codes, key) => (codes, Some(key)),
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
            key,
            summary,
        });
        Ok(())
    }

    /// The vault's key was made.
    pub(super) fn key_made(&mut self, key: VaultKey) {
        match &mut self.vault {
            Vault::Open(open) => open.key = Some(key),
            Vault::Closed | Vault::Resting(_) | Vault::Unusable(..) => {}
        }
    }

    /// What is on disk may be something else now: it is looked at again.
    pub(super) fn close(&mut self) {
        self.vault = Vault::Closed;
    }

    /// An issuer told its time.
    pub(super) fn told(&mut self, time: IssuerTime, at: Instant) {
        self.time.tell(time, at);
    }

    /// Carries out a call, with the vault open if it needs it ([`needs_vault`]).
    ///
    /// # Errors
    /// What the caller is told. Nothing is changed then.
    pub(super) fn call(
        &mut self,
        request: CodesRequest,
        at: At,
        rng: &dyn SecureRandom,
    ) -> Result<Step, ApiError> {
        self.used_at = at.instant.steady;
        match request {
            CodesRequest::List {
                query,
                tag,
                from,
                limit,
            } => self
                .list(&query, tag.as_deref(), from, limit)
                .map(|page| Step::Reply(CodesReply::Page(page))),
            CodesRequest::Show { ids } => self.show(&ids, at),
            CodesRequest::Copy { id } => self.copy(&id, at),
            CodesRequest::Advance { id } => {
                let id = views::entry_id(&id)?;
                self.change(|codes| {
                    let pending = codes.advance(id).map_err(errors::change)?;
                    Ok(Then::Advanced(id, pending))
                })
            }
            CodesRequest::Add { entry } => {
                let details = views::details(entry)?;
                self.change(|codes| {
                    let id = codes.add(details, seconds(at), rng).map_err(errors::change)?;
                    Ok(Then::Entry(id))
                })
            }
            CodesRequest::Edit { id, edit } => {
                let id = views::entry_id(&id)?;
                self.change(|codes| {
                    let details = codes.get(id).map_err(errors::change)?.details.clone();
                    let details = views::edited(details, &edit)?;
                    codes
                        .edit(id, |present| *present = details)
                        .map_err(errors::change)?;
                    Ok(Then::Entry(id))
                })
            }
            CodesRequest::Move { id, before } => self.move_entry(&id, before.as_ref()),
            CodesRequest::Remove { id } => {
                let id = views::entry_id(&id)?;
                self.change(|codes| {
                    let removed = codes.remove(id).map_err(errors::change)?;
                    Ok(Then::Removed(id, removed))
                })
            }
            CodesRequest::Restore { id } => self.restore(&id, at),
            CodesRequest::Qr { id } => {
                let entry = self.entry(&id)?;
                let qr = QrModules::of(&entry.details).map_err(|error| invalid(sentence(&error)))?;
                Ok(Step::Reply(CodesReply::Qr(views::picture(&qr))))
            }
            CodesRequest::PreviewImport { source } => match source {
                ImportSource::File { path } => Ok(Step::Work(Work::Read(ImportText::File(path.into())))),
                ImportSource::Text { text } => {
                    let text = Zeroizing::new(text);
                    if text.len() > MAX_TEXT {
                        return Err(invalid(
                            "That is more text than any QR code has. Import it as a file.",
                        ));
                    }
                    Ok(Step::Work(Work::Read(ImportText::Typed(text))))
                }
            },
            CodesRequest::UnlockImport { import, password } => {
                let password = Zeroizing::new(password);
                let locked = self.imports.take_locked(&import)?;
                Ok(Step::Work(Work::Unlock(import, locked, password)))
            }
            CodesRequest::ApplyImport { import } => {
                let found = self.imports.take_found(&import)?;
                self.change(|codes| {
                    let applied = found.apply(codes, seconds(at), rng).map_err(errors::change)?;
                    Ok(Then::Imported(
                        u32::try_from(applied.added.len()).unwrap_or(u32::MAX),
                    ))
                })
            }
            CodesRequest::CancelImport { import } => {
                self.imports.cancel(&import);
                Ok(Step::Reply(CodesReply::Done))
            }
            CodesRequest::Export { path, form } => {
                let (codes, _) = self.open().ok_or_else(errors::failed)?;
                Ok(Step::Work(Work::Export(path.into(), form, Arc::clone(codes))))
            }
            CodesRequest::CorrectClock { offset } => {
                if self.time.agree(offset, at.instant) {
                    return Ok(Step::Reply(CodesReply::Done));
                }
                Err(invalid("The clock is off by something else now. Look again."))
            }
            // The task's own.
            CodesRequest::SetBackups { .. } | CodesRequest::BackUp | CodesRequest::Vault => {
                Ok(Step::Reply(CodesReply::Done))
            }
        }
    }

    /// The entries of a change are on disk: they are the vault now.
    pub(super) fn written(
        &mut self,
        change: Change,
        written: &Written,
        at: At,
    ) -> Result<CodesReply, ApiError> {
        let Change { codes, then } = change;
        let Vault::Open(open) = &mut self.vault else {
            return Err(errors::failed());
        };
        open.index = Index::new(&codes);
        open.summary = Summary::of(&codes);
        open.codes = codes;
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
            Then::Imported(added) => Ok(CodesReply::Imported { added }),
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
            self.vault = Vault::Resting(open.summary.clone());
            self.counted.clear();
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

    /// Makes a change on a copy.
    fn change(&self, make: impl FnOnce(&mut Codes) -> Result<Then, ApiError>) -> Result<Step, ApiError> {
        let mut codes = Codes::clone(&self.codes()?.codes);
        let then = make(&mut codes)?;
        if matches!(then, Then::Imported(0)) {
            return Ok(Step::Reply(CodesReply::Imported { added: 0 }));
        }
        let codes = Arc::new(codes);
        Ok(Step::Write(Change { codes, then }))
    }

    fn list(&self, query: &str, tag: Option<&str>, from: u32, limit: u32) -> Result<CodesPage, ApiError> {
        if query.chars().count() > MAX_QUERY {
            return Err(invalid(format!("Search for at most {MAX_QUERY} characters.")));
        }
        let Open { codes, index, .. } = self.codes()?;
        let entries = codes.entries();
        let mut found: Vec<&Entry> = index
            .find(query)
            .into_iter()
            .filter_map(|place| entries.get(place))
            .filter(|entry| tag.is_none_or(|tag| entry.details.tags().iter().any(|t| t.as_str() == tag)))
            .collect();
        if query.trim().is_empty() {
            // Stable: otherwise the person's order.
            found.sort_by_key(|entry| !entry.details.pinned);
        }
        let total = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let place = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let mut room = frame::MAX_LIST;
        let page = found.into_iter().skip(place(from)).map(views::entry);
        let page = page.take(place(limit.min(MAX_CODES))).take_while(|entry| {
            let size = frame::size(entry).map_or(usize::MAX, |size| size + 1);
            let fits = size <= room;
            room = room.saturating_sub(size);
            fits
        });
        Ok(CodesPage {
            entries: page.collect(),
            total,
            revision: self.revision,
        })
    }

    fn show(&self, ids: &[CodeId], at: At) -> Result<Step, ApiError> {
        if ids.len() > usize::try_from(MAX_CODES).unwrap_or(usize::MAX) {
            return Err(invalid(format!("Ask for at most {MAX_CODES} codes at once.")));
        }
        let codes = &self.codes()?.codes;
        let known = ids.iter().filter_map(|id| EntryId::parse(&id.0));
        let shown: Vec<ShownCode> = known
            .filter_map(
                |id| match codes.get(id).ok()?.details.shown_at(self.code_time(at)) {
                    Shown::Timed(timed) => Some(views::timed(id, &timed, at.now_ms)),
                    Shown::OnRequest { .. } => None,
                },
            )
            .collect();
        Ok(Step::Reply(CodesReply::Shown(shown)))
    }

    fn copy(&self, id: &CodeId, at: At) -> Result<Step, ApiError> {
        let entry = self.entry(id)?;
        let code = match entry.details.shown_at(self.code_time(at)) {
            Shown::Timed(timed) => timed.code,
            Shown::OnRequest { .. } => self.counted.get(&entry.id).cloned().ok_or_else(|| {
                let text = "No code of this entry was shown yet. Ask for the next one, then copy it.";
                ApiError::new(ErrorCode::NotFound, text)
            })?,
        };
        Ok(Step::Copy(Zeroizing::new(code.as_str().to_owned())))
    }

    fn move_entry(&self, id: &CodeId, before: Option<&CodeId>) -> Result<Step, ApiError> {
        let id = views::entry_id(id)?;
        let before = before.map(views::entry_id).transpose()?;
        self.change(|codes| {
            let place = |codes: &Codes, id: EntryId| {
                let mut entries = codes.entries().iter();
                entries.position(|entry| entry.id == id).ok_or_else(no_entry)
            };
            let pinned = |codes: &Codes, id: EntryId| {
                let entry = codes.get(id).map_err(errors::change)?;
                Ok::<_, ApiError>(entry.details.pinned)
            };
            let from = place(codes, id)?;
            let to = match before {
                None => usize::MAX,
                Some(before) => {
                    if pinned(codes, before)? != pinned(codes, id)? {
                        return Err(invalid("Pinned entries stay above the others."));
                    }
                    let to = place(codes, before)?;
                    // Taking it out moves up what is behind it.
                    if from < to { to - 1 } else { to }
                }
            };
            codes.move_to(id, to).map_err(errors::change)?;
            Ok(Then::Done)
        })
    }

    fn restore(&mut self, id: &CodeId, at: At) -> Result<Step, ApiError> {
        self.tidy(at.instant);
        let id = views::entry_id(id)?;
        let place = self.removed.iter().position(|taken| taken.id == id);
        let too_late = || {
            let text = "It is too late: the entry is deleted. A backup may still have it.";
            ApiError::new(ErrorCode::NotFound, text)
        };
        let taken = place
            .and_then(|place| self.removed.remove(place))
            .ok_or_else(too_late)?;
        let Taken { id, removed, until } = taken;
        let mut again = None;
        let step = self.change(|codes| {
            codes.put_back(removed).map_err(errors::change)?;
            // One for the entries, one for another try if they cannot be written.
            let mut copy = codes.clone();
            again = copy.remove(id).ok();
            Ok(Then::Restored(id))
        });
        if let Some(removed) = again {
            self.removed.push_back(Taken { id, removed, until });
        }
        step
    }

    fn preview(&self, id: &str) -> Result<CodesReply, ApiError> {
        let view = self.imports.view(id, &self.codes()?.codes)?;
        Ok(CodesReply::Import(view))
    }

    /// Milliseconds since 1970 by the corrected clock.
    fn code_time(&self, at: At) -> u64 {
        let correction = self.time.correction(at.instant).saturating_mul(1000);
        u64::try_from(at.now_ms.saturating_add(correction)).unwrap_or(0)
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
            tags: fitting(tags),
            follows_clock: codes.entries().iter().any(|entry| match entry.details.kind {
                Kind::Totp { .. } | Kind::Steam => true,
                Kind::Hotp { .. } => false,
            }),
        }
    }
}

/// As many tags as a frame holds.
fn fitting(tags: BTreeSet<&str>) -> Vec<String> {
    let mut room = frame::MAX_LIST;
    let tags = tags.into_iter().take_while(|tag| {
        // Quotes and a comma; an escaped character takes two.
        let size = 2 * tag.len() + 3;
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    });
    tags.map(str::to_owned).collect()
}

/// Whether a call cannot be answered without the entries.
pub(super) fn needs_vault(request: &CodesRequest) -> bool {
    match request {
        CodesRequest::List { .. }
        | CodesRequest::Show { .. }
        | CodesRequest::Copy { .. }
        | CodesRequest::Advance { .. }
        | CodesRequest::Add { .. }
        | CodesRequest::Edit { .. }
        | CodesRequest::Move { .. }
        | CodesRequest::Remove { .. }
        | CodesRequest::Restore { .. }
        | CodesRequest::Qr { .. }
        | CodesRequest::PreviewImport { .. }
        | CodesRequest::UnlockImport { .. }
        | CodesRequest::ApplyImport { .. }
        | CodesRequest::Export { .. }
        | CodesRequest::BackUp => true,
        CodesRequest::CancelImport { .. }
        | CodesRequest::SetBackups { .. }
        | CodesRequest::CorrectClock { .. }
        | CodesRequest::Vault => false,
    }
}

/// Whether a dialog may come up for a call: not for one that front ends make by themselves again and again.
pub(super) fn asks_person(request: &CodesRequest) -> bool {
    !matches!(request, CodesRequest::Show { .. })
}

/// The vault's state while its key cannot be had.
pub(super) fn no_key(keyring: KeyringState) -> VaultState {
    VaultState::NoKey { keyring }
}

fn seconds(at: At) -> u64 {
    u64::try_from(at.instant.now).unwrap_or(0)
}
