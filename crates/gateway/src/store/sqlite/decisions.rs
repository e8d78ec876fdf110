//! Taking a decision, once, in SQLite.

use countersign_protocol::{DeviceId, Jti, Outcome, Timestamp, Txn, Verdict};
use rusqlite::{Connection, params};

use super::{
    approvals,
    column::{get, signed, unsigned},
    error::StoreErrorExt as _,
    execute, log, one, registry,
};
use crate::{
    audit,
    store::{
        Approval, ApprovalState, BeforeDecision, CodeCheck, Decision, DecisionAttempt, Ending, Prior,
        PriorAnswer, Report, StoreError, StoreResult,
    },
};

/// For how long after its end an approval can be reported, in seconds (protocol section 5.4).
const REPORTABLE: i64 = 24 * 60 * 60;

pub(super) fn before(
    db: &Connection,
    device: &DeviceId,
    jti: &Jti,
    txn: &Txn,
) -> StoreResult<BeforeDecision> {
    Ok(BeforeDecision {
        prior: prior(db, device, jti)?,
        approval: approvals::approval(db, txn)?,
        recipients: approvals::recipients(db, txn)?,
    })
}

/// The mutable half of the checks of protocol section 5.4, in its order, and the change.
pub(super) fn decide(db: &Connection, attempt: &DecisionAttempt) -> StoreResult<Decision> {
    let device = &attempt.decided.device;
    let state = one(
        db,
        "SELECT counter, revoked_at FROM devices WHERE id = ?1",
        [device.as_str()],
        |row| {
            Ok((
                unsigned::<u64>(row, "counter")?,
                get::<Option<i64>>(row, "revoked_at")?,
            ))
        },
    )?;
    let Some((counter, None)) = state else {
        return Ok(Decision::Revoked);
    };
    if let Some(prior) = prior(db, device, &attempt.jti)? {
        return Ok(Decision::Seen(prior));
    }
    let Some(approval) = approvals::approval(db, &attempt.txn)? else {
        return Ok(Decision::Unknown);
    };
    if attempt.counter <= counter {
        return Ok(Decision::CounterRegression { last: counter });
    }
    registry::count(db, device, attempt.counter)?;
    match &approval.state {
        ApprovalState::Ended(ending) if reports(attempt, ending) => {
            let report = report(db, attempt, &approval, ending.outcome)?;
            Ok(Decision::Reported(Box::new(approval), report))
        }
        ApprovalState::Ended(_) => {
            remember(db, attempt, &PriorAnswer::Late)?;
            Ok(Decision::AlreadyEnded(Box::new(approval)))
        }
        ApprovalState::Pending if approval.expires_at <= attempt.now => {
            let approval = Box::new(approvals::end_expired(db, approval, attempt.now)?);
            if attempt.decided.verdict == Verdict::Report {
                report(db, attempt, &approval, Outcome::Expired)?;
                return Ok(Decision::ExpiredAndReported(approval));
            }
            remember(db, attempt, &PriorAnswer::Late)?;
            Ok(Decision::Expired(approval))
        }
        ApprovalState::Pending => match attempt.code {
            CodeCheck::Wrong => wrong_code(db, attempt, &approval),
            CodeCheck::Right => {
                registry::forgive(db, &approval.user)?;
                win(db, attempt, approval)
            }
            CodeCheck::NotAsked => win(db, attempt, approval),
        },
    }
}

/// When the approval was first reported after its end.
pub(super) fn reported_at(db: &Connection, txn: &Txn) -> StoreResult<Option<Timestamp>> {
    let first: Option<Option<Timestamp>> = one(
        db,
        "SELECT min(reported_at) AS first FROM decisions WHERE txn = ?1",
        [txn.as_str()],
        |row| get(row, "first"),
    )?;
    Ok(first.flatten())
}

fn reports(attempt: &DecisionAttempt, ending: &Ending) -> bool {
    attempt.decided.verdict == Verdict::Report && attempt.now - ending.at <= REPORTABLE
}

/// Keeps a report of what has ended. A device's second one changes nothing and has no audit record.
fn report(
    db: &Connection,
    attempt: &DecisionAttempt,
    approval: &Approval,
    outcome: Outcome,
) -> StoreResult<Report> {
    let before: Option<Option<Timestamp>> = one(
        db,
        "SELECT min(reported_at) AS first FROM decisions WHERE txn = ?1 AND device_id = ?2",
        params![attempt.txn.as_str(), attempt.decided.device.as_str()],
        |row| get(row, "first"),
    )?;
    let (report, at) = match before.flatten() {
        Some(at) => (Report::Again, at),
        None => {
            log::append(db, &audit::reported_late(attempt, approval, outcome))?;
            (Report::First, attempt.now)
        }
    };
    remember(db, attempt, &PriorAnswer::Reported)?;
    execute(
        db,
        "UPDATE decisions SET reported_at = ?1 WHERE device_id = ?2 AND jti = ?3",
        params![at, attempt.decided.device.as_str(), attempt.jti.as_str()],
    )?;
    Ok(report)
}

fn win(db: &Connection, attempt: &DecisionAttempt, approval: Approval) -> StoreResult<Decision> {
    let entry = audit::decided(attempt, &approval);
    remember(
        db,
        attempt,
        &PriorAnswer::Accepted {
            receipt: attempt.receipt.clone(),
        },
    )?;
    let outcome = Outcome::from(attempt.decided.verdict);
    let approval = approvals::end(
        db,
        approval,
        outcome,
        attempt.now,
        &entry,
        Some(attempt.decided.clone()),
    )?;
    Ok(Decision::Accepted(Box::new(approval)))
}

fn wrong_code(db: &Connection, attempt: &DecisionAttempt, approval: &Approval) -> StoreResult<Decision> {
    let user = registry::user(db, &approval.user)?
        .ok_or_else(|| StoreError::corrupt(format!("the user of {} is missing", approval.txn)))?;
    let wrong_codes = user.wrong_codes.saturating_add(1);
    let attempts_left = attempt.max_wrong_codes.saturating_sub(wrong_codes);
    log::append(db, &audit::wrong_code(attempt, approval, wrong_codes))?;
    if attempts_left > 0 {
        registry::set_wrong_codes(db, &approval.user, wrong_codes, None)?;
        remember(db, attempt, &PriorAnswer::WrongCode { attempts_left })?;
        return Ok(Decision::WrongCode { attempts_left });
    }
    registry::set_wrong_codes(db, &approval.user, wrong_codes, Some(attempt.now))?;
    remember(db, attempt, &PriorAnswer::Late)?;
    log::append(db, &audit::user_locked(approval, wrong_codes, attempt.now))?;
    Ok(Decision::Locked(approvals::lock_pending(
        db,
        &approval.user,
        attempt.now,
    )?))
}

fn prior(db: &Connection, device: &DeviceId, jti: &Jti) -> StoreResult<Option<Prior>> {
    one(
        db,
        "SELECT decision_hash, receipt, attempts_left, reported_at FROM decisions WHERE device_id = ?1 AND jti = ?2",
        [device.as_str(), jti.as_str()],
        |row| {
            let answer = match (
                get::<Option<String>>(row, "receipt")?,
                get::<Option<u32>>(row, "attempts_left")?,
                get::<Option<Timestamp>>(row, "reported_at")?,
            ) {
                (Some(receipt), _, _) => PriorAnswer::Accepted { receipt },
                (None, Some(attempts_left), _) => PriorAnswer::WrongCode { attempts_left },
                (None, None, Some(_)) => PriorAnswer::Reported,
                (None, None, None) => PriorAnswer::Late,
            };
            Ok(Prior {
                decision_hash: get(row, "decision_hash")?,
                answer,
            })
        },
    )
}

fn remember(db: &Connection, attempt: &DecisionAttempt, answer: &PriorAnswer) -> StoreResult<()> {
    let (receipt, attempts_left) = match answer {
        PriorAnswer::Accepted { receipt } => (Some(receipt), None),
        PriorAnswer::WrongCode { attempts_left } => (None, Some(signed((*attempts_left).into()))),
        PriorAnswer::Reported | PriorAnswer::Late => (None, None),
    };
    execute(
        db,
        "INSERT INTO decisions (device_id, jti, txn, decision_hash, receipt, attempts_left)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            attempt.decided.device.as_str(),
            attempt.jti.as_str(),
            attempt.txn.as_str(),
            attempt.decided.decision_hash,
            receipt,
            attempts_left
        ],
    )?;
    Ok(())
}
