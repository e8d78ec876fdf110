//! The texts of an entry: short labels of one line, and notes.
//!
//! Invariants: no control characters (but line breaks in notes) and no characters that reorder others, so that what is
//! shown is what is there; no blanks at the ends; never longer than the type allows.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text is too long. Nothing is cut off silently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("longer than {limit} characters")]
pub struct TooLong {
    /// The most characters there may be.
    pub limit: usize,
}

/// An issuer, an account or a tag: one line, possibly empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

/// A note: some lines, possibly none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note(String);

impl Label {
    /// The most characters.
    pub const MAX: usize = 256;

    /// Cleans a text: line breaks and tabs become blanks, other invisible characters go.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn new(text: &str) -> Result<Self, TooLong> {
        clean(text, Self::MAX, |c| (!c.is_control()).then_some(c)).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Note {
    /// The most characters.
    pub const MAX: usize = 4096;

    /// Cleans a text: line breaks stay, other invisible characters go.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn new(text: &str) -> Result<Self, TooLong> {
        clean(text, Self::MAX, |c| (c == '\n' || !c.is_control()).then_some(c)).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn clean(text: &str, limit: usize, keep: impl Fn(char) -> Option<char>) -> Result<String, TooLong> {
    // What is cleaned away does not count, but a flood of it is not looked at either.
    if text.len() > limit * 16 {
        return Err(TooLong { limit });
    }
    let cleaned: String = text
        .chars()
        .filter(|c| !reorders(*c))
        .filter_map(|c| keep(c).or_else(|| matches!(c, '\n' | '\t').then_some(' ')))
        .collect();
    let cleaned = cleaned.trim();
    if cleaned.chars().count() > limit {
        return Err(TooLong { limit });
    }
    Ok(cleaned.to_owned())
}

/// Characters that change the order in which others are shown (Unicode Annex 9), or that are seen by nobody.
fn reorders(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_visible_line() {
        let label = Label::new("  Exa\u{202e}mple\r\n\tBank\0\u{7f} ").unwrap();
        assert_eq!(label.as_str(), "Example  Bank");
        assert_eq!(Label::new("Müller 🏦 مثال").unwrap().as_str(), "Müller 🏦 مثال");
    }

    #[test]
    fn a_note_keeps_its_lines() {
        assert_eq!(Note::new("one\r\ntwo\u{2067}\n").unwrap().as_str(), "one\ntwo");
    }

    #[test]
    fn nothing_is_cut_off() {
        assert_eq!(
            Label::new(&"ä".repeat(256)).unwrap().as_str().chars().count(),
            256
        );
        assert_eq!(Label::new(&"ä".repeat(257)), Err(TooLong { limit: 256 }));
        assert_eq!(Label::new(&"\0".repeat(1_000_000)), Err(TooLong { limit: 256 }));
        assert_eq!(Note::new(&"n".repeat(4097)), Err(TooLong { limit: 4096 }));
    }
}
