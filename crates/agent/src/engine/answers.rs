//! From a person's answer to the issuer's word on it: counter, signature, delivery, outcome.

use countersign_agent_api::{
    AccountId, ApiError, ErrorCode, KeyringState, Outcome, Problem, Reply, RequestId,
};
use countersign_protocol::{self as protocol, Client, DecidedOn, Reason, Verdict};
use zeroize::Zeroizing;

use super::{
    Call, Effect, Engine, SignOrder, Then,
    attention::{News, Place, asked},
    calls::no_request,
    decide,
    request::{Attempt, PersonAnswer, Sent, Stage, Tracked},
    text::Why,
};
use crate::{
    accounts::Mute,
    channel::{Arrival, Commitment, DecisionOutcome, Signed},
    keystore::KeyStoreError,
    notify::Action,
    state_dir::StateError,
    wording::{LANGUAGE, sentence},
};

/// For how long a reported client is held back, in seconds.
pub(super) const MUTE: i64 = 15 * 60;

/// The most clients of one account that are muted at a time.
const MAX_MUTES: usize = 64;

/// The most decisions kept for one request; more are only signed if the connection keeps breaking for minutes.
const MAX_DECISIONS: usize = 16;

/// An answer as it was given.
pub(super) struct Given {
    pub(super) verdict: Verdict,
    pub(super) match_code: Option<Zeroizing<String>>,
    pub(super) reason: Option<Reason>,
    pub(super) locale: String,
    pub(super) surface: DecidedOn,
    /// Of the statement that was on screen; `None` from a notification.
    pub(super) statement_hash: Option<String>,
}

impl Engine {
    /// Accepts an answer, or says why not. The call is answered once the counter is on disk.
    pub(super) fn decide(
        &mut self,
        id: &RequestId,
        given: Given,
        call: Option<Call>,
        now: i64,
        fx: &mut Vec<Effect>,
    ) -> Result<(), ApiError> {
        Self::check_locale(&given.locale)?;
        let request = self.inbox.get(id).ok_or_else(no_request)?;
        let account = self.account(&request.account).ok_or_else(no_request)?;
        if given.verdict == Verdict::Approve && given.reason.is_some() {
            return Err(ApiError::new(
                ErrorCode::InvalidCall,
                "A reason is only for deny and report.",
            ));
        }
        let typed = given.match_code.as_ref().map(|code| code.as_str());
        let hash = given.statement_hash.as_deref();
        let matched = decide::check(request, account, given.verdict, typed, given.surface, hash, now)?;
        let Given {
            verdict,
            reason,
            locale,
            surface,
            ..
        } = given;
        let asker = (request.account.clone(), request.claims().client.id.clone());
        let client = request.claims().client.clone();
        let answer = PersonAnswer {
            verdict,
            reason,
            matched,
            locale,
            surface,
            attempt: Attempt::First,
            failures: 0,
        };
        if verdict == Verdict::Report {
            self.mute(&asker.0, &client, now);
        }
        self.inbox.answered(&asker);
        if let Some(request) = self.inbox.get_mut(id) {
            request.problem = None;
            request.advance(|stage| stage.answered(answer));
        }
        self.next_counter(id, None);
        fx.push(self.save_accounts(Then::Sign(id.clone(), call)));
        Ok(())
    }

    /// *Deny*, or *Approve* where the request and the settings allow it, from a notification.
    pub(super) fn answer_from_notification(
        &mut self,
        id: &RequestId,
        verdict: Verdict,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        let allowed = match verdict {
            Verdict::Approve => self
                .inbox
                .get(id)
                .is_some_and(|request| self.offers_approve(request)),
            Verdict::Deny | Verdict::Report => true,
        };
        if !allowed {
            return;
        }
        let locale = LANGUAGE.to_owned();
        let surface = DecidedOn::Notification;
        let given = Given {
            verdict,
            match_code: None,
            reason: None,
            locale,
            surface,
            statement_hash: None,
        };
        match self.decide(id, given, None, now, fx) {
            Ok(()) => {
                if verdict == Verdict::Deny
                    && let Some(request) = self.inbox.get(id)
                {
                    let text = self.wording().denied(asked(request));
                    self.tell(id, News::ending(text, vec![Action::ReportToo]), fx);
                }
            }
            Err(error) => {
                tracing::info!(%error, "an answer from a notification did not count");
                self.tell_not_counted(id, error, fx);
            }
        }
    }

    /// What waited for a document to be saved.
    pub(super) fn saved(
        &mut self,
        then: Then,
        result: Result<(), StateError>,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        if let Err(error) = &result {
            tracing::error!(%error, "state could not be saved");
        }
        match then {
            Then::Nothing => {}
            Then::Sign(id, call) => {
                let reply = match result {
                    Ok(()) => {
                        fx.extend(self.sign_order(&id).map(|order| Effect::Sign(Box::new(order))));
                        self.view_of(&id).map(Reply::Request).ok_or_else(no_request)
                    }
                    Err(error) => {
                        let message = sentence(&error);
                        self.not_counted(
                            &id,
                            Problem::Refused {
                                message: message.clone(),
                            },
                        );
                        Err(ApiError::new(ErrorCode::Storage, message))
                    }
                };
                fx.extend(call.map(|call| Effect::Reply(call, reply)));
            }
            // Not being able to keep it is no reason to withhold an answer that the person gave.
            Then::Deliver(id) => self.deliver(&id, fx),
            Then::HandOver(id) => self.committed(&id, result, fx),
            Then::SignReport(id) => self.report_saved(&id, result, fx),
            Then::CreateKey(purpose, key) => self.create_key(purpose, key, result, fx),
            Then::AddAccount(cause, account, otp) => {
                self.account_added(cause, &account, otp, result, now, fx)
            }
            Then::ReplaceBinding(cause, earlier) => {
                self.binding_replaced(cause, *earlier, result, now, fx);
            }
            Then::Rotate(rotation, key) => self.ask_rotation(rotation, key, result, fx),
            Then::UseNewKey(rotation) => self.use_new_key(&rotation, result, fx),
            Then::Repoll(call, account, earlier) => self.polling_set(call, &account, earlier, result, fx),
            Then::RenameAccount(call, account, earlier) => {
                self.account_renamed(call, &account, earlier, result, fx);
            }
            Then::RemoveAccount(cause, account) => self.account_removed(cause, *account, result, fx),
        }
    }

    /// The key signed, or could not.
    pub(super) fn signed(
        &mut self,
        id: &RequestId,
        result: Result<Signed, KeyStoreError>,
        fx: &mut Vec<Effect>,
    ) {
        let Some(request) = self.inbox.get_mut(id) else {
            return;
        };
        if !matches!(request.stage, Stage::Signing(_)) {
            return;
        }
        let account = request.account.clone();
        match result {
            Ok(Signed { message, exp }) => {
                if request.decisions.len() >= MAX_DECISIONS {
                    request.decisions.remove(0);
                }
                request.decisions.push(message);
                request.advance(|stage| stage.signed(exp));
                self.set_key_state(&account, KeyringState::Ready);
                fx.push(self.save_outbox(Then::Deliver(id.clone())));
            }
            Err(error) => {
                tracing::warn!(%error, "the key did not sign");
                let state = error.state();
                self.set_key_state(&account, state);
                self.not_counted(id, Problem::Key { state });
            }
        }
    }

    /// What the issuer said to an answer.
    pub(super) fn delivered(
        &mut self,
        id: &RequestId,
        outcome: DecisionOutcome,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        let Some(request) = self.inbox.get(id) else { return };
        let account = request.account.clone();
        if request.is_ended() {
            // It ended while the answer was on its way: only a receipt is news.
            if let DecisionOutcome::Reported(receipt) = &outcome {
                self.receipt(&account, receipt, now, fx);
                self.mark_reported(id, now, fx);
            } else if let DecisionOutcome::Recorded(receipt)
            | DecisionOutcome::AlreadyDecided(Some(receipt))
            | DecisionOutcome::Locked(Some(receipt))
            | DecisionOutcome::Expired(Some(receipt)) = outcome
            {
                self.receipt(&account, &receipt, now, fx);
            }
            return;
        }
        match outcome {
            DecisionOutcome::Recorded(receipt) => self.receipt(&account, &receipt, now, fx),
            DecisionOutcome::Taken { code } => self.taken(id, code, now, fx),
            DecisionOutcome::NotTaken => self.not_taken(id, now, fx),
            DecisionOutcome::Reported(receipt) => {
                self.receipt(&account, &receipt, now, fx);
                self.mark_reported(id, now, fx);
            }
            DecisionOutcome::AlreadyDecided(Some(receipt))
            | DecisionOutcome::Locked(Some(receipt))
            | DecisionOutcome::Expired(Some(receipt)) => self.receipt(&account, &receipt, now, fx),
            DecisionOutcome::Locked(None) => self.end_without_receipt(id, Outcome::Locked, now, fx),
            DecisionOutcome::Expired(None) => self.end_without_receipt(id, Outcome::Expired, now, fx),
            DecisionOutcome::AlreadyDecided(None) => {
                self.refused(id, "It was decided before this answer arrived.".to_owned(), fx);
            }
            DecisionOutcome::WrongCode { attempts_left } => {
                // The issuer did not record it: it is not evidence of anything.
                if let Some(request) = self.inbox.get_mut(id) {
                    request.decisions.pop();
                }
                self.not_counted(id, Problem::WrongCode { attempts_left });
                fx.push(self.save_outbox(Then::Nothing));
                self.tell_refused(id, Why::WrongCode(attempts_left), fx);
            }
            DecisionOutcome::Stale => {
                let why =
                    "The clocks of this computer and the issuer differ. Correct the clock and answer again.";
                self.correct(id, None, why, fx);
            }
            DecisionOutcome::CounterRegression => {
                // An older copy of this profile was used: the clock is past any counter that was ever reached.
                let issuer_now = u64::try_from(now + self.offset(&account)).unwrap_or(0);
                let why = "The issuer does not accept this computer's counter. Is its profile in use twice? Enrol again.";
                self.correct(id, Some(issuer_now), why, fx);
            }
            DecisionOutcome::Revoked => self.revoked(&account, fx),
            DecisionOutcome::Refused { error, message } => match error {
                protocol::ErrorCode::Internal
                | protocol::ErrorCode::Unavailable
                | protocol::ErrorCode::RateLimited => self.queue(id, Arrival::Possible, now, fx),
                protocol::ErrorCode::InvalidRequest
                | protocol::ErrorCode::InvalidMessage
                | protocol::ErrorCode::UseNonce
                | protocol::ErrorCode::Unauthorized
                | protocol::ErrorCode::Stale
                | protocol::ErrorCode::DeviceRevoked
                | protocol::ErrorCode::NotAllowed
                | protocol::ErrorCode::Locked
                | protocol::ErrorCode::InvalidCode
                | protocol::ErrorCode::WrongCode
                | protocol::ErrorCode::NotFound
                | protocol::ErrorCode::AlreadyDecided
                | protocol::ErrorCode::Replayed
                | protocol::ErrorCode::CounterRegression
                | protocol::ErrorCode::IdempotencyConflict
                | protocol::ErrorCode::Expired
                | protocol::ErrorCode::TooLarge
                | protocol::ErrorCode::NoDevice => self.refused(id, message, fx),
            },
            DecisionOutcome::NotDelivered(problem) => {
                tracing::info!(%problem, "an answer was not delivered");
                self.queue(id, problem.arrival(), now, fx);
            }
        }
    }

    /// Takes back an answer that waits for a connection.
    pub(super) fn withdraw(&mut self, id: &RequestId, fx: &mut Vec<Effect>) -> Result<Reply, ApiError> {
        let request = self.inbox.get_mut(id).ok_or_else(no_request)?;
        match &request.stage {
            Stage::Queued(..) if request.can_withdraw() => {}
            Stage::Queued(..) => {
                let text = "This answer may have reached the issuer, and there is only one. It cannot be taken back.";
                return Err(ApiError::new(ErrorCode::Refused, text));
            }
            Stage::Pending | Stage::Signing(_) | Stage::Sending(_) | Stage::Ended(_) => {
                let text = "There is no unsent answer to take back.";
                return Err(ApiError::new(ErrorCode::NotPending, text));
            }
        }
        request.advance(Stage::back_to_pending);
        fx.push(self.save_outbox(Then::Nothing));
        self.release(id, fx);
        self.view_of(id).map(Reply::Request).ok_or_else(no_request)
    }

    /// An answer to a request without an end could not be delivered for long: it would count when nobody expects it any more.
    pub(super) fn give_up_sending(&mut self, id: &RequestId, now: i64, fx: &mut Vec<Effect>) {
        let Some(request) = self.inbox.get(id) else { return };
        let sent = match &request.stage {
            Stage::Queued(underway, _) => underway.sent,
            Stage::Pending | Stage::Signing(_) | Stage::Sending(_) | Stage::Ended(_) => return,
        };
        match sent {
            Sent::Once => {
                self.tell_refused(id, Why::NotSent, fx);
                self.not_counted(id, Problem::NotSent);
                fx.push(self.save_outbox(Then::Nothing));
                self.release(id, fx);
            }
            Sent::Again => self.end_without_receipt(id, Outcome::Unclear, now, fx),
        }
    }

    /// No answer to this request has left, and another one may.
    fn release(&mut self, id: &RequestId, fx: &mut Vec<Effect>) {
        let Some(request) = self.inbox.get(id) else { return };
        let (account, txn) = (request.account.clone(), request.claims().txn.clone());
        if let Some(account) = self.account_mut(&account) {
            account.binding.release(&txn);
            fx.push(self.save_accounts(Then::Nothing));
        }
    }

    /// Hands a queued answer over again: unchanged while it is valid, signed again after that.
    pub(super) fn resend(&mut self, id: &RequestId, now: i64, fx: &mut Vec<Effect>) {
        let Some(request) = self.inbox.get(id) else { return };
        let Stage::Queued(underway, _) = &request.stage else {
            return;
        };
        let issuer_now = now + self.offset(&request.account);
        let still_valid = underway.exp.is_none_or(|exp| issuer_now < exp);
        if still_valid || underway.answer.is_none() {
            if let Some(request) = self.inbox.get_mut(id) {
                request.advance(Stage::resent);
            }
            self.deliver(id, fx);
        } else {
            self.sign_again(id, Attempt::First, None, fx);
        }
    }

    /// All of an account's queued answers: there is a connection.
    pub(super) fn resend_all(&mut self, account: &AccountId, now: i64, fx: &mut Vec<Effect>) {
        let queued = self
            .inbox
            .iter()
            .filter(|r| r.account == *account && matches!(r.stage, Stage::Queued(..)));
        let ids: Vec<RequestId> = queued.map(|r| r.id.clone()).collect();
        for id in ids {
            self.resend(&id, now, fx);
        }
    }

    fn sign_order(&self, id: &RequestId) -> Option<SignOrder> {
        let request = self.inbox.get(id)?;
        let account = self.account(&request.account)?;
        match &request.stage {
            Stage::Signing(answer) => Some(SignOrder {
                request: id.clone(),
                binding: account.binding.clone(),
                source: request.source.clone(),
                decision: decide::decision(request, account, answer),
            }),
            Stage::Pending | Stage::Sending(_) | Stage::Queued(..) | Stage::Ended(_) => None,
        }
    }

    /// Hands an answer over, once it is certain that no other one can follow it.
    fn deliver(&mut self, id: &RequestId, fx: &mut Vec<Effect>) {
        let Some(request) = self.inbox.get(id) else { return };
        let (account, txn) = (request.account.clone(), request.claims().txn.clone());
        let Some(account) = self.account_mut(&account) else {
            return;
        };
        match account.binding.commit(&txn) {
            Commitment::Free => self.hand_over(id, fx),
            Commitment::ToKeep => fx.push(self.save_accounts(Then::HandOver(id.clone()))),
        }
    }

    /// That it is the answer is on disk, or could not be kept: then it does not leave.
    fn committed(&mut self, id: &RequestId, saved: Result<(), StateError>, fx: &mut Vec<Effect>) {
        let Err(error) = saved else {
            return self.hand_over(id, fx);
        };
        let Some(request) = self.inbox.get(id) else { return };
        let (account, txn) = (request.account.clone(), request.claims().txn.clone());
        if let Some(account) = self.account_mut(&account) {
            account.binding.release(&txn);
        }
        self.refused(id, sentence(&error), fx);
    }

    fn hand_over(&self, id: &RequestId, fx: &mut Vec<Effect>) {
        let Some(request) = self.inbox.get(id) else { return };
        if let (Stage::Sending(_), Some(answer)) = (&request.stage, request.answer()) {
            fx.push(Effect::Deliver(id.clone(), request.account.clone(), answer));
        }
    }

    fn queue(&mut self, id: &RequestId, arrival: Arrival, now: i64, fx: &mut Vec<Effect>) {
        if let Some(request) = self.inbox.get_mut(id) {
            request.advance(|stage| stage.not_delivered(arrival, now));
        }
        fx.push(self.save_outbox(Then::Nothing));
    }

    /// The issuer asks for another signature: once, then it is a refusal.
    fn correct(&mut self, id: &RequestId, at_least: Option<u64>, why: &str, fx: &mut Vec<Effect>) {
        let Some(request) = self.inbox.get(id) else { return };
        let first = match &request.stage {
            Stage::Sending(underway) => underway
                .answer
                .as_ref()
                .is_none_or(|answer| answer.attempt == Attempt::First),
            Stage::Pending | Stage::Signing(_) | Stage::Queued(..) | Stage::Ended(_) => return,
        };
        if first {
            self.sign_again(id, Attempt::Corrected, at_least, fx);
        } else {
            self.refused(id, why.to_owned(), fx);
        }
    }

    fn sign_again(&mut self, id: &RequestId, attempt: Attempt, at_least: Option<u64>, fx: &mut Vec<Effect>) {
        if let Some(request) = self.inbox.get_mut(id) {
            request.advance(|stage| stage.sign_again(attempt));
        }
        self.next_counter(id, at_least);
        fx.push(self.save_accounts(Then::Sign(id.clone(), None)));
        fx.push(self.save_outbox(Then::Nothing));
    }

    fn refused(&mut self, id: &RequestId, message: String, fx: &mut Vec<Effect>) {
        self.tell_refused(id, Why::Said(&message), fx);
        self.not_counted(id, Problem::Refused { message });
        fx.push(self.save_outbox(Then::Nothing));
    }

    /// An answer that nobody waits for did not count. One to what is answered already is no news.
    fn tell_not_counted(&mut self, id: &RequestId, error: ApiError, fx: &mut Vec<Effect>) {
        if self.inbox.get(id).is_some_and(Tracked::is_pending) {
            self.tell_refused(id, Why::Said(&error.message), fx);
            let message = error.message;
            self.not_counted(id, Problem::Refused { message });
        }
    }

    /// Row 8, unless the prompt shows it.
    fn tell_refused(&mut self, id: &RequestId, why: Why<'_>, fx: &mut Vec<Effect>) {
        if !self.on_screen(id) {
            let text = self.wording().refused(why);
            self.tell(id, News::refusal(text, Place::Beside), fx);
        }
    }

    /// The answer did not count: the request waits again.
    pub(super) fn not_counted(&mut self, id: &RequestId, problem: Problem) {
        if let Some(request) = self.inbox.get_mut(id)
            && !request.is_ended()
        {
            request.problem = Some(problem);
            request.advance(Stage::back_to_pending);
        }
    }

    fn next_counter(&mut self, id: &RequestId, at_least: Option<u64>) {
        let Some(account) = self.inbox.get(id).map(|request| request.account.clone()) else {
            return;
        };
        self.raise_counter(&account, at_least.unwrap_or(0));
    }

    /// Holds back what a client that was reported asks for next.
    pub(super) fn mute(&mut self, account: &AccountId, client: &Client, now: i64) {
        let Some(account) = self.account_mut(account) else {
            return;
        };
        account
            .mutes
            .retain(|mute| mute.until > now && mute.client != client.id);
        if account.mutes.len() >= MAX_MUTES {
            account.mutes.remove(0);
        }
        account.mutes.push(Mute {
            client: client.id.clone(),
            client_name: client.name.clone(),
            until: now + MUTE,
        });
    }
}
