//! Which language people are spoken to in: what they set, else the desktop session's, else English. The pages of the app choose
//! by the same rule on their own side.

/// A language that there are texts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
    /// Japanese.
    Japanese,
    /// Arabic.
    Arabic,
}

/// Something in every language. One that is missing does not compile.
#[derive(Debug)]
#[allow(missing_docs, reason = "they are named after what they are")]
pub struct ByLanguage<T> {
    pub english: T,
    pub german: T,
    pub french: T,
    pub spanish: T,
    pub japanese: T,
    pub arabic: T,
}

impl<T> ByLanguage<T> {
    /// In this language.
    pub const fn of(&self, language: Language) -> &T {
        match language {
            Language::English => &self.english,
            Language::German => &self.german,
            Language::French => &self.french,
            Language::Spanish => &self.spanish,
            Language::Japanese => &self.japanese,
            Language::Arabic => &self.arabic,
        }
    }
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::English,
        Self::German,
        Self::French,
        Self::Spanish,
        Self::Japanese,
        Self::Arabic,
    ];

    /// Of a BCP 47 tag (`de-AT`) or of a POSIX locale (`de_AT.UTF-8`); none if there are no texts in it.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_', '.', '@']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "de" => Some(Self::German),
            "fr" => Some(Self::French),
            "es" => Some(Self::Spanish),
            "ja" => Some(Self::Japanese),
            "ar" => Some(Self::Arabic),
            _ => None,
        }
    }

    /// As the person set it (BCP 47), if there are texts in that; else as [`Language::of_session`].
    #[must_use]
    pub fn chosen(setting: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Self {
        setting
            .and_then(Self::of)
            .unwrap_or_else(|| Self::of_session(variable))
    }

    /// Of the session, by the variables that POSIX gives messages, in their order; `variable` reads one. English if
    /// there are no texts in that language.
    #[must_use]
    pub fn of_session(variable: impl Fn(&str) -> Option<String>) -> Self {
        ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty())
            .and_then(|locale| Self::of(&locale))
            .unwrap_or_default()
    }
}

/// The session's locale for one kind of text (`LC_MESSAGES`, `LC_TIME` …) as BCP 47 tag, by the variables that POSIX gives it, in
/// their order; `variable` reads one. None if they name no language (`C`), or nothing.
#[must_use]
pub fn session_locale(category: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let named = ["LC_ALL", category, "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty())?;
    let tag = named.split(['.', '@']).next()?.replace('_', "-");
    let is_tag = tag
        .split('-')
        .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    let names_a_language = is_tag && tag != "C" && tag != "POSIX";
    names_a_language.then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(variables: &'static [(&str, &str)]) -> Language {
        Language::of_session(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_language_is_known_in_every_spelling_of_its_tag() {
        for tag in ["de", "DE", "de-AT", "de_AT.UTF-8", "de_DE@euro"] {
            assert_eq!(Language::of(tag), Some(Language::German), "{tag}");
        }
        for tag in ["", "C", "C.UTF-8", "POSIX", "sv_SE.UTF-8", "deu"] {
            assert_eq!(Language::of(tag), None, "{tag}");
        }
    }

    #[test]
    fn the_sessions_variables_count_in_their_order() {
        assert_eq!(session(&[("LANG", "ja_JP.UTF-8")]), Language::Japanese);
        assert_eq!(
            session(&[("LANG", "ja_JP.UTF-8"), ("LC_MESSAGES", "fr_FR.UTF-8")]),
            Language::French
        );
        assert_eq!(
            session(&[("LC_MESSAGES", "fr_FR.UTF-8"), ("LC_ALL", "ar_EG.UTF-8")]),
            Language::Arabic
        );
        assert_eq!(session(&[("LC_ALL", ""), ("LANG", "es_ES")]), Language::Spanish);
    }

    #[test]
    fn a_setting_counts_before_the_session() {
        let german = |name: &str| (name == "LANG").then(|| "de_AT.UTF-8".to_owned());
        for (setting, language) in [
            (Some("fr-CA"), Language::French),
            (Some("AR"), Language::Arabic),
            (Some("nl"), Language::German),
            (None, Language::German),
        ] {
            assert_eq!(Language::chosen(setting, german), language, "{setting:?}");
        }
    }

    #[test]
    fn any_other_session_gets_english() {
        assert_eq!(session(&[]), Language::English);
        assert_eq!(
            session(&[("LC_ALL", "C.UTF-8"), ("LANG", "de_DE.UTF-8")]),
            Language::English
        );
    }

    #[test]
    fn a_session_without_a_language_has_no_locale() {
        for (named, tag) in [
            ("de_AT.UTF-8", Some("de-AT")),
            ("ca_ES.UTF-8@valencia", Some("ca-ES")),
            ("ja", Some("ja")),
            ("C", None),
            ("C.UTF-8", None),
            ("POSIX", None),
            ("", None),
            ("../x", None),
            ("en&times=x", None),
        ] {
            let variable = |name: &str| (name == "LANG").then(|| named.to_owned());
            assert_eq!(session_locale("LC_TIME", variable).as_deref(), tag, "{named}");
        }
        let british_times = |name: &str| match name {
            "LC_TIME" => Some("en_GB.UTF-8".to_owned()),
            "LANG" => Some("en_US.UTF-8".to_owned()),
            _ => None,
        };
        assert_eq!(session_locale("LC_TIME", british_times).as_deref(), Some("en-GB"));
        assert_eq!(
            session_locale("LC_MESSAGES", british_times).as_deref(),
            Some("en-US")
        );
    }
}
