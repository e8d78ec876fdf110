//! Imports between preview and decision, in memory only.
//!
//! Invariants: at most [`MAX_PENDING`], each for [`PATIENCE`] seconds; nothing of a vault is in here.

use std::collections::BTreeMap;

use countersign_agent_api::{ApiError, ImportRow, ImportStage, ImportStanding, ImportView, frame};
use countersign_codes::{
    Codes, Found, Import, Label, Locked,
    import::{Format, Item, Standing},
};

use super::{
    causes,
    errors::{busy, no_import},
};

/// The most imports that wait; the oldest one is forgotten for another.
const MAX_PENDING: usize = 4;

/// How long one waits, in seconds.
const PATIENCE: i64 = 10 * 60;

/// The most rows that a preview shows.
const MAX_ROWS: usize = 500;

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct Imports {
    pending: BTreeMap<u64, Pending>,
    next: u64,
}

#[derive(Debug)]
struct Pending {
    until: i64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Locked(Locked),
    /// Its password is being tried.
    Underway,
    Found(Found),
}

impl Imports {
    /// A file was read: its id. `steady` is an unset clock, in seconds.
    pub(super) fn add(&mut self, import: Import, steady: i64) -> String {
        while self.pending.len() >= MAX_PENDING {
            self.pending.pop_first();
        }
        self.next += 1;
        let stage = match import {
            Import::Found(found) => Stage::Found(found),
            Import::Locked(locked) => Stage::Locked(locked),
        };
        let until = steady + PATIENCE;
        self.pending.insert(self.next, Pending { until, stage });
        self.next.to_string()
    }

    /// Takes an encrypted one out to try a password; [`Imports::put_back`] follows.
    ///
    /// # Errors
    /// It is not there, or not encrypted.
    pub(super) fn take_locked(&mut self, id: &str) -> Result<Locked, ApiError> {
        let pending = self.get_mut(id)?;
        match std::mem::replace(&mut pending.stage, Stage::Underway) {
            Stage::Locked(locked) => Ok(locked),
            Stage::Underway => Err(busy()),
            found @ Stage::Found(_) => {
                pending.stage = found;
                Err(no_import())
            }
        }
    }

    /// The password was tried. Nothing happens if the import was given up in the meantime.
    pub(super) fn put_back(&mut self, id: &str, import: Option<Import>) {
        let Ok(pending) = self.get_mut(id) else { return };
        pending.stage = match import {
            Some(Import::Found(found)) => Stage::Found(found),
            Some(Import::Locked(locked)) => Stage::Locked(locked),
            None => {
                self.cancel(id);
                return;
            }
        };
    }

    /// What would be added, as it was read. It stays until [`Imports::cancel`]: what could not be written can be tried again.
    ///
    /// # Errors
    /// It is not there, or its password is not known.
    pub(super) fn found(&self, id: &str) -> Result<&Found, ApiError> {
        match self.pending.get(&number(id)?).map(|pending| &pending.stage) {
            Some(Stage::Found(found)) => Ok(found),
            Some(Stage::Locked(_) | Stage::Underway) | None => Err(no_import()),
        }
    }

    pub(super) fn cancel(&mut self, id: &str) {
        if let Ok(number) = number(id) {
            self.pending.remove(&number);
        }
    }

    /// An import as it would be applied to `codes`.
    ///
    /// # Errors
    /// It is not there.
    pub(super) fn view(&self, id: &str, codes: &Codes) -> Result<ImportView, ApiError> {
        let pending = self.pending.get(&number(id)?).ok_or_else(no_import)?;
        let (format, stage) = match &pending.stage {
            Stage::Locked(locked) => (locked.format(), ImportStage::Locked),
            Stage::Underway => return Err(busy()),
            Stage::Found(found) => (found.format, ready(found, codes)),
        };
        Ok(ImportView {
            id: id.to_owned(),
            format: name(format),
            stage,
        })
    }

    /// Forgets those whose time is over.
    pub(super) fn tidy(&mut self, steady: i64) {
        self.pending.retain(|_, pending| pending.until > steady);
    }

    /// When the next one is over.
    pub(super) fn next_wake(&self) -> Option<i64> {
        self.pending.values().map(|pending| pending.until).min()
    }

    fn get_mut(&mut self, id: &str) -> Result<&mut Pending, ApiError> {
        self.pending.get_mut(&number(id)?).ok_or_else(no_import)
    }
}

fn number(id: &str) -> Result<u64, ApiError> {
    id.parse().map_err(|_| no_import())
}

/// Formats are known by the names of the apps, which begin in upper case.
fn name(format: Format) -> String {
    match format {
        Format::Links => "Links".to_owned(),
        Format::Countersign
        | Format::Aegis
        | Format::TwoFas
        | Format::Ente
        | Format::Bitwarden
        | Format::Proton
        | Format::AndOtp
        | Format::FreeOtpPlus
        | Format::Raivo => format.to_string(),
    }
}

fn ready(found: &Found, codes: &Codes) -> ImportStage {
    let preview = found.preview(codes);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let rows = found.items.iter().zip(&preview.standings).map(row);
    ImportStage::Ready {
        rows: frame::Room::new().fill(rows.take(MAX_ROWS)),
        new: count(preview.new),
        duplicate: count(preview.duplicate),
        invalid: count(preview.invalid),
        missing_parts: found.missing_parts,
    }
}

fn row((item, standing): (&Item, &Standing)) -> ImportRow {
    let (issuer, account) = match item {
        Item::Valid(details) => (details.issuer.to_string(), details.account.to_string()),
        Item::Invalid { name, .. } => (Label::to_string(name), String::new()),
    };
    ImportRow {
        issuer,
        account,
        standing: match standing {
            Standing::New => ImportStanding::New,
            Standing::Duplicate(_) | Standing::Repeated(_) => ImportStanding::Duplicate,
            Standing::Invalid(reason) => ImportStanding::Invalid {
                reason: causes::entry(reason),
            },
        },
    }
}
