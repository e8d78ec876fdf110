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

/// Base64url SHA-256 of the exact bytes of a request's compact JWS (section 3).
pub fn request_hash(jws: &str) -> String {
    base64url::sha256(jws.as_bytes())
}

/// Base64url SHA-256 of the exact bytes of a decision's compact JWS (section 2.3).
pub fn decision_hash(jws: &str) -> String {
    base64url::sha256(jws.as_bytes())
}
