//! What a server answers: an envelope with a value or an error, read within limits.

use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

use crate::{ServerKey, ServerKeyError};

/// The largest answer that is read, in bytes.
pub const MAX_BODY: usize = 256 * 1024;

/// The most challenges of one list that are looked at.
const MAX_CHALLENGES: usize = 256;

/// The longest code to show, in characters.
const MAX_CODE: usize = 16;

/// Proof verification failed, or the time is off: the one code for both.
const INVALID: i64 = 10;
/// Refused by a policy.
const POLICY: i64 = 303;
/// There is no such token in this state.
const NOT_FOUND: i64 = 601;
/// A parameter is wrong.
const PARAMETER: i64 = 905;
/// The container is not registered.
const NOT_REGISTERED: i64 = 3001;
/// The container's key has not signed this.
const CONTAINER_UNPROVEN: i64 = 3002;

/// What became of an answer, as far as a server ever says. It never says that somebody is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// Taken.
    Taken,
    /// Taken; this code is to be typed where it was started.
    TakenShow {
        /// The code.
        code: String,
    },
    /// Not taken: too late, answered before, or not by this key; a server does not tell them apart.
    NotTaken,
}

/// A server's "no", or an answer that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The moment in the request is more than a minute off the server's clock.
    #[error("the clocks of this computer and the server differ")]
    Clock {
        /// The server's time, in seconds, if it said so.
        time: Option<i64>,
    },
    /// The token is unknown, deleted, or bound to another key; a server does not tell them apart.
    #[error("the server does not know this token with this key")]
    Unproven,
    /// A policy of the server forbids it: that anybody polls, or what was asked for a container.
    #[error("a policy of the server does not allow this")]
    PollingDenied,
    /// No such token waits for this.
    #[error("the server knows no such token")]
    NotFound,
    /// A parameter, at enrolment the credential, is wrong.
    #[error("the server does not accept what was sent")]
    NotAccepted,
    /// Another error of the server's own.
    #[error("the server answered with error {code}")]
    Server {
        /// Its number.
        code: i64,
    },
    /// An HTTP status without an answer in it.
    #[error("the server answered with HTTP status {0}")]
    Status(u16),
    /// Not an answer in this protocol.
    #[error("the server's answer cannot be read")]
    NotUnderstood,
    /// The key that came is not acceptable.
    #[error("the server's key is not acceptable: {0}")]
    Key(#[from] ServerKeyError),
}

#[derive(Deserialize)]
struct Envelope<D> {
    result: Outcome,
    detail: Option<D>,
    time: Option<f64>,
}

#[derive(Deserialize)]
struct Outcome {
    status: bool,
    value: Option<Value>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    code: i64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct EnrolmentDetail {
    public_key: Option<String>,
}

#[derive(Deserialize)]
struct AnswerDetail {
    display_code: Option<Value>,
}

/// The server's key, from the answer to an enrolment.
///
/// # Errors
/// [`ReplyError`].
pub fn enrolled(status: u16, body: &[u8]) -> Result<ServerKey, ReplyError> {
    let (_, detail) = read::<EnrolmentDetail>(status, body)?;
    let key = detail.and_then(|detail| detail.public_key);
    Ok(ServerKey::parse(&key.ok_or(ReplyError::NotUnderstood)?)?)
}

/// The challenges that wait, each as JSON, from the answer to a poll. Not verified. At most 256.
///
/// # Errors
/// [`ReplyError`].
pub fn challenges(status: u16, body: &[u8]) -> Result<Vec<String>, ReplyError> {
    match read::<IgnoredAny>(status, body)? {
        (Value::Array(list), _) => Ok(list.iter().take(MAX_CHALLENGES).map(Value::to_string).collect()),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_), _) => {
            Err(ReplyError::NotUnderstood)
        }
    }
}

/// What became of an answer.
///
/// # Errors
/// [`ReplyError`].
pub fn answered(status: u16, body: &[u8]) -> Result<Answered, ReplyError> {
    let (value, detail) = read::<AnswerDetail>(status, body)?;
    if !value.as_bool().ok_or(ReplyError::NotUnderstood)? {
        return Ok(Answered::NotTaken);
    }
    match detail.and_then(|detail| detail.display_code) {
        None | Some(Value::Null) => Ok(Answered::Taken),
        Some(Value::String(code)) if is_code(&code) => Ok(Answered::TakenShow { code }),
        Some(_) => Err(ReplyError::NotUnderstood),
    }
}

/// The server's clock, in seconds, from any of its answers.
pub fn time(body: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Timed {
        time: f64,
    }
    if body.len() > MAX_BODY {
        return None;
    }
    whole(serde_json::from_slice::<Timed>(body).ok()?.time)
}

/// The value of an answer.
pub(crate) fn value<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<T, ReplyError> {
    let (value, _) = read::<IgnoredAny>(status, body)?;
    serde_json::from_value(value).map_err(|_| ReplyError::NotUnderstood)
}

fn is_code(text: &str) -> bool {
    (1..=MAX_CODE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn read<D: DeserializeOwned>(status: u16, body: &[u8]) -> Result<(Value, Option<D>), ReplyError> {
    if body.len() > MAX_BODY {
        return Err(ReplyError::NotUnderstood);
    }
    let not_understood = if status == 200 {
        ReplyError::NotUnderstood
    } else {
        ReplyError::Status(status)
    };
    let Ok(envelope) = serde_json::from_slice::<Envelope<D>>(body) else {
        return Err(not_understood);
    };
    match envelope.result {
        Outcome {
            status: true,
            value: Some(value),
            error: _,
        } if status == 200 => Ok((value, envelope.detail)),
        Outcome {
            error: Some(failure), ..
        } => Err(refusal(status, &failure, envelope.time)),
        Outcome { .. } => Err(not_understood),
    }
}

fn refusal(status: u16, failure: &Failure, time: Option<f64>) -> ReplyError {
    match failure.code {
        INVALID if failure.message.contains("not in valid range") => ReplyError::Clock {
            time: time.and_then(whole),
        },
        INVALID if status == 400 => ReplyError::Unproven,
        CONTAINER_UNPROVEN => ReplyError::Unproven,
        POLICY => ReplyError::PollingDenied,
        NOT_FOUND | NOT_REGISTERED => ReplyError::NotFound,
        PARAMETER => ReplyError::NotAccepted,
        code => ReplyError::Server { code },
    }
}

/// Whole seconds of a plausible instant.
#[allow(clippy::cast_possible_truncation, reason = "the range was checked")]
fn whole(time: f64) -> Option<i64> {
    (0.0..=253_402_300_799.0).contains(&time).then_some(time as i64)
}

#[cfg(test)]
mod tests;
