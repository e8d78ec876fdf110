//! A code on the clipboard: put there by the agent, which outlives windows, and taken off again.
//!
//! Invariants: clipboard managers are told to keep it out of their history; it is taken off only if the clipboard still holds that
//! very code; there is a connection to the desktop's clipboard only while a code is on it.

use std::{
    sync::{Mutex, PoisonError, mpsc},
    time::Duration,
};

use arboard::SetExtLinux as _;
use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::{sync::oneshot, time::timeout};
use zeroize::Zeroizing;

/// How long the desktop may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// The code is not on the clipboard.
#[derive(Debug, thiserror::Error)]
pub enum ClipboardError {
    /// Neither X11 nor a Wayland compositor that lets programs without a window write it.
    #[error("there is no clipboard to write to. Type the code, or copy it from the terminal")]
    Unavailable(#[source] Option<arboard::Error>),
    /// No answer in time.
    #[error("the clipboard did not answer. Try again")]
    TimedOut,
}

/// The desktop's clipboard.
pub trait Clipboard: std::fmt::Debug + Send + Sync {
    /// Puts a code on it, and takes it off after this time; never without one.
    fn copy<'a>(
        &'a self,
        code: Zeroizing<String>,
        lasting: Option<Duration>,
    ) -> BoxFuture<'a, Result<(), ClipboardError>>;

    /// Takes the code off now, if there is one.
    fn clear(&self) -> BoxFuture<'_, ()>;
}

/// X11's or Wayland's.
#[derive(Debug, Default)]
pub struct DesktopClipboard {
    /// The thread that holds a code. It ends by itself.
    holder: Mutex<Option<mpsc::Sender<Order>>>,
}

#[derive(Debug)]
enum Order {
    Hold(
        Zeroizing<String>,
        Option<Duration>,
        oneshot::Sender<Result<(), ClipboardError>>,
    ),
    Clear(oneshot::Sender<()>),
}

impl DesktopClipboard {
    /// Gives an order to the thread that runs, or to a new one.
    fn order(&self, order: Order) -> Result<(), ClipboardError> {
        let mut holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        let order = match holder.take() {
            Some(running) => match running.send(order) {
                Ok(()) => {
                    *holder = Some(running);
                    return Ok(());
                }
                Err(mpsc::SendError(order)) => order,
            },
            None => order,
        };
        if let Order::Clear(done) = order {
            let _ = done.send(());
            return Ok(());
        }
        let (sender, orders) = mpsc::channel();
        std::thread::Builder::new()
            .name("clipboard".into())
            .spawn(move || hold(&orders))
            .map_err(|_| ClipboardError::Unavailable(None))?;
        let _ = sender.send(order);
        *holder = Some(sender);
        Ok(())
    }
}

impl Clipboard for DesktopClipboard {
    fn copy<'a>(
        &'a self,
        code: Zeroizing<String>,
        lasting: Option<Duration>,
    ) -> BoxFuture<'a, Result<(), ClipboardError>> {
        async move {
            // A thread that just ends does not take the order any more: then a new one does.
            for _ in 0..2 {
                let (done, result) = oneshot::channel();
                self.order(Order::Hold(code.clone(), lasting, done))?;
                match timeout(PATIENCE, result).await {
                    Ok(Ok(result)) => return result,
                    Ok(Err(_)) => {}
                    Err(_) => return Err(ClipboardError::TimedOut),
                }
            }
            Err(ClipboardError::TimedOut)
        }
        .boxed()
    }

    fn clear(&self) -> BoxFuture<'_, ()> {
        async move {
            let (done, cleared) = oneshot::channel();
            if self.order(Order::Clear(done)).is_ok() {
                let _ = timeout(PATIENCE, cleared).await;
            }
        }
        .boxed()
    }
}

/// Holds one code after another until the last one is taken off.
fn hold(orders: &mpsc::Receiver<Order>) {
    let Ok(mut order) = orders.recv() else { return };
    let mut held: Option<(arboard::Clipboard, Zeroizing<String>)> = None;
    loop {
        let lasting = match order {
            Order::Clear(done) => {
                take_off(held.take());
                let _ = done.send(());
                return;
            }
            Order::Hold(code, lasting, done) => {
                let result = put_on(&code);
                let (clipboard, result) = match result {
                    Ok(clipboard) => (Some(clipboard), Ok(())),
                    Err(error) => (None, Err(ClipboardError::Unavailable(Some(error)))),
                };
                let _ = done.send(result);
                match clipboard {
                    Some(clipboard) => held = Some((clipboard, code)),
                    None => return take_off(held.take()),
                }
                lasting
            }
        };
        let next = match lasting {
            Some(lasting) => orders.recv_timeout(lasting).ok(),
            None => orders.recv().ok(),
        };
        match next {
            Some(next) => order = next,
            None => return take_off(held.take()),
        }
    }
}

fn put_on(code: &str) -> Result<arboard::Clipboard, arboard::Error> {
    let mut clipboard = arboard::Clipboard::new()?;
    clipboard.set().exclude_from_history().text(code)?;
    Ok(clipboard)
}

fn take_off(held: Option<(arboard::Clipboard, Zeroizing<String>)>) {
    let Some((mut clipboard, code)) = held else { return };
    let holds_it = clipboard
        .get_text()
        .map(Zeroizing::new)
        .is_ok_and(|text| *text == *code);
    if holds_it && let Err(error) = clipboard.clear() {
        tracing::warn!(%error, "a code could not be taken off the clipboard");
    }
}

/// A clipboard for tests: what is on it is seen, and time is the test's.
#[cfg(test)]
#[derive(Debug, Default)]
pub struct MemoryClipboard {
    held: Mutex<Option<(String, Option<Duration>)>>,
    broken: std::sync::atomic::AtomicBool,
}

#[cfg(test)]
impl MemoryClipboard {
    /// What is on it, and for how long.
    pub fn held(&self) -> Option<(String, Option<Duration>)> {
        self.held.lock().unwrap().clone()
    }

    /// As on a console without a desktop.
    pub fn take_away(&self) {
        self.broken.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[cfg(test)]
impl Clipboard for MemoryClipboard {
    fn copy<'a>(
        &'a self,
        code: Zeroizing<String>,
        lasting: Option<Duration>,
    ) -> BoxFuture<'a, Result<(), ClipboardError>> {
        let result = if self.broken.load(std::sync::atomic::Ordering::Relaxed) {
            Err(ClipboardError::Unavailable(None))
        } else {
            *self.held.lock().unwrap() = Some((code.to_string(), lasting));
            Ok(())
        };
        futures_util::future::ready(result).boxed()
    }

    fn clear(&self) -> BoxFuture<'_, ()> {
        *self.held.lock().unwrap() = None;
        futures_util::future::ready(()).boxed()
    }
}
