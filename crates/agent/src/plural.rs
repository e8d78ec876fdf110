//! The forms that languages have for a number of things: CLDR's cardinal categories, of integers.
//!
//! French and Spanish also have a form for whole millions. Nothing here is counted that far.

/// Of languages that tell one from more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OneOther {
    One,
    Other,
}

/// English, German and Spanish.
pub(crate) fn exactly_one(count: u64) -> OneOther {
    match count {
        1 => OneOther::One,
        _ => OneOther::Other,
    }
}

/// French: nothing is counted like one.
pub(crate) fn up_to_one(count: u64) -> OneOther {
    match count {
        0 | 1 => OneOther::One,
        _ => OneOther::Other,
    }
}

/// The form for a count, of two.
pub(crate) fn one_other<T>(form: OneOther, one: T, other: T) -> T {
    match form {
        OneOther::One => one,
        OneOther::Other => other,
    }
}

/// Arabic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arabic {
    Zero,
    One,
    Two,
    Few,
    Many,
    Other,
}

/// Arabic.
pub(crate) fn arabic(count: u64) -> Arabic {
    match (count, count % 100) {
        (0, _) => Arabic::Zero,
        (1, _) => Arabic::One,
        (2, _) => Arabic::Two,
        (_, 3..=10) => Arabic::Few,
        (_, 11..=99) => Arabic::Many,
        (_, _) => Arabic::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_one() {
        assert_eq!(exactly_one(1), OneOther::One);
        for count in [0, 2, 11, 21, 101] {
            assert_eq!(exactly_one(count), OneOther::Other, "{count}");
        }
    }

    #[test]
    fn french_counts_nothing_like_one() {
        assert_eq!([0, 1].map(up_to_one), [OneOther::One; 2]);
        assert_eq!([2, 10, 100].map(up_to_one), [OneOther::Other; 3]);
    }

    #[test]
    fn arabic_has_six_forms() {
        let samples: [(Arabic, &[u64]); 6] = [
            (Arabic::Zero, &[0]),
            (Arabic::One, &[1]),
            (Arabic::Two, &[2]),
            (Arabic::Few, &[3, 10, 103, 110, 1003]),
            (Arabic::Many, &[11, 26, 99, 111, 1011]),
            (Arabic::Other, &[100, 101, 102, 200, 1000, 10_000]),
        ];
        for (form, counts) in samples {
            for count in counts {
                assert_eq!(arabic(*count), form, "{count}");
            }
        }
    }
}
