//! What an administrator's QR code or link offers: `otpauth://pipush/…` and `pia://pipush/…`.

use std::fmt;

use url::{Host, Url, form_urlencoded};
use zeroize::Zeroizing;

use crate::{RsaPublicKey, Serial};

/// The longest link, in bytes.
pub(crate) const MAX_LINK: usize = 4096;

/// The longest text in it (label, issuer), in characters.
const MAX_TEXT: usize = 128;

/// The longest credential, in bytes.
const MAX_CREDENTIAL: usize = 256;

/// The one version of the link there is.
const VERSION: &str = "1";

/// A link to enrol one PUSH token. Its texts are a stranger's.
#[derive(Clone, PartialEq, Eq)]
pub struct PushLink {
    /// Where the server is enrolled at, polled and answered: `https`, without user, query and fragment.
    pub url: Url,
    /// The token.
    pub serial: Serial,
    /// The name the administrator gave the token: the serial unless a policy says otherwise.
    pub label: String,
    /// The name the server gives itself.
    pub issuer: String,
    /// For how many minutes after it was made the link can be used.
    pub ttl: u32,
    /// What the link says about the server's certificate.
    pub tls: TlsCheck,
    /// Whether the app is to ask for something before it shows the token.
    pub unlock: Unlock,
    credential: Zeroizing<String>,
}

/// What a server says about checking its certificate. It is a wish: a certificate is always checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsCheck {
    /// `sslverify=1`.
    Wanted,
    /// `sslverify=0`: the server expects that its certificate cannot be checked as it is.
    Waived,
}

/// Whether the administrator wants the token behind a PIN or a biometric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlock {
    /// Not asked for.
    NotAsked,
    /// `pin=True` or `app_force_unlock`.
    Asked,
}

/// Not a link that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Another kind of link, or none.
    #[error("it is not a link of this kind")]
    NotPush,
    /// A part is missing.
    #[error("it has no `{0}`")]
    Missing(&'static str),
    /// A part is there twice.
    #[error("it has `{0}` more than once")]
    Twice(&'static str),
    /// A part is not what it should be.
    #[error("its `{0}` is not acceptable")]
    Unacceptable(&'static str),
    /// Made by a newer server.
    #[error("it is of a newer version")]
    Version,
    /// Too long.
    #[error("it is too long")]
    TooLong,
}

impl TlsCheck {
    /// The literal value, as it is signed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wanted => "1",
            Self::Waived => "0",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "1" => Some(Self::Wanted),
            "0" => Some(Self::Waived),
            _ => None,
        }
    }
}

impl PushLink {
    /// Whether a text is such a link by its beginning, so that what is wrong with it should be said.
    pub fn is_meant(text: &str) -> bool {
        ["otpauth://pipush/", "pia://pipush/"]
            .iter()
            .any(|start| begins(text, start))
    }

    /// Reads a link. Parameters that are not known are left alone: newer servers add some.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let link = read(text, Self::is_meant)?;
        if required(&link, "v")?.as_str() != VERSION {
            return Err(LinkError::Version);
        }
        let label = link.path().strip_prefix('/').unwrap_or_default();
        // Read like the query, in which a plus sign would be a space.
        let label = label.replace('+', "%2B");
        let label = form_urlencoded::parse(label.as_bytes()).next();
        let label = label.filter(|(_, rest)| rest.is_empty()).map(|(label, _)| label);
        let label = label.ok_or(LinkError::Unacceptable("label"))?.into_owned();
        let credential = required(&link, "enrollment_credential")?;
        let plain = credential.bytes().all(|b| b.is_ascii_alphanumeric());
        if !(16..=MAX_CREDENTIAL).contains(&credential.len()) || !plain {
            return Err(LinkError::Unacceptable("enrollment_credential"));
        }
        let tls =
            TlsCheck::parse(&required(&link, "sslverify")?).ok_or(LinkError::Unacceptable("sslverify"))?;
        Ok(Self {
            url: server(&required(&link, "url")?)?,
            serial: serial(&link)?,
            label: bounded(label, "label")?,
            issuer: bounded(required(&link, "issuer")?.to_string(), "issuer")?,
            ttl: ttl(&link)?,
            tls,
            unlock: unlock(&link)?,
            credential,
        })
    }

    /// The form that binds `key` to the token: what is posted to [`PushLink::url`]. `name` stands where the official app gives the
    /// address of its push service; a server only keeps it.
    pub fn enrolment(&self, key: &RsaPublicKey, name: &str) -> Zeroizing<String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("enrollment_credential", &self.credential)
            .append_pair("serial", self.serial.as_str())
            .append_pair("fbtoken", name)
            .append_pair("pubkey", &key.to_wire());
        Zeroizing::new(form.finish())
    }
}

impl fmt::Debug for PushLink {
    /// Without the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushLink")
            .field("url", &self.url.as_str())
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// The address of a server: `https`, of a reasonable length, nothing in it but host, port and path.
pub(crate) fn server(text: &str) -> Result<Url, LinkError> {
    let refused = LinkError::Unacceptable("url");
    let url = Url::parse(text).map_err(|_| refused)?;
    let plain = url.scheme() == "https"
        && text.len() <= 1024
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && match url.host() {
            Some(Host::Domain(name)) => !name.is_empty(),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => false,
        };
    if plain { Ok(url) } else { Err(refused) }
}

/// Whether a link of a token wants it behind something.
pub(crate) fn unlock(link: &Url) -> Result<Unlock, LinkError> {
    let pin = optional(link, "pin")?.is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    let forced = optional(link, "app_force_unlock")?.is_some();
    Ok(if pin || forced {
        Unlock::Asked
    } else {
        Unlock::NotAsked
    })
}

/// Whether a link begins like this, however it is written.
pub(crate) fn begins(text: &str, start: &str) -> bool {
    let head = text.get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// A link that is meant as one of a kind: with a path and parameters, and nothing else.
pub(crate) fn read(text: &str, is_meant: fn(&str) -> bool) -> Result<Url, LinkError> {
    if text.len() > MAX_LINK {
        return Err(LinkError::TooLong);
    }
    if !is_meant(text) {
        return Err(LinkError::NotPush);
    }
    let link = Url::parse(text).map_err(|_| LinkError::NotPush)?;
    let plain = link.port().is_none()
        && link.username().is_empty()
        && link.password().is_none()
        && link.fragment().is_none();
    if plain { Ok(link) } else { Err(LinkError::NotPush) }
}

pub(crate) fn serial(link: &Url) -> Result<Serial, LinkError> {
    let serial = required(link, "serial")?.to_string();
    Serial::try_from(serial).map_err(|_| LinkError::Unacceptable("serial"))
}

/// For how many minutes the link can be used.
pub(crate) fn ttl(link: &Url) -> Result<u32, LinkError> {
    let ttl = required(link, "ttl")?.parse().ok().filter(|ttl| *ttl > 0);
    ttl.ok_or(LinkError::Unacceptable("ttl"))
}

pub(crate) fn required(link: &Url, name: &'static str) -> Result<Zeroizing<String>, LinkError> {
    optional(link, name)?
        .filter(|value| !value.is_empty())
        .ok_or(LinkError::Missing(name))
}

pub(crate) fn optional(link: &Url, name: &'static str) -> Result<Option<Zeroizing<String>>, LinkError> {
    let mut values = link.query_pairs().filter(|(key, _)| key == name);
    let value = values.next().map(|(_, value)| Zeroizing::new(value.into_owned()));
    match values.next() {
        Some(_) => Err(LinkError::Twice(name)),
        None => Ok(value),
    }
}

pub(crate) fn bounded(text: String, name: &'static str) -> Result<String, LinkError> {
    if text.is_empty() || text.chars().count() > MAX_TEXT {
        return Err(LinkError::Unacceptable(name));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
