//! The icon in the desktop's tray (StatusNotifierItem, with a `com.canonical.dbusmenu`).
//!
//! The tray is a front end like any other: it connects to the agent's socket, is told the status and asks for windows. So the
//! engine knows nothing of it.
//!
//! Invariants: nothing in the tray answers a request; without a bus, a watcher or a host the agent works all the same, and the
//! icon is there soon after they are; nothing is sent, and nobody woken, while nothing changes.

mod item;
mod look;
mod menu;
mod watcher;
mod words;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use countersign_agent_api::{
    Activation, Event, Request, Role, Window,
    client::{Client, ClientError},
};
use futures_util::StreamExt as _;
use jiff::tz::TimeZone;
use tokio::{sync::mpsc, time::timeout};
use zbus::{Connection, connection::Builder};

use self::{item::Item, look::Look, menu::Menu};
use crate::{edge::Clock, engine::Language};

/// Clicks that may wait. Nobody clicks faster than windows open.
const CLICKS: usize = 8;
/// How long the bus may take for one thing.
const BUS_LIMIT: Duration = Duration::from_secs(5);
/// How long is waited after the first thing that goes wrong; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long is waited at most: where there never is a bus, next to nothing is done.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// How long *Mute* holds, in seconds.
const MUTED_FOR: i64 = 60 * 60;

/// What somebody clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Click {
    /// The icon itself: what waits, or the main window.
    Icon,
    Review,
    Open,
    Mute,
    Unmute,
    Quit,
}

/// The tray does not work. The agent does.
#[derive(Debug, thiserror::Error)]
pub enum TrayError {
    /// The session bus.
    #[error("the tray cannot use the session bus")]
    Bus(#[from] zbus::Error),
    /// The session bus again.
    #[error("the session bus does not answer")]
    Silent,
    /// The agent's own socket.
    #[error("the tray cannot reach its own agent")]
    Agent(#[from] ClientError),
}

/// The person's desktop session.
#[derive(Debug, Clone)]
pub struct Session {
    /// What the tray says, unless another language is set.
    pub language: Language,
    /// Times are shown in this zone.
    pub zone: TimeZone,
}

/// Keeps the icon for as long as the agent runs. What goes wrong is tried again, less and less often; a connection that works
/// is only listened to.
pub async fn run(socket: PathBuf, clock: Arc<dyn Clock>, session: Session) {
    let mut pause = FIRST_PAUSE;
    loop {
        match keep(&socket, &*clock, &session, &mut pause).await {
            Ok(()) => tracing::debug!("the tray has lost its agent"),
            Err(error) => tracing::debug!(%error, "no tray"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Keeps the icon until something goes wrong or the connection to the agent ends. Once it shows something, the next pause is short
/// again.
async fn keep(
    socket: &Path,
    clock: &dyn Clock,
    session: &Session,
    pause: &mut Duration,
) -> Result<(), TrayError> {
    let board = Board::default();
    let (clicks, mut clicked) = mpsc::channel(CLICKS);
    let bus = limited(connect(&board, &clicks)).await?;
    // Listens before it asks: a watcher that comes in between is not missed.
    let mut owners = limited(watcher::changes(&bus)).await?;
    let (client, mut events) = Client::connect(socket, Role::Terminal).await?;
    client.call(Request::Subscribe).await?;
    watcher::register(&bus).await;

    // Apart from the rest: a window that takes its time to open does not hold up the icon.
    let wishes = async {
        while let Some(click) = clicked.recv().await {
            let wish = wish(click, board.look().pending, clock.now());
            if let Err(error) = client.call(wish).await {
                tracing::warn!(%error, "what was clicked in the tray could not be done");
            }
        }
        Ok(())
    };
    let news = async {
        let mut language = session.language;
        let mut status = None;
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Status(now)) => status = Some(now),
                    Some(Event::Settings(settings)) => {
                        let chosen = settings.values.language.as_deref().and_then(Language::of);
                        language = chosen.unwrap_or(session.language);
                    }
                    Some(Event::Requests(_) | Event::Accounts(_) | Event::Vault(_) | Event::Open(_)) => {}
                    None => return Ok(()),
                },
                owner = owners.next() => match owner {
                    Some(Ok(change)) if watcher::has_come(&change) => watcher::register(&bus).await,
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error.into()),
                    None => return Ok(()),
                },
            }
            if let Some(status) = &status {
                limited(show(&bus, &board, Look::new(status, language, &session.zone))).await?;
                *pause = FIRST_PAUSE;
            }
        }
    };
    tokio::select! {
        ended = wishes => ended,
        ended = news => ended,
    }
}

async fn connect(board: &Board, clicks: &mpsc::Sender<Click>) -> zbus::Result<Connection> {
    Builder::session()?
        .serve_at(item::PATH, Item::new(board.clone(), clicks.clone()))?
        .serve_at(menu::PATH, Menu::new(board.clone(), clicks.clone()))?
        .build()
        .await
}

/// Shows this from now on, and says what is new about it.
async fn show(bus: &Connection, board: &Board, look: Look) -> zbus::Result<()> {
    let before = board.replace(look.clone());
    if before == look {
        return Ok(());
    }
    item::changed(bus, &before, &look).await?;
    menu::changed(bus, board.revision(), &before, &look).await
}

/// The call that a click stands for.
fn wish(click: Click, pending: u32, now: i64) -> Request {
    let prompt = Window::Prompt {
        request: None,
        activation: Activation::Asked,
    };
    match click {
        Click::Icon if pending == 0 => Request::OpenApp { window: Window::Main },
        Click::Icon | Click::Review => Request::OpenApp { window: prompt },
        Click::Open => Request::OpenApp { window: Window::Main },
        Click::Mute => Request::Mute {
            until: Some(now + MUTED_FOR),
        },
        Click::Unmute => Request::Mute { until: None },
        Click::Quit => Request::Shutdown,
    }
}

async fn limited<T>(work: impl Future<Output = zbus::Result<T>>) -> Result<T, TrayError> {
    Ok(timeout(BUS_LIMIT, work).await.map_err(|_| TrayError::Silent)??)
}

/// What is shown now: written by the tray's task, read by the objects on the bus.
#[derive(Debug, Clone, Default)]
struct Board(Arc<Mutex<(Look, u32)>>);

impl Board {
    fn look(&self) -> Look {
        self.locked().0.clone()
    }

    /// Grows with every change, for hosts that keep a copy of the menu.
    fn revision(&self) -> u32 {
        self.locked().1
    }

    /// Puts this in place of what was there.
    fn replace(&self, look: Look) -> Look {
        let mut shown = self.locked();
        if shown.0 != look {
            shown.1 = shown.1.wrapping_add(1);
        }
        std::mem::replace(&mut shown.0, look)
    }

    fn locked(&self) -> MutexGuard<'_, (Look, u32)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
