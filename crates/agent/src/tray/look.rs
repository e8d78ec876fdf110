//! What the icon and its menu say, as a function of the agent's status.

use countersign_agent_api::{KeyringState, StatusView};
use jiff::{Timestamp, tz::TimeZone};

use super::{Click, words::Words};
use crate::engine::Language;

/// Everything that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Look {
    /// Requests that wait.
    pub(super) pending: u32,
    pub(super) urgency: Urgency,
    language: Language,
    /// Until when nobody is disturbed, in words.
    muted: Option<String>,
    trouble: Option<&'static str>,
    /// Requests that were held back.
    held_back: u32,
}

/// How much the icon asks for attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Urgency {
    /// Nothing to do.
    #[default]
    Calm,
    /// Something waits, and the person wants to be left alone.
    Waiting,
    /// Something waits.
    Urgent,
}

/// A line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Words that cannot be clicked.
    Text(String),
    /// Something to click.
    Button(&'static str, Click),
    /// A line.
    Separator,
}

impl Look {
    /// Which way the menu is read, as hosts call it.
    pub(super) fn text_direction(&self) -> &'static str {
        match self.language {
            Language::Arabic => "rtl",
            Language::English
            | Language::German
            | Language::French
            | Language::Spanish
            | Language::Japanese => "ltr",
        }
    }

    pub(super) fn new(status: &StatusView, language: Language, zone: &TimeZone) -> Self {
        let words = Words::of(language);
        let muted = status.muted_until.map(|until| {
            Timestamp::from_second(until).map_or_else(
                |_| words.muted.to_owned(),
                |until| (words.muted_until)(&until.to_zoned(zone.clone()).strftime("%H:%M").to_string()),
            )
        });
        let trouble = match status.keyring {
            KeyringState::Locked => Some(words.locked),
            KeyringState::Missing => Some(words.missing),
            KeyringState::Empty => Some(words.key_missing),
            KeyringState::Hanging => Some(words.hanging),
            KeyringState::Ready | KeyringState::Unknown => None,
        };
        let held_back = status.held_back.iter().map(|burst| burst.count).sum();
        let something = status.pending > 0 || held_back > 0 || trouble.is_some();
        Self {
            pending: status.pending,
            urgency: match (something, &muted) {
                (false, _) => Urgency::Calm,
                (true, Some(_)) => Urgency::Waiting,
                (true, None) => Urgency::Urgent,
            },
            language,
            muted,
            trouble,
            held_back,
        }
    }

    /// What waits, in words.
    pub(super) fn headline(&self) -> String {
        let words = Words::of(self.language);
        match self.pending {
            0 => words.nothing.to_owned(),
            some => (words.waiting)(some.into()),
        }
    }

    /// What else there is to know; may be empty.
    pub(super) fn details(&self) -> String {
        let held_back =
            (self.held_back > 0).then(|| (Words::of(self.language).held_back)(self.held_back.into()));
        let parts = [held_back, self.trouble.map(str::to_owned), self.muted.clone()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// The menu, from top to bottom.
    pub(super) fn menu(&self) -> Vec<Entry> {
        let words = Words::of(self.language);
        let mut entries = vec![Entry::Text(self.headline())];
        let details = self.details();
        if !details.is_empty() {
            entries.push(Entry::Text(details));
        }
        if self.pending > 0 {
            entries.push(Entry::Button(words.review, Click::Review));
        }
        entries.push(Entry::Button(words.open, Click::Open));
        entries.push(Entry::Separator);
        entries.push(match self.muted {
            None => Entry::Button(words.mute, Click::Mute),
            Some(_) => Entry::Button(words.unmute, Click::Unmute),
        });
        entries.push(Entry::Separator);
        entries.push(Entry::Button(words.quit, Click::Quit));
        entries
    }
}
