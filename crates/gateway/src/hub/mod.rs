//! The devices that are connected now, and the way to them.
//!
//! Invariants: nothing here is the truth, everything is told again when a device connects; a device has at most one
//! stream, the newest; a stream that does not take its frames is closed rather than waited for; an idle stream
//! holds no buffer.

mod queue;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
};

use countersign_protocol::{
    DeviceId,
    wire::{CLOSE_REPLACED, CLOSE_RESTART, CLOSE_REVOKED, ServerFrame},
};
use tokio::sync::{Notify, futures::Notified};

use self::queue::Queue;

/// What a stream is told next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// Send this text.
    Frame(String),
    /// Close.
    Close(Close),
}

/// Why a stream is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The device was revoked.
    Revoked,
    /// The device connected anew.
    Replaced,
    /// The gateway ends.
    Restart,
    /// The device did not take its frames.
    Slow,
}

impl Close {
    /// The WebSocket close code (protocol section 5.3).
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Revoked => CLOSE_REVOKED,
            Self::Replaced => CLOSE_REPLACED,
            // Both mean: connect again, everything comes again.
            Self::Restart | Self::Slow => CLOSE_RESTART,
        }
    }
}

/// The devices that are connected now.
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    devices: Mutex<Devices>,
    connections: AtomicUsize,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Devices {
    closing: bool,
    slots: HashMap<DeviceId, Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    stream: Option<(u64, Arc<Queue>)>,
    pollers: Weak<Wake>,
}

#[derive(Debug, Default)]
struct Wake {
    notify: Notify,
    /// 0, or why polling is over: 1 revoked, 2 restart.
    over: AtomicU8,
}

const REVOKED: u8 = 1;
const RESTART: u8 = 2;

impl Hub {
    /// How many streams there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// Connects a device. An older stream of the same device is closed.
    #[must_use]
    pub fn connect(&self, device: &DeviceId) -> Connection {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let queue = Arc::new(Queue::default());
        let mut devices = self.0.lock();
        if devices.closing {
            queue.close(Close::Restart);
        }
        let slot = devices.slots.entry(device.clone()).or_default();
        if let Some((_, older)) = slot.stream.replace((id, Arc::clone(&queue))) {
            older.close(Close::Replaced);
        }
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        Connection {
            hub: Arc::clone(&self.0),
            device: device.clone(),
            id,
            queue,
        }
    }

    /// Notes that a device waits for what happens.
    #[must_use]
    pub fn poller(&self, device: &DeviceId) -> Poller {
        let mut devices = self.0.lock();
        let closing = devices.closing;
        let slot = devices.slots.entry(device.clone()).or_default();
        let wake = slot.pollers.upgrade().unwrap_or_default();
        slot.pollers = Arc::downgrade(&wake);
        if closing {
            wake.over.store(RESTART, Ordering::Relaxed);
        }
        Poller {
            hub: Arc::clone(&self.0),
            device: device.clone(),
            wake,
        }
    }

    /// Tells a device, if it is connected; wakes it, if it polls. Whether it has a stream.
    pub fn send(&self, device: &DeviceId, frame: &ServerFrame) -> bool {
        let devices = self.0.lock();
        let Some(slot) = devices.slots.get(device) else {
            return false;
        };
        if let Some(wake) = slot.pollers.upgrade() {
            wake.notify.notify_waiters();
        }
        let Some((_, queue)) = &slot.stream else {
            return false;
        };
        match frame.to_json() {
            Ok(text) => queue.push(text),
            Err(error) => tracing::error!(error = %error, "a frame could not be written"),
        }
        true
    }

    /// Whether telling this device would reach anybody.
    #[must_use]
    pub fn is_listening(&self, device: &DeviceId) -> bool {
        self.0.lock().slots.contains_key(device)
    }

    /// The devices that have a stream.
    #[must_use]
    pub fn connected(&self) -> Vec<DeviceId> {
        let devices = self.0.lock();
        devices
            .slots
            .iter()
            .filter(|(_, slot)| slot.stream.is_some())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Tells a device that it is revoked, and closes its stream.
    pub fn revoke(&self, device: &DeviceId) {
        self.send(device, &ServerFrame::Revoked {});
        let devices = self.0.lock();
        let Some(slot) = devices.slots.get(device) else {
            return;
        };
        if let Some((_, queue)) = &slot.stream {
            queue.close(Close::Revoked);
        }
        if let Some(wake) = slot.pollers.upgrade() {
            wake.over.store(REVOKED, Ordering::Relaxed);
            wake.notify.notify_waiters();
        }
    }

    /// Closes all streams, and those that come later; polls end.
    pub fn shut_down(&self) {
        let mut devices = self.0.lock();
        devices.closing = true;
        for slot in devices.slots.values() {
            if let Some((_, queue)) = &slot.stream {
                queue.close(Close::Restart);
            }
            if let Some(wake) = slot.pollers.upgrade() {
                wake.over.store(RESTART, Ordering::Relaxed);
                wake.notify.notify_waiters();
            }
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Devices> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove_if_unused(devices: &mut Devices, device: &DeviceId) {
        if devices
            .slots
            .get(device)
            .is_some_and(|slot| slot.stream.is_none() && slot.pollers.strong_count() == 0)
        {
            devices.slots.remove(device);
        }
    }
}

/// One stream. Dropping it disconnects.
#[derive(Debug)]
pub struct Connection {
    hub: Arc<Inner>,
    device: DeviceId,
    id: u64,
    queue: Arc<Queue>,
}

impl Connection {
    /// What comes next. After [`Outgoing::Close`] nothing does. Nothing is lost if the future is dropped.
    pub async fn next(&self) -> Outgoing {
        self.queue.next().await
    }

    /// Whose it is.
    #[must_use]
    pub fn device(&self) -> &DeviceId {
        &self.device
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hub.connections.fetch_sub(1, Ordering::Relaxed);
        let mut devices = self.hub.lock();
        if let Some(slot) = devices.slots.get_mut(&self.device)
            && slot.stream.as_ref().is_some_and(|(id, _)| *id == self.id)
        {
            slot.stream = None;
        }
        Inner::remove_if_unused(&mut devices, &self.device);
    }
}

/// One who polls. Dropping it ends that.
#[derive(Debug)]
pub struct Poller {
    hub: Arc<Inner>,
    device: DeviceId,
    wake: Arc<Wake>,
}

/// Whether a poll goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polling {
    /// It does.
    Open,
    /// The device was revoked.
    Revoked,
    /// The gateway ends.
    Restart,
}

impl Poller {
    /// Completes when there is something new. Enable it first, then look, then wait.
    pub fn woken(&self) -> Notified<'_> {
        self.wake.notify.notified()
    }

    /// Whether to go on.
    #[must_use]
    pub fn polling(&self) -> Polling {
        match self.wake.over.load(Ordering::Relaxed) {
            REVOKED => Polling::Revoked,
            RESTART => Polling::Restart,
            _ => Polling::Open,
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        let mut devices = self.hub.lock();
        // This one still counts: replaced by an empty one, it does not.
        self.wake = Arc::default();
        Inner::remove_if_unused(&mut devices, &self.device);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u8) -> DeviceId {
        DeviceId::from_random([number; 16])
    }

    fn frame() -> ServerFrame {
        ServerFrame::Revoked {}
    }

    #[tokio::test]
    async fn a_newer_stream_of_the_same_device_replaces_the_older() {
        let hub = Hub::default();
        let older = hub.connect(&device(1));
        let newer = hub.connect(&device(1));
        assert_eq!(older.next().await, Outgoing::Close(Close::Replaced));
        drop(older);
        assert!(hub.send(&device(1), &frame()), "the newer one is still connected");
        assert!(matches!(newer.next().await, Outgoing::Frame(_)));
    }

    #[tokio::test]
    async fn a_stream_that_takes_nothing_is_closed_and_holds_nothing() {
        let hub = Hub::default();
        let stream = hub.connect(&device(1));
        for _ in 0..1_000 {
            hub.send(&device(1), &frame());
        }
        assert_eq!(stream.next().await, Outgoing::Close(Close::Slow));
    }

    #[tokio::test]
    async fn a_revoked_device_is_told_and_closed() {
        let hub = Hub::default();
        let stream = hub.connect(&device(1));
        let poller = hub.poller(&device(1));
        let other = hub.connect(&device(2));
        hub.revoke(&device(1));
        assert_eq!(
            stream.next().await,
            Outgoing::Frame(r#"{"type":"revoked"}"#.to_owned())
        );
        assert_eq!(stream.next().await, Outgoing::Close(Close::Revoked));
        assert_eq!(poller.polling(), Polling::Revoked);
        assert!(hub.send(&device(2), &frame()));
        assert!(matches!(other.next().await, Outgoing::Frame(_)));
    }

    #[tokio::test]
    async fn shutting_down_closes_streams_that_are_there_and_those_that_come() {
        let hub = Hub::default();
        let before = hub.connect(&device(1));
        hub.shut_down();
        assert_eq!(before.next().await, Outgoing::Close(Close::Restart));
        assert_eq!(
            hub.connect(&device(2)).next().await,
            Outgoing::Close(Close::Restart)
        );
        assert_eq!(hub.poller(&device(3)).polling(), Polling::Restart);
    }

    #[test]
    fn nothing_is_kept_of_devices_that_are_gone() {
        let hub = Hub::default();
        let (stream, first, second) = (
            hub.connect(&device(1)),
            hub.poller(&device(1)),
            hub.poller(&device(1)),
        );
        drop(first);
        drop(stream);
        assert!(hub.is_listening(&device(1)), "one still polls");
        drop(second);
        assert!(!hub.is_listening(&device(1)));
        assert_eq!(hub.connections(), 0);
    }
}
