//! `approval-request+jwt`: what an issuer asks one device (section 2.1).

use serde::{Deserialize, Serialize};

use crate::claims::{
    Claims, ClaimsError, MAX_INTEGER, Timestamp, Validity, require, require_lifetime, require_optional_text,
    require_text,
};
use crate::id::{DeviceId, Jti, Nonce, Txn};
use crate::issuer::Issuer;
use crate::json::{self, Json, JsonError, Object};

/// The longest account label, in characters.
pub(crate) const MAX_ACCOUNT: usize = 128;
/// The longest `acr`, in characters.
pub(crate) const MAX_ACR: usize = 128;
/// The longest compact JWS of a request, in bytes.
const MAX_REQUEST: usize = 16 * 1024;
/// The longest validity of a request, in seconds.
const MAX_LIFETIME: i64 = 600;

/// An issuer asks one device for an approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// The issuer.
    pub iss: Issuer,
    /// The device asked.
    pub aud: DeviceId,
    /// The account: the label accepted at enrolment.
    pub sub: String,
    /// When it was made.
    pub iat: Timestamp,
    /// When it ends; the issuer's clock decides.
    pub exp: Timestamp,
    /// Names this message.
    pub jti: Jti,
    /// The transaction, the same for all devices of the user.
    pub txn: Txn,
    /// Another one for each device.
    pub nonce: Nonce,
    /// Who asks.
    pub client: Client,
    /// The authentication context asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// One sentence for the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_message: Option<String>,
    /// What is to be authorised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<AuthorizationDetails>,
    /// The issuer's claims about where the action comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// What an approval needs.
    pub requires: Requires,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The client id, 1 to 128 characters.
    pub id: String,
    /// The name that the person sees, 1 to 64 characters.
    pub name: String,
}

/// What an approval needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requires {
    /// How the person ties the prompt to the place where the action started.
    #[serde(rename = "match")]
    pub matching: Match,
    /// Whether the device verifies the person.
    pub verification: Verification,
    /// Where an approval may be given.
    pub surface: Surface,
}

impl Requires {
    /// Whether a device may offer to approve from a notification: no code and any surface.
    pub fn allows_notification(&self) -> bool {
        self.matching == Match::None && self.surface == Surface::Any
    }
}

/// The default of section 9: a six digit code, in the window.
impl Default for Requires {
    fn default() -> Self {
        Self {
            matching: Match::Code { digits: 6 },
            verification: Verification::None,
            surface: Surface::Window,
        }
    }
}

/// How the person ties the prompt to the place where the action started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawMatch", into = "RawMatch")]
pub enum Match {
    /// Not at all.
    None,
    /// By typing the code that is shown there.
    Code {
        /// Its length, 2 to 8.
        digits: u8,
    },
}

/// User verification on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// None.
    None,
    /// Somebody is there.
    Presence,
    /// It is the right person.
    User,
}

/// Where an approval may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// Anywhere, also in a notification.
    Any,
    /// Where the whole statement is shown.
    Window,
}

/// The issuer's claims about the action (section 4.3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Whether the action started on the computer of this device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// A place, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The address, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Browser and system, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When the action started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The issuer's estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// Up to four short remarks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// Where the action started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// On the computer of this device.
    ThisDevice,
    /// Elsewhere.
    AnotherDevice,
}

impl Origin {
    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ThisDevice => "this_device",
            Self::AnotherDevice => "another_device",
        }
    }
}

/// The issuer's estimate of the risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
}

impl Risk {
    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// RFC 9396 `authorization_details`: 1 to 8 objects, each with a string `type`. Members keep their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Json>", into = "Vec<Json>")]
pub struct AuthorizationDetails(Vec<Object>);

impl AuthorizationDetails {
    /// Parses the JSON array.
    ///
    /// # Errors
    /// If it is not strict JSON or not an array of 1 to 8 objects with a string `type`.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        if text.len() > MAX_REQUEST {
            return Err(JsonError::TooLong { limit: MAX_REQUEST });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The objects, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Object> {
        self.0.iter()
    }
}

impl TryFrom<Vec<Json>> for AuthorizationDetails {
    type Error = ClaimsError;

    fn try_from(values: Vec<Json>) -> Result<Self, ClaimsError> {
        let claim = "authorization_details";
        require((1..=8).contains(&values.len()), claim, "has not 1 to 8 members")?;
        let objects = values.into_iter().map(|value| match value {
            Json::Object(object) if matches!(object.get("type"), Some(Json::String(_))) => Ok(object),
            Json::Null
            | Json::Bool(_)
            | Json::Integer(_)
            | Json::Fraction(_)
            | Json::String(_)
            | Json::Array(_)
            | Json::Object(_) => Err(ClaimsError::Invalid {
                claim,
                problem: "has a member that is no object with a string `type`",
            }),
        });
        Ok(Self(objects.collect::<Result<_, _>>()?))
    }
}

impl From<AuthorizationDetails> for Vec<Json> {
    fn from(details: AuthorizationDetails) -> Self {
        details.0.into_iter().map(Json::Object).collect()
    }
}

impl Claims for ApprovalRequest {
    const TYP: &'static str = "approval-request+jwt";
    const MAX_LENGTH: usize = MAX_REQUEST;

    fn check(&self) -> Result<(), ClaimsError> {
        require_lifetime(self.iat, self.exp, MAX_LIFETIME)?;
        require_text(&self.sub, MAX_ACCOUNT, "sub")?;
        require_text(&self.client.id, 128, "client.id")?;
        require_text(&self.client.name, 64, "client.name")?;
        require_optional_text(self.acr.as_deref(), MAX_ACR, "acr")?;
        require_optional_text(self.binding_message.as_deref(), 256, "binding_message")?;
        self.requires.check()?;
        self.context.as_ref().map_or(Ok(()), Context::check)
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.iss.as_str())
    }

    fn is_for(&self, audience: &str) -> bool {
        self.aud.as_str() == audience
    }

    fn validity(&self) -> Validity {
        Validity::Until {
            iat: self.iat,
            exp: self.exp,
        }
    }
}

impl Requires {
    /// Checks the limits, for values that were not parsed.
    ///
    /// # Errors
    /// If the code has not 2 to 8 digits.
    pub fn check(&self) -> Result<(), ClaimsError> {
        match self.matching {
            Match::None => Ok(()),
            Match::Code { digits } => require(
                (2..=8).contains(&digits),
                "requires.match",
                "has not 2 to 8 digits",
            ),
        }
    }
}

impl Context {
    /// Checks the limits of section 4.3.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), ClaimsError> {
        require_optional_text(self.place.as_deref(), 128, "context.place")?;
        let is_address = self
            .ip
            .as_deref()
            .is_none_or(|ip| ip.parse::<std::net::IpAddr>().is_ok());
        require(is_address, "context.ip", "is not an IPv4 or IPv6 address")?;
        require_optional_text(self.agent.as_deref(), 128, "context.agent")?;
        let is_instant = self.started_at.is_none_or(|at| (0..=MAX_INTEGER).contains(&at));
        require(is_instant, "context.started_at", "is not an instant")?;
        require(self.hints.len() <= 4, "context.hints", "has more than 4 members")?;
        self.hints
            .iter()
            .try_for_each(|hint| require_text(hint, 64, "context.hints"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "match", deny_unknown_fields)]
struct RawMatch {
    #[serde(rename = "type")]
    kind: MatchType,
    #[serde(skip_serializing_if = "Option::is_none")]
    digits: Option<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MatchType {
    None,
    Code,
}

impl TryFrom<RawMatch> for Match {
    type Error = ClaimsError;

    fn try_from(raw: RawMatch) -> Result<Self, ClaimsError> {
        match (raw.kind, raw.digits) {
            (MatchType::None, None) => Ok(Self::None),
            (MatchType::Code, Some(digits)) => Ok(Self::Code { digits }),
            (MatchType::None, Some(_)) | (MatchType::Code, None) => Err(ClaimsError::Invalid {
                claim: "requires.match",
                problem: "has `digits` exactly if it is a code",
            }),
        }
    }
}

impl From<Match> for RawMatch {
    fn from(matching: Match) -> Self {
        match matching {
            Match::None => Self {
                kind: MatchType::None,
                digits: None,
            },
            Match::Code { digits } => Self {
                kind: MatchType::Code,
                digits: Some(digits),
            },
        }
    }
}

/// Parses a [`Context`] that came as JSON text.
impl std::str::FromStr for Context {
    type Err = JsonError;

    fn from_str(text: &str) -> Result<Self, JsonError> {
        json::from_slice(text.as_bytes(), MAX_REQUEST)
    }
}
