//! Backups: their file names, and which of them to delete. Pure: the caller lists, writes and deletes.
//!
//! A backup is an [`crate::export::encrypted`] file; restoring is importing. Invariants: names that are not exactly ours are never
//! chosen for deletion, and the newest backup never is.

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};

const PREFIX: &str = "countersign-codes-";
const SUFFIX: &str = ".json";
const FORMAT: &str = "%Y-%m-%dT%H-%M-%SZ";

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

/// The name of a backup made at `now`, seconds since 1970. `None` beyond the year 9999.
pub fn name(now: u64) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(now).ok()?).ok()?;
    Some(format!("{PREFIX}{}{SUFFIX}", time.strftime(FORMAT)))
}

/// When a backup was made, by its name; `None` if the name is none of ours.
pub fn made_at(file_name: &str) -> Option<u64> {
    let text = file_name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let time = jiff::civil::DateTime::strptime(FORMAT, text).ok()?;
    let seconds = time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    let seconds = u64::try_from(seconds).ok()?;
    // Only what would be written: no other spelling of the same time.
    (name(seconds).as_deref() == Some(file_name)).then_some(seconds)
}

/// The names among `file_names` that need not be kept, oldest first.
pub fn to_delete<'a>(file_names: impl IntoIterator<Item = &'a str>, keep: Retention) -> Vec<&'a str> {
    // The names sort as their times do.
    let ours: BTreeSet<&str> = file_names
        .into_iter()
        .filter(|name| made_at(name).is_some())
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

    fn names(times: impl IntoIterator<Item = u64>) -> Vec<String> {
        times.into_iter().map(|time| name(time).unwrap()).collect()
    }

    fn deleted(names: &[String], keep: Retention) -> Vec<&str> {
        to_delete(names.iter().map(String::as_str), keep)
    }

    #[test]
    fn a_name_says_when() {
        assert_eq!(
            name(NOON).as_deref(),
            Some("countersign-codes-2026-11-22T12-00-00Z.json")
        );
        assert_eq!(made_at("countersign-codes-2026-11-22T12-00-00Z.json"), Some(NOON));
        assert_eq!(name(u64::MAX), None);
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
            "holiday.json",
            "",
        ];
        let none = Retention {
            newest: 0,
            days: 0,
            months: 0,
        };
        assert_eq!(to_delete(strange, none), Vec::<&str>::new());
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
        assert_eq!(to_delete(left, Retention::default()), Vec::<&str>::new());
    }
}
