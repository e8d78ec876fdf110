//! Search as you type, over issuer, account and tags, in any case and with or without accents.
//!
//! [`Index::new`] folds all texts once for each change of the entries; [`Index::find`] only compares.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::codes::Codes;

/// The most characters of a query that are looked at.
const MAX_QUERY: usize = 256;

/// The folded texts of all entries.
#[derive(Debug)]
pub struct Index(Vec<Folded>);

#[derive(Debug)]
struct Folded {
    issuer: String,
    account: String,
    tags: Vec<String>,
}

/// How well a word fits: less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    IssuerStart,
    IssuerWord,
    AccountStart,
    Issuer,
    Account,
    Tag,
}

impl Index {
    /// Folds the texts.
    pub fn new(codes: &Codes) -> Self {
        Self(
            codes
                .entries()
                .iter()
                .map(|entry| Folded {
                    issuer: folded(entry.details.issuer.as_str()),
                    account: folded(entry.details.account.as_str()),
                    tags: entry
                        .details
                        .tags()
                        .iter()
                        .map(|tag| folded(tag.as_str()))
                        .collect(),
                })
                .collect(),
        )
    }

    /// The places of the entries in which every word of the query occurs, best first, otherwise in their order. All of
    /// them for an empty query.
    pub fn find(&self, query: &str) -> Vec<usize> {
        let query = folded(&query.chars().take(MAX_QUERY).collect::<String>());
        let words: Vec<&str> = query.split_whitespace().collect();
        let mut found: Vec<(Option<Fit>, usize)> = self
            .0
            .iter()
            .enumerate()
            .filter_map(|(place, entry)| {
                let fits = words
                    .iter()
                    .map(|word| entry.fit(word))
                    .collect::<Option<Vec<Fit>>>()?;
                // The first word is what the person thinks of; the others narrow down.
                Some((fits.first().copied(), place))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, place)| place).collect()
    }
}

impl Folded {
    fn fit(&self, word: &str) -> Option<Fit> {
        let word_starts = |text: &str| text.match_indices(word).any(|(at, _)| starts_word(text, at));
        if self.issuer.starts_with(word) {
            Some(Fit::IssuerStart)
        } else if word_starts(&self.issuer) {
            Some(Fit::IssuerWord)
        } else if self.account.starts_with(word) {
            Some(Fit::AccountStart)
        } else if self.issuer.contains(word) {
            Some(Fit::Issuer)
        } else if self.account.contains(word) {
            Some(Fit::Account)
        } else if self.tags.iter().any(|tag| tag.contains(word)) {
            Some(Fit::Tag)
        } else {
            None
        }
    }
}

fn starts_word(text: &str, at: usize) -> bool {
    text[..at]
        .chars()
        .next_back()
        .is_none_or(|before| !before.is_alphanumeric())
}

/// Lower case, without accents, with ligatures and wide letters taken apart.
fn folded(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .flat_map(|c| {
            // Letters that are no letter with an accent to Unicode, but are typed as one.
            let plain: &'static [char] = match c {
                'ß' => &['s', 's'],
                'æ' => &['a', 'e'],
                'œ' => &['o', 'e'],
                'ø' => &['o'],
                'đ' | 'ð' => &['d'],
                'ł' => &['l'],
                'ı' => &['i'],
                _ => &[],
            };
            let itself = plain.is_empty().then_some(c);
            plain.iter().copied().chain(itself)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entry::Kind, testing};

    fn index(entries: &[(&str, &str, &[&str])]) -> Index {
        let mut codes = Codes::default();
        for (issuer, account, tags) in entries {
            let mut details = testing::details(issuer, account, Kind::TOTP, "MZXW6YTB");
            details
                .set_tags(tags.iter().map(|tag| testing::label(tag)))
                .unwrap();
            codes.add(details, 1, &testing::rng()).unwrap();
        }
        Index::new(&codes)
    }

    #[test]
    fn case_and_accents_do_not_matter() {
        let index = index(&[
            ("Zürcher Straßenbank", "Łukasz", &[]),
            ("ＦＵＬＬ ﬁle", "Ørsted", &[]),
        ]);
        for query in [
            "zurcher",
            "ZÜRCHER",
            "strassen",
            "Straße",
            "lukasz",
            "zu\u{308}rcher",
        ] {
            assert_eq!(index.find(query), [0], "{query}");
        }
        for query in ["full", "file", "orsted"] {
            assert_eq!(index.find(query), [1], "{query}");
        }
    }

    #[test]
    fn the_best_fit_comes_first() {
        let index = index(&[
            ("Other", "x", &["bank"]),
            ("Other", "my.bank@example.com", &[]),
            ("Databank", "x", &[]),
            ("Other", "bank@example.com", &[]),
            ("My Bank", "x", &[]),
            ("Bank", "x", &[]),
            ("Nothing", "x", &[]),
        ]);
        assert_eq!(index.find("bank"), [5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn every_word_has_to_occur() {
        let index = index(&[
            ("Example", "ada@work", &[]),
            ("Example", "ada@home", &["work"]),
            ("Work", "ada", &[]),
        ]);
        assert_eq!(index.find("exa work"), [0, 1]);
        assert_eq!(index.find("work exa"), [0, 1]);
        assert_eq!(index.find("work exa nothing"), Vec::<usize>::new());
    }

    #[test]
    fn nothing_asked_finds_all_in_order() {
        let index = index(&[("b", "", &[]), ("a", "", &[])]);
        assert_eq!(index.find(""), [0, 1]);
        assert_eq!(index.find(" \t"), [0, 1]);
    }

    #[test]
    fn a_query_without_end_ends() {
        let index = index(&[(&"a".repeat(256), "", &[])]);
        assert_eq!(index.find(&"a".repeat(1_000_000)), [0]);
    }
}
