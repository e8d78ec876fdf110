//! What waits for an answer, verified, and the only answers it takes.
//!
//! The server signs `nonce|url|serial|question|title|sslverify[|options]`, and the fields are not escaped: the same signature
//! also fits other places of the bars. So the ends are pinned down: the nonce is base 32, address and serial are those of the
//! enrolment, `sslverify` is one digit, and there are at least two options, none with a bar. What remains is a bar that
//! could stand in title or question: both are shown, in this order, whatever the split.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::{Serial, ServerKey, TlsCheck, encoding};

/// The longest challenge, in bytes of JSON.
const MAX_CHALLENGE: usize = 32 * 1024;

/// The longest title and question, in bytes.
const MAX_TEXT: usize = 4096;

/// Between how many options a person can choose.
const OPTIONS: std::ops::RangeInclusive<usize> = 2..=8;

/// The longest option, in characters.
const MAX_OPTION: usize = 16;

/// A challenge that the pinned key has signed for this token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    nonce: String,
    serial: Serial,
    url: Url,
    question: String,
    title: String,
    tls: TlsCheck,
    options: Option<Vec<String>>,
    decline_reasons: DeclineReasons,
}

/// Whether the server understands why something is declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclineReasons {
    /// It says so, signed.
    Understood,
    /// It does not say so: a reason would make it refuse the answer.
    Unknown,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Accept,
    /// Yes, and this is what is shown where it was started.
    AcceptWith(String),
    /// No.
    Decline(Option<DeclineReason>),
}

/// Why something is declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclineReason {
    /// The person did not start it.
    UnknownTrigger,
    /// The person no longer wants it.
    Cancelled,
}

/// A challenge that must not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// Not the fields of a challenge.
    #[error("it is not a challenge")]
    Form,
    /// A field is not what it should be.
    #[error("its `{0}` is not acceptable")]
    Unacceptable(&'static str),
    /// For another token or server.
    #[error("it is for another token")]
    NotOurs,
    /// Not signed by the pinned key.
    #[error("the server's key has not signed it")]
    Unsigned,
}

/// An answer that this challenge does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// An option has to be chosen.
    #[error("an option must be chosen")]
    OptionNeeded,
    /// Not one of the options.
    #[error("it is not one of the options")]
    NoSuchOption,
    /// The server would not understand the reason.
    #[error("the server does not take a reason")]
    NoReasons,
}

#[derive(Deserialize)]
struct Wire {
    nonce: String,
    url: String,
    serial: String,
    question: String,
    title: String,
    sslverify: String,
    signature: String,
    require_presence: Option<String>,
    capabilities: Option<Value>,
    capabilities_signature: Option<String>,
}

impl Challenge {
    /// Judges one challenge from a list: JSON, as it came. `serial` and `url` are the enrolment's.
    ///
    /// # Errors
    /// [`ChallengeError`]; nothing of it may be shown then.
    pub fn verify(text: &str, key: &ServerKey, serial: &Serial, url: &Url) -> Result<Self, ChallengeError> {
        if text.len() > MAX_CHALLENGE {
            return Err(ChallengeError::Form);
        }
        let wire: Wire = serde_json::from_str(text).map_err(|_| ChallengeError::Form)?;
        if wire.serial != serial.as_str() || Url::parse(&wire.url).ok().as_ref() != Some(url) {
            return Err(ChallengeError::NotOurs);
        }
        let nonce = (16..=128).contains(&wire.nonce.len())
            && wire.nonce.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
        if !nonce {
            return Err(ChallengeError::Unacceptable("nonce"));
        }
        let tls = TlsCheck::parse(&wire.sslverify).ok_or(ChallengeError::Unacceptable("sslverify"))?;
        for (name, text) in [("title", &wire.title), ("question", &wire.question)] {
            if text.len() > MAX_TEXT {
                return Err(ChallengeError::Unacceptable(name));
            }
        }
        let options = wire.require_presence.as_deref().map(options).transpose()?;

        let mut signed = [
            &*wire.nonce,
            &*wire.url,
            &*wire.serial,
            &*wire.question,
            &*wire.title,
            &*wire.sslverify,
        ]
        .join("|");
        if let Some(options) = &wire.require_presence {
            signed.push('|');
            signed.push_str(options);
        }
        if !key.has_signed(signed.as_bytes(), &wire.signature) {
            return Err(ChallengeError::Unsigned);
        }
        let decline_reasons = decline_reasons(&wire, key);
        Ok(Self {
            nonce: wire.nonce,
            serial: serial.clone(),
            url: url.clone(),
            question: wire.question,
            title: wire.title,
            tls,
            options,
            decline_reasons,
        })
    }

    /// Its name, drawn by the server.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Where the answer goes.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What is asked, in the server's words. May be empty; not checked to be plain text.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// The title, in the server's words. May be empty; not checked to be plain text.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What it says about the server's certificate.
    pub fn tls(&self) -> TlsCheck {
        self.tls
    }

    /// What to choose from, if a choice is asked for.
    pub fn options(&self) -> Option<&[String]> {
        self.options.as_deref()
    }

    /// Whether a reason may go with *decline*.
    pub fn decline_reasons(&self) -> DeclineReasons {
        self.decline_reasons
    }

    /// What the device signs for an answer.
    ///
    /// # Errors
    /// [`AnswerError`] if the challenge does not take this answer.
    pub fn signing_input(&self, answer: &Answer) -> Result<String, AnswerError> {
        let mut signed = format!("{}|{}", self.nonce, self.serial);
        match (answer, &self.options) {
            (Answer::Accept, None) => {}
            (Answer::Accept, Some(_)) => return Err(AnswerError::OptionNeeded),
            (Answer::AcceptWith(choice), Some(options)) if options.contains(choice) => {
                signed.push('|');
                signed.push_str(choice);
            }
            (Answer::AcceptWith(_), _) => return Err(AnswerError::NoSuchOption),
            (Answer::Decline(None), _) => signed.push_str("|decline"),
            (Answer::Decline(Some(reason)), _) => match self.decline_reasons {
                DeclineReasons::Understood => {
                    signed.push_str("|decline|");
                    signed.push_str(reason.as_str());
                }
                DeclineReasons::Unknown => return Err(AnswerError::NoReasons),
            },
        }
        Ok(signed)
    }

    /// The form with an answer and the device's signature over its [`Challenge::signing_input`].
    pub fn form(&self, answer: &Answer, signature: &[u8]) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("serial", self.serial.as_str())
            .append_pair("nonce", &self.nonce)
            .append_pair("signature", &encoding::base32(signature));
        match answer {
            Answer::Accept => {}
            Answer::AcceptWith(choice) => {
                form.append_pair("presence_answer", choice);
            }
            Answer::Decline(reason) => {
                form.append_pair("decline", "1");
                if let Some(reason) = reason {
                    form.append_pair("decline_reason", reason.as_str());
                }
            }
        }
        form.finish()
    }
}

impl DeclineReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::UnknownTrigger => "unknown_trigger",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for DeclineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn options(text: &str) -> Result<Vec<String>, ChallengeError> {
    let options: Vec<String> = text.split(',').map(str::to_owned).collect();
    let mut distinct = options.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let each =
        |option: &String| !option.is_empty() && option.chars().count() <= MAX_OPTION && !option.contains('|');
    let acceptable =
        OPTIONS.contains(&options.len()) && distinct.len() == options.len() && options.iter().all(each);
    if acceptable {
        Ok(options)
    } else {
        Err(ChallengeError::Unacceptable("require_presence"))
    }
}

/// The server's capabilities are signed apart, with the nonce. What is unsigned or unreadable counts as not said.
fn decline_reasons(wire: &Wire, key: &ServerKey) -> DeclineReasons {
    let said = || {
        // Sent as text with JSON in it.
        let capabilities = match wire.capabilities.as_ref()? {
            Value::String(text) => serde_json::from_str(text).ok()?,
            other
            @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                other.clone()
            }
        };
        let signed = json!({"capabilities": capabilities, "nonce": wire.nonce});
        let signed = serde_json_canonicalizer::to_vec(&signed).ok()?;
        let signature = wire.capabilities_signature.as_deref()?;
        key.has_signed(&signed, signature).then_some(capabilities)
    };
    match said().and_then(|capabilities| capabilities.get("decline_reason")?.as_bool()) {
        Some(true) => DeclineReasons::Understood,
        Some(false) | None => DeclineReasons::Unknown,
    }
}

#[cfg(test)]
mod tests;
