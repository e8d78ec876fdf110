//! The entries that stores write as part of an operation, so that every store writes the same.

use countersign_protocol::{Outcome, Timestamp, Verdict};
use serde_json::{Value, json};

use super::{Actor, Entry, Event};
use crate::store::{Approval, DecisionAttempt, Device, NewApproval};

/// A device enrolled.
#[must_use]
pub fn enrolled(device: &Device) -> Entry {
    Entry::new(
        device.enrolled_at,
        Actor::Device(device.id.clone()),
        Event::DeviceEnrolled,
    )
    .device(&device.id)
    .user(&device.user)
    .detail("account", device.account.as_str())
    .detail("name", device.name.as_str())
    .detail("platform", device.platform.as_str())
    .detail("key", device.key.thumbprint().as_str())
    .detail("key_protection", value(&device.key_protection))
}

/// An approval was accepted.
#[must_use]
pub fn requested(new: &NewApproval) -> Entry {
    let requests: Vec<Value> = new
        .requests
        .iter()
        .map(|request| {
            json!({
                "device": request.device.as_str(),
                "request_hash": request.request_hash,
                "statement_hash": request.statement_hash,
            })
        })
        .collect();
    let entry = Entry::new(
        new.approval.created_at,
        Actor::Client(new.approval.client.clone()),
        Event::ApprovalRequested,
    )
    .txn(&new.approval.txn)
    .user(&new.approval.user)
    .client(&new.approval.client)
    .detail("expires_at", new.approval.expires_at)
    .detail("requires", value(&new.approval.requires))
    .detail("requests", requests);
    match &new.approval.acr {
        Some(acr) => entry.detail("acr", acr.as_str()),
        None => entry,
    }
}

/// A device decided.
#[must_use]
pub fn decided(attempt: &DecisionAttempt, approval: &Approval) -> Entry {
    let decided = &attempt.decided;
    let event = match decided.verdict {
        Verdict::Approve => Event::ApprovalApproved,
        Verdict::Deny => Event::ApprovalDenied,
        Verdict::Report => Event::ApprovalReported,
    };
    signed(attempt, approval, event)
}

/// A device reported an approval that had ended.
#[must_use]
pub fn reported_late(attempt: &DecisionAttempt, approval: &Approval, outcome: Outcome) -> Entry {
    signed(attempt, approval, Event::EndedApprovalReported).detail("outcome", outcome.as_str())
}

/// An approval ended without a device's decision.
#[must_use]
pub fn ended(approval: &Approval, outcome: Outcome, actor: Actor, now: Timestamp) -> Entry {
    let event = match outcome {
        Outcome::Approved => Event::ApprovalApproved,
        Outcome::Denied => Event::ApprovalDenied,
        Outcome::Reported => Event::ApprovalReported,
        Outcome::Cancelled => Event::ApprovalCancelled,
        Outcome::Expired => Event::ApprovalExpired,
        Outcome::Locked => Event::ApprovalLocked,
    };
    Entry::new(now, actor, event)
        .txn(&approval.txn)
        .user(&approval.user)
        .client(&approval.client)
}

/// A wrong match code was typed.
#[must_use]
pub fn wrong_code(attempt: &DecisionAttempt, approval: &Approval, wrong_codes: u32) -> Entry {
    by_device(attempt, approval, Event::WrongCode)
        .detail("wrong_codes", wrong_codes)
        .detail("decision_hash", attempt.decided.decision_hash.as_str())
}

/// A user's approvals were locked.
#[must_use]
pub fn user_locked(approval: &Approval, wrong_codes: u32, now: Timestamp) -> Entry {
    Entry::new(now, Actor::Gateway, Event::UserLocked)
        .user(&approval.user)
        .detail("wrong_codes", wrong_codes)
}

fn signed(attempt: &DecisionAttempt, approval: &Approval, event: Event) -> Entry {
    let decided = &attempt.decided;
    let entry = by_device(attempt, approval, event)
        .detail("decision_hash", decided.decision_hash.as_str())
        .detail("request_hash", decided.request_hash.as_str())
        .detail("statement_hash", decided.statement_hash.as_str())
        .detail("amr", value(&decided.amr))
        .detail("key_protection", value(&decided.key_protection))
        .detail("surface", value(&attempt.surface))
        .detail("counter", attempt.counter);
    match attempt.reason {
        Some(reason) => entry.detail("reason", value(&reason)),
        None => entry,
    }
}

fn by_device(attempt: &DecisionAttempt, approval: &Approval, event: Event) -> Entry {
    let device = &attempt.decided.device;
    Entry::new(attempt.now, Actor::Device(device.clone()), event)
        .txn(&approval.txn)
        .user(&approval.user)
        .client(&approval.client)
        .device(device)
}

/// The protocol's own name for one of its values.
fn value(of: &impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}
