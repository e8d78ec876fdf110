//! Ended requests and their evidence, in `history/` of the state directory.
//!
//! Monthly segments of JSON lines, named `2026-11.001.jsonl`; a segment that is full or that ends in half a line (the agent
//! was killed while writing) is followed by the next number. Invariants: lines are only ever appended, each
//! durably; a record written later about the same request takes the place of the earlier one for readers; a line that
//! cannot be read is an error that names it, never skipped and never overwritten. Only whole segments are removed,
//! by age relative to the newest segment, so a clock that is wrong deletes nothing by itself.
//!
//! Months and instants are the issuer's, taken from signed messages.

mod filter;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use countersign_agent_api::{
    AccountId, HistoryEntry, HistoryFilter, HistoryPage, HistoryRecord, RecordsCursor, RecordsPage,
    RequestId,
    frame::{Fits, Room},
};
use countersign_protocol::Evidence;
use serde::{Deserialize, Serialize};

pub use filter::check;

use self::filter::Wanted;
use crate::state_dir::{StateError, create_private_dir, io_error};

/// A segment larger than this, in bytes, is followed by the next.
const SEGMENT_LIMIT: u64 = 16 * 1024 * 1024;

/// The most segments kept, whatever their age.
const MAX_SEGMENTS: usize = 64;

/// The most entries in one page.
pub const MAX_PAGE: usize = 500;

/// History cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The directory or a file.
    #[error(transparent)]
    State(#[from] StateError),
    /// A line is not what this release or an older one wrote.
    #[error(
        "line {line} of {} is damaged, or of a newer release. The file is left as it is: restore it from a backup, or move \
         it away", path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// One ended request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Kept")]
pub struct Record {
    /// What people are shown; `at` is issuer time.
    pub entry: HistoryEntry,
    /// Which account it was for.
    pub account: AccountId,
    /// The signed messages, if there is a receipt.
    pub evidence: Option<Evidence>,
}

/// A record as it is kept: entries did not name their account at first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    entry: serde_json::Map<String, serde_json::Value>,
    account: AccountId,
    evidence: Option<Evidence>,
}

impl TryFrom<Kept> for Record {
    type Error = serde_json::Error;

    fn try_from(kept: Kept) -> Result<Self, serde_json::Error> {
        let Kept {
            mut entry,
            account,
            evidence,
        } = kept;
        let name = serde_json::Value::String(account.0.clone());
        entry.entry("account").or_insert(name);
        Ok(Self {
            entry: serde_json::from_value(serde_json::Value::Object(entry))?,
            account,
            evidence,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<T> {
    v: u32,
    record: T,
}

/// The format version of a line.
const VERSION: u32 = 1;

/// The directory of segments. Clones are for readers: one agent writes.
#[derive(Debug, Clone)]
pub struct History {
    dir: PathBuf,
    keep_months: u32,
}

impl History {
    /// Makes the directory if need be. Reads nothing.
    ///
    /// # Errors
    /// The system's.
    pub fn open(root: &Path, keep_months: u32) -> Result<Self, HistoryError> {
        let dir = root.join("history");
        create_private_dir(&dir)?;
        Ok(Self { dir, keep_months })
    }

    /// Adds a record, durably, and drops segments that are too old.
    ///
    /// # Errors
    /// The system's; what was there before is untouched.
    pub fn append(&mut self, record: &Record) -> Result<(), HistoryError> {
        let segments = self.segments()?;
        let name = self.segment_for(&segments, &month(record.entry.at))?;
        let path = self.dir.join(&name);
        let mut line =
            serde_json::to_vec(&Line { v: VERSION, record }).map_err(|source| HistoryError::Damaged {
                path: path.clone(),
                line: 0,
                source,
            })?;
        line.push(b'\n');
        let is_new = !segments.contains(&name);
        let written = (|| {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(&line)?;
            file.sync_data()?;
            if is_new {
                File::open(&self.dir)?.sync_all()
            } else {
                Ok(())
            }
        })();
        written.map_err(io_error("write", &path))?;
        if is_new {
            self.drop_old()?;
        }
        Ok(())
    }

    /// Up to `limit` entries (at most [`MAX_PAGE`], and at most what a frame holds, but one) that pass the filter, newest first,
    /// older than `before`.
    ///
    /// # Errors
    /// [`HistoryError::Damaged`] at a line that cannot be read.
    pub fn page(
        &self,
        limit: usize,
        before: Option<&RequestId>,
        filter: &HistoryFilter,
    ) -> Result<HistoryPage, HistoryError> {
        let limit = limit.min(MAX_PAGE);
        let wanted = Wanted::new(filter);
        let mut entries = Vec::new();
        let mut room = Room::new();
        let mut seen = HashSet::new();
        let mut past = before.is_none();
        for name in self.segments()?.iter().rev() {
            for record in self.records(name)?.into_iter().rev() {
                if !seen.insert(record.entry.id.clone()) {
                    continue;
                }
                if past {
                    if !wanted.includes(&record.entry) {
                        continue;
                    }
                    let fits = room.take(&record.entry);
                    if entries.len() == limit || (fits == Fits::No && !entries.is_empty()) {
                        return Ok(HistoryPage { entries, more: true });
                    }
                    entries.push(record.entry);
                } else if Some(&record.entry.id) == before {
                    past = true;
                }
            }
        }
        Ok(HistoryPage { entries, more: false })
    }

    /// As many records as a frame holds that pass the filter, newest first, from there on. Segments that were given are not
    /// read again, so the whole costs as much as reading it once for each frame that one segment fills.
    ///
    /// # Errors
    /// As [`History::page`].
    pub fn records_from(
        &self,
        from: Option<&RecordsCursor>,
        filter: &HistoryFilter,
    ) -> Result<RecordsPage, HistoryError> {
        let wanted = Wanted::new(filter);
        let mut records = Vec::new();
        let mut room = Room::new();
        for part in self.segments()?.into_iter().rev() {
            // A segment that was dropped by age since then is passed over with the ones after it.
            if from.is_some_and(|from| part > from.part) {
                continue;
            }
            let given = from.filter(|from| from.part == part).map_or(0, |from| from.given);
            let newest_first = self.records(&part)?.into_iter().rev();
            for (place, record) in (0_u32..).zip(newest_first).skip(given as usize) {
                if !wanted.includes(&record.entry) {
                    continue;
                }
                let record = HistoryRecord {
                    evidence: record.evidence.map(|evidence| file(&evidence)),
                    entry: record.entry,
                };
                if room.take(&record) == Fits::No && !records.is_empty() {
                    let next = Some(RecordsCursor { part, given: place });
                    return Ok(RecordsPage { records, next });
                }
                records.push(record);
            }
        }
        Ok(RecordsPage { records, next: None })
    }

    /// The newest record with this id.
    ///
    /// # Errors
    /// As [`History::page`].
    pub fn find(&self, id: &RequestId) -> Result<Option<Record>, HistoryError> {
        for name in self.segments()?.iter().rev() {
            if let Some(record) = self.records(name)?.into_iter().rev().find(|r| r.entry.id == *id) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Names of the segments, oldest first.
    fn segments(&self) -> Result<Vec<String>, HistoryError> {
        let failed = |e| HistoryError::from(io_error("read", &self.dir)(e));
        let mut names = Vec::new();
        for file in fs::read_dir(&self.dir).map_err(failed)? {
            let name = file.map_err(failed)?.file_name();
            if let Some(name) = name.to_str().filter(|n| is_segment(n)) {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// The segment to append to: the month's last one, or the one after it.
    fn segment_for(&self, segments: &[String], month: &str) -> Result<String, HistoryError> {
        let Some(last) = segments.iter().rev().find(|name| name.starts_with(month)) else {
            return Ok(format!("{month}.001.jsonl"));
        };
        let path = self.dir.join(last);
        let fits = (|| {
            let mut file = File::open(&path)?;
            let length = file.metadata()?.len();
            if length == 0 || length >= SEGMENT_LIMIT {
                return Ok(length == 0);
            }
            file.seek(SeekFrom::End(-1))?;
            let mut end = [0];
            file.read_exact(&mut end)?;
            Ok(end == *b"\n")
        })();
        if fits.map_err(io_error("read", &path))? {
            return Ok(last.clone());
        }
        let number: u32 = last.get(8..11).and_then(|n| n.parse().ok()).unwrap_or(0);
        Ok(format!("{month}.{:03}.jsonl", number + 1))
    }

    /// All requests of a segment by their latest records, oldest first. Half a line at its end was never acknowledged to anybody.
    fn records(&self, name: &str) -> Result<Vec<Record>, HistoryError> {
        let path = self.dir.join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // Dropped by age since the names were read.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(io_error("read", &path)(e).into()),
        };
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        let records = complete.lines().enumerate().map(|(index, line)| {
            parse(line).map_err(|source| HistoryError::Damaged {
                path: path.clone(),
                line: index + 1,
                source,
            })
        });
        Ok(latest(records.collect::<Result<_, _>>()?))
    }

    fn drop_old(&self) -> Result<(), HistoryError> {
        let segments = self.segments()?;
        let Some(newest) = segments.last().map(|n| months(n)) else {
            return Ok(());
        };
        let surplus = segments.len().saturating_sub(MAX_SEGMENTS);
        for (index, name) in segments.iter().enumerate() {
            if index < surplus || months(name) + u64::from(self.keep_months) <= newest {
                let path = self.dir.join(name);
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
            }
        }
        Ok(())
    }
}

fn parse(line: &str) -> Result<Record, serde_json::Error> {
    #[derive(Deserialize)]
    struct Head {
        v: u32,
    }
    let head: Head = serde_json::from_str(line)?;
    if head.v != VERSION {
        return Err(serde::de::Error::custom(format_args!("format {}", head.v)));
    }
    let line: Line<Record> = serde_json::from_str(line)?;
    Ok(line.record)
}

/// The evidence file's text (docs/protocol.md, section 10).
pub fn file(evidence: &Evidence) -> String {
    // Text, numbers and keys that were read from JSON: they can be written.
    serde_json::to_string_pretty(evidence).unwrap_or_default()
}

/// Each request once, as it was recorded last, where it was recorded first: a report does not move it in time.
fn latest(records: Vec<Record>) -> Vec<Record> {
    let mut places: HashMap<RequestId, usize> = HashMap::with_capacity(records.len());
    let mut kept: Vec<Record> = Vec::with_capacity(records.len());
    for record in records {
        match places
            .get(&record.entry.id)
            .and_then(|place| kept.get_mut(*place))
        {
            Some(earlier) => *earlier = record,
            None => {
                places.insert(record.entry.id.clone(), kept.len());
                kept.push(record);
            }
        }
    }
    kept
}

/// `YYYY-MM` in UTC.
fn month(at: i64) -> String {
    let at = jiff::Timestamp::from_second(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m").to_string()
}

/// `YYYY-MM.NNN.jsonl`
fn is_segment(name: &str) -> bool {
    name.len() == 17
        && name.ends_with(".jsonl")
        && name
            .bytes()
            .zip("dddd-dd.ddd".bytes())
            .all(|(found, kind)| match kind {
                b'd' => found.is_ascii_digit(),
                other => found == other,
            })
}

/// Months since year 0, of a segment's name.
fn months(name: &str) -> u64 {
    let number = |range| {
        name.get(range)
            .and_then(|n: &str| n.parse::<u64>().ok())
            .unwrap_or(0)
    };
    number(0..4) * 12 + number(5..7)
}
