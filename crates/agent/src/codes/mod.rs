//! One-time codes: a task of its own beside the engine of approvals, over the library `countersign-codes`.
//!
//! `state` is the state and its rules, without I/O; `task` owns it and does what takes time: the vault file, the keyring, the
//! clipboard, imports, exports and backups. A call goes in as [`Inbox::Call`], its answer comes out as [`Output::Reply`].
//!
//! Invariants:
//! - A change is on disk before it is answered; a counter is on disk before its code leaves.
//! - A vault is made once: [`Kept`] remembers it, so a file that is gone is not taken for one that never was. What cannot be read
//!   is left as it is; nothing is written before the vault was opened.
//! - The vault's key is in the OS keystore alone and is never made anew for a vault that exists.
//! - Decrypted entries are dropped, and their secrets wiped, when nobody has used them for five minutes.
//! - What takes seconds runs beside the task, one at a time, as does a plan of backups that is set up. The task itself waits for writes
//!   of the vault alone, and before the first of them for the keyring.
//! - A vault file that something else changed while the vault was open is not written over: it is read again.
//! - Nothing secret leaves but codes on display, and one entry's QR code.

mod backups;
mod causes;
mod clipboard;
mod clock;
mod errors;
mod files;
mod imports;
mod kept;
mod open;
mod released;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod views;

#[cfg(test)]
pub use clipboard::MemoryClipboard;
pub use clipboard::{Clipboard, ClipboardError, DesktopClipboard};
pub use clock::IssuerTime;
pub use kept::Kept;
pub use task::{Codes, Inbox, Output, PartChange, Parts, TooMany};

use countersign_agent_api::VaultView;

/// The name of the vault file in the agent's directory.
pub const VAULT_FILE: &str = "codes.vault";

/// What the rest of the agent is told of the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// As front ends see it.
    pub view: VaultView,
    /// Codes would be wrong.
    pub trouble: Option<ClockTrouble>,
}

/// Why codes would be wrong, of a vault with codes that follow the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTrouble {
    /// True time − this computer's clock, in seconds.
    Off(i64),
    /// The clock is before this release was made.
    Wrong,
}
