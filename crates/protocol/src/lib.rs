//! The Countersign approval protocol, version 1: what travels between issuer and device, and what is signed.
//!
//! `docs/protocol.md` is the normative text; items name the section they follow. The path of one approval:
//!
//! 1. The issuer signs an [`ApprovalRequest`] for one device ([`jws::sign`]).
//! 2. The device verifies it against the keys it pinned ([`jws::verify`]) and computes the [`Statement`]: the lines
//!    that are shown, and nothing else.
//! 3. A person decides. The device signs an [`ApprovalDecision`] over [`request_hash`] and the statement's hash.
//! 4. The issuer computes the same statement, checks the decision against the request
//!    ([`ApprovalDecision::check_answers`]) and signs an [`ApprovalReceipt`] and an [`ApprovalResult`].
//! 5. Anybody verifies the exported [`Evidence`] later, without a server.
//!
//! ```
//! use countersign_protocol::jws::{sign, verify};
//! use countersign_protocol::{
//!     ApprovalRequest, Client, DeviceId, Es256Key, Expect, Issuer, Jti, KeySet, Nonce, Requires, Signer, Statement, Txn,
//! };
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[allow(clippy::disallowed_methods)]
//! let rng = ring::rand::SystemRandom::new();
//! let issuer_key = Es256Key::from_pkcs8(&Es256Key::generate_pkcs8(&rng)?, &rng)?;
//! let request = ApprovalRequest {
//!     iss: Issuer::parse("https://approve.example")?,
//!     aud: DeviceId::from_random([1; 16]), // random bits, of course
//!     sub: "ada@example.com".into(),
//!     iat: 1_800_000_000,
//!     exp: 1_800_000_120,
//!     jti: Jti::from_random([2; 16]),
//!     txn: Txn::from_random([3; 16]),
//!     nonce: Nonce::from_random([4; 16]),
//!     client: Client { id: "bank".into(), name: "Example Bank".into() },
//!     acr: None,
//!     binding_message: Some("Pay 4250.00 EUR to Müller GmbH".into()),
//!     authorization_details: None,
//!     context: None,
//!     requires: Requires::default(),
//! };
//! let token = sign(&request, &issuer_key)?;
//!
//! let pinned = KeySet::from_iter([issuer_key.public_key().clone()]);
//! let expect = Expect { issuer: Some("https://approve.example"), audience: request.aud.as_str(), now: 1_800_000_003 };
//! let received: ApprovalRequest = verify(&token, &pinned, &expect)?;
//! let shown = Statement::from_request(&received)?;
//! assert_eq!(shown.lines().len(), 3); // client, account, message
//! # Ok(())
//! # }
//! ```
//!
//! Invariants: no I/O, no async, no clock and no randomness of its own (both are arguments). Every type that comes from outside
//! is valid once it exists: identifiers parse, messages are checked by [`Claims::check`] before a signature is
//! made and before a verified message is handed out. Keys are chosen by the party's pinned [`KeySet`], never by
//! the message (except the two proofs of possession: enrolment and rotation).

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod base64url;
mod claims;
mod decision;
mod enrol;
mod error;
mod evidence;
mod id;
mod issuer;
pub mod jcs;
pub mod json;
mod jwk;
pub mod jws;
mod keys;
mod link;
mod proof;
mod receipt;
mod request;
mod result;
mod rotate;
mod signer;
mod statement;
pub mod text;
mod time;
pub mod wire;

pub use claims::{Claims, ClaimsError, KeySource, MAX_INTEGER, Timestamp, Validity};
pub use decision::{
    Amr, ApprovalDecision, DecidedOn, DecisionMismatch, Evidenced, KeyProtection, ProtectionLevel, Reason,
    Verdict,
};
pub use enrol::{ApprovalEnrol, DeviceDescription};
pub use error::{ErrorBody, ErrorCode};
pub use evidence::{Evidence, EvidenceError, EvidenceReport, MAX_EVIDENCE};
pub use id::{DeviceId, EnrolmentCode, IdError, Jti, KeyId, MatchCode, Nonce, Txn};
pub use issuer::{Issuer, IssuerError};
pub use jwk::{Algorithm, Jwk, JwkError, KeySet, PublishedJwk, fingerprint};
pub use jws::{Expect, Unverified, VerifyError};
pub use keys::ApprovalKeys;
pub use link::{EnrolmentLink, LinkError};
pub use proof::ApprovalProof;
pub use receipt::{ApprovalReceipt, Outcome};
pub use request::{
    ApprovalRequest, AuthorizationDetails, Client, Context, Match, Origin, Requires, Risk, Surface,
    Verification,
};
pub use result::ApprovalResult;
pub use rotate::{ApprovalRotate, RotateNew};
pub use signer::{Es256Key, SignError, Signer};
pub use statement::{Line, LineValue, STATEMENT_VERSION, Statement, StatementError};
pub use time::ApprovalTime;

/// Base64url SHA-256 of the exact bytes of a request's compact JWS (section 3).
pub fn request_hash(jws: &str) -> String {
    base64url::sha256(jws.as_bytes())
}

/// Base64url SHA-256 of the exact bytes of a decision's compact JWS (section 2.3).
pub fn decision_hash(jws: &str) -> String {
    base64url::sha256(jws.as_bytes())
}
