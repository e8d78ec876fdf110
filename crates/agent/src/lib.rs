//! The device side of Countersign: everything that runs in the background from log-in.
//!
//! The path of one request: a [`channel`] delivers a verified, typed request → the [`engine`] puts it into the inbox →
//! a notification, the prompt window or a terminal shows its statement → a person's verdict → a [`keystore`] signs →
//! the same channel delivers → the receipt goes to [`history`]. Beside that path, [`codes`] keeps the one-time codes of accounts that
//! never push.
//!
//! Invariants: one task owns the engine's state and its transitions are pure; keys are never bytes outside
//! [`keystore`]; time and randomness come in through [`edge`]; no GTK and no web engine is linked here.

#![cfg_attr(
    test,
    allow(clippy::wildcard_enum_match_arm, reason = "a test looks for one variant")
)]

pub mod accounts;
pub mod autostart;
pub mod channel;
pub mod cli;
pub mod codes;
pub mod config;
pub mod desktop_entry;
pub mod doctor;
pub mod edge;
pub mod engine;
pub mod history;
pub mod ipc;
pub mod keystore;
pub mod launch;
pub mod net;
pub mod notify;
mod plural;
#[cfg(test)]
mod private_session;
pub mod run;
pub mod state_dir;
pub mod statement_text;
pub mod tray;
pub mod verify;
mod wake;
mod whole_file;
pub mod wording;
