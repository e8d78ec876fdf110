//! What the icon and its menu say, as a function of the agent's status.

use countersign_agent_api::{KeyringState, StatusView};
use jiff::{Timestamp, tz::TimeZone};

use super::Click;

/// Everything that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Look {
    /// Requests that wait.
    pub(super) pending: u32,
    pub(super) urgency: Urgency,
    /// When the person may be disturbed again, as the clock on the wall says.
    muted_until: Option<String>,
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
    pub(super) fn new(status: &StatusView, zone: &TimeZone) -> Self {
        let muted_until = status.muted_until.map(|until| {
            Timestamp::from_second(until).map_or_else(
                |_| "further notice".to_owned(),
                |until| until.to_zoned(zone.clone()).strftime("%H:%M").to_string(),
            )
        });
        let trouble = match status.keyring {
            KeyringState::Locked => Some("The keyring is locked"),
            KeyringState::Missing => Some("There is no keyring"),
            KeyringState::Empty => Some("A key is missing from the keyring"),
            KeyringState::Hanging => Some("The keyring does not answer"),
            KeyringState::Ready | KeyringState::Unknown => None,
        };
        let held_back = status.held_back.iter().map(|burst| burst.count).sum();
        let something = status.pending > 0 || held_back > 0 || trouble.is_some();
        Self {
            pending: status.pending,
            urgency: match (something, &muted_until) {
                (false, _) => Urgency::Calm,
                (true, Some(_)) => Urgency::Waiting,
                (true, None) => Urgency::Urgent,
            },
            muted_until,
            trouble,
            held_back,
        }
    }

    /// What waits, in words.
    pub(super) fn headline(&self) -> String {
        match self.pending {
            0 => "No requests".to_owned(),
            1 => "1 request waits".to_owned(),
            many => format!("{many} requests wait"),
        }
    }

    /// What else there is to know; may be empty.
    pub(super) fn details(&self) -> String {
        let held_back = (self.held_back > 0).then(|| format!("{} held back", self.held_back));
        let muted = self
            .muted_until
            .as_ref()
            .map(|until| format!("Muted until {until}"));
        let parts = [held_back, self.trouble.map(str::to_owned), muted];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// The menu, from top to bottom.
    pub(super) fn menu(&self) -> Vec<Entry> {
        let mut entries = vec![Entry::Text(self.headline())];
        let details = self.details();
        if !details.is_empty() {
            entries.push(Entry::Text(details));
        }
        if self.pending > 0 {
            entries.push(Entry::Button("Review next request", Click::Review));
        }
        entries.push(Entry::Button("Open Countersign", Click::Open));
        entries.push(Entry::Separator);
        entries.push(match self.muted_until {
            None => Entry::Button("Mute for 1 hour", Click::Mute),
            Some(_) => Entry::Button("Unmute", Click::Unmute),
        });
        entries.push(Entry::Separator);
        entries.push(Entry::Button("Quit", Click::Quit));
        entries
    }
}
