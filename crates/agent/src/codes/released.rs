//! When this release was made, from the changelog that it comes with.

const DAY: i64 = 24 * 60 * 60;

/// In seconds since 1970, to the day: no right clock is before it.
pub(super) const RELEASED: i64 = match newest(include_bytes!("../../../../CHANGELOG.md")) {
    Some(day) => day * DAY,
    // No release has a date yet: 2026-11-01.
    None => 20_758 * DAY,
};

/// The day of the newest release with a date (`## 1.0.0 - 2027-01-31`, the newest stands first), in days since 1970.
const fn newest(changelog: &[u8]) -> Option<i64> {
    let mut rest = changelog;
    while let [_, after @ ..] = rest {
        if let [b'\n', b'#', b'#', b' ', heading @ ..] = rest
            && let Some(day) = dated(heading)
        {
            return Some(day);
        }
        rest = after;
    }
    None
}

/// The date at the end of the first line.
const fn dated(mut text: &[u8]) -> Option<i64> {
    while let [first, after @ ..] = text {
        if let [b' ', b'-', b' ', a, b, c, d, b'-', e, f, b'-', g, h, b'\n', ..] = text {
            return Some(days(
                number(&[*a, *b, *c, *d]),
                number(&[*e, *f]),
                number(&[*g, *h]),
            ));
        }
        if *first == b'\n' {
            return None;
        }
        text = after;
    }
    None
}

const fn number(mut digits: &[u8]) -> i64 {
    let mut number = 0;
    while let [first, after @ ..] = digits {
        number = 10 * number + (*first as i64 - b'0' as i64);
        digits = after;
    }
    number
}

/// Days since 1970 of a date in the Gregorian calendar. Years begin in March, so that leap days are at their ends.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let before = 365 * year + year / 4 - year / 100 + year / 400;
    before + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_in_days_since_1970() {
        for (date, counted) in [
            ((1970, 1, 1), 0),
            ((2000, 2, 29), 11_016),
            ((2000, 3, 1), 11_017),
            ((2026, 11, 1), 20_758),
            ((2100, 12, 31), 47_846),
        ] {
            assert_eq!(days(date.0, date.1, date.2), counted, "{date:?}");
        }
    }

    #[test]
    fn the_newest_date_in_the_changelog_counts() {
        let none = b"# Changelog\n\n## Unreleased\n- Since 2020-01-01 - 2030-01-01\n";
        assert_eq!(newest(none), None);
        let two = b"# Changelog\n\n## Unreleased\n\n## 1.1.0 - 2027-01-31\n- x\n\n## [1.0.0] - 2026-12-01\n";
        assert_eq!(newest(two), Some(days(2027, 1, 31)));
        assert_eq!(newest(&two[..40]), None, "cut off");
    }
}
