//! What people use, as the stories use it: the agent's socket as a front end sees it ([`Watch`]), the prompt window
//! through WebDriver ([`Prompt`]) and as a bare X11 window ([`Desktop`]), notifications ([`Notifications`]), what a screen reader is
//! told ([`ScreenReader`]), the sample bank's page ([`Bank`]), and every state of the interface from fixtures ([`Gallery`]).
//!
//! Invariant: nothing here sleeps. A story waits on the agent's event stream; a page, which has none, is looked at
//! again and again in one place, [`poll`], with a deadline.

mod accessibility;
mod bank;
mod desktop;
mod gallery;
mod main_window;
mod notifications;
pub mod poll;
mod prompt;
mod watch;

pub use accessibility::{Node, ScreenReader};
pub use bank::{Bank, StepUp};
pub use desktop::{Desktop, WindowId, runs};
pub use gallery::{Gallery, Picture};
pub use main_window::MainWindow;
pub use notifications::{Notifications, Shown};
pub(crate) use prompt::found;
pub use prompt::{Outcome, Prompt};
pub use watch::{SOON, Watch};
