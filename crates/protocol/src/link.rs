//! Enrolment links (section 5.2): `countersign://enroll?issuer=…&code=…`.

use std::fmt;
use std::str::FromStr;

use url::form_urlencoded;

use crate::id::{EnrolmentCode, IdError};
use crate::issuer::{Issuer, IssuerError};

const PREFIX: &str = "countersign://enroll?";

/// The longest link, in bytes.
const MAX_LINK: usize = 1024;

/// An offer to enrol, as a link, in a QR image or pasted. [`fmt::Display`] writes the code: do not log it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentLink {
    /// Who offers.
    pub issuer: Issuer,
    /// The code of the offer.
    pub code: EnrolmentCode,
}

/// Why a link is refused. The text never repeats the code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Longer than 1024 bytes.
    #[error("the link is longer than {MAX_LINK} characters")]
    TooLong,
    /// Not an enrolment link.
    #[error("not an enrolment link: it begins with {PREFIX}")]
    Prefix,
    /// A parameter is missing, unknown or there twice, or its encoding is broken.
    #[error("an enrolment link has the parameters `issuer` and `code`, each once, and no others")]
    Parameters,
    /// The issuer.
    #[error("the link's issuer is refused: {0}")]
    Issuer(#[from] IssuerError),
    /// The code.
    #[error("the link's code is refused: {0}")]
    Code(#[from] IdError),
}

impl EnrolmentLink {
    /// Reads a link.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        if text.len() > MAX_LINK {
            return Err(LinkError::TooLong);
        }
        let query = text.strip_prefix(PREFIX).ok_or(LinkError::Prefix)?;
        if !is_percent_encoded(query) {
            return Err(LinkError::Parameters);
        }
        let mut issuer = None;
        let mut code = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "issuer" => &mut issuer,
                "code" => &mut code,
                _ => return Err(LinkError::Parameters),
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(LinkError::Parameters);
            }
        }
        let (Some(issuer), Some(code)) = (issuer, code) else {
            return Err(LinkError::Parameters);
        };
        Ok(Self {
            issuer: Issuer::try_from(issuer)?,
            code: EnrolmentCode::try_from(code)?,
        })
    }
}

/// Visible ASCII without `#` and `+`, and every `%` begins an escape of two hexadecimal digits.
fn is_percent_encoded(query: &str) -> bool {
    let bytes = query.as_bytes();
    let is_escape = |at: usize| {
        bytes
            .get(at + 1..at + 3)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    };
    bytes.iter().enumerate().all(|(at, b)| match b {
        b'%' => is_escape(at),
        b'#' | b'+' => false,
        other => other.is_ascii_graphic(),
    })
}

impl FromStr for EnrolmentLink {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        Self::parse(text)
    }
}

impl fmt::Display for EnrolmentLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str("issuer=")?;
        for part in form_urlencoded::byte_serialize(self.issuer.as_str().as_bytes()) {
            f.write_str(part)?;
        }
        write!(f, "&code={}", self.code.as_str())
    }
}
