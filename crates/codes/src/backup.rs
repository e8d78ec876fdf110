//! Backups: their file names, and which of them to delete. Pure: the caller lists, writes and deletes.
//!
//! A backup is an [`crate::export::encrypted`] file; restoring is importing. Invariants: names that are not exactly ours are never
//! chosen for deletion, nor are those of another vault in the same folder ([`Tag`]), and the newest backup never is.

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::hex;

const PREFIX: &str = "countersign-codes-";
const SUFFIX: &str = ".json";
const FORMAT: &str = "%Y-%m-%dT%H-%M-%SZ";

/// Whose a backup is, where several computers write to one folder: four random bytes, in the name as hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag([u8; 4]);

/// A text that is no [`Tag`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not eight hexadecimal digits")]
pub struct InvalidTag;

impl Tag {
    /// A new one.
    pub fn from_random(bits: [u8; 4]) -> Self {
        Self(bits)
    }
}

impl TryFrom<String> for Tag {
    type Error = InvalidTag;

    fn try_from(text: String) -> Result<Self, InvalidTag> {
        let bytes = hex::decode(&text).ok_or(InvalidTag)?;
        bytes.try_into().map(Self).map_err(|_| InvalidTag)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        hex::encode(&tag.0)
    }
}

/// How many backups are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The newest ones, whenever they were made. At least one is kept.
    pub newest: usize,
    /// For so many days with a backup, the last of the day.
    pub days: usize,
    /// For so many months with a backup, the last of the month.
    pub months: usize,
}

impl Default for Retention {
    /// The last three, one a day for a week, one a month for a year.
    fn default() -> Self {
        Self {
            newest: 3,
            days: 7,
            months: 12,
        }
    }
}

/// The name of a backup made at `now`, seconds since 1970. `None` beyond the year 9999. Without a tag as earlier releases named them.
pub fn name(now: u64, tag: Option<&Tag>) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(now).ok()?).ok()?;
    Some(format!("{PREFIX}{}{}", time.strftime(FORMAT), suffix(tag)))
}

/// When a backup with this tag was made, by its name; `None` if the name is none of ours.
fn made_at(file_name: &str, tag: Option<&Tag>) -> Option<u64> {
    let text = file_name.strip_prefix(PREFIX)?.strip_suffix(&suffix(tag))?;
    let time = jiff::civil::DateTime::strptime(FORMAT, text).ok()?;
    let seconds = time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    let seconds = u64::try_from(seconds).ok()?;
    // Only what would be written: no other spelling of the same time.
    (name(seconds, tag).as_deref() == Some(file_name)).then_some(seconds)
}

fn suffix(tag: Option<&Tag>) -> String {
    let tag = tag.map(|tag| format!("-{}", hex::encode(&tag.0)));
    tag.unwrap_or_default() + SUFFIX
}

/// The names among `file_names` that have this tag, or none, and need not be kept: oldest first.
pub fn to_delete<'a>(
    file_names: impl IntoIterator<Item = &'a str>,
    tag: Option<&Tag>,
    keep: Retention,
) -> Vec<&'a str> {
    // The names sort as their times do.
    let ours: BTreeSet<&str> = file_names
        .into_iter()
        .filter(|name| made_at(name, tag).is_some())
        .collect();
    let mut kept: BTreeSet<&str> = ours.iter().rev().take(keep.newest.max(1)).copied().collect();
    // `2026-11-22` and `2026-11`.
    for (length, count) in [(10, keep.days), (7, keep.months)] {
        let mut spans = BTreeSet::new();
        for &name in ours.iter().rev() {
            let span = &name[PREFIX.len()..PREFIX.len() + length];
            if !spans.contains(span) && spans.len() < count {
                spans.insert(span);
                kept.insert(name);
            }
        }
    }
    ours.difference(&kept).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;
    /// 2026-11-22T12:00:00Z
    const NOON: u64 = 1_795_348_800;

    const TAG: Tag = Tag([0x0a, 0xb1, 0xc2, 0xd3]);

    fn names(times: impl IntoIterator<Item = u64>) -> Vec<String> {
        let names = times.into_iter().map(|time| name(time, Some(&TAG)).unwrap());
        names.collect()
    }

    fn deleted(names: &[String], keep: Retention) -> Vec<&str> {
        to_delete(names.iter().map(String::as_str), Some(&TAG), keep)
    }

    #[test]
    fn a_name_says_when() {
        for (tag, expected) in [
            (None, "countersign-codes-2026-11-22T12-00-00Z.json"),
            (Some(&TAG), "countersign-codes-2026-11-22T12-00-00Z-0ab1c2d3.json"),
        ] {
            assert_eq!(name(NOON, tag).as_deref(), Some(expected));
            assert_eq!(made_at(expected, tag), Some(NOON));
        }
        assert_eq!(name(u64::MAX, None), None);
    }

    #[test]
    fn those_of_another_vault_are_never_deleted() {
        let others = [None, Some(&Tag([0; 4]))];
        let names: Vec<String> = (0..9)
            .flat_map(|day| others.map(|tag| name(NOON + day, tag).unwrap()))
            .collect();
        let keep = Retention {
            newest: 1,
            days: 0,
            months: 0,
        };
        assert_eq!(deleted(&names, keep), Vec::<&str>::new());
        let untagged = to_delete(names.iter().map(String::as_str), None, keep);
        assert_eq!(untagged.len(), 8);
    }

    #[test]
    fn a_tag_is_kept_as_text() {
        let text = serde_json::to_string(&TAG).unwrap();
        assert_eq!(text, "\"0ab1c2d3\"");
        assert_eq!(serde_json::from_str::<Tag>(&text).unwrap(), TAG);
        for wrong in ["\"0ab1c2\"", "\"0ab1c2d3e4\"", "\"../../..\"", "7"] {
            assert!(serde_json::from_str::<Tag>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_ours_is_never_deleted() {
        let strange = [
            "countersign-codes-2026-11-22T12-00-00Z.json.bak",
            "countersign-codes-2026-11-22.json",
            "countersign-codes-2026-11-31T12-00-00Z.json",
            "countersign-codes-2026-11-2T12-00-00Z.json",
            "countersign-codes-12026-11-22T12-00-00Z.json",
            "Countersign-codes-2026-11-22T12-00-00Z.json",
            "../countersign-codes-2026-11-22T12-00-00Z.json",
            "countersign-codes-2026-11-22T12-00-00Z-0AB1C2D3.json",
            "countersign-codes-2026-11-22T12-00-00Z-0ab1c2d3-0ab1c2d3.json",
            "holiday.json",
            "",
        ];
        let none = Retention {
            newest: 0,
            days: 0,
            months: 0,
        };
        for tag in [None, Some(&TAG)] {
            assert_eq!(to_delete(strange, tag, none), Vec::<&str>::new());
        }
    }

    #[test]
    fn the_newest_is_always_kept() {
        let names = names([NOON, NOON + 1, NOON + 2]);
        let none = Retention {
            newest: 0,
            days: 0,
            months: 0,
        };
        assert_eq!(deleted(&names, none), [&names[0], &names[1]]);
    }

    #[test]
    fn one_a_day_and_one_a_month_remain() {
        // Two a day for 400 days, the last at NOON.
        let names = names((0..800).map(|i| NOON - i * DAY / 2));
        let deleted: BTreeSet<&str> = deleted(&names, Retention::default()).into_iter().collect();
        let mut kept: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|n| !deleted.contains(n))
            .collect();
        kept.sort_unstable();
        let days: Vec<&str> = kept.iter().map(|name| &name[PREFIX.len()..][..13]).collect();
        assert_eq!(
            days,
            [
                "2025-12-31T12",
                "2026-01-31T12",
                "2026-02-28T12",
                "2026-03-31T12",
                "2026-04-30T12",
                "2026-05-31T12",
                "2026-06-30T12",
                "2026-07-31T12",
                "2026-08-31T12",
                "2026-09-30T12",
                "2026-10-31T12",
                "2026-11-16T12",
                "2026-11-17T12",
                "2026-11-18T12",
                "2026-11-19T12",
                "2026-11-20T12",
                "2026-11-21T12",
                "2026-11-22T00",
                "2026-11-22T12"
            ]
        );
    }

    #[test]
    fn deleting_twice_deletes_nothing_more() {
        let names = names((0..500).map(|i| NOON - i * DAY / 3));
        let gone: BTreeSet<&str> = deleted(&names, Retention::default()).into_iter().collect();
        let left = names
            .iter()
            .map(String::as_str)
            .filter(|name| !gone.contains(name));
        assert_eq!(
            to_delete(left, Some(&TAG), Retention::default()),
            Vec::<&str>::new()
        );
    }
}
