//! What an import would do, and doing it: all or nothing.

use std::collections::HashMap;

use ring::rand::SecureRandom;

use super::{Found, Invalid, Item};
use crate::{
    codes::{ChangeError, Codes},
    entry::{Details, Entry, EntryId},
};

/// What would become of each item, in the file's order.
#[derive(Debug)]
pub struct Preview {
    /// One for each of [`Found::items`].
    pub standings: Vec<Standing>,
    /// How many would be added.
    pub new: usize,
    /// How many are there already, or twice in the file.
    pub duplicate: usize,
    /// How many cannot be kept.
    pub invalid: usize,
}

/// What would become of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It would be added.
    New,
    /// An entry with this identifier shows the same codes already, under whatever name. It would be left alone.
    Duplicate(EntryId),
    /// The item with this index shows the same codes and comes first.
    Repeated(usize),
    /// It cannot be kept.
    Invalid(Invalid),
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The new entries, in the file's order.
    pub added: Vec<EntryId>,
    /// How many were there already.
    pub duplicate: usize,
    /// How many could not be kept.
    pub invalid: usize,
}

impl Found {
    /// What would happen to each item. Changes nothing.
    pub fn preview(&self, codes: &Codes) -> Preview {
        // By secret, so that ten thousand beside ten thousand are no matter.
        let mut seen: HashMap<&[u8], Vec<(&Details, Standing)>> = HashMap::new();
        for entry in codes.entries() {
            let known = seen.entry(entry.details.secret.expose()).or_default();
            known.push((&entry.details, Standing::Duplicate(entry.id)));
        }
        let mut preview = Preview {
            standings: Vec::with_capacity(self.items.len()),
            new: 0,
            duplicate: 0,
            invalid: 0,
        };
        for (index, item) in self.items.iter().enumerate() {
            let standing = match item {
                Item::Invalid { reason, .. } => Standing::Invalid(reason.clone()),
                Item::Valid(details) => {
                    let known = seen.entry(details.secret.expose()).or_default();
                    match known.iter().find(|(other, _)| other.same_codes(details)) {
                        Some((_, standing)) => standing.clone(),
                        None => {
                            known.push((details, Standing::Repeated(index)));
                            Standing::New
                        }
                    }
                }
            };
            *match standing {
                Standing::New => &mut preview.new,
                Standing::Duplicate(_) | Standing::Repeated(_) => &mut preview.duplicate,
                Standing::Invalid(_) => &mut preview.invalid,
            } += 1;
            preview.standings.push(standing);
        }
        preview
    }

    /// Adds what is new at the end, or changes nothing. Write the codes afterwards.
    ///
    /// # Errors
    /// [`ChangeError::Full`], [`ChangeError::Random`].
    pub fn apply(&self, codes: &mut Codes, now: u64, rng: &dyn SecureRandom) -> Result<Applied, ChangeError> {
        let preview = self.preview(codes);
        let mut added = Vec::with_capacity(preview.new);
        for (item, standing) in self.items.iter().zip(preview.standings) {
            if let (Item::Valid(details), Standing::New) = (item, standing) {
                added.push(Entry {
                    id: EntryId::random(rng)?,
                    details: Details::clone(details),
                    added_at: now,
                });
            }
        }
        let ids = added.iter().map(|entry| entry.id).collect();
        codes.add_all(added)?;
        Ok(Applied {
            added: ids,
            duplicate: preview.duplicate,
            invalid: preview.invalid,
        })
    }
}
