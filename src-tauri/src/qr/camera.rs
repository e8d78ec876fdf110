//! QR codes that are held before a camera.
//!
//! The camera is opened and read by a process of its own, which is this program again: what a driver or a picture does to it does
//! not reach the app, and the camera is off when it has ended.
//!
//! Invariants: the camera is on only while a dialog waits for it, at most [`LIMIT`], one process at a time; it goes off with the
//! dialog, the window and the app, however they end. The page gets what was seen so coarse that no code can be read from it
//! ([`coarse`]); texts go where those of other pictures go.

mod coarse;
mod device;
mod serve;

use std::{
    path::Path,
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::Command,
    sync::oneshot,
    time::timeout,
};

use coarse::Coarse;
pub(crate) use serve::serve;

/// The argument that makes this program the one that looks through a camera.
pub(crate) const ARGUMENT: &str = "--watch-camera";
/// What the page is told meanwhile.
pub(crate) const CAMERA_EVENT: &str = "camera";
/// How long the camera stays on.
const LIMIT: Duration = Duration::from_secs(120);
/// The longest line of the other process, in bytes: a code holds less than 3 kB.
const MAX_LINE: u64 = 256 * 1024;

/// Turns the camera off. One that is on goes off when another one goes on.
#[derive(Debug, Default)]
pub(crate) struct CameraSwitch(Mutex<Option<oneshot::Sender<()>>>);

/// What the page is told while it waits for a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum CameraView {
    /// The camera is on.
    Seeing {
        /// What is before it, too coarse for a code to be read.
        picture: Coarse,
    },
    /// The camera is off, without a code.
    Ended {
        /// Why.
        why: CameraTrouble,
    },
}

/// Why no code came from a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub(crate) enum CameraTrouble {
    /// There is none.
    #[error("there is no camera")]
    Missing,
    /// The system does not let this person use it.
    #[error("the camera may not be used")]
    Forbidden,
    /// Another program uses it.
    #[error("another program uses the camera")]
    Busy,
    /// It gives no pictures that can be read.
    #[error("the camera gives no pictures")]
    Failed,
    /// The time is over.
    #[error("no code was seen")]
    NothingSeen,
}

/// What the other process says, a line each.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
enum Said {
    /// A picture.
    Saw {
        /// As the page gets it.
        picture: Coarse,
        /// The texts of the codes in it, perhaps none.
        texts: Vec<String>,
    },
    /// The last line.
    Ended {
        /// Why.
        why: CameraTrouble,
    },
}

impl CameraSwitch {
    /// Lets another one go on: it goes off when the receiver hears of it, or that nobody is left to tell.
    pub(super) fn on(&self) -> oneshot::Receiver<()> {
        let (sender, off) = oneshot::channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        off
    }

    /// Turns it off, if it is on.
    pub(crate) fn off(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The process that looks through the camera.
pub(super) fn process(program: &Path) -> Command {
    let mut process = Command::new(program);
    process.arg(ARGUMENT);
    process
}

/// Has a [`process`] look until there is a code that is not `known`. None if there was none, which `show` has been told, or if it was
/// turned `off`.
pub(super) async fn watch(
    process: Command,
    known: &[String],
    off: oneshot::Receiver<()>,
    show: impl Fn(CameraView),
) -> Option<Vec<String>> {
    let looked = tokio::select! {
        looked = timeout(LIMIT, look(process, known, &show)) => looked,
        _ = off => return None,
    };
    match looked.unwrap_or(Err(CameraTrouble::NothingSeen)) {
        Ok(texts) => Some(texts),
        Err(why) => {
            show(CameraView::Ended { why });
            None
        }
    }
}

async fn look(
    mut process: Command,
    known: &[String],
    show: &impl Fn(CameraView),
) -> Result<Vec<String>, CameraTrouble> {
    // It ends when its standard input does: also if this process is killed.
    let mut child = process
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|_| CameraTrouble::Failed)?;
    let mut lines = BufReader::new(child.stdout.take().ok_or(CameraTrouble::Failed)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line).await;
        read.map_err(|_| CameraTrouble::Failed)?;
        match serde_json::from_slice(&line).map_err(|_| CameraTrouble::Failed)? {
            Said::Saw { picture, texts } => {
                let new: Vec<String> = texts.into_iter().filter(|text| !known.contains(text)).collect();
                if !new.is_empty() {
                    return Ok(new);
                }
                show(CameraView::Seeing { picture });
            }
            Said::Ended { why } => return Err(why),
        }
    }
}

#[cfg(test)]
mod tests;
