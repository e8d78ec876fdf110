//! The notifications that are on screen, and what a signal means for them. No I/O.

use std::collections::{HashMap, HashSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{error::Unspecified, rand::SecureRandom};

use super::{Action, NotificationEvent, NotificationId, Turn};

/// The action key that the specification gives to a click on the notification itself.
const DEFAULT_KEY: &str = "default";

/// One notification on screen.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) id: NotificationId,
    pub(super) turn: Turn,
    /// Unique bus name of who took it.
    pub(super) server: String,
    pub(super) keys: ActionKeys,
}

/// The keys one notification was sent with.
#[derive(Debug, Default)]
pub(super) struct ActionKeys(Vec<(String, Action)>);

impl ActionKeys {
    /// New random keys, and what goes on the bus: key, label, key, label …
    pub(super) fn new(
        actions: &[(Action, String)],
        rng: &dyn SecureRandom,
    ) -> Result<(Self, Vec<String>), Unspecified> {
        let mut keys = Vec::with_capacity(actions.len() + 1);
        let mut sent = Vec::with_capacity(2 * actions.len() + 2);
        if let Some((first, label)) = actions.first()
            && let Some(beside) = beside(*first)
        {
            keys.push((DEFAULT_KEY.to_owned(), beside));
            // Services that list it with the buttons must not show one label for two things.
            let label = if beside == *first { label.as_str() } else { "" };
            sent.extend([DEFAULT_KEY.to_owned(), label.to_owned()]);
        }
        for (action, label) in actions {
            let mut bits = [0; 16];
            rng.fill(&mut bits)?;
            let key = URL_SAFE_NO_PAD.encode(bits);
            sent.extend([key.clone(), label.clone()]);
            keys.push((key, *action));
        }
        Ok((Self(keys), sent))
    }

    fn get(&self, key: &str) -> Option<Action> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, action)| *action)
    }
}

/// What a click beside the buttons means. It must not answer anything.
fn beside(first: Action) -> Option<Action> {
    match first {
        Action::Review | Action::Show | Action::Unlock | Action::Check => Some(first),
        Action::NotMe | Action::ReportToo => Some(Action::Show),
        Action::Deny | Action::Approve | Action::DenyAll => None,
    }
}

/// What the service says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Signal {
    /// `ActionInvoked`.
    Invoked { number: u32, key: String },
    /// `NotificationClosed`.
    Closed { number: u32 },
}

/// What a signal comes to before it is known who sent it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Not about a notification of ours.
    Foreign,
    /// About one of ours, but with a key that was never given out.
    WrongKey,
    /// Means this, if it comes from the process behind this bus name.
    Means {
        event: NotificationEvent,
        number: u32,
        turn: Turn,
        server: String,
    },
}

/// All notifications on screen, by the number the service gave them.
#[derive(Debug, Default)]
pub(super) struct Live(HashMap<u32, Shown>);

impl Live {
    pub(super) fn number_of(&self, id: &NotificationId) -> Option<u32> {
        self.0
            .iter()
            .find(|(_, shown)| shown.id == *id)
            .map(|(number, _)| *number)
    }

    pub(super) fn insert(&mut self, number: u32, shown: Shown) {
        self.0.retain(|_, other| other.id != shown.id);
        self.0.insert(number, shown);
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Shown> {
        self.0.remove(&number)
    }

    /// Takes this showing out, if it is still the one under this number.
    pub(super) fn ended(&mut self, number: u32, turn: Turn) -> bool {
        let current = self.0.get(&number).is_some_and(|shown| shown.turn == turn);
        current && self.remove(number).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes out everything that these services had on screen (`None`: everything).
    pub(super) fn drain(&mut self, server: Option<&str>) -> Vec<(NotificationId, Turn)> {
        let gone: HashSet<u32> = self
            .0
            .iter()
            .filter(|(_, shown)| server.is_none_or(|name| shown.server == name))
            .map(|(number, _)| *number)
            .collect();
        gone.iter()
            .filter_map(|number| self.0.remove(number))
            .map(|shown| (shown.id, shown.turn))
            .collect()
    }

    pub(super) fn read(&self, signal: &Signal) -> Reading {
        let number = match signal {
            Signal::Invoked { number, .. } | Signal::Closed { number } => *number,
        };
        let Some(shown) = self.0.get(&number) else {
            return Reading::Foreign;
        };
        let (id, turn) = (shown.id.clone(), shown.turn);
        let event = match signal {
            Signal::Closed { .. } => NotificationEvent::Closed { id, turn },
            Signal::Invoked { key, .. } => match shown.keys.get(key) {
                Some(action) => NotificationEvent::Acted { id, turn, action },
                None => return Reading::WrongKey,
            },
        };
        Reading::Means {
            event,
            number,
            turn,
            server: shown.server.clone(),
        }
    }
}

/// Plain text for a server that reads markup in bodies.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
impl Live {
    pub(super) fn keys_of(&self, number: u32) -> Vec<String> {
        self.0
            .get(&number)
            .map(|shown| shown.keys.0.iter().map(|(key, _)| key.clone()).collect())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review_and_deny() -> Vec<(Action, String)> {
        vec![(Action::Review, "Review".into()), (Action::Deny, "Deny".into())]
    }

    fn live_with(number: u32, id: &str) -> (Live, Vec<String>) {
        let (keys, sent) = ActionKeys::new(&review_and_deny(), &crate::edge::random()).unwrap();
        let mut live = Live::default();
        live.insert(
            number,
            Shown {
                id: NotificationId(id.into()),
                turn: Turn(3),
                server: ":1.5".into(),
                keys,
            },
        );
        (live, sent)
    }

    #[test]
    fn action_keys_are_random_and_differ_between_notifications() {
        let (_, first) = live_with(1, "a");
        let (_, second) = live_with(1, "a");
        assert_eq!(first.len(), 6);
        assert_eq!(first[2].len(), 22);
        assert_ne!(first[2], second[2]);
        assert_ne!(first[4], second[4]);
    }

    #[test]
    fn a_click_beside_a_button_that_reports_only_shows() {
        for action in [Action::NotMe, Action::ReportToo] {
            let offered = [(action, "This wasn’t me".to_owned())];
            let (keys, sent) = ActionKeys::new(&offered, &crate::edge::random()).unwrap();
            assert_eq!(keys.get(DEFAULT_KEY), Some(Action::Show));
            assert_eq!((sent[1].as_str(), sent[3].as_str()), ("", "This wasn’t me"));
            assert_eq!(keys.get(&sent[2]), Some(action));
        }
    }

    #[test]
    fn a_guessed_key_means_nothing() {
        let (live, sent) = live_with(7, "a");
        let guess = |key: &str| {
            live.read(&Signal::Invoked {
                number: 7,
                key: key.into(),
            })
        };
        assert_eq!(guess("deny"), Reading::WrongKey);
        assert_eq!(guess("1"), Reading::WrongKey);
        let means = |action| Reading::Means {
            event: NotificationEvent::Acted {
                id: NotificationId("a".into()),
                turn: Turn(3),
                action,
            },
            number: 7,
            turn: Turn(3),
            server: ":1.5".into(),
        };
        assert_eq!(guess(&sent[4]), means(Action::Deny));
        assert_eq!(guess("default"), means(Action::Review));
    }

    #[test]
    fn a_click_beside_the_buttons_never_answers() {
        let approve_first = vec![(Action::Approve, "Approve".into())];
        let (keys, sent) = ActionKeys::new(&approve_first, &crate::edge::random()).unwrap();
        assert_eq!(keys.get("default"), None);
        assert_eq!(sent.len(), 2);
    }

    #[test]
    fn a_replacement_makes_the_old_number_foreign() {
        let (mut live, _) = live_with(7, "a");
        live.insert(
            9,
            Shown {
                id: NotificationId("a".into()),
                turn: Turn(4),
                server: ":1.5".into(),
                keys: ActionKeys::default(),
            },
        );
        assert_eq!(live.read(&Signal::Closed { number: 7 }), Reading::Foreign);
        assert_eq!(live.number_of(&NotificationId("a".into())), Some(9));
    }

    #[test]
    fn a_replacement_under_the_same_number_outlives_what_it_replaced() {
        let (mut live, _) = live_with(7, "a");
        live.insert(
            7,
            Shown {
                id: NotificationId("a".into()),
                turn: Turn(4),
                server: ":1.5".into(),
                keys: ActionKeys::default(),
            },
        );
        assert!(!live.ended(7, Turn(3)));
        assert!(live.ended(7, Turn(4)));
        assert_eq!(live.len(), 0);
    }

    #[test]
    fn a_service_that_ends_takes_only_its_own_notifications_along() {
        let (mut live, _) = live_with(7, "a");
        assert!(live.drain(Some(":1.6")).is_empty());
        assert_eq!(live.drain(Some(":1.5")), [(NotificationId("a".into()), Turn(3))]);
        assert_eq!(live.len(), 0);
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(escaped("<b>A & B</b>"), "&lt;b&gt;A &amp; B&lt;/b&gt;");
    }
}
