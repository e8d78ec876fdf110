//! What a relying side learns about its approvals.

use std::time::Duration;

use countersign_protocol::{ApprovalResult, ErrorCode, Timestamp, Txn};
use serde::Serialize;

use super::{Gateway, Refusal, ServiceResult};
use crate::store::{Approval, ApprovalState, Cancelled, Client};

/// Where an approval stands.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Nobody has answered.
    Pending {
        /// The approval.
        txn: Txn,
        /// When it expires.
        expires_at: Timestamp,
    },
    /// It has ended.
    Ended {
        /// When it would have expired.
        expires_at: Timestamp,
        /// The result.
        claims: Box<ApprovalResult>,
        /// The same, signed.
        result: String,
        /// When a device first reported it after it had ended, if one did.
        reported_at: Option<Timestamp>,
    },
}

/// The body of a callback (protocol section 9).
#[derive(Debug, Serialize)]
struct CallbackBody<'a> {
    txn: &'a Txn,
    outcome: countersign_protocol::Outcome,
    result: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_ref: Option<&'a str>,
}

impl Gateway {
    /// Where one of the client's approvals stands; if it is pending, as soon as it ends or after `wait`.
    ///
    /// # Errors
    /// `not_found`, or when the store or the keys fail.
    pub async fn outcome(&self, client: &Client, txn: &Txn, wait: Duration) -> ServiceResult<Outcome> {
        // Subscribed first, looked second: an ending is told after the approval has gone from what is pending.
        let mut waiter = self.endings.subscribe(txn);
        let pending = self.pending.get(txn).filter(|_| !wait.is_zero());
        if let Some(pending) = pending {
            if pending.approval.client != client.id {
                return Err(unknown().into());
            }
        } else {
            let approval = self.parts.store.approval(txn).await?;
            let approval = approval
                .filter(|approval| approval.client == client.id)
                .ok_or_else(unknown)?;
            if approval.state != ApprovalState::Pending || wait.is_zero() {
                return self.outcome_and_report(&approval).await;
            }
        }
        match tokio::time::timeout(wait, waiter.ended()).await {
            Ok(approval) => self.outcome_of(&approval),
            // The store is the truth: another process may have ended it.
            Err(_) => match self.parts.store.approval(txn).await? {
                Some(approval) => self.outcome_of(&approval),
                None => Err(unknown().into()),
            },
        }
    }

    /// Cancels one of the client's approvals, if it is still pending; tells where it stands.
    ///
    /// # Errors
    /// `not_found`, or when the store or the keys fail.
    pub async fn cancel(&self, client: &Client, txn: &Txn) -> ServiceResult<Outcome> {
        match self.parts.store.cancel(txn, &client.id, self.now()).await? {
            None => Err(unknown().into()),
            Some(Cancelled::Before(approval)) => self.outcome_and_report(&approval).await,
            Some(Cancelled::Now(approval)) => {
                let outcome = self.outcome_of(&approval)?;
                self.ended_elsewhere(*approval, None).await;
                Ok(outcome)
            }
        }
    }

    /// The body of a callback: `{txn, outcome, result, auth_ref?}`. `None` while the approval is pending, or if it is
    /// gone.
    ///
    /// # Errors
    /// When the store or the keys fail.
    pub async fn callback_body(&self, txn: &Txn) -> ServiceResult<Option<String>> {
        let Some(approval) = self.parts.store.approval(txn).await? else {
            return Ok(None);
        };
        let ApprovalState::Ended(ending) = &approval.state else {
            return Ok(None);
        };
        let (_, result) = self.issuing().result(&approval, ending)?;
        let body = CallbackBody {
            txn: &approval.txn,
            outcome: ending.outcome,
            result,
            auth_ref: approval.auth_ref.as_deref(),
        };
        serde_json::to_string(&body)
            .map(Some)
            .map_err(|error| super::ServiceError::Sign(countersign_protocol::SignError::Json(error)))
    }

    /// The outcome of what may have ended before, and been reported since.
    async fn outcome_and_report(&self, approval: &Approval) -> ServiceResult<Outcome> {
        let mut outcome = self.outcome_of(approval)?;
        if let Outcome::Ended { reported_at, .. } = &mut outcome {
            *reported_at = self.parts.store.reported_at(&approval.txn).await?;
        }
        Ok(outcome)
    }

    fn outcome_of(&self, approval: &Approval) -> ServiceResult<Outcome> {
        match &approval.state {
            ApprovalState::Pending => Ok(Outcome::Pending {
                txn: approval.txn.clone(),
                expires_at: approval.expires_at,
            }),
            ApprovalState::Ended(ending) => {
                let (claims, result) = self.issuing().result(approval, ending)?;
                Ok(Outcome::Ended {
                    expires_at: approval.expires_at,
                    claims: Box::new(claims),
                    result,
                    reported_at: None,
                })
            }
        }
    }
}

fn unknown() -> Refusal {
    Refusal::new(ErrorCode::NotFound, "there is no such approval of this client")
}
