//! Approvals, from acceptance to their end, in SQLite.

use countersign_protocol::{DeviceId, Outcome, Timestamp, Txn};
use rusqlite::{Connection, Row, params};

use super::{
    column::{get, hash, json, limit, optional_json, outcome, parsed, signed, to_json, unsigned},
    execute, log, one, registry, rows,
};
use crate::{
    audit,
    store::{
        Accepted, Approval, ApprovalState, Cancelled, Decided, Ending, Idempotent, Inbox, InboxRequest,
        NewApproval, Recipient, Since, StoreResult,
    },
};

/// How many of a user's newest approvals are looked at for endings that a device does not know. Older ones cannot be
/// on anybody's screen any more.
const NEWEST: i64 = 500;
/// The columns of an approval, in the order in which [`approval_row`] reads them.
macro_rules! approval_columns {
    () => {
        "txn, user_id, client_id, acr, authorization_details, requires, created_at, expires_at, callback_url, \
         auth_ref, state, ended_at, ended_seq, decided"
    };
}

/// How many approvals one call of [`prune`] looks at.
const PRUNE: i64 = 500;

pub(super) fn idempotent(db: &Connection, client: &str, key: &str) -> StoreResult<Option<Idempotent>> {
    one(
        db,
        "SELECT body_hash, txn FROM idempotency WHERE client_id = ?1 AND key = ?2",
        [client, key],
        |row| {
            Ok(Idempotent {
                body_hash: hash(row, "body_hash")?,
                txn: parsed(row, "txn")?,
            })
        },
    )
}

pub(super) fn accept(db: &Connection, new: &NewApproval) -> StoreResult<Accepted> {
    if let Some(asked) = &new.idempotency
        && let Some(earlier) = idempotent(db, &new.approval.client, &asked.key)?
    {
        return Ok(Accepted::Repeated(earlier));
    }
    if registry::user(db, &new.approval.user)?.is_some_and(|user| user.locked_at.is_some()) {
        return Ok(Accepted::Locked);
    }
    let pending: Option<u32> = one(
        db,
        "SELECT count(*) AS pending FROM approvals WHERE user_id = ?1 AND ended_seq IS NULL AND expires_at > ?2",
        params![new.approval.user, new.approval.created_at],
        |row| unsigned(row, "pending"),
    )?;
    if pending.is_some_and(|pending| pending >= new.max_pending) {
        return Ok(Accepted::TooManyPending);
    }
    let seq = log::append(db, &audit::requested(new))?;
    execute(
        db,
        "INSERT INTO approvals (txn, user_id, client_id, acr, authorization_details, requires, created_at, expires_at,
            callback_url, auth_ref) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            new.approval.txn.as_str(),
            new.approval.user,
            new.approval.client,
            new.approval.acr,
            new.approval.authorization_details,
            to_json(&new.approval.requires)?,
            new.approval.created_at,
            new.approval.expires_at,
            new.approval.callback_url,
            new.approval.auth_ref
        ],
    )?;
    for request in &new.requests {
        execute(
            db,
            "INSERT INTO requests (txn, device_id, seq, nonce, jws, request_hash, statement_hash)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                new.approval.txn.as_str(),
                request.device.as_str(),
                signed(seq),
                request.nonce.as_str(),
                request.jws,
                request.request_hash,
                request.statement_hash
            ],
        )?;
    }
    if let Some(asked) = &new.idempotency {
        execute(
            db,
            "INSERT INTO idempotency (client_id, key, body_hash, txn) VALUES (?1, ?2, ?3, ?4)",
            params![
                new.approval.client,
                asked.key,
                asked.body_hash,
                new.approval.txn.as_str()
            ],
        )?;
    }
    Ok(Accepted::Made { seq })
}

pub(super) fn approval(db: &Connection, txn: &Txn) -> StoreResult<Option<Approval>> {
    one(
        db,
        concat!("SELECT ", approval_columns!(), " FROM approvals WHERE txn = ?1"),
        [txn.as_str()],
        approval_row,
    )
}

/// Ends a pending approval: the one place where that happens.
///
/// The caller has seen it pending in this transaction; the condition is there so that no mistake of a caller can
/// decide twice.
pub(super) fn end(
    db: &Connection,
    approval: Approval,
    outcome: Outcome,
    now: Timestamp,
    entry: &audit::Entry,
    decided: Option<Decided>,
) -> StoreResult<Approval> {
    let seq = log::append(db, entry)?;
    let ended = execute(
        db,
        "UPDATE approvals SET state = ?1, ended_at = ?2, ended_seq = ?3, decided = ?4
            WHERE txn = ?5 AND state = 'pending' AND (expires_at > ?2 OR ?1 = 'expired')",
        params![
            outcome.as_str(),
            now,
            signed(seq),
            decided.as_ref().map(to_json).transpose()?,
            approval.txn.as_str()
        ],
    )?;
    if ended != 1 {
        return Err(crate::store::StoreError::Corrupt(format!(
            "{} ended twice",
            approval.txn
        )));
    }
    if let Some(url) = &approval.callback_url {
        execute(
            db,
            "INSERT INTO callbacks (txn, client_id, url, created_at, due_at) VALUES (?1, ?2, ?3, ?4, ?4)",
            params![approval.txn.as_str(), approval.client, url, now],
        )?;
    }
    Ok(Approval {
        state: ApprovalState::Ended(Box::new(Ending {
            outcome,
            at: now,
            seq,
            decided,
        })),
        ..approval
    })
}

pub(super) fn cancel(
    db: &Connection,
    txn: &Txn,
    client: &str,
    now: Timestamp,
) -> StoreResult<Option<Cancelled>> {
    let Some(approval) = approval(db, txn)?.filter(|approval| approval.client == client) else {
        return Ok(None);
    };
    if approval.state != ApprovalState::Pending {
        return Ok(Some(Cancelled::Before(Box::new(approval))));
    }
    if approval.expires_at <= now {
        return Ok(Some(Cancelled::Before(Box::new(end_expired(db, approval, now)?))));
    }
    let entry = audit::ended(
        &approval,
        Outcome::Cancelled,
        audit::Actor::Client(client.to_owned()),
        now,
    );
    let approval = end(db, approval, Outcome::Cancelled, now, &entry, None)?;
    Ok(Some(Cancelled::Now(Box::new(approval))))
}

pub(super) fn expire(db: &Connection, now: Timestamp, count: usize) -> StoreResult<Vec<Approval>> {
    rows(
        db,
        concat!(
            "SELECT ",
            approval_columns!(),
            " FROM approvals WHERE ended_seq IS NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2"
        ),
        params![now, limit(count)],
        approval_row,
    )?
    .into_iter()
    .map(|approval| end_expired(db, approval, now))
    .collect()
}

pub(super) fn end_expired(db: &Connection, approval: Approval, now: Timestamp) -> StoreResult<Approval> {
    let entry = audit::ended(&approval, Outcome::Expired, audit::Actor::Gateway, now);
    end(db, approval, Outcome::Expired, now, &entry, None)
}

/// Ends everything of a user that is pending, as `locked`, but what has expired anyway.
pub(super) fn lock_pending(db: &Connection, user: &str, now: Timestamp) -> StoreResult<Vec<Approval>> {
    rows(
        db,
        concat!(
            "SELECT ",
            approval_columns!(),
            " FROM approvals WHERE user_id = ?1 AND ended_seq IS NULL AND expires_at > ?2 ORDER BY expires_at"
        ),
        params![user, now],
        approval_row,
    )?
    .into_iter()
    .map(|approval| {
        let entry = audit::ended(&approval, Outcome::Locked, audit::Actor::Gateway, now);
        end(db, approval, Outcome::Locked, now, &entry, None)
    })
    .collect()
}

pub(super) fn next_expiry(db: &Connection) -> StoreResult<Option<Timestamp>> {
    let next: Option<Option<Timestamp>> = one(
        db,
        "SELECT min(expires_at) AS next FROM approvals WHERE ended_seq IS NULL",
        [],
        |row| get(row, "next"),
    )?;
    Ok(next.flatten())
}

pub(super) fn inbox(db: &Connection, device: &DeviceId, since: Since) -> StoreResult<Inbox> {
    let Some(user) = one(
        db,
        "SELECT user_id FROM devices WHERE id = ?1",
        [device.as_str()],
        |row| get::<String>(row, "user_id"),
    )?
    else {
        return Ok(Inbox::default());
    };
    let seq = log::last_seq(db)?;
    let (pending_after, ended_after) = match since {
        Since::Connect(known) => (0, known),
        // A cursor from the future is from before a backup was restored: begin anew.
        Since::Poll(known) if known > seq => (0, None),
        Since::Poll(known) => (known, Some(known)),
    };
    let pending = rows(
        db,
        "SELECT requests.seq, requests.jws FROM approvals JOIN requests USING (txn)
            WHERE user_id = ?1 AND ended_seq IS NULL AND device_id = ?2 AND requests.seq > ?3 ORDER BY requests.seq",
        params![user, device.as_str(), signed(pending_after)],
        |row| Ok(InboxRequest { seq: unsigned(row, "seq")?, jws: get(row, "jws")? }),
    )?;
    let ended = match ended_after {
        None => Vec::new(),
        Some(after) => rows(
            db,
            concat!(
                "SELECT ",
                approval_columns!(),
                ", device_id, nonce, request_hash, statement_hash
                    FROM (SELECT * FROM approvals WHERE user_id = ?1 ORDER BY rowid DESC LIMIT ?4)
                    JOIN requests USING (txn) WHERE ended_seq > ?2 AND device_id = ?3 ORDER BY ended_seq"
            ),
            params![user, signed(after), device.as_str(), NEWEST],
            |row| Ok((approval_row(row)?, recipient_row(row)?)),
        )?,
    };
    Ok(Inbox { seq, pending, ended })
}

pub(super) fn recipients(db: &Connection, txn: &Txn) -> StoreResult<Vec<Recipient>> {
    rows(
        db,
        "SELECT device_id, nonce, request_hash, statement_hash FROM requests WHERE txn = ?1",
        [txn.as_str()],
        recipient_row,
    )
}

pub(super) fn prune(db: &Connection, before: Timestamp) -> StoreResult<usize> {
    execute(db, "DELETE FROM offers WHERE expires_at < ?1", [before])?;
    // The oldest come first by row id; looking at no more than those keeps this short however full the table is.
    execute(
        db,
        "DELETE FROM approvals WHERE rowid IN
            (SELECT oldest FROM (SELECT rowid AS oldest, created_at, state, txn AS oldest_txn FROM approvals ORDER BY rowid LIMIT ?2)
             WHERE created_at < ?1 AND state <> 'pending'
                AND NOT EXISTS (SELECT 1 FROM callbacks WHERE callbacks.txn = oldest_txn AND due_at IS NOT NULL))",
        params![before, PRUNE],
    )
}

/// Reads the columns of `approval_columns` by their places: looking each up by name costs as much as the query.
fn approval_row(row: &Row<'_>) -> StoreResult<Approval> {
    let state = match get::<String>(row, 10)?.as_str() {
        "pending" => ApprovalState::Pending,
        ended => ApprovalState::Ended(Box::new(Ending {
            outcome: outcome(ended)?,
            at: get(row, 11)?,
            seq: unsigned(row, 12)?,
            decided: optional_json(row, 13)?,
        })),
    };
    Ok(Approval {
        txn: parsed(row, 0)?,
        user: get(row, 1)?,
        client: get(row, 2)?,
        acr: get(row, 3)?,
        authorization_details: get(row, 4)?,
        requires: json(row, 5)?,
        created_at: get(row, 6)?,
        expires_at: get(row, 7)?,
        callback_url: get(row, 8)?,
        auth_ref: get(row, 9)?,
        state,
    })
}

fn recipient_row(row: &Row<'_>) -> StoreResult<Recipient> {
    Ok(Recipient {
        device: parsed(row, "device_id")?,
        nonce: parsed(row, "nonce")?,
        request_hash: get(row, "request_hash")?,
        statement_hash: get(row, "statement_hash")?,
    })
}
