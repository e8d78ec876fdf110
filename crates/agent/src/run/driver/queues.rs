//! What keeps its order: notifications, and changes of settings. One task each works them off.

use std::sync::Arc;

use countersign_agent_api::{ApiError, ErrorCode, SettingChange};
use tokio::sync::mpsc;

use super::{Driver, Input, event};
use crate::{
    engine::{Call, Event},
    notify::{Notification, NotificationId, Notifier, Turn},
    run::Preferences,
};

/// What the notification service is to do.
#[derive(Debug)]
pub(super) enum Notice {
    Show(Turn, Notification),
    Close(NotificationId),
}

impl Driver {
    pub(super) fn notice(&self, notice: Notice) {
        if self.notices.try_send(notice).is_err() {
            tracing::warn!("the notification service is too slow, a notification was left out");
        }
    }

    pub(super) fn change_setting(&mut self, call: Call, change: SettingChange) {
        if self.changes.try_send((call, change)).is_err() {
            let text = "Too many settings are being changed. Try again in a moment.";
            self.reply(call, Err(ApiError::new(ErrorCode::Unavailable, text)));
        }
    }
}

pub(super) async fn notify(
    notifier: Arc<dyn Notifier>,
    mut queue: mpsc::Receiver<Notice>,
    results: mpsc::Sender<Input>,
) {
    while let Some(notice) = queue.recv().await {
        match notice {
            Notice::Show(turn, notification) => {
                let id = notification.id.clone();
                if let Err(error) = notifier.show(turn, notification).await {
                    let _ = results.send(event(Event::NotShown(id, turn, error))).await;
                }
            }
            Notice::Close(id) => notifier.close(&id).await,
        }
    }
}

/// Files are read and written off the engine's thread: what a setting names may be slow, or on a network.
pub(super) async fn change(
    mut preferences: Preferences,
    mut wanted: mpsc::Receiver<(Call, SettingChange)>,
    results: mpsc::Sender<Input>,
) {
    while let Some((call, change)) = wanted.recv().await {
        let mut own = preferences.clone();
        let work = move || {
            let result = own.change(&change).map_err(|error| error.answer());
            (own, result)
        };
        let result = match tokio::task::spawn_blocking(work).await {
            Ok((own, result)) => {
                preferences = own;
                result
            }
            Err(_) => Err(ApiError::new(
                ErrorCode::Storage,
                "The setting could not be changed.",
            )),
        };
        let changed = event(Event::SettingChanged(call, Box::new(result)));
        if results.send(changed).await.is_err() {
            return;
        }
    }
}
