//! Starts the desktop app when there is something to show.
//!
//! Invariants: the app gets a request's id and nothing else about it; at most one start is under way; the child is detached
//! from the agent's session and always reaped; the agent never waits for the app.

mod process;

pub use process::{AppCommand, ProcessLauncher};

use countersign_agent_api::Window;
use futures_util::future::BoxFuture;

/// Brings up the desktop app.
pub trait AppLauncher: std::fmt::Debug + Send + Sync {
    /// Starts the app on this window. Returns once the process is running, not once it has painted.
    ///
    /// # Errors
    /// [`LaunchError`]; after it nothing runs.
    fn launch(&self, window: &Window) -> Result<Launched, LaunchError>;

    /// Ends when an app that was started has ended since this was last waited for.
    fn ended(&self) -> BoxFuture<'_, ()>;
}

/// What a launch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launched {
    /// A process was started.
    Started,
    /// An earlier one is still running: it is asked over its connection instead.
    AlreadyRunning,
}

/// The app could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is nothing to start it with.
    #[error("the Countersign app is not installed (no {0}). Use `countersign-agent requests` in a terminal")]
    NotFound(String),
    /// No display to show it on.
    #[error(
        "there is no display to open the Countersign app on. Use `countersign-agent requests` in a terminal"
    )]
    NoDisplay,
    /// The system refused.
    #[error("the Countersign app could not be started. Use `countersign-agent requests` in a terminal")]
    Failed(#[source] std::io::Error),
}
