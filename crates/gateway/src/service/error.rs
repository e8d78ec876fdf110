//! Why something was not done.

use countersign_protocol::ErrorCode;

use crate::{edge::RandomError, keys::KeyError, store::StoreError};

/// What the caller is told: a code of protocol section 8 and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// What is wrong and what to do.
    pub message: String,
    /// With `wrong_code`.
    pub attempts_left: Option<u32>,
    /// With `already_decided`, `expired` and `locked`: how it ended.
    pub receipt: Option<String>,
    /// With `rate_limited`: seconds.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// A refusal with nothing but a code and a text.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            attempts_left: None,
            receipt: None,
            retry_after: None,
        }
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The caller may not, or asked wrongly, or came too late.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Signing failed.
    #[error("the issuer key cannot sign")]
    Sign(#[source] countersign_protocol::SignError),
}

impl ServiceError {
    /// The code that the caller is told.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Store(StoreError::Unavailable(_)) => ErrorCode::Unavailable,
            Self::Store(StoreError::Corrupt(_) | StoreError::NewerSchema { .. })
            | Self::Random(_)
            | Self::Sign(_) => ErrorCode::Internal,
        }
    }
}

/// The result of a service operation.
pub type ServiceResult<T> = Result<T, ServiceError>;

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
