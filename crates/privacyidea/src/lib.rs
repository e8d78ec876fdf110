//! The wire protocol of privacyIDEA's PUSH tokens, as a device speaks it to a stock server: what a link offers, what is sent to
//! enrol, to poll and to answer, and what may be believed of what comes back.
//!
//! Invariants: no I/O, no async, no clock, no randomness of its own; every input has a limit; a [`Challenge`] exists only when the
//! server key pinned at enrolment has signed it; an [`Answer`] that the challenge does not allow has no form in which it could be
//! sent. What this protocol cannot do is said by its types: there is no expiry, no statement of what was shown, and "taken" is all
//! that a server ever says to an answer. What comes as a whole bundle of tokens is [`container`].
//!
//! # The way of a token
//! 1. [`PushLink::parse`] reads the link, [`PushLink::enrolment`] makes what is posted, [`reply::enrolled`] gives the [`ServerKey`] to pin.
//! 2. [`poll::signing_input`] is signed, [`poll::query`] asked, [`reply::challenges`] lists what waits, [`Challenge::verify`] judges each.
//! 3. [`Challenge::signing_input`] is signed, [`Challenge::form`] posted, [`reply::answered`] says whether it was taken.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod challenge;
pub mod container;
mod der;
mod encoding;
mod link;
pub mod poll;
pub mod reply;
mod rsa_key;
mod serial;
mod server_key;
#[cfg(test)]
mod testing;

pub use challenge::{Answer, AnswerError, Challenge, ChallengeError, DeclineReason, DeclineReasons};
pub use link::{LinkError, PushLink, TlsCheck, Unlock};
pub use rsa_key::{RsaKey, RsaKeyError, RsaPublicKey};
pub use serial::{InvalidSerial, Serial};
pub use server_key::{ServerKey, ServerKeyError};
