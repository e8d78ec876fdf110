//! The frames that wait for one stream.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::sync::Notify;

use super::{Close, Outgoing};

/// Most frames that wait. More means that the device does not take them.
const CAPACITY: usize = 64;

/// A bounded queue that holds memory only while frames wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<String>,
    close: Option<Close>,
}

impl Queue {
    /// Adds a frame. If too many wait, all are dropped and the stream is closed: they come again when it reconnects.
    pub(super) fn push(&self, frame: String) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.close.is_none() {
            waiting.frames.push_back(frame);
            if waiting.frames.len() > CAPACITY {
                waiting.frames = VecDeque::new();
                waiting.close = Some(Close::Slow);
            }
        }
        drop(waiting);
        self.ready.notify_one();
    }

    /// Closes after what waits. The first reason counts.
    pub(super) fn close(&self, why: Close) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .close
            .get_or_insert(why);
        self.ready.notify_one();
    }

    pub(super) async fn next(&self) -> Outgoing {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.ready.notified().await;
        }
    }

    fn take(&self) -> Option<Outgoing> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.frames.pop_front() {
            Some(frame) => {
                if waiting.frames.is_empty() {
                    waiting.frames = VecDeque::new();
                }
                Some(Outgoing::Frame(frame))
            }
            None => waiting.close.map(Outgoing::Close),
        }
    }
}
