//! Evidence (section 10): what a person exports and an auditor verifies without a server.
//!
//! It proves what the app rendered and signed and what the issuer recorded, as far as the issuer keys in the file are
//! trusted: the auditor compares [`EvidenceReport::fingerprint`] with a copy from the issuer.

use serde::{Deserialize, Serialize};

use crate::claims::{Claims, TOLERANCE};
use crate::decision::{ApprovalDecision, DecisionMismatch};
use crate::id::DeviceId;
use crate::issuer::Issuer;
use crate::json::{self, JsonError};
use crate::jwk::{Jwk, KeySet, fingerprint};
use crate::jws::{Unverified, VerifyError};
use crate::receipt::ApprovalReceipt;
use crate::request::ApprovalRequest;
use crate::statement::{Statement, StatementError};
use crate::{decision_hash, request_hash};

/// The longest evidence file, in bytes.
pub const MAX_EVIDENCE: usize = 256 * 1024;

const FORMAT: &str = "countersign-evidence";
const VERSION: u32 = 1;

/// An evidence file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawEvidence", into = "RawEvidence")]
pub struct Evidence {
    /// The issuer.
    pub issuer: Issuer,
    /// Its name, for people.
    pub issuer_name: String,
    /// Its keys, as pinned by the device.
    pub issuer_keys: KeySet,
    /// The device that exported this.
    pub device_id: DeviceId,
    /// Its key.
    pub device_key: Jwk,
    /// The [`ApprovalRequest`] as compact JWS.
    pub request: String,
    /// The [`ApprovalDecision`] as compact JWS, if this device decided.
    pub decision: Option<String>,
    /// The [`ApprovalReceipt`] as compact JWS.
    pub receipt: String,
}

/// What a verified evidence file says.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceReport {
    /// The fingerprint of the issuer's first key: compare it with a copy from the issuer.
    pub fingerprint: String,
    /// What was asked.
    pub request: ApprovalRequest,
    /// What was shown.
    pub statement: Statement,
    /// What was decided on this device, if it decided.
    pub decision: Option<ApprovalDecision>,
    /// How it ended.
    pub receipt: ApprovalReceipt,
}

/// Why an evidence file proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// Not an evidence file of this version.
    #[error("not an evidence file: {0}")]
    Form(#[from] JsonError),
    /// The request does not verify.
    #[error("the request: {0}")]
    Request(#[source] VerifyError),
    /// The decision does not verify.
    #[error("the decision: {0}")]
    Decision(#[source] VerifyError),
    /// The receipt does not verify.
    #[error("the receipt: {0}")]
    Receipt(#[source] VerifyError),
    /// The request cannot be shown.
    #[error("the request cannot be shown: {0}")]
    Statement(#[from] StatementError),
    /// The decision answers another request.
    #[error(transparent)]
    Mismatch(#[from] DecisionMismatch),
    /// The parts do not belong together.
    #[error("the file's parts do not belong together: {0}")]
    Inconsistent(&'static str),
}

impl Evidence {
    /// Reads an evidence file.
    ///
    /// # Errors
    /// [`EvidenceError::Form`]
    pub fn parse(file: &[u8]) -> Result<Self, EvidenceError> {
        Ok(json::from_slice(file, MAX_EVIDENCE)?)
    }

    /// Verifies everything that can be verified with nothing but the file. Evidence does not age, so there is no clock.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(&self) -> Result<EvidenceReport, EvidenceError> {
        let request: ApprovalRequest =
            verify_signature(&self.request, &self.issuer_keys).map_err(EvidenceError::Request)?;
        let receipt: ApprovalReceipt =
            verify_signature(&self.receipt, &self.issuer_keys).map_err(EvidenceError::Receipt)?;
        let statement = Statement::from_request(&request)?;
        let own_request_hash = request_hash(&self.request);
        let is_own_decision = receipt.decided_by.as_ref() == Some(&self.device_id);
        let fits = |hash: &Option<String>, own: &str| hash.as_deref().is_none_or(|hash| hash == own);
        for (holds, problem) in [
            (request.iss == self.issuer, "the request is from another issuer"),
            (request.aud == self.device_id, "the request is for another device"),
            (receipt.iss == self.issuer, "the receipt is from another issuer"),
            (
                receipt.is_for(self.device_id.as_str()),
                "the receipt is for another device",
            ),
            (
                receipt.txn == request.txn,
                "the receipt is for another transaction",
            ),
            (
                fits(&receipt.request_hash, &own_request_hash),
                "the receipt is for another request",
            ),
            (
                fits(&receipt.statement_hash, statement.hash()),
                "the receipt is for another statement",
            ),
            (
                receipt.iat >= request.iat - TOLERANCE,
                "the receipt is older than the request",
            ),
            (
                is_own_decision == self.decision.is_some(),
                "the decision is there exactly if this device decided",
            ),
        ] {
            if !holds {
                return Err(EvidenceError::Inconsistent(problem));
            }
        }
        let decision = match &self.decision {
            Some(token) => {
                Some(self.verify_decision(token, &request, &own_request_hash, &statement, &receipt)?)
            }
            None => None,
        };
        Ok(EvidenceReport {
            fingerprint: self.issuer_keys.first().map(fingerprint).unwrap_or_default(),
            request,
            statement,
            decision,
            receipt,
        })
    }

    fn verify_decision(
        &self,
        token: &str,
        request: &ApprovalRequest,
        request_hash: &str,
        statement: &Statement,
        receipt: &ApprovalReceipt,
    ) -> Result<ApprovalDecision, EvidenceError> {
        let device_keys = KeySet::from_iter([self.device_key.clone()]);
        let decision: ApprovalDecision =
            verify_signature(token, &device_keys).map_err(EvidenceError::Decision)?;
        decision.check_answers(request, request_hash, statement)?;
        for (holds, problem) in [
            (
                receipt.decision_hash.as_deref() == Some(&decision_hash(token)),
                "the receipt is for another decision",
            ),
            (
                receipt.outcome.verdict() == Some(decision.verdict),
                "the receipt has another outcome than the decision",
            ),
            (
                decision.iat >= request.iat - TOLERANCE,
                "the decision is older than the request",
            ),
            (
                decision.iat < request.exp + TOLERANCE,
                "the decision is younger than the request's end",
            ),
        ] {
            if !holds {
                return Err(EvidenceError::Inconsistent(problem));
            }
        }
        Ok(decision)
    }
}

fn verify_signature<C: Claims>(token: &str, keys: &KeySet) -> Result<C, VerifyError> {
    Unverified::parse(token)?.verify_signature(keys)
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "evidence", deny_unknown_fields)]
struct RawEvidence {
    format: String,
    version: u32,
    issuer: Issuer,
    issuer_name: String,
    issuer_keys: KeySet,
    device_id: DeviceId,
    device_key: Jwk,
    request: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
    receipt: String,
}

impl TryFrom<RawEvidence> for Evidence {
    type Error = &'static str;

    fn try_from(raw: RawEvidence) -> Result<Self, Self::Error> {
        if raw.format != FORMAT || raw.version != VERSION {
            return Err("not a countersign-evidence file of version 1");
        }
        Ok(Self {
            issuer: raw.issuer,
            issuer_name: raw.issuer_name,
            issuer_keys: raw.issuer_keys,
            device_id: raw.device_id,
            device_key: raw.device_key,
            request: raw.request,
            decision: raw.decision,
            receipt: raw.receipt,
        })
    }
}

impl From<Evidence> for RawEvidence {
    fn from(evidence: Evidence) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            issuer: evidence.issuer,
            issuer_name: evidence.issuer_name,
            issuer_keys: evidence.issuer_keys,
            device_id: evidence.device_id,
            device_key: evidence.device_key,
            request: evidence.request,
            decision: evidence.decision,
            receipt: evidence.receipt,
        }
    }
}
