//! A device decides (protocol section 5.4).
//!
//! What cannot change once it is written is checked here; what can (counter, state, lock, wrong codes) is judged by
//! the store, in the transaction that makes the change.

use std::sync::Arc;

use countersign_protocol::{
    Amr, ApprovalDecision, DecidedOn, ErrorCode, Evidenced, Expect, KeyProtection, KeySet, Match, MatchCode,
    Outcome, Surface, Txn, Unverified, Verdict, Verification, VerifyError, decision_hash, wire::LateReport,
};

use super::{Gateway, Happening, Refusal, ServiceError, ServiceResult, pending::Accepted};
use crate::{
    audit::{Actor, Entry, Event},
    store::{
        Approval, ApprovalState, CodeCheck, Decided, Decision, DecisionAttempt, Device, Ending, Prior,
        PriorAnswer, Recipient, Report,
    },
};

/// What a device gets for its decision.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The transaction, if the decision could be read.
    pub(crate) txn: Option<Txn>,
    /// What came of it, or why it does not count.
    pub(crate) result: ServiceResult<Taken>,
}

/// A decision that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    /// How the approval ended.
    pub(crate) receipt: String,
    /// There if it had ended before: the decision counts as a report of it.
    pub(crate) report: Option<LateReport>,
}

impl Gateway {
    /// Takes a decision. What is answered is durable.
    pub(crate) async fn decide(&self, token: &str) -> Answered {
        let message = match Unverified::<ApprovalDecision>::parse(token) {
            Ok(message) => message,
            Err(error) => {
                let refusal = malformed(&error);
                self.refused("decision", refusal.code);
                let entry = Entry::new(self.now(), Actor::Unknown, Event::DecisionRefused);
                self.audit_refusal(entry, &refusal).await;
                return Answered {
                    txn: None,
                    result: Err(refusal.into()),
                };
            }
        };
        let txn = message.untrusted_claims().txn.clone();
        let result = self.try_decide(token, message).await;
        if let Err(error) = &result {
            self.refused("decision", error.code());
        }
        Answered {
            txn: Some(txn),
            result,
        }
    }

    async fn try_decide(
        &self,
        token: &str,
        message: Unverified<'_, ApprovalDecision>,
    ) -> ServiceResult<Taken> {
        let (id, txn) = (
            message.untrusted_claims().iss.clone(),
            message.untrusted_claims().txn.clone(),
        );
        let stranger = || {
            Entry::new(self.now(), Actor::Unknown, Event::DecisionRefused)
                .device(&id)
                .txn(&txn)
        };
        let device = match self.enrolled(&id).await {
            Ok(device) => device,
            Err(ServiceError::Refused(refusal)) => {
                self.audit_refusal(stranger(), &refusal).await;
                return Err(refusal.into());
            }
            Err(error @ (ServiceError::Store(_) | ServiceError::Random(_) | ServiceError::Sign(_))) => {
                return Err(error);
            }
        };
        let now = self.now();
        let keys = KeySet::from_iter([device.key.clone()]);
        let expect = Expect {
            issuer: Some(device.id.as_str()),
            audience: self.issuer().as_str(),
            now,
        };
        let decision = match message.verify(&keys, &expect) {
            Ok(decision) => decision,
            Err(error) => {
                let refusal = malformed(&error);
                self.audit_refusal(stranger().user(&device.user), &refusal).await;
                return Err(refusal.into());
            }
        };
        match self.judge(token, decision, &device).await {
            Err(ServiceError::Refused(refusal)) => {
                // A wrong code is counted, and audited with the count.
                if refusal.code != ErrorCode::WrongCode {
                    let entry = Entry::new(now, Actor::Device(device.id.clone()), Event::DecisionRefused)
                        .device(&device.id)
                        .user(&device.user)
                        .txn(&txn);
                    self.audit_refusal(entry, &refusal).await;
                }
                Err(refusal.into())
            }
            answer @ (Ok(_)
            | Err(ServiceError::Store(_) | ServiceError::Random(_) | ServiceError::Sign(_))) => answer,
        }
    }

    async fn judge(
        &self,
        token: &str,
        decision: ApprovalDecision,
        device: &Arc<Device>,
    ) -> ServiceResult<Taken> {
        let hash = decision_hash(token);
        let accepted = match self.pending.get(&decision.txn) {
            Some(accepted) => Some(accepted),
            None => {
                let before = self
                    .parts
                    .store
                    .before_decision(&device.id, &decision.jti, &decision.txn)
                    .await?;
                if let Some(prior) = before.prior {
                    return self.repeat_answer(&prior, &hash, &decision.txn, device).await;
                }
                let recipients = before.recipients;
                before
                    .approval
                    .map(|approval| Arc::new(Accepted { approval, recipients }))
            }
        };
        let Some(accepted) = accepted.filter(|accepted| accepted.approval.user == device.user) else {
            return Err(unknown().into());
        };
        let Accepted { approval, recipients } = &*accepted;
        let Some(own) = recipients.iter().find(|recipient| recipient.device == device.id) else {
            return Err(unknown().into());
        };
        check(&decision, approval, own)?;
        if decision.verdict == Verdict::Report && approval.state != ApprovalState::Pending {
            self.late_reports
                .take(device.id.as_str(), self.parts.clock.now_ms())
                .map_err(|seconds| Refusal {
                    retry_after: Some(seconds),
                    ..Refusal::new(ErrorCode::RateLimited, "too many reports; try again later")
                })?;
        }
        let attempt = self.attempt(decision, hash, device, approval, own)?;
        let decision = self.parts.store.decide(attempt.clone()).await?;
        self.answer_to(decision, attempt, device, &accepted, own).await
    }

    /// Tells everybody whom it concerns what the store made of a decision, and answers it.
    async fn answer_to(
        &self,
        decision: Decision,
        attempt: DecisionAttempt,
        device: &Device,
        accepted: &Accepted,
        own: &Recipient,
    ) -> ServiceResult<Taken> {
        match decision {
            Decision::Accepted(approval) => {
                let others = accepted.recipients.iter();
                let others = others.filter(|recipient| recipient.device != device.id);
                self.ended(*approval, others);
                Ok(Taken {
                    receipt: attempt.receipt,
                    report: None,
                })
            }
            Decision::WrongCode { attempts_left } => Err(wrong_code(attempts_left).into()),
            Decision::Locked(ended) => {
                self.observe(&Happening::UserLocked);
                let this = ended.iter().find(|ended| ended.txn == attempt.txn).cloned();
                let receipt = match &this {
                    Some(this) => self.receipt_of(this, own)?,
                    None => None,
                };
                for approval in ended {
                    self.ended_elsewhere(approval, Some(&device.id)).await;
                }
                Err(Refusal {
                    receipt,
                    ..Refusal::new(ErrorCode::Locked, LOCKED)
                }
                .into())
            }
            Decision::AlreadyEnded(approval) => {
                self.pending.remove(&approval.txn);
                Err(self.too_late(&approval, own)?.into())
            }
            Decision::Expired(approval) => {
                let refusal = self.too_late(&approval, own)?;
                self.ended_elsewhere(*approval, Some(&device.id)).await;
                Err(refusal.into())
            }
            Decision::Reported(approval, report) => {
                self.pending.remove(&approval.txn);
                match report {
                    Report::First => self.observe(&Happening::ReportedLate),
                    Report::Again => {}
                }
                self.reported(&approval, own)
            }
            Decision::ExpiredAndReported(approval) => {
                self.observe(&Happening::ReportedLate);
                let taken = self.reported(&approval, own)?;
                self.ended_elsewhere(*approval, Some(&device.id)).await;
                Ok(taken)
            }
            Decision::Seen(prior) => {
                self.repeat_answer(&prior, &attempt.decided.decision_hash, &attempt.txn, device)
                    .await
            }
            Decision::CounterRegression { last } => Err(Refusal::new(
                ErrorCode::CounterRegression,
                format!("the counter must be greater than {last}; sign again"),
            )
            .into()),
            Decision::Revoked => {
                self.devices.forget(&device.id);
                Err(Refusal::new(
                    ErrorCode::DeviceRevoked,
                    "this device was revoked; enrol it again",
                )
                .into())
            }
            Decision::Unknown => Err(unknown().into()),
        }
    }

    /// What goes to the store: the decision with what this issuer believes of it, and the receipt it gets if it wins.
    fn attempt(
        &self,
        decision: ApprovalDecision,
        hash: String,
        device: &Device,
        approval: &Approval,
        own: &Recipient,
    ) -> ServiceResult<DecisionAttempt> {
        let issuing = self.issuing();
        let now = self.now();
        let code = match (decision.verdict, &decision.match_code) {
            (Verdict::Deny | Verdict::Report, _) | (Verdict::Approve, None) => CodeCheck::NotAsked,
            (Verdict::Approve, Some(typed)) => {
                match issuing.match_code(&approval.txn, approval.requires.matching) {
                    Some(right) if right == *typed => CodeCheck::Right,
                    Some(_) | None => CodeCheck::Wrong,
                }
            }
        };
        let decided = Decided {
            device: device.id.clone(),
            device_name: device.name.clone(),
            verdict: decision.verdict,
            decision_hash: hash,
            request_hash: decision.request_hash,
            statement_hash: decision.statement_hash,
            amr: believed(decision.amr, device.key_protection),
            key_protection: device.key_protection,
        };
        let ending = Ending {
            outcome: Outcome::from(decision.verdict),
            at: now,
            seq: 0,
            decided: Some(decided.clone()),
        };
        let receipt = issuing.receipt(approval, &ending, own)?;
        Ok(DecisionAttempt {
            now,
            txn: decision.txn,
            jti: decision.jti,
            counter: decision.counter,
            reason: decision.reason,
            surface: decision.surface,
            code,
            max_wrong_codes: self.parts.settings.limits.wrong_codes,
            decided,
            receipt,
        })
    }

    async fn repeat_answer(
        &self,
        prior: &Prior,
        hash: &str,
        txn: &Txn,
        device: &Device,
    ) -> ServiceResult<Taken> {
        if prior.decision_hash != hash {
            return Err(Refusal::new(
                ErrorCode::Replayed,
                "another decision with this id was sent before; sign again with a new one",
            )
            .into());
        }
        match &prior.answer {
            PriorAnswer::Accepted { receipt } => Ok(Taken {
                receipt: receipt.clone(),
                report: None,
            }),
            PriorAnswer::WrongCode { attempts_left } => Err(wrong_code(*attempts_left).into()),
            PriorAnswer::Reported => {
                let (approval, own) = self.sent_to(device, txn).await?;
                self.reported(&approval, &own)
            }
            PriorAnswer::Late => {
                let (approval, own) = self.sent_to(device, txn).await?;
                Err(self.too_late(&approval, &own)?.into())
            }
        }
    }

    /// An approval, and what the device was sent of it.
    async fn sent_to(&self, device: &Device, txn: &Txn) -> ServiceResult<(Approval, Recipient)> {
        let approval = self.parts.store.approval(txn).await?;
        let recipients = self.parts.store.recipients(txn).await?;
        let mut recipients = recipients.into_iter();
        let own = recipients.find(|recipient| recipient.device == device.id);
        Ok(approval.zip(own).ok_or_else(unknown)?)
    }

    /// The answer to a report of what had ended.
    fn reported(&self, approval: &Approval, own: &Recipient) -> ServiceResult<Taken> {
        let receipt = self.receipt_of(approval, own)?.ok_or_else(unknown)?;
        Ok(Taken {
            receipt,
            report: Some(LateReport::Taken),
        })
    }

    fn too_late(&self, approval: &Approval, own: &Recipient) -> ServiceResult<Refusal> {
        let receipt = self.receipt_of(approval, own)?;
        let ApprovalState::Ended(ending) = &approval.state else {
            return Ok(unknown());
        };
        let (code, message) = match ending.outcome {
            Outcome::Expired => (ErrorCode::Expired, "the request has expired"),
            Outcome::Locked => (ErrorCode::Locked, LOCKED),
            Outcome::Approved | Outcome::Denied | Outcome::Reported => (
                ErrorCode::AlreadyDecided,
                "the request was decided before; the receipt says how",
            ),
            Outcome::Cancelled => (ErrorCode::AlreadyDecided, "the request was cancelled"),
        };
        Ok(Refusal {
            receipt,
            ..Refusal::new(code, message)
        })
    }

    fn receipt_of(&self, approval: &Approval, to: &Recipient) -> ServiceResult<Option<String>> {
        match &approval.state {
            ApprovalState::Pending => Ok(None),
            ApprovalState::Ended(ending) => self.issuing().receipt(approval, ending, to).map(Some),
        }
    }
}

const LOCKED: &str = "too many wrong codes: approvals are locked until an administrator unlocks them";

/// Everything in a verified decision that the approval and the request determine, in the order of section 5.4.
fn check(decision: &ApprovalDecision, approval: &Approval, own: &Recipient) -> Result<(), Refusal> {
    let requires = approval.requires;
    let approves = decision.verdict == Verdict::Approve;
    let asked_digits = match requires.matching {
        Match::Code { digits } if approves => Some(usize::from(digits)),
        Match::Code { .. } | Match::None => None,
    };
    let surface_allowed = match (requires.surface, decision.surface) {
        (Surface::Window, DecidedOn::Notification) => !approves,
        (Surface::Any, DecidedOn::Notification) => !approves || requires.allows_notification(),
        (Surface::Any | Surface::Window, DecidedOn::Window | DecidedOn::Terminal) => true,
    };
    let has = |methods: &[Amr]| decision.amr.iter().any(|method| methods.contains(method));
    let verified = match requires.verification {
        Verification::None => true,
        Verification::Presence => has(&[Amr::User, Amr::Pin, Amr::Fpt, Amr::Face]),
        Verification::User => has(&[Amr::Pin, Amr::Fpt, Amr::Face]),
    };
    for (holds, problem) in [
        (
            decision.nonce == own.nonce,
            "it has another nonce than the request",
        ),
        (
            decision.request_hash == own.request_hash,
            "it is for other bytes of the request",
        ),
        (
            decision.statement_hash == own.statement_hash,
            "it is over another statement than the request's",
        ),
        (
            surface_allowed,
            "the request does not allow an approval from a notification",
        ),
        (
            verified || !approves,
            "the request asks for a verification that `amr` does not name",
        ),
        (
            decision.match_code.as_ref().map(MatchCode::digits) == asked_digits,
            "it has not the number of digits that the request asks for",
        ),
    ] {
        if !holds {
            return Err(Refusal::new(
                ErrorCode::InvalidMessage,
                format!("the decision is refused: {problem}"),
            ));
        }
    }
    Ok(())
}

/// The methods as far as this issuer believes them: `hwk` only for a key whose hardware is attested.
fn believed(mut amr: Vec<Amr>, key_protection: KeyProtection) -> Vec<Amr> {
    let proven = key_protection.evidence == Evidenced::Attested && key_protection.level.is_hardware();
    for method in &mut amr {
        if *method == Amr::Hwk && !proven {
            *method = Amr::Swk;
        }
    }
    amr.sort_unstable();
    amr
}

fn malformed(error: &VerifyError) -> Refusal {
    Refusal::new(error.code(), format!("the decision is refused: {error}"))
}

fn unknown() -> Refusal {
    Refusal::new(ErrorCode::NotFound, "there is no such request for this device")
}

fn wrong_code(attempts_left: u32) -> Refusal {
    Refusal {
        attempts_left: Some(attempts_left),
        ..Refusal::new(
            ErrorCode::WrongCode,
            "the code is wrong; type the one shown where you started",
        )
    }
}
