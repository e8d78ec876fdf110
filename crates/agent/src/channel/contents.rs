//! What an account brings along besides requests: further accounts and one-time codes, as its issuer lists them.
//!
//! A channel asks its issuer for them only when the engine has said what is held ([`super::ChannelHandle::holds`]), and then not
//! again until it says so anew: so nothing is added twice while it is being worked off.

use countersign_protocol::wire::OtpLink;

use super::Offer;

/// What an account is to bring along now.
#[derive(Debug)]
pub struct Contents {
    /// To be added here, or to take the place of what is held under the same name.
    pub add: Vec<Part>,
    /// The names of what is held rightly. What is held and neither here nor to be added is to go.
    pub keep: Vec<String>,
}

/// One thing that an account brings along.
#[derive(Debug)]
pub struct Part {
    /// Its name at the issuer.
    pub name: String,
    /// What it is.
    pub what: PartKind,
}

/// What an account brings along.
#[derive(Debug)]
pub enum PartKind {
    /// An account of its own.
    Account(Box<Offer>),
    /// A one-time code.
    Code(OtpLink),
    /// Something that this release cannot use.
    Unknown,
}
