//! All entries of one person, in memory.
//!
//! Invariants: at most [`MAX_ENTRIES`]; identifiers are distinct; the order of the list is the order shown (pinned ones are
//! lifted by whoever shows it). A change either happens as a whole or not at all.
//!
//! A counter is written before its code is shown: [`Codes::advance`] moves the counter and hands out a [`PendingCode`],
//! and only the [`Written`] that a later successful write returns reveals it.

use ring::rand::SecureRandom;

use crate::{
    RandomError,
    entry::{Details, Entry, EntryId, Kind},
    generate::Code,
};

/// The most entries there may be.
pub const MAX_ENTRIES: usize = 10_000;

/// All entries, in order.
#[derive(Debug, Clone, Default)]
pub struct Codes {
    entries: Vec<Entry>,
    /// Counts changes, so that a write can be told from one before a change. Not stored.
    revision: u64,
}

/// Why a change was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such entry (any more).
    #[error("this entry does not exist any more")]
    Unknown,
    /// [`MAX_ENTRIES`] would be exceeded.
    #[error("there can be {MAX_ENTRIES} entries at most. Delete some first")]
    Full,
    /// Codes by time have no counter to advance.
    #[error("this entry's codes follow the clock, not a counter")]
    NoCounter,
    /// The counter has reached its end.
    #[error("this entry's counter is used up. Set the account up again")]
    CounterUsedUp,
    /// No randomness for a new identifier.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// An entry that was taken out, with its place, so that it can be put back.
#[derive(Debug)]
pub struct Removed {
    entry: Entry,
    place: usize,
}

impl Removed {
    /// As if it had been taken out after `later`, which was: it can be put back before that one, and both find their places.
    pub fn pass(&mut self, later: &mut Self) {
        if later.place < self.place {
            self.place -= 1;
        } else {
            later.place += 1;
        }
    }
}

/// A code whose counter is not known to be written yet.
#[derive(Debug)]
pub struct PendingCode {
    code: Code,
    revision: u64,
}

/// Proof that a state of [`Codes`] is on disk. Only [`crate::vault::write`] makes one.
#[derive(Debug)]
pub struct Written {
    revision: u64,
}

/// The write was of a state before the code's counter was advanced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the counter is not written yet")]
pub struct NotWritten;

impl Codes {
    /// Takes entries as they were stored. `None` if there are too many or two have one identifier.
    pub(crate) fn from_entries(entries: Vec<Entry>) -> Option<Self> {
        let mut ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
        ids.sort_unstable();
        let distinct = ids.windows(2).all(|pair| pair[0] != pair[1]);
        (distinct && entries.len() <= MAX_ENTRIES).then_some(Self { entries, revision: 0 })
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// One entry.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`].
    pub fn get(&self, id: EntryId) -> Result<&Entry, ChangeError> {
        self.place(id).map(|place| &self.entries[place])
    }

    /// Adds an entry at the end.
    ///
    /// # Errors
    /// [`ChangeError::Full`], [`ChangeError::Random`].
    pub fn add(
        &mut self,
        details: Details,
        now: u64,
        rng: &dyn SecureRandom,
    ) -> Result<EntryId, ChangeError> {
        let id = EntryId::random(rng)?;
        self.add_all(vec![Entry {
            id,
            details,
            added_at: now,
        }])?;
        Ok(id)
    }

    /// Has an entry of this identifier make its codes as `details` say. One that is not there is added; one that is there keeps
    /// the names, tags and note that the person has given it, and its place.
    ///
    /// # Errors
    /// [`ChangeError::Full`].
    pub fn put(&mut self, id: EntryId, details: Details, now: u64) -> Result<(), ChangeError> {
        if self.place(id).is_ok() {
            return self.edit(id, |present| {
                present.kind = details.kind;
                present.secret = details.secret;
            });
        }
        self.add_all(vec![Entry {
            id,
            details,
            added_at: now,
        }])
    }

    /// Adds all at the end, or none.
    pub(crate) fn add_all(&mut self, entries: Vec<Entry>) -> Result<(), ChangeError> {
        if self.entries.len() + entries.len() > MAX_ENTRIES {
            return Err(ChangeError::Full);
        }
        self.entries.extend(entries);
        self.revision += 1;
        Ok(())
    }

    /// Changes what an entry says: names, tags, pin, note. Identifier and time of adding stay.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`].
    pub fn edit(&mut self, id: EntryId, edit: impl FnOnce(&mut Details)) -> Result<(), ChangeError> {
        let place = self.place(id)?;
        edit(&mut self.entries[place].details);
        self.revision += 1;
        Ok(())
    }

    /// Moves an entry to another place; one beyond the end is the end.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`].
    pub fn move_to(&mut self, id: EntryId, place: usize) -> Result<(), ChangeError> {
        let from = self.place(id)?;
        let to = place.min(self.entries.len() - 1);
        if from < to {
            self.entries[from..=to].rotate_left(1);
        } else {
            self.entries[to..=from].rotate_right(1);
        }
        self.revision += 1;
        Ok(())
    }

    /// Takes an entry out.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`].
    pub fn remove(&mut self, id: EntryId) -> Result<Removed, ChangeError> {
        let place = self.place(id)?;
        let entry = self.entries.remove(place);
        self.revision += 1;
        Ok(Removed { entry, place })
    }

    /// Puts an entry back where it was.
    ///
    /// # Errors
    /// [`ChangeError::Full`].
    pub fn put_back(&mut self, removed: Removed) -> Result<(), ChangeError> {
        if self.entries.len() == MAX_ENTRIES {
            return Err(ChangeError::Full);
        }
        self.entries
            .insert(removed.place.min(self.entries.len()), removed.entry);
        self.revision += 1;
        Ok(())
    }

    /// Uses up one value of an entry's counter. Write the codes, then reveal what this returned. If the write fails, the
    /// value is skipped: a verifier looks ahead, but a value used twice would be refused.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`], [`ChangeError::NoCounter`], [`ChangeError::CounterUsedUp`].
    pub fn advance(&mut self, id: EntryId) -> Result<PendingCode, ChangeError> {
        let place = self.place(id)?;
        let details = &mut self.entries[place].details;
        let Kind::Hotp { counter, .. } = details.kind else {
            return Err(ChangeError::NoCounter);
        };
        let next = counter.checked_add(1).ok_or(ChangeError::CounterUsedUp)?;
        let code = details.code(counter);
        if let Kind::Hotp { counter, .. } = &mut details.kind {
            *counter = next;
        }
        self.revision += 1;
        Ok(PendingCode {
            code,
            revision: self.revision,
        })
    }

    pub(crate) fn written(&self) -> Written {
        Written {
            revision: self.revision,
        }
    }

    fn place(&self, id: EntryId) -> Result<usize, ChangeError> {
        self.entries
            .iter()
            .position(|entry| entry.id == id)
            .ok_or(ChangeError::Unknown)
    }
}

impl PendingCode {
    /// The code, now that its counter is on disk.
    ///
    /// # Errors
    /// [`NotWritten`] if what was written was older.
    pub fn reveal(self, written: &Written) -> Result<Code, NotWritten> {
        if written.revision >= self.revision {
            Ok(self.code)
        } else {
            Err(NotWritten)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        entry::{Algorithm, Digits},
        secret::Secret,
        testing,
        text::Label,
    };

    fn hotp(counter: u64) -> Details {
        let kind = Kind::Hotp {
            algorithm: Algorithm::Sha1,
            digits: Digits::SIX,
            counter,
        };
        let secret = Secret::from_bytes(b"12345678901234567890".to_vec()).unwrap();
        Details::new(Label::default(), Label::default(), kind, secret)
    }

    fn filled(count: usize) -> (Codes, Vec<EntryId>) {
        let mut codes = Codes::default();
        let ids = (0..count)
            .map(|_| codes.add(hotp(0), 1, &testing::rng()).unwrap())
            .collect();
        (codes, ids)
    }

    fn order(codes: &Codes) -> Vec<EntryId> {
        codes.entries().iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn an_entry_that_is_put_again_keeps_what_the_person_has_given_it() {
        let mut codes = testing::many(2);
        let id = EntryId::parse("000102030405060708090a0b0c0d0e0f").unwrap();
        let first = codes.entries()[0].details.clone();
        codes.put(id, first, 7).unwrap();
        assert_eq!(codes.entries().len(), 3);
        let name = Label::new("Mine").unwrap();
        codes.edit(id, |details| details.issuer = name.clone()).unwrap();
        let mut second = codes.entries()[1].details.clone();
        second.kind = Kind::Steam;
        codes.put(id, second.clone(), 8).unwrap();
        assert_eq!(codes.entries().len(), 3);
        let put = codes.get(id).unwrap();
        assert_eq!((&put.details.issuer, put.added_at), (&name, 7));
        assert_eq!(
            (&put.details.secret, put.details.kind),
            (&second.secret, Kind::Steam)
        );
    }

    #[test]
    fn a_code_by_counter_is_shown_only_after_its_counter_is_written() {
        let (mut codes, ids) = filled(1);
        let before = codes.written();
        let pending = codes.advance(ids[0]).unwrap();
        assert_eq!(pending.reveal(&before), Err(NotWritten));
        let pending = codes.advance(ids[0]).unwrap();
        assert_eq!(pending.reveal(&codes.written()).unwrap().as_str(), "287082");
        assert!(matches!(
            codes.get(ids[0]).unwrap().details.kind,
            Kind::Hotp { counter: 2, .. }
        ));
    }

    #[test]
    fn a_used_up_counter_does_not_start_again() {
        let mut codes = Codes::default();
        let id = codes.add(hotp(u64::MAX), 1, &testing::rng()).unwrap();
        assert_eq!(codes.advance(id).unwrap_err(), ChangeError::CounterUsedUp);
    }

    #[test]
    fn codes_by_time_have_no_counter() {
        let mut codes = Codes::default();
        let mut details = hotp(0);
        details.kind = Kind::TOTP;
        let id = codes.add(details, 1, &testing::rng()).unwrap();
        assert_eq!(codes.advance(id).unwrap_err(), ChangeError::NoCounter);
    }

    #[test]
    fn what_was_removed_comes_back_to_its_place() {
        let (mut codes, ids) = filled(3);
        let removed = codes.remove(ids[1]).unwrap();
        assert_eq!(order(&codes), [ids[0], ids[2]]);
        assert_eq!(codes.get(ids[1]), Err(ChangeError::Unknown));
        codes.put_back(removed).unwrap();
        assert_eq!(order(&codes), ids);
    }

    #[test]
    fn several_come_back_to_their_places_in_any_order() {
        const PLACES: [[usize; 3]; 4] = [[0, 0, 0], [3, 1, 0], [1, 1, 2], [2, 0, 1]];
        const ORDERS: [[usize; 3]; 6] = [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0], [2, 1, 0]];
        for (places, order_of) in PLACES.iter().flat_map(|p| ORDERS.iter().map(move |o| (p, o))) {
            let (mut codes, ids) = filled(5);
            let mut removed: Vec<Removed> = places
                .iter()
                .map(|place| {
                    let id = codes.entries()[*place].id;
                    codes.remove(id).unwrap()
                })
                .collect();
            for next in order_of {
                let mut back = removed.remove(*next);
                for later in &mut removed[*next..] {
                    back.pass(later);
                }
                codes.put_back(back).unwrap();
            }
            assert_eq!(order(&codes), ids, "{places:?} {order_of:?}");
        }
    }

    #[test]
    fn moving_keeps_all_others_in_order() {
        let (mut codes, ids) = filled(4);
        codes.move_to(ids[0], 2).unwrap();
        assert_eq!(order(&codes), [ids[1], ids[2], ids[0], ids[3]]);
        codes.move_to(ids[3], 0).unwrap();
        assert_eq!(order(&codes), [ids[3], ids[1], ids[2], ids[0]]);
        codes.move_to(ids[3], usize::MAX).unwrap();
        assert_eq!(order(&codes), [ids[1], ids[2], ids[0], ids[3]]);
    }

    #[test]
    fn renaming_keeps_the_identifier() {
        let (mut codes, ids) = filled(2);
        codes
            .edit(ids[1], |details| details.issuer = Label::new("New name").unwrap())
            .unwrap();
        assert_eq!(codes.entries()[1].details.issuer.as_str(), "New name");
        assert_eq!(order(&codes), ids);
    }

    #[test]
    fn too_many_are_refused_as_a_whole() {
        let (codes, _) = filled(1);
        let entry = codes.entries()[0].clone();
        let mut full = Codes::default();
        full.add_all(vec![entry.clone(); MAX_ENTRIES - 1]).unwrap();
        assert_eq!(full.add_all(vec![entry.clone(); 2]), Err(ChangeError::Full));
        assert_eq!(full.entries().len(), MAX_ENTRIES - 1);
        full.add_all(vec![entry]).unwrap();
        assert_eq!(full.add(hotp(0), 1, &testing::rng()), Err(ChangeError::Full));
    }
}
