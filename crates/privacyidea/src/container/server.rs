//! Where a container's server is, and what is asked of it there.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::link::{LinkError, server};

/// A server's own address: `https`, without user, query and fragment. Kept letter by letter, because it is part of what is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Server(String);

/// What a device asks of a server about a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Take this key for the container.
    Register,
    /// Ask something that only the container's key can answer.
    Question,
    /// Compare tokens.
    Synchronise,
    /// Make a link for the container's next key.
    RollOver,
    /// Forget the container's key.
    Unregister,
}

impl Server {
    /// Reads an address.
    ///
    /// # Errors
    /// [`LinkError::Unacceptable`].
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'|');
        if !plain {
            return Err(LinkError::Unacceptable("url"));
        }
        server(text).map(|_| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address.
    pub fn url(&self) -> Result<Url, LinkError> {
        server(&self.0)
    }

    /// What a signature names: the address of an operation, as the server itself puts it together.
    pub fn scope(&self, operation: Operation) -> String {
        let slash = if self.0.ends_with('/') { "" } else { "/" };
        format!("{}{slash}{}", self.0, operation.path())
    }

    /// Where an operation is asked for.
    ///
    /// # Errors
    /// [`LinkError::Unacceptable`]; not for an address that was read by [`Server::parse`].
    pub fn at(&self, operation: Operation) -> Result<Url, LinkError> {
        server(&self.scope(operation))
    }
}

impl Operation {
    fn path(self) -> &'static str {
        match self {
            Self::Register => "container/register/finalize",
            Self::Question => "container/challenge",
            Self::Synchronise => "container/synchronize",
            Self::RollOver => "container/rollover",
            Self::Unregister => "container/register/terminate/client",
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Server {
    type Error = LinkError;

    fn try_from(text: String) -> Result<Self, LinkError> {
        Self::parse(&text)
    }
}

impl From<Server> for String {
    fn from(server: Server) -> Self {
        server.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stays_as_it_was_written() {
        for (written, scope) in [
            (
                "https://ID.alder.example",
                "https://ID.alder.example/container/synchronize",
            ),
            (
                "https://id.alder.example/",
                "https://id.alder.example/container/synchronize",
            ),
            (
                "https://id.alder.example:443/pi",
                "https://id.alder.example:443/pi/container/synchronize",
            ),
        ] {
            let server = Server::parse(written).unwrap();
            assert_eq!(server.scope(Operation::Synchronise), scope);
            assert_eq!(
                server.at(Operation::Question).unwrap().host_str(),
                Some("id.alder.example")
            );
        }
    }

    #[test]
    fn an_address_with_something_else_in_it_is_refused() {
        for text in [
            "http://id.alder.example",
            "https://me@id.alder.example",
            "https://id.alder.example?a=b",
            "https://id.alder.example#a",
            "https://id.alder.example/a|b",
            "https://id.alder.example/a b",
            "",
        ] {
            assert_eq!(Server::parse(text), Err(LinkError::Unacceptable("url")), "{text}");
        }
    }
}
