//! A notifier for tests: remembers what is on screen and lets the test act as the person.

use std::sync::{Mutex, PoisonError};

use futures_util::future::{self, BoxFuture, FutureExt as _};
use tokio::sync::mpsc;

use super::{Action, Notification, NotificationEvent, NotificationId, Notifier, NotifyError, Turn};

/// Remembers notifications. As strict as a desktop: only what is on screen, with an action it offers, can be acted upon.
#[derive(Debug)]
pub struct MemoryNotifier {
    shown: Mutex<Vec<(Turn, Notification)>>,
    present: bool,
    events: mpsc::Sender<NotificationEvent>,
}

impl MemoryNotifier {
    /// With nothing on screen. `present`: whether there is a notification service at all.
    pub fn new(present: bool) -> (Self, mpsc::Receiver<NotificationEvent>) {
        let (events, receiver) = mpsc::channel(64);
        (
            Self {
                shown: Mutex::default(),
                present,
                events,
            },
            receiver,
        )
    }

    /// What is on screen, oldest first.
    pub fn on_screen(&self) -> Vec<Notification> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown
            .iter()
            .map(|(_, notification)| notification.clone())
            .collect()
    }

    /// The person acts.
    pub fn act(&self, id: &NotificationId, action: Action) {
        let (turn, shown) = self.take(id).expect("no such notification on screen");
        assert!(
            shown.actions.iter().any(|(a, _)| *a == action),
            "{action:?} is not offered by {shown:?}"
        );
        self.events
            .try_send(NotificationEvent::Acted {
                id: id.clone(),
                turn,
                action,
            })
            .unwrap();
    }

    /// The person closes it.
    pub fn dismiss(&self, id: &NotificationId) {
        let (turn, _) = self.take(id).expect("no such notification on screen");
        let id = id.clone();
        self.events
            .try_send(NotificationEvent::Closed { id, turn })
            .unwrap();
    }

    fn take(&self, id: &NotificationId) -> Option<(Turn, Notification)> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let position = shown.iter().position(|(_, n)| n.id == *id)?;
        Some(shown.remove(position))
    }
}

impl Notifier for MemoryNotifier {
    fn show(&self, turn: Turn, notification: Notification) -> BoxFuture<'_, Result<(), NotifyError>> {
        if !self.present {
            return future::ready(Err(NotifyError::NoService)).boxed();
        }
        self.take(&notification.id);
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((turn, notification));
        future::ready(Ok(())).boxed()
    }

    fn close<'a>(&'a self, id: &'a NotificationId) -> BoxFuture<'a, ()> {
        self.take(id);
        future::ready(()).boxed()
    }
}
