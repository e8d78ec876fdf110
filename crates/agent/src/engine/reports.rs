//! Reports of requests that have ended: signed like any answer, kept by the issuer beside the outcome
//! (docs/protocol.md, section 5.4).
//!
//! Invariants: a report changes no outcome; an entry is marked only when the issuer has taken the report of it; of one
//! request one report is under way at a time. Nothing is sent later by itself: what could not be sent is said, and the
//! person tries again.

use countersign_agent_api::{
    AccountId, ApiError, ErrorCode, HistoryEntry, KeyringState, Reply, Reports, RequestId,
};
use countersign_protocol::{self as protocol, Reason, Verdict};

use super::{
    Call, Effect, Engine, SignOrder, Then, decide, receipts,
    request::{Attempt, PersonAnswer, Stage, Tracked, Visibility},
};
use crate::{
    accounts::Standing,
    channel::{Answer, DecisionOutcome, Signed},
    history::Record,
    keystore::KeyStoreError,
    state_dir::StateError,
    wording::sentence,
};

/// For how long after its end a request can be reported, in seconds.
const REPORTABLE: i64 = 24 * 60 * 60;

/// A report under way.
#[derive(Debug)]
pub(super) struct Report {
    /// Who waits for it.
    call: Call,
    /// What is kept of the request.
    record: Record,
    /// The request as it was, for the decision.
    request: Tracked,
    answer: PersonAnswer,
}

impl Engine {
    /// Looks up what is to be reported.
    pub(super) fn start_report(
        &mut self,
        call: Call,
        id: &RequestId,
        locale: String,
        fx: &mut Vec<Effect>,
    ) -> Result<(), ApiError> {
        Self::check_locale(&locale)?;
        if self.inbox.get(id).is_some_and(|request| !request.is_ended()) {
            let text = "This request has not ended. Answer it with deny and report.";
            return Err(ApiError::new(ErrorCode::InvalidCall, text));
        }
        if self.reports.contains_key(id) {
            return Err(ApiError::new(ErrorCode::Unavailable, "The report is on its way."));
        }
        fx.push(Effect::FindRecord(call, id.clone(), locale));
        Ok(())
    }

    /// What is kept of the request that is to be reported.
    pub(super) fn found(
        &mut self,
        call: Call,
        locale: String,
        result: Result<Option<Record>, ApiError>,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        let started = result.and_then(|record| {
            let missing = || ApiError::new(ErrorCode::NotFound, "There is no ended request with this id.");
            self.prepare(call, record.ok_or_else(missing)?, locale, now)
        });
        match started {
            Ok(Prepared::Done(entry)) => fx.push(Effect::Reply(call, Ok(Reply::Entry(*entry)))),
            Ok(Prepared::Report(report)) => {
                let id = report.request.id.clone();
                let account = report.request.account.clone();
                self.mute(&account, &report.request.claims().client.clone(), now);
                self.raise_counter(&account, 0);
                self.reports.insert(id.clone(), *report);
                fx.push(self.save_accounts(Then::SignReport(id)));
            }
            Err(error) => fx.push(Effect::Reply(call, Err(error))),
        }
    }

    fn prepare(&self, call: Call, record: Record, locale: String, now: i64) -> Result<Prepared, ApiError> {
        let refuse = |code, text: &str| Err(ApiError::new(code, text));
        let id = &record.entry.id;
        if record.entry.reported_at.is_some() {
            return Ok(Prepared::Done(Box::new(record.entry)));
        }
        if self.reports.contains_key(id) {
            return refuse(ErrorCode::Unavailable, "The report is on its way.");
        }
        let Some(account) = self.account(&record.account) else {
            return Err(no_account());
        };
        if account.standing == Standing::Revoked {
            return refuse(
                ErrorCode::Refused,
                "The issuer has removed this computer, so it takes no report from it. Tell its administrators.",
            );
        }
        if account.binding.capabilities().reports != Reports::Taken {
            return refuse(
                ErrorCode::Refused,
                "This issuer takes no reports of what has ended. Tell its administrators.",
            );
        }
        let Some(evidence) = &record.evidence else {
            return refuse(
                ErrorCode::NotPending,
                "There is no receipt that says how this request ended, so it cannot be reported. If one is to come, it does once there is a \
                 connection.",
            );
        };
        if now + account.binding.offset > record.entry.at + REPORTABLE {
            return refuse(
                ErrorCode::Refused,
                "A request can be reported for a day after its end. Tell the issuer's administrators.",
            );
        }
        let source = account.binding.restore(evidence.request.clone(), record.entry.at);
        let source = source.ok_or_else(|| {
            let text = "The request cannot be read any more, so it cannot be reported.";
            ApiError::new(ErrorCode::Storage, text)
        })?;
        let mut request = Tracked::new(id.clone(), record.account.clone(), source, Visibility::Shown);
        request.shown_at = self.inbox.get(id).and_then(|known| known.shown_at);
        let answer = PersonAnswer {
            verdict: Verdict::Report,
            reason: Some(Reason::NotMe),
            matched: None,
            locale,
            surface: self.surface(call.connection),
            attempt: Attempt::First,
            failures: 0,
        };
        Ok(Prepared::Report(Box::new(Report {
            call,
            record,
            request,
            answer,
        })))
    }

    /// The counter is on disk, or could not be kept.
    pub(super) fn report_saved(
        &mut self,
        id: &RequestId,
        result: Result<(), StateError>,
        fx: &mut Vec<Effect>,
    ) {
        if let Err(error) = result {
            return self.end_report(id, ApiError::new(ErrorCode::Storage, sentence(&error)), fx);
        }
        let Some(report) = self.reports.get(id) else {
            return;
        };
        let Some(account) = self.account(&report.request.account) else {
            return self.end_report(id, no_account(), fx);
        };
        let order = SignOrder {
            request: id.clone(),
            binding: account.binding.clone(),
            source: report.request.source.clone(),
            decision: decide::decision(&report.request, account, &report.answer),
        };
        fx.push(Effect::SignReport(Box::new(order)));
    }

    /// The key signed, or could not.
    pub(super) fn report_signed(
        &mut self,
        id: &RequestId,
        result: Result<Signed, KeyStoreError>,
        fx: &mut Vec<Effect>,
    ) {
        let Some(report) = self.reports.get(id) else {
            return;
        };
        let account = report.request.account.clone();
        match result {
            Ok(Signed { message, exp: _ }) => {
                let txn = report.request.claims().txn.clone();
                self.set_key_state(&account, KeyringState::Ready);
                let answer = Answer {
                    txn,
                    decision: message,
                };
                fx.push(Effect::DeliverReport(id.clone(), account, answer));
            }
            Err(error) => {
                self.set_key_state(&account, error.state());
                self.end_report(id, ApiError::new(error.code(), sentence(&error)), fx);
            }
        }
    }

    /// What the issuer said to a report.
    pub(super) fn report_delivered(
        &mut self,
        id: &RequestId,
        outcome: DecisionOutcome,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        let Some(report) = self.reports.get(id) else {
            return;
        };
        let account = report.request.account.clone();
        let first = report.answer.attempt == Attempt::First;
        let refused = |text: &str| ApiError::new(ErrorCode::Refused, text);
        let error = match outcome {
            // Recorded: the issuer was asked again before it knew the end. It is a report all the same.
            DecisionOutcome::Reported(_) | DecisionOutcome::Recorded(_) => {
                return self.report_taken(id, now, fx);
            }
            DecisionOutcome::Stale if first => return self.report_again(id, 0, fx),
            DecisionOutcome::CounterRegression if first => {
                let issuer_now = u64::try_from(now + self.offset(&account)).unwrap_or(0);
                return self.report_again(id, issuer_now, fx);
            }
            DecisionOutcome::Stale => {
                refused("The clocks of this computer and the issuer differ. Correct the clock and try again.")
            }
            DecisionOutcome::CounterRegression => {
                refused("The issuer does not accept this computer's counter. Is its profile in use twice?")
            }
            DecisionOutcome::Taken { .. }
            | DecisionOutcome::NotTaken
            | DecisionOutcome::AlreadyDecided(_)
            | DecisionOutcome::Expired(_)
            | DecisionOutcome::Locked(_)
            | DecisionOutcome::WrongCode { .. } => {
                refused("The issuer takes no report of this request any more. Tell its administrators.")
            }
            DecisionOutcome::Revoked => {
                self.revoked(&account, fx);
                refused("The issuer has removed this computer, so it takes no report from it.")
            }
            DecisionOutcome::Refused {
                error: protocol::ErrorCode::NotFound,
                message: _,
            } => refused("The issuer does not know this request any more. Tell its administrators."),
            DecisionOutcome::Refused { error: _, message } => ApiError::new(ErrorCode::Refused, message),
            DecisionOutcome::NotDelivered(problem) => {
                tracing::info!(%problem, "a report was not delivered");
                no_answer()
            }
        };
        self.end_report(id, error, fx);
    }

    fn report_taken(&mut self, id: &RequestId, now: i64, fx: &mut Vec<Effect>) {
        let Some(report) = self.reports.remove(id) else {
            return;
        };
        let at = now + self.offset(&report.request.account);
        if let Some(request) = self.inbox.get_mut(id) {
            request.reported_at = Some(at);
        }
        let mut record = report.record;
        record.entry.reported_at = Some(at);
        let entry = record.entry.clone();
        fx.push(Effect::Record(Box::new(record)));
        fx.push(Effect::Reply(report.call, Ok(Reply::Entry(entry))));
    }

    fn report_again(&mut self, id: &RequestId, at_least: u64, fx: &mut Vec<Effect>) {
        let Some(report) = self.reports.get_mut(id) else {
            return;
        };
        report.answer.attempt = Attempt::Corrected;
        let account = report.request.account.clone();
        self.raise_counter(&account, at_least);
        fx.push(self.save_accounts(Then::SignReport(id.clone())));
    }

    fn end_report(&mut self, id: &RequestId, error: ApiError, fx: &mut Vec<Effect>) {
        if let Some(report) = self.reports.remove(id) {
            fx.push(Effect::Reply(report.call, Err(error)));
        }
    }

    /// A report of a request that was thought to be pending came after its end, and was taken.
    pub(super) fn mark_reported(&mut self, id: &RequestId, now: i64, fx: &mut Vec<Effect>) {
        let Some(account) = self.inbox.get(id).map(|request| request.account.clone()) else {
            return;
        };
        let at = now + self.offset(&account);
        if let Some(request) = self.inbox.get_mut(id) {
            request.reported_at.get_or_insert(at);
        }
        if let (Some(request), Some(account)) = (self.inbox.get(id), self.account(&account))
            && let Stage::Ended(end) = &request.stage
        {
            fx.push(Effect::Record(Box::new(receipts::record(request, account, end))));
        }
    }

    pub(super) fn raise_counter(&mut self, account: &AccountId, at_least: u64) {
        if let Some(account) = self.account_mut(account) {
            account.counter = (account.counter + 1).max(at_least);
        }
    }
}

/// Whether there is something to send.
enum Prepared {
    /// It was reported before.
    Done(Box<HistoryEntry>),
    Report(Box<Report>),
}

fn no_account() -> ApiError {
    let text =
        "The account of this request is no longer on this computer, so it cannot be reported from here.";
    ApiError::new(ErrorCode::NotFound, text)
}

fn no_answer() -> ApiError {
    let text = "It is not known whether the report arrived: the issuer cannot be reached. Report it again when there is \
                a connection; it counts once.";
    ApiError::new(ErrorCode::Unreachable, text)
}
