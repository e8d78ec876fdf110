//! Types of the protocol as they appear in the OpenAPI document.

#![allow(dead_code, reason = "these types describe; no value of them is ever made")]

use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Failure {
    /// What went wrong, for programs.
    #[schema(example = "invalid_request")]
    error: String,
    /// What went wrong and what to do, for people.
    message: String,
    /// Issuer time, in answers to devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    time: Option<i64>,
    /// With `wrong_code`: how many wrong codes remain before the user is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempts_left: Option<u32>,
    /// How it ended, as a compact JWS of type `approval-receipt+jwt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    receipt: Option<String>,
}

/// The circumstances of an action, as the relying side knows them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Context)]
pub(crate) struct ContextSchema {
    /// Where the action was started.
    #[schema(nullable = false)]
    origin: Option<OriginSchema>,
    /// A place, for people.
    #[schema(min_length = 1, max_length = 128, nullable = false)]
    place: Option<String>,
    /// An IPv4 or IPv6 address.
    #[schema(nullable = false, example = "203.0.113.7")]
    ip: Option<String>,
    /// Browser and system.
    #[schema(min_length = 1, max_length = 128, nullable = false)]
    agent: Option<String>,
    /// When the action was started, in seconds since the Unix epoch.
    #[schema(minimum = 0, nullable = false)]
    started_at: Option<i64>,
    /// How risky the relying side thinks it is.
    #[schema(nullable = false)]
    risk: Option<RiskSchema>,
    /// Short remarks.
    #[schema(max_items = 4, nullable = false)]
    hints: Option<Vec<String>>,
}

/// Where an action was started.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Origin)]
pub(crate) enum OriginSchema {
    /// On the computer that is asked.
    ThisDevice,
    /// Elsewhere.
    AnotherDevice,
}

/// How risky an action is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Risk)]
pub(crate) enum RiskSchema {
    /// Usual.
    Low,
    /// Unusual.
    Medium,
    /// Alarming.
    High,
}

/// What the person has to do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Requires)]
pub(crate) struct RequiresSchema {
    /// Whether a code has to be typed.
    r#match: MatchSchema,
    /// How the person is verified: `none`, `presence` or `user`.
    verification: VerificationSchema,
    /// Where it may be approved: `any` (also a notification) or `window`.
    surface: SurfaceSchema,
}

/// Whether a code has to be typed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = Match)]
pub(crate) enum MatchSchema {
    /// None.
    None,
    /// A code of so many digits.
    Code {
        /// 2 to 8.
        #[schema(minimum = 2, maximum = 8)]
        digits: u8,
    },
}

/// How the person is verified.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Verification)]
pub(crate) enum VerificationSchema {
    /// Not.
    None,
    /// Somebody is there.
    Presence,
    /// The person, by PIN or biometrics.
    User,
}

/// Where it may be approved.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Surface)]
pub(crate) enum SurfaceSchema {
    /// Anywhere, also in a notification if no code is asked for.
    Any,
    /// In the prompt window or a terminal.
    Window,
}
