//! What a receipt says about a request, and whether it fits what was shown and signed here.
//!
//! The channel verified signature, issuer and audience. Here the hashes are compared: a receipt that is about other
//! bytes ends the request too (the issuer's word is final) but is shown as not verifying.

use countersign_agent_api::{HistoryEntry, Outcome, ReceiptState};
use countersign_protocol::{ApprovalReceipt, Evidence};

use super::{
    request::{DecidedBy, End, Receipt, Tracked},
    views,
};
use crate::{accounts::Account, channel::VerifiedReceipt, history::Record};

/// The end of `request` that a receipt describes. `now` is this computer's clock.
pub(super) fn end(request: &Tracked, account: &Account, receipt: &VerifiedReceipt, now: i64) -> End {
    let claims = &receipt.claims;
    let decided_by = match &claims.decided_by {
        None => DecidedBy::Nobody,
        Some(device) if device.as_str() == account.binding.device() => DecidedBy::ThisDevice,
        Some(device) => DecidedBy::Another(
            claims
                .device_name
                .clone()
                .unwrap_or_else(|| device.as_str().to_owned()),
        ),
    };
    let receipt = if fits(request, claims, &decided_by) {
        Receipt::Verified(receipt.jws.clone())
    } else {
        Receipt::Inconsistent(receipt.jws.clone())
    };
    let decision_hash = claims.decision_hash.clone();
    End {
        outcome: views::outcome(claims.outcome),
        at: claims.iat,
        seen_at: now,
        decided_by,
        decision_hash,
        receipt,
        code: None,
    }
}

/// An end without the issuer's word.
pub(super) fn end_without_receipt(outcome: Outcome, at: i64, now: i64) -> End {
    let decided_by = DecidedBy::Nobody;
    End {
        outcome,
        at,
        seen_at: now,
        decided_by,
        decision_hash: None,
        receipt: Receipt::Missing,
        code: None,
    }
}

/// Whether a receipt is about exactly the request, statement and decision of this device.
fn fits(request: &Tracked, receipt: &ApprovalReceipt, decided_by: &DecidedBy) -> bool {
    let same_request = receipt.txn == request.claims().txn
        && receipt.request_hash.as_deref() == Some(&request.request_hash())
        && receipt.statement_hash.as_deref() == Some(request.statement().hash());
    let own_decision = match decided_by {
        DecidedBy::ThisDevice => receipt
            .decision_hash
            .as_deref()
            .is_some_and(|hash| request.decision(hash).is_some()),
        DecidedBy::Nobody | DecidedBy::Another(_) => true,
    };
    same_request && own_decision
}

/// What is kept of an ended request.
pub(super) fn record(request: &Tracked, account: &Account, end: &End) -> Record {
    let (receipt, state) = match &end.receipt {
        Receipt::Missing => (None, ReceiptState::None),
        Receipt::Verified(jws) => (Some(jws), ReceiptState::Verified),
        Receipt::Inconsistent(jws) => (Some(jws), ReceiptState::Invalid),
    };
    let evidence = receipt.and_then(|receipt| evidence(request, account, end, receipt));
    Record {
        account: account.id.clone(),
        entry: HistoryEntry {
            id: request.id.clone(),
            txn: request.claims().txn.to_string(),
            at: end.at,
            account: account.id.clone(),
            issuer_name: account.issuer_name.clone(),
            account_label: request.claims().sub.clone(),
            client_name: request.claims().client.name.clone(),
            lines: views::lines(request.statement()),
            outcome: end.outcome,
            by_this_device: end.decided_by == DecidedBy::ThisDevice,
            device_name: views::device_name(&end.decided_by),
            receipt: state,
            reported_at: request.reported_at,
        },
        evidence,
    }
}

/// The file that an auditor can verify (docs/protocol.md, section 10).
fn evidence(request: &Tracked, account: &Account, end: &End, receipt: &str) -> Option<Evidence> {
    let decision = match end.decided_by {
        DecidedBy::ThisDevice => {
            // If the receipt names none of ours, the last one is what it should have named.
            let named = end
                .decision_hash
                .as_deref()
                .and_then(|hash| request.decision(hash));
            named.or(request.decisions.last()).cloned()
        }
        DecidedBy::Nobody | DecidedBy::Another(_) => None,
    };
    let binding = &account.binding;
    binding.evidence(&account.issuer_name, &request.source, decision, receipt)
}
