//! Containers: all tokens of a person at one server, handed over with one link and kept the same from then on (3.11 and newer).
//!
//! A server's answers about a container are **not signed**: what it delivers is encrypted to the device that asked, and who
//! encrypted it is known by TLS alone. So nothing here is believed of an answer that did not come over a verified connection.
//!
//! # The way of a container
//! 1. [`ContainerLink::parse`] reads the link, [`ContainerLink::signing_input`] is signed, [`ContainerLink::registration`] posted.
//! 2. Before each call a question is asked for ([`question`]), and its [`Question::signing_input`] is signed.
//! 3. [`synchronise`] says which tokens are held; [`Session::open`] what is to be added, and what is still there.
//! 4. [`roll_over`] asks for a new link for the same container, [`unregister`] ends it.

mod call;
mod contents;
mod key;
mod link;
mod server;

pub use call::{
    Extra, Question, question, registered, roll_over, rolled_over, synchronise, token, unlock, unregister,
    unregistered,
};
pub use contents::{Contents, ContentsError, Session, SessionError};
pub use key::{ContainerKey, ContainerKeyError, ContainerPublicKey};
pub use link::{ContainerLink, Passphrase};
pub use server::{Operation, Server};
