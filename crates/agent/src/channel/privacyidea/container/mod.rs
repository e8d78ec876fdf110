//! A container of tokens as an account: nothing is asked through it, but what is in it becomes accounts and one-time codes here.
//!
//! What a server delivers is encrypted for this device, and known to be the server's by TLS alone ([`countersign_privacyidea::container`]).
//! A token is listed as held only when it is kept here, so whatever was interrupted is delivered again, with a new secret.

mod call;
mod task;

pub(in crate::channel) use call::{preview, register, roll_over, unregister};
pub(super) use task::run;

use countersign_agent_api::{Capabilities, Reports};
use countersign_privacyidea::{Serial, container::Server};
use serde::{Deserialize, Serialize};

/// What a container can do: it asks nothing, and its key can be taken back.
pub(in crate::channel) const CAPABILITIES: Capabilities = Capabilities {
    signed_requests: false,
    signs_statement: false,
    reports: Reports::NotTaken,
    has_expiry: false,
    can_revoke: true,
    can_withdraw: false,
    can_rotate: true,
};

/// What only this protocol understands of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ties {
    /// The container.
    pub serial: Serial,
    /// The server, as the link named it.
    pub server: Server,
    /// How this computer was named to it.
    pub device: String,
}
