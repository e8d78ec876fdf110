//! What each call leads to.

use std::sync::Arc;

use countersign_agent_api::{
    ApiError, CodeId, CodesPage, CodesReply, CodesRequest, ErrorCode, ImportSource, MAX_CODES, ShownCode,
    frame,
};
use countersign_codes::{Codes, Entry, EntryId, Found, Import, QrModules, Shown, import::Item};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::{At, Change, Delivered, ImportText, Open, State, Step, Taken, Then, Work};
use crate::{
    codes::{
        PartChange,
        errors::{self, invalid, no_entry},
        views,
    },
    keystore::Interaction,
    wording::sentence,
};

/// The longest query, in characters.
const MAX_QUERY: usize = 256;

/// The longest text that is imported, in bytes.
const MAX_TEXT: usize = 256 * 1024;

impl State {
    /// Carries out a call, with the vault open if it needs it ([`Takes::entries`]).
    ///
    /// # Errors
    /// What the caller is told. Nothing is changed then.
    pub(in crate::codes) fn call(
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
                    if text.expose().len() > MAX_TEXT {
                        return Err(invalid(
                            "That is more text than any QR code has. Import it as a file.",
                        ));
                    }
                    Ok(Step::Work(Work::Read(ImportText::Typed(text))))
                }
            },
            CodesRequest::UnlockImport { import, password } => {
                let locked = self.imports.take_locked(&import)?;
                Ok(Step::Work(Work::Unlock(import, locked, password)))
            }
            CodesRequest::ApplyImport { import } => self.apply(import, at, rng),
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
                    return Ok(Step::View);
                }
                Err(invalid("The clock is off by something else now. Look again."))
            }
            CodesRequest::SetBackups { plan } => Ok(Step::SetBackups(plan)),
            CodesRequest::BackUp => Ok(Step::BackUp),
            CodesRequest::Vault => Ok(Step::View),
        }
    }

    /// Takes in the code that an issuer delivered, as an import that [`CodesRequest::ApplyImport`] adds, with the vault open or not.
    ///
    /// # Errors
    /// What is no link to one code.
    pub(in crate::codes) fn delivered(&mut self, link: &str, at: At) -> Result<Delivered, ApiError> {
        let found = match Import::read(link.as_bytes()).map_err(errors::import)? {
            Import::Found(found) => found,
            Import::Locked(_) => return Err(not_one()),
        };
        let name = match found.items.as_slice() {
            [Item::Valid(details)] => views::name(details),
            [Item::Invalid { reason, .. }] => return Err(invalid(sentence(reason))),
            [] | [_, _, ..] => return Err(not_one()),
        };
        let import = self.imports.add(Import::Found(found), at.instant.steady);
        Ok(Delivered { import, name })
    }

    /// Adds what is new in an import. It is forgotten when that is on disk.
    fn apply(&mut self, import: String, at: At, rng: &dyn SecureRandom) -> Result<Step, ApiError> {
        let found = self.imports.found(&import)?;
        if found.missing_parts > 0 {
            let text = "QR codes of this batch are missing. Import all of them together.";
            return Err(ApiError::new(ErrorCode::InvalidCall, text));
        }
        let mut codes = Codes::clone(&self.codes()?.codes);
        let applied = found
            .apply(&mut codes, seconds(at), rng)
            .map_err(errors::change)?;
        let added = u32::try_from(applied.added.len()).unwrap_or(u32::MAX);
        if added == 0 {
            self.imports.cancel(&import);
            return Ok(Step::Reply(CodesReply::Imported { added }));
        }
        let codes = Arc::new(codes);
        let then = Then::Imported { import, added };
        Ok(Step::Write(Change { codes, then }))
    }

    /// Keeps or drops a code that an account brings along: what is to be written, and what it is called. `None` if there is none to drop.
    ///
    /// # Errors
    /// What is no link to one code.
    pub(in crate::codes) fn part(
        &mut self,
        change: PartChange,
        at: At,
    ) -> Result<Option<(Change, String)>, ApiError> {
        self.used_at = at.instant.steady;
        let mut codes = Codes::clone(&self.codes()?.codes);
        let details = match change {
            PartChange::Keep(id, link) => {
                let mut items = delivered(link.expose())?.items.into_iter();
                let Some(Item::Valid(details)) = items.next() else {
                    return Err(not_a_code());
                };
                let id = views::entry_id(&id)?;
                codes
                    .put(id, (*details).clone(), seconds(at))
                    .map_err(errors::change)?;
                *details
            }
            PartChange::Drop(id) => {
                let id = views::entry_id(&id)?;
                let Ok(entry) = codes.get(id) else {
                    return Ok(None);
                };
                let details = entry.details.clone();
                codes.remove(id).map_err(errors::change)?;
                details
            }
        };
        let name = match (details.issuer.as_str(), details.account.as_str()) {
            ("", name) | (name, "") => name.to_owned(),
            (issuer, account) => format!("{issuer} ({account})"),
        };
        let change = Change {
            codes: Arc::new(codes),
            then: Then::Done,
        };
        Ok(Some((change, name)))
    }

    /// Makes a change on a copy.
    fn change(&self, make: impl FnOnce(&mut Codes) -> Result<Then, ApiError>) -> Result<Step, ApiError> {
        let mut codes = Codes::clone(&self.codes()?.codes);
        let then = make(&mut codes)?;
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
        let page = found.into_iter().skip(place(from)).map(views::entry);
        Ok(CodesPage {
            entries: frame::Room::new().fill(page.take(place(limit.min(MAX_CODES)))),
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
        let Taken {
            id,
            mut removed,
            until,
        } = taken;
        // From now on it was the last one: so it is put back, and so it is kept if it cannot be written.
        for later in self.removed.iter_mut().skip(place.unwrap_or(0)) {
            removed.pass(&mut later.removed);
        }
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

    /// Milliseconds since 1970 by the corrected clock.
    fn code_time(&self, at: At) -> u64 {
        let correction = self.time.correction(at.instant).saturating_mul(1000);
        u64::try_from(at.now_ms.saturating_add(correction)).unwrap_or(0)
    }
}

fn not_one() -> ApiError {
    invalid("The issuer delivered something else than one code.")
}

/// What it takes to carry out a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::codes) enum Takes {
    /// What is in memory anyway.
    Nothing,
    /// The plan of the backups: their folder, and a dialog of the keyring.
    Plan,
    /// The entries, if nobody has to be asked for them: front ends make such calls by themselves again and again.
    EntriesUnasked,
    /// The entries.
    Entries,
    /// The entries, and then so long that only one such call is carried out at a time.
    EntriesAndTime,
}

impl Takes {
    pub(in crate::codes) fn of(request: &CodesRequest) -> Self {
        match request {
            CodesRequest::Show { .. } => Self::EntriesUnasked,
            CodesRequest::List { .. }
            | CodesRequest::Copy { .. }
            | CodesRequest::Advance { .. }
            | CodesRequest::Add { .. }
            | CodesRequest::Edit { .. }
            | CodesRequest::Move { .. }
            | CodesRequest::Remove { .. }
            | CodesRequest::Restore { .. }
            | CodesRequest::Qr { .. }
            | CodesRequest::ApplyImport { .. } => Self::Entries,
            CodesRequest::PreviewImport { .. }
            | CodesRequest::UnlockImport { .. }
            | CodesRequest::Export { .. }
            | CodesRequest::BackUp => Self::EntriesAndTime,
            CodesRequest::SetBackups { .. } => Self::Plan,
            CodesRequest::CancelImport { .. } | CodesRequest::CorrectClock { .. } | CodesRequest::Vault => {
                Self::Nothing
            }
        }
    }

    /// How the vault is opened for it, if it needs that.
    pub(in crate::codes) fn entries(self) -> Option<Interaction> {
        match self {
            Self::Nothing | Self::Plan => None,
            Self::EntriesUnasked => Some(Interaction::Forbidden),
            Self::Entries | Self::EntriesAndTime => Some(Interaction::Allowed),
        }
    }
}

/// What is in a link that an issuer delivered.
fn delivered(link: &str) -> Result<Found, ApiError> {
    let found = match Import::read(link.as_bytes()).map_err(errors::import)? {
        Import::Found(found) => found,
        Import::Locked(_) => return Err(not_a_code()),
    };
    match found.items.first() {
        Some(Item::Invalid { reason, .. }) => Err(invalid(sentence(reason))),
        Some(Item::Valid(_)) | None => Ok(found),
    }
}

fn not_a_code() -> ApiError {
    invalid("The issuer delivered something else than a code.")
}

fn seconds(at: At) -> u64 {
    u64::try_from(at.instant.now).unwrap_or(0)
}
