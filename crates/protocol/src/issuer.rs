//! The issuer's name (section 1): an `https` URL that is compared byte for byte.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// The longest name of an issuer, in bytes.
const MAX_ISSUER: usize = 512;

/// An issuer's URL: `https`, no user, query, fragment or trailing slash, and spelt in the one normal way, so that comparing bytes is enough.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer(String);

/// Why a text does not name an issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Not a URL.
    #[error("not a URL: {0}")]
    Url(#[from] url::ParseError),
    /// Not `https`.
    #[error("an issuer's URL must begin with https://")]
    NotHttps,
    /// A part that an issuer's URL does not have, or another spelling than the normal one.
    #[error("an issuer's URL has no user, query, fragment or final slash, and its host is in lower case")]
    NotNormal,
    /// Too long.
    #[error("an issuer's URL has at most {MAX_ISSUER} characters")]
    TooLong,
}

impl Issuer {
    /// Parses an issuer's URL.
    ///
    /// # Errors
    /// If it is not a valid one in its normal spelling.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        Self::try_from(text.to_owned())
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and, unless it is 443, port: what a person compares.
    pub fn host(&self) -> &str {
        let rest = self.0.strip_prefix("https://").unwrap_or(&self.0);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Where the configuration is (section 5.1).
    pub fn configuration_url(&self) -> String {
        format!("{}/.well-known/countersign-configuration", self.0)
    }

    /// Whether `url` has this issuer's scheme, host and port (`wss` counts as `https`).
    pub(crate) fn is_origin_of(&self, url: &str, scheme: &str) -> bool {
        let (Ok(own), Ok(other)) = (Url::parse(&self.0), Url::parse(url)) else {
            return false;
        };
        other.scheme() == scheme
            && own.host() == other.host()
            && own.port_or_known_default() == other.port_or_known_default()
            && other.username().is_empty()
            && other.password().is_none()
            && other.fragment().is_none()
    }
}

impl TryFrom<String> for Issuer {
    type Error = IssuerError;

    fn try_from(text: String) -> Result<Self, IssuerError> {
        if text.len() > MAX_ISSUER {
            return Err(IssuerError::TooLong);
        }
        let url = Url::parse(&text)?;
        if url.scheme() != "https" {
            return Err(IssuerError::NotHttps);
        }
        // The URL of a bare origin gets a slash when it is normalised; nothing else may change.
        let normal = url.as_str().strip_suffix('/').unwrap_or(url.as_str());
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !bare || text != normal || text.ends_with('/') {
            return Err(IssuerError::NotNormal);
        }
        Ok(Self(text))
    }
}

impl From<Issuer> for String {
    fn from(issuer: Issuer) -> String {
        issuer.0
    }
}

impl FromStr for Issuer {
    type Err = IssuerError;

    fn from_str(text: &str) -> Result<Self, IssuerError> {
        Self::parse(text)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
