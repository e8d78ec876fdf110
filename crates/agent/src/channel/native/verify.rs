//! What may pass to the engine. No I/O, no clock: everything is judged against the account's binding at a given time.

use countersign_protocol::{
    ApprovalKeys, ApprovalReceipt, ApprovalRequest, ApprovalTime, Claims, ErrorCode, Expect, Jti, KeySet,
    Statement, Timestamp, Txn, decision_hash, jws, text,
};

use super::{binding::Binding, request};
use crate::channel::{ChannelProblem, DecisionOutcome, RejectReason, VerifiedReceipt, VerifiedRequest};

/// Judges messages for one account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verifier<'a> {
    pub(super) binding: &'a Binding,
    /// Issuer time.
    pub(super) now: i64,
}

/// An issuer's "no" to a decision, from a frame or an HTTP answer.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: ErrorCode,
    pub(super) message: String,
    pub(super) attempts_left: Option<u32>,
    pub(super) receipt: Option<String>,
}

impl Verifier<'_> {
    /// A request: signed by a pinned key, for this device and account, and showable as a whole.
    pub(super) fn request(&self, token: String) -> Result<VerifiedRequest, RejectReason> {
        let claims: ApprovalRequest = self.message(&token)?;
        if claims.sub != self.binding.account {
            return Err(RejectReason::WrongAccount);
        }
        let statement = Statement::from_request(&claims).map_err(RejectReason::Statement)?;
        Ok(request::verified(token, claims, statement))
    }

    /// A receipt for this device; about `txn`, if the frame or the decision names one.
    pub(super) fn receipt(&self, token: String, txn: Option<&Txn>) -> Result<VerifiedReceipt, RejectReason> {
        let claims: ApprovalReceipt = self.message(&token)?;
        if txn.is_some_and(|expected| claims.txn != *expected) {
            return Err(RejectReason::Inconsistent);
        }
        Ok(VerifiedReceipt { jws: token, claims })
    }

    /// The receipt for exactly this decision of this device.
    pub(super) fn own_receipt(
        &self,
        token: String,
        txn: &Txn,
        decision: &str,
    ) -> Result<VerifiedReceipt, RejectReason> {
        let receipt = self.receipt(token, Some(txn))?;
        let own = receipt.claims.decision_hash.as_deref() == Some(decision_hash(decision).as_str())
            && receipt.claims.decided_by.as_ref() == Some(&self.binding.device_id);
        if own {
            Ok(receipt)
        } else {
            Err(RejectReason::Inconsistent)
        }
    }

    /// A new key set, introduced by a key of the old one.
    pub(super) fn keys(&self, token: &str) -> Result<KeySet, RejectReason> {
        Ok(self.message::<ApprovalKeys>(token)?.keys)
    }

    /// The time, in answer to the call with this proof.
    pub(super) fn time(&self, token: &str, proof: &Jti) -> Result<Timestamp, RejectReason> {
        let claims: ApprovalTime = self.message(token)?;
        if claims.proof_jti == *proof {
            Ok(claims.iat)
        } else {
            Err(RejectReason::Inconsistent)
        }
    }

    /// What a refusal means. A receipt in it that does not verify is left out and returned beside.
    pub(super) fn refusal(&self, refusal: Refusal, txn: &Txn) -> (DecisionOutcome, Option<RejectReason>) {
        let (receipt, rejected) = match refusal.receipt.map(|token| self.receipt(token, Some(txn))) {
            None => (None, None),
            Some(Ok(receipt)) => (Some(Box::new(receipt)), None),
            Some(Err(reason)) => (None, Some(reason)),
        };
        let error = refusal.error;
        let outcome = match error {
            ErrorCode::WrongCode => DecisionOutcome::WrongCode {
                attempts_left: refusal.attempts_left,
            },
            ErrorCode::Locked => DecisionOutcome::Locked(receipt),
            ErrorCode::Expired => DecisionOutcome::Expired(receipt),
            ErrorCode::AlreadyDecided => DecisionOutcome::AlreadyDecided(receipt),
            ErrorCode::Stale => DecisionOutcome::Stale,
            ErrorCode::CounterRegression => DecisionOutcome::CounterRegression,
            ErrorCode::DeviceRevoked => DecisionOutcome::Revoked,
            ErrorCode::RateLimited | ErrorCode::Internal | ErrorCode::Unavailable | ErrorCode::UseNonce => {
                DecisionOutcome::NotDelivered(ChannelProblem::Issuer(error))
            }
            ErrorCode::InvalidRequest
            | ErrorCode::InvalidMessage
            | ErrorCode::Unauthorized
            | ErrorCode::NotAllowed
            | ErrorCode::InvalidCode
            | ErrorCode::NotFound
            | ErrorCode::Replayed
            | ErrorCode::IdempotencyConflict
            | ErrorCode::TooLarge
            | ErrorCode::NoDevice => DecisionOutcome::Refused {
                error,
                message: plain(refusal.message),
            },
        };
        (outcome, rejected)
    }

    fn message<C: Claims>(&self, token: &str) -> Result<C, RejectReason> {
        let expect = Expect {
            issuer: Some(self.binding.issuer.as_str()),
            audience: self.binding.device_id.as_str(),
            now: self.now,
        };
        jws::verify(token, &self.binding.issuer_keys, &expect).map_err(RejectReason::Unverified)
    }
}

/// An issuer's words, if they are plain text.
pub(super) fn plain(message: String) -> String {
    if text::check(&message, 256).is_ok() {
        message
    } else {
        "The issuer gave no readable reason.".to_owned()
    }
}
