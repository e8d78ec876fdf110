//! Countersign as a whole, with real parts: processes, sockets, a session bus, a keyring, a notification daemon, windows.
//!
//! [`front`] is what people use, [`wire`] what goes over the network, [`harness`] the parts as processes, [`stories`]
//! what is played with all of it, [`mod@bench`] what is measured.

pub mod bench;
pub mod edge;
pub mod front;
pub mod harness;
pub mod stories;
pub mod wire;
