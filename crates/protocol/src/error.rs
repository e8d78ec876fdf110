//! Error codes of the HTTP interfaces and frames (section 8).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::claims::Timestamp;
use crate::jws::VerifyError;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal;)*) => {
        /// What went wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of section 8.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The text form.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The HTTP status that it is sent with.
            pub fn http_status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                }
            }
        }
    };
}

error_codes! {
    /// Malformed; the message says what.
    InvalidRequest = "invalid_request", 400;
    /// A signed message that does not verify.
    InvalidMessage = "invalid_message", 400;
    /// Proof without a current nonce: try again with the one in the answer.
    UseNonce = "use_nonce", 401;
    /// Unknown client or device, or wrong proof.
    Unauthorized = "unauthorized", 401;
    /// `iat` or `exp` outside the tolerance: look at `time`.
    Stale = "stale", 401;
    /// The device was revoked.
    DeviceRevoked = "device_revoked", 403;
    /// This client may not do that.
    NotAllowed = "not_allowed", 403;
    /// Too many wrong codes.
    Locked = "locked", 403;
    /// Enrolment code unknown, used or expired.
    InvalidCode = "invalid_code", 403;
    /// Match code wrong; `attempts_left` says how many remain.
    WrongCode = "wrong_code", 403;
    /// There is no such thing.
    NotFound = "not_found", 404;
    /// Decided before; `receipt` says how.
    AlreadyDecided = "already_decided", 409;
    /// `jti` seen before with another content.
    Replayed = "replayed", 409;
    /// Sign again with a higher counter.
    CounterRegression = "counter_regression", 409;
    /// Same idempotency key, other body.
    IdempotencyConflict = "idempotency_conflict", 409;
    /// The request has expired.
    Expired = "expired", 410;
    /// The body is too large.
    TooLarge = "too_large", 413;
    /// The user has no device that can answer.
    NoDevice = "no_device", 422;
    /// Too many calls; `Retry-After` says when to try again.
    RateLimited = "rate_limited", 429;
    /// A fault of the issuer's.
    Internal = "internal", 500;
    /// The store cannot be written: try again.
    Unavailable = "unavailable", 503;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl VerifyError {
    /// The code that an issuer answers a device's message with.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Expired | Self::NotYetValid => ErrorCode::Stale,
            Self::TooLong { .. } => ErrorCode::TooLarge,
            Self::Encoding
            | Self::Header(_)
            | Self::KeySource
            | Self::Type { .. }
            | Self::Payload(_)
            | Self::Claims(_)
            | Self::UnknownKey
            | Self::Algorithm
            | Self::Signature
            | Self::Issuer
            | Self::Audience => ErrorCode::InvalidMessage,
        }
    }
}

/// The body of every error answer (section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What went wrong, for programs.
    pub error: ErrorCode,
    /// What went wrong and what to do next, for people.
    pub message: String,
    /// Issuer time; in answers to devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// With [`ErrorCode::WrongCode`]: how many wrong codes remain before the user is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts_left: Option<u32>,
    /// With [`ErrorCode::AlreadyDecided`] and [`ErrorCode::Locked`]: how it ended, as compact JWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}
