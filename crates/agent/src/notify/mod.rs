//! Desktop notifications over the session bus (Desktop Notifications Specification 1.2).
//!
//! Invariants: a signal counts only if it comes from the process that took the notification, for a notification sent here, with
//! the random action key it was sent with; everything else is counted and dropped. Text is plain: escaped where the
//! server reads markup. A notification never approves by itself: it is an input like any other, and what it may do is
//! the engine's rule. Listening costs nothing while nothing happens.

mod desktop;
mod live;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod tests;

pub use desktop::DesktopNotifier;
#[cfg(test)]
pub use memory::MemoryNotifier;

use futures_util::future::BoxFuture;

/// Names one notification to the engine, across replacements. Chosen by the engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NotificationId(pub String);

/// One showing of a notification. Each has its own, replacements too: what a person did is told with it, so that a press on what
/// was replaced is never taken for an answer to what replaced it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Turn(pub u64);

/// What a person may do in a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Open the prompt (also: a click on the notification itself).
    Review,
    /// Deny.
    Deny,
    /// Approve; offered only where the request's signed requirements allow it.
    Approve,
    /// Deny everything that is held back.
    DenyAll,
    /// Open the window that the notification is about: the prompt for requests, otherwise the main window.
    Show,
    /// Open the prompt's confirm step, to report a request that has ended: another device answered it.
    NotMe,
    /// The same, of one that was denied here.
    ReportToo,
    /// Try to unlock the keyring.
    Unlock,
    /// Run the diagnostics.
    Check,
}

/// How much it insists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Goes by itself.
    Low,
    /// Ordinary.
    Normal,
    /// Stays.
    Critical,
}

/// How long it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Until it is closed or acted upon.
    Stays,
    /// For so many milliseconds.
    Millis(u32),
}

/// What is to be shown. Plain text, already shortened; never a code, a PIN or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Replaces one that is still shown under this id.
    pub id: NotificationId,
    /// At most 40 characters.
    pub title: String,
    /// At most 90 characters.
    pub body: String,
    /// Buttons in their order, with their labels. A click on the notification itself counts as the first, if that one only
    /// opens something.
    pub actions: Vec<(Action, String)>,
    /// How much it insists.
    pub urgency: Urgency,
    /// How long it stays.
    pub life: Life,
}

/// What became of notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationEvent {
    /// The person acted. The notification is gone.
    Acted {
        /// Which notification.
        id: NotificationId,
        /// Which showing of it.
        turn: Turn,
        /// How.
        action: Action,
    },
    /// It is gone without an action: closed by the person, timed out, or its service ended.
    Closed {
        /// Which notification.
        id: NotificationId,
        /// Which showing of it.
        turn: Turn,
    },
    /// A signal was dropped: another program pretended to be the notification service, or guessed a key.
    Forged,
}

/// Shows notifications. What people do with them arrives at the receiver given out at construction.
pub trait Notifier: std::fmt::Debug + Send + Sync {
    /// Shows it, or replaces the one with the same id.
    ///
    /// # Errors
    /// [`NotifyError::NoService`] at once if nobody provides notifications: open the window instead.
    fn show(&self, turn: Turn, notification: Notification) -> BoxFuture<'_, Result<(), NotifyError>>;

    /// Takes it away. One that is gone already does no harm.
    fn close<'a>(&'a self, id: &'a NotificationId) -> BoxFuture<'a, ()>;
}

/// A notification could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// No session bus or no notification service on it.
    #[error("no notification service answers")]
    NoService,
    /// No answer in time.
    #[error("the notification service did not answer in time")]
    TimedOut,
    /// It answered with an error.
    #[error("the notification service failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
