//! The entries as JSON: what the vault file and the encrypted export hold inside.
//!
//! Invariants: every copy of the text is wiped; its length is a power of two, so that it says little about what is in it; unknown
//! members are refused, because writing the file again would lose them.

use std::io;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    codes::{Codes, MAX_ENTRIES},
    entry::{Algorithm, Details, Digits, Entry, EntryId, Kind, Period},
    secret::Secret,
    text::{Label, Note},
};

/// The longest text, in bytes: 10,000 entries of more than 800 bytes each, where 250 is usual. As much as an export may have
/// that can be imported again.
pub(crate) const MAX_CONTENT: usize = 8 * 1024 * 1024;

/// The shortest text: some 60 usual entries.
const MIN_CONTENT: usize = 16 * 1024;

/// The entries do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the entries are too large to be stored. Shorten notes or delete entries")]
pub struct TooLarge;

/// Why a text is not the content of a vault. It never repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// Not the JSON it should be.
    #[error("the content is not the expected JSON (line {line}, column {column})")]
    Json {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// An entry that breaks a rule.
    #[error("entry {index} is not valid: {rule}")]
    Entry {
        /// Which, from 0.
        index: usize,
        /// Which rule it breaks.
        rule: &'static str,
    },
    /// More than [`MAX_ENTRIES`], or two with one identifier.
    #[error("there are more than {MAX_ENTRIES} entries, or two with one identifier")]
    Entries,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    entries: Vec<Stored>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    id: String,
    issuer: Label,
    account: Label,
    #[serde(rename = "type")]
    kind: StoredKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    algorithm: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digits: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counter: Option<u64>,
    /// Base32.
    secret: Zeroizing<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Label>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
    #[serde(default, skip_serializing_if = "Note::is_empty")]
    note: Note,
    added_at: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredKind {
    Totp,
    Hotp,
    Steam,
}

/// Writes the entries, padded with blanks.
pub(crate) fn encode(codes: &Codes) -> Result<Zeroizing<Vec<u8>>, TooLarge> {
    let document = Document {
        entries: codes.entries().iter().map(Stored::from).collect(),
    };
    let mut text = to_json(&document, MIN_CONTENT)?;
    let length = text.len().max(MIN_CONTENT).next_power_of_two();
    text.resize(length, b' ');
    Ok(text)
}

/// JSON in a buffer that never grew, and need not to reach the next power of two: that would leave unwiped copies behind.
pub(crate) fn to_json(value: &impl Serialize, minimum: usize) -> Result<Zeroizing<Vec<u8>>, TooLarge> {
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).map_err(|_| TooLarge)?;
    let mut text = Zeroizing::new(Vec::with_capacity(counter.0.max(minimum).next_power_of_two()));
    serde_json::to_writer(&mut *text, value).map_err(|_| TooLarge)?;
    Ok(text)
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(text: &[u8]) -> Result<Codes, ContentError> {
    let document: Document = serde_json::from_slice(text).map_err(|e| ContentError::Json {
        line: e.line(),
        column: e.column(),
    })?;
    if document.entries.len() > MAX_ENTRIES {
        return Err(ContentError::Entries);
    }
    let entries = document
        .entries
        .into_iter()
        .enumerate()
        .map(|(index, stored)| stored.check().map_err(|rule| ContentError::Entry { index, rule }))
        .collect::<Result<Vec<_>, _>>()?;
    Codes::from_entries(entries).ok_or(ContentError::Entries)
}

/// Counts what is written, up to [`MAX_CONTENT`].
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        if self.0 > MAX_CONTENT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<&Entry> for Stored {
    fn from(entry: &Entry) -> Self {
        let details = &entry.details;
        let (kind, way, period, counter) = match details.kind {
            Kind::Totp {
                algorithm,
                digits,
                period,
            } => (
                StoredKind::Totp,
                Some((algorithm, digits)),
                Some(period.seconds()),
                None,
            ),
            Kind::Hotp {
                algorithm,
                digits,
                counter,
            } => (StoredKind::Hotp, Some((algorithm, digits)), None, Some(counter)),
            Kind::Steam => (StoredKind::Steam, None, None, None),
        };
        Self {
            id: entry.id.to_string(),
            issuer: details.issuer.clone(),
            account: details.account.clone(),
            kind,
            algorithm: way.map(|(algorithm, _)| algorithm.name().to_owned()),
            digits: way.map(|(_, digits)| digits.get()),
            period,
            counter,
            secret: details.secret.to_base32(),
            tags: details.tags().to_vec(),
            pinned: details.pinned,
            note: details.note.clone(),
            added_at: entry.added_at,
        }
    }
}

impl Stored {
    fn check(self) -> Result<Entry, &'static str> {
        let id = EntryId::parse(&self.id).ok_or("id")?;
        let secret = Secret::from_base32(&self.secret).map_err(|_| "secret")?;
        let way = match (&self.algorithm, self.digits) {
            (Some(algorithm), Some(digits)) => Some((
                Algorithm::parse(algorithm).ok_or("algorithm")?,
                Digits::new(digits.into()).ok_or("digits")?,
            )),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err("algorithm and digits"),
        };
        let kind = match (self.kind, way, self.period, self.counter) {
            (StoredKind::Totp, Some((algorithm, digits)), Some(period), None) => Kind::Totp {
                algorithm,
                digits,
                period: Period::new(period).ok_or("period")?,
            },
            (StoredKind::Hotp, Some((algorithm, digits)), None, Some(counter)) => Kind::Hotp {
                algorithm,
                digits,
                counter,
            },
            (StoredKind::Steam, None, None, None) => Kind::Steam,
            (StoredKind::Totp | StoredKind::Hotp | StoredKind::Steam, _, _, _) => {
                return Err("the members do not fit the type");
            }
        };
        let mut details = Details::new(self.issuer, self.account, kind, secret);
        details.set_tags(self.tags).map_err(|_| "tags")?;
        details.pinned = self.pinned;
        details.note = self.note;
        Ok(Entry {
            id,
            details,
            added_at: self.added_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn everything_about_an_entry_is_kept() {
        let codes = testing::codes();
        let read = decode(&encode(&codes).unwrap()).unwrap();
        assert_eq!(read.entries(), codes.entries());
    }

    #[test]
    fn the_length_is_a_power_of_two() {
        assert_eq!(encode(&Codes::default()).unwrap().len(), MIN_CONTENT);
        assert_eq!(encode(&testing::codes()).unwrap().len(), MIN_CONTENT);
        assert_eq!(encode(&testing::many(1000)).unwrap().len(), 256 * 1024);
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let mut codes = testing::many(550);
        let ids: Vec<EntryId> = codes.entries().iter().map(|entry| entry.id).collect();
        for id in ids {
            codes
                .edit(id, |details| {
                    details.note = Note::new(&"🏦".repeat(Note::MAX)).unwrap()
                })
                .unwrap();
        }
        assert_eq!(encode(&codes), Err(TooLarge));
    }

    #[test]
    fn members_that_are_not_known_are_refused() {
        let entry = r#"{"id":"00000000000000000000000000000000","issuer":"","account":"","type":"steam",
            "secret":"MZXW6YTB","added_at":1 MORE}"#;
        let document = |more: &str| format!(r#"{{"entries":[{}]}}"#, entry.replace("MORE", more));
        decode(document("").as_bytes()).unwrap();
        let read = |more| decode(document(more).as_bytes()).unwrap_err();
        assert!(matches!(read(r#","colour":1"#), ContentError::Json { .. }));
        assert!(matches!(
            read(r#","period":30"#),
            ContentError::Entry { index: 0, .. }
        ));
        assert!(decode(br#"{"entries":[],"more":1}"#).is_err());
    }

    #[test]
    fn one_identifier_names_one_entry() {
        let entry = r#"{"id":"00000000000000000000000000000000","issuer":"","account":"","type":"steam","secret":"MZXW6YTB","added_at":1}"#;
        let document = format!(r#"{{"entries":[{entry},{entry}]}}"#);
        assert_eq!(decode(document.as_bytes()).unwrap_err(), ContentError::Entries);
    }

    proptest::proptest! {
        #[test]
        fn any_entries_are_kept(all in proptest::collection::vec(testing::any_details(), 0..8)) {
            let mut codes = Codes::default();
            for details in all {
                codes.add(details, 1, &testing::rng()).unwrap();
            }
            let read = decode(&encode(&codes).unwrap()).unwrap();
            proptest::prop_assert_eq!(read.entries(), codes.entries());
        }
    }
}
