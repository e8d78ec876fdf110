//! The real parts, each as a process of its own in a private desktop session: bus, display, window manager, keyring,
//! notification daemon ([`Session`]), [`Gateway`], [`Agent`], identity provider and bank ([`Demo`]), the app in its window
//! ([`WebDriver`]).
//!
//! Invariants: nothing of the person's own session, home or network is touched; everything listens on loopback; every
//! process ends, with its whole group, when its handle is dropped; whether a part is ready is told by the part itself, not
//! by the clock; everything any of them printed is kept ([`Session::logs`]).

mod agent;
mod ca;
mod clock;
mod demo;
mod gateway;
mod kept;
mod keyring;
mod logs;
mod memory;
mod paths;
mod ports;
mod privacyidea;
mod privacyidea_containers;
mod process;
mod session;
mod webdriver;

pub use agent::{Agent, AgentOptions, NotificationPrivacy, OpenPrompt};
pub use ca::{Ca, ServerCert};
pub use clock::wrong_clock;
pub use demo::{BANK, Delivery, Demo, DemoOptions, PASSWORD, USER};
pub use gateway::{Enrolment, Gateway, GatewayOptions};
pub use keyring::Keyring;
pub use logs::{Logs, contents};
pub use memory::{family, peak_kib, pss_kib};
pub use paths::{Paths, Program};
pub use ports::free_port;
pub use privacyidea::{PrivacyIdea, PushEnrolment, Release};
pub use process::Process;
pub use session::{Screens, Session, SessionOptions};
pub use webdriver::{App, AppStarts, Launch, WebDriver};
