//! SPDX licence expressions: `MIT OR Apache-2.0`, `(MIT OR Apache-2.0) AND Unicode-3.0`, and the older `MIT/Apache-2.0`.

/// Whether somebody may use what has this licence, if `may` says which licences they accept. What is not understood is not
/// allowed.
pub(super) fn allowed(expression: &str, may: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let result = either(&mut words, may);
    result.unwrap_or(false) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>, may: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut result = both(words, may)?;
    while words.next_if_eq(&"OR").is_some() {
        result |= both(words, may)?;
    }
    Some(result)
}

fn both(words: &mut Words<'_>, may: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut result = one(words, may)?;
    while words.next_if_eq(&"AND").is_some() {
        result &= one(words, may)?;
    }
    Some(result)
}

fn one(words: &mut Words<'_>, may: &dyn Fn(&str) -> bool) -> Option<bool> {
    match words.next()? {
        "(" => {
            let result = either(words, may)?;
            words.next_if_eq(&")")?;
            Some(result)
        }
        ")" | "OR" | "AND" | "WITH" => None,
        licence => match words.next_if_eq(&"WITH") {
            Some(_) => Some(may(&format!("{licence} WITH {}", words.next()?))),
            None => Some(may(licence)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::allowed;

    fn may(licence: &str) -> bool {
        [
            "MIT",
            "Apache-2.0",
            "Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
        ]
        .contains(&licence)
    }

    #[test]
    fn expressions_are_judged_as_spdx_says() {
        for good in [
            "MIT",
            "GPL-3.0-only OR MIT",
            "MIT/Apache-2.0",
            "(GPL-2.0-only OR MIT) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-2.0-only AND GPL-3.0-only OR MIT",
        ] {
            assert!(allowed(good, &may), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MIT WITH Something-exception",
            "MIT OR",
            "MIT MIT",
            "(MIT",
            "MIT)",
            "MIT AND (GPL-2.0-only OR GPL-3.0-only)",
        ] {
            assert!(!allowed(bad, &may), "{bad}");
        }
    }
}
