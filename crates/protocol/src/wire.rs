//! What travels between device and issuer around the signed messages (section 5). Nothing here is signed; signed parts
//! are compact JWS strings, verified by [`crate::jws`].

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::claims::Timestamp;
use crate::error::ErrorCode;
use crate::id::{DeviceId, EnrolmentCode, KeyId, Txn};
use crate::issuer::Issuer;
use crate::json::{self, JsonError};
use crate::jwk::KeySet;

/// The longest body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// The longest frame on a WebSocket, in bytes.
pub const MAX_FRAME: usize = 64 * 1024;
/// The version of this protocol.
pub const PROTOCOL_VERSION: u32 = 1;
/// Path of the configuration below the issuer's URL.
pub const CONFIGURATION_PATH: &str = "/.well-known/countersign-configuration";
/// Header with an [`ApprovalProof`](crate::ApprovalProof) (section 2.5).
pub const PROOF_HEADER: &str = "Countersign-Proof";
/// Header with the nonce for the next proof (section 2.5).
pub const NONCE_HEADER: &str = "Countersign-Nonce";
/// WebSocket sub-protocol (section 5.3).
pub const SUBPROTOCOL: &str = "countersign.v1";
/// Path of the device itself below the issuer (section 5.6).
pub const DEVICE_PATH: &str = "/v1/device";
/// The longest wait of a poll, in seconds.
pub const MAX_POLL_WAIT: u32 = 50;
/// Both ends of a WebSocket ping at least this often, in seconds.
pub const PING_INTERVAL: u32 = 30;
/// A WebSocket silent for this long is closed, in seconds.
pub const SILENCE_LIMIT: u32 = 60;
/// WebSocket close code: the device was revoked.
pub const CLOSE_REVOKED: u16 = 4403;
/// WebSocket close code: a newer connection of the same device took over.
pub const CLOSE_REPLACED: u16 = 4409;
/// WebSocket close code: the issuer restarts.
pub const CLOSE_RESTART: u16 = 1012;

/// A frame from issuer to device (section 5.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// First on every connection.
    Welcome {
        /// Issuer time.
        time: Timestamp,
        /// An [`ApprovalTime`](crate::ApprovalTime) as compact JWS, bound to the proof of the connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_proof: Option<String>,
        /// Where the device is in the stream.
        cursor: String,
        /// How often the issuer pings, in seconds.
        heartbeat: u32,
    },
    /// A request waits for this device.
    Request {
        /// An [`ApprovalRequest`](crate::ApprovalRequest) as compact JWS.
        request: String,
        /// Where the device is in the stream.
        cursor: String,
    },
    /// A request ended without this device.
    Closed {
        /// An [`ApprovalReceipt`](crate::ApprovalReceipt) as compact JWS.
        receipt: String,
        /// Where the device is in the stream.
        cursor: String,
    },
    /// This device's decision counts.
    Receipt {
        /// The transaction decided.
        txn: Txn,
        /// An [`ApprovalReceipt`](crate::ApprovalReceipt) as compact JWS.
        receipt: String,
        /// There if it had ended before: the receipt says how, and the report was taken.
        #[serde(skip_serializing_if = "Option::is_none")]
        report: Option<LateReport>,
    },
    /// This device's decision does not count.
    Refused {
        /// The transaction, if the decision could be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        txn: Option<Txn>,
        /// Why.
        error: ErrorCode,
        /// Why, for people.
        message: String,
        /// With [`ErrorCode::WrongCode`]: how many wrong codes remain before the user is locked.
        #[serde(skip_serializing_if = "Option::is_none")]
        attempts_left: Option<u32>,
        /// How it ended, as compact JWS, if it did.
        #[serde(skip_serializing_if = "Option::is_none")]
        receipt: Option<String>,
    },
    /// The issuer's keys change.
    Keys {
        /// An [`ApprovalKeys`](crate::ApprovalKeys) as compact JWS.
        keys: String,
    },
    /// The device was revoked; the connection closes.
    Revoked {},
}

/// What became of a report of a request that had ended (section 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateReport {
    /// It is on record; the outcome is what it was.
    Taken,
}

/// A frame from device to issuer (section 5.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DeviceFrame {
    /// A decision.
    Decision {
        /// An [`ApprovalDecision`](crate::ApprovalDecision) as compact JWS.
        decision: String,
    },
}

impl ServerFrame {
    /// Reads a frame.
    ///
    /// # Errors
    /// If it is longer than [`MAX_FRAME`], not strict JSON, or not a frame of this version.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        json::from_slice(text, MAX_FRAME)
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// None in practice: every frame can be written.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

impl DeviceFrame {
    /// Reads a frame.
    ///
    /// # Errors
    /// If it is longer than [`MAX_FRAME`], not strict JSON, or not a frame of this version.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        json::from_slice(text, MAX_FRAME)
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// None in practice: every frame can be written.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// What an issuer says about itself (section 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The issuer.
    pub issuer: Issuer,
    /// Its name, for people: 1 to 64 characters.
    pub name: String,
    /// The protocol versions it speaks.
    pub protocol_versions: Vec<u32>,
    /// Its keys, the current one first.
    pub keys: KeySet,
    /// Issuer time.
    pub time: Timestamp,
    /// Where to preview an offer.
    pub enrolment_preview_endpoint: String,
    /// Where to enrol.
    pub enrolment_endpoint: String,
    /// Where to subscribe (`wss`).
    pub stream_endpoint: String,
    /// Where to poll.
    pub poll_endpoint: String,
    /// Where to send decisions.
    pub decision_endpoint: String,
    /// Where to rotate the key.
    pub rotation_endpoint: String,
}

/// Why a configuration is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// It is somebody else's.
    #[error("the configuration names another issuer")]
    Issuer,
    /// It does not speak version 1.
    #[error("the issuer does not speak version 1 of the protocol: update this app or the issuer")]
    Version,
    /// Its name is not plain text of 1 to 64 characters.
    #[error("the issuer's name {0}")]
    Name(#[source] crate::text::TextError),
    /// An endpoint is elsewhere.
    #[error("`{endpoint}` is not at the issuer's address")]
    Endpoint {
        /// Which one.
        endpoint: &'static str,
    },
}

impl Configuration {
    /// Reads a configuration and checks it against the issuer it was fetched from.
    ///
    /// # Errors
    /// If any rule of section 5.1 is broken.
    pub fn check(&self, issuer: &Issuer) -> Result<(), ConfigurationError> {
        if self.issuer != *issuer {
            return Err(ConfigurationError::Issuer);
        }
        if !self.protocol_versions.contains(&PROTOCOL_VERSION) {
            return Err(ConfigurationError::Version);
        }
        crate::text::check(&self.name, 64).map_err(ConfigurationError::Name)?;
        for (endpoint, url, scheme) in [
            (
                "enrolment_preview_endpoint",
                &self.enrolment_preview_endpoint,
                "https",
            ),
            ("enrolment_endpoint", &self.enrolment_endpoint, "https"),
            ("stream_endpoint", &self.stream_endpoint, "wss"),
            ("poll_endpoint", &self.poll_endpoint, "https"),
            ("decision_endpoint", &self.decision_endpoint, "https"),
            ("rotation_endpoint", &self.rotation_endpoint, "https"),
        ] {
            if !issuer.is_origin_of(url, scheme) {
                return Err(ConfigurationError::Endpoint { endpoint });
            }
        }
        Ok(())
    }
}

/// Asks what an enrolment code offers (section 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRequest {
    /// The code.
    pub code: EnrolmentCode,
}

/// What an enrolment code offers (section 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewOffer {
    /// The account label.
    pub account: String,
    /// The issuer's name, for people.
    pub issuer_name: String,
    /// When the offer ends.
    pub expires_at: Timestamp,
    /// Whether a one-time code comes with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub otp: bool,
}

/// Enrols (section 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentRequest {
    /// An [`ApprovalEnrol`](crate::ApprovalEnrol) as compact JWS.
    pub enrolment: String,
}

/// The device is enrolled (section 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentResponse {
    /// The device's id.
    pub device_id: DeviceId,
    /// The account label.
    pub account: String,
    /// The issuer's name, for people.
    pub issuer_name: String,
    /// The keys to pin; they must equal those of the configuration.
    pub keys: KeySet,
    /// Issuer time.
    pub time: Timestamp,
    /// A one-time code of the same account, for the device to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otp: Option<OtpLink>,
}

/// An `otpauth://` link (the key URI format): 1 to [`OtpLink::MAX`] bytes of visible ASCII. Wiped when dropped, not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OtpLink(Zeroizing<String>);

/// A text that is no [`OtpLink`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidOtpLink;

impl OtpLink {
    /// The most bytes.
    pub const MAX: usize = 2048;

    /// The link. Whoever calls this must not keep a copy that is not wiped.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OtpLink {
    type Error = InvalidOtpLink;

    fn try_from(text: String) -> Result<Self, InvalidOtpLink> {
        let text = Zeroizing::new(text);
        let fits = text.len() <= Self::MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits && text.starts_with("otpauth://") {
            Ok(Self(text))
        } else {
            Err(InvalidOtpLink)
        }
    }
}

impl From<OtpLink> for String {
    fn from(link: OtpLink) -> Self {
        link.0.to_string()
    }
}

impl std::fmt::Debug for OtpLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OtpLink(..)")
    }
}

impl std::fmt::Display for InvalidOtpLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not an otpauth link of visible ASCII, or longer than 2048 bytes")
    }
}

impl std::error::Error for InvalidOtpLink {}

/// The answer to a poll (section 5.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollResponse {
    /// Issuer time.
    pub time: Timestamp,
    /// An [`ApprovalTime`](crate::ApprovalTime) as compact JWS, bound to the proof of the poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_proof: Option<String>,
    /// For the next poll.
    pub cursor: String,
    /// What there is.
    pub frames: Vec<ServerFrame>,
}

/// Sends a decision (section 5.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRequest {
    /// An [`ApprovalDecision`](crate::ApprovalDecision) as compact JWS.
    pub decision: String,
}

/// The decision counts (section 5.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionResponse {
    /// An [`ApprovalReceipt`](crate::ApprovalReceipt) as compact JWS.
    pub receipt: String,
    /// There if it had ended before: the receipt says how, and the report was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<LateReport>,
}

/// Rotates the device's key (section 5.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationRequest {
    /// An [`ApprovalRotate`](crate::ApprovalRotate) as compact JWS.
    pub rotation: String,
}

/// The device is revoked (section 5.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationResponse {}

/// The key is rotated (section 5.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationResponse {
    /// The device.
    pub device_id: DeviceId,
    /// The key that counts from now on.
    pub kid: KeyId,
}
