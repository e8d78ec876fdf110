//! How requests end: by the issuer's receipt, or for want of one by the clock; and what is told of it.

use countersign_agent_api::{AccountId, Activation, Outcome, RequestId, Window};
use countersign_protocol::Verdict;

use super::{
    Effect, Engine, Then,
    attention::{News, Place, asked},
    receipts,
    request::{DecidedBy, End, Receipt, Sent, Stage, Tracked, Visibility},
    text::Why,
};
use crate::{accounts::Account, channel::VerifiedReceipt, notify::Action};

impl Engine {
    /// A receipt ends what it is about, whoever decided. One that is about nothing here is no business of this
    /// computer.
    pub(super) fn receipt(
        &mut self,
        account: &AccountId,
        receipt: &VerifiedReceipt,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        let request = self.inbox.by_txn(account, &receipt.claims.txn);
        let (Some(account), Some(request)) = (self.account(account), request) else {
            return;
        };
        let end = receipts::end(request, account, receipt, now);
        if matches!(end.receipt, Receipt::Inconsistent(_)) {
            tracing::warn!(request = %request.id, "a receipt does not fit what was shown and signed here");
        }
        let id = request.id.clone();
        self.end(&id, end, fx);
    }

    /// The issuer has taken this computer's answer, and gives no receipt for it.
    pub(super) fn taken(&mut self, id: &RequestId, code: Option<String>, now: i64, fx: &mut Vec<Effect>) {
        let Some(request) = self.inbox.get(id) else { return };
        let verdict = match &request.stage {
            Stage::Sending(underway) | Stage::Queued(underway, _) => underway.verdict,
            Stage::Pending | Stage::Signing(_) | Stage::Ended(_) => return,
        };
        let at = now + self.offset(&request.account);
        // Answered in a notification, say: without the code the approval is of no use.
        let unseen = code.is_some() && !self.front_ends.values().any(|front_end| front_end.shows(id));
        let end = End {
            decided_by: DecidedBy::ThisDevice,
            code,
            ..receipts::end_without_receipt(decided(verdict), at, now)
        };
        self.end(id, end, fx);
        if unseen {
            let window = Window::Prompt {
                request: Some(id.clone()),
                activation: Activation::Asked,
            };
            self.open(window, None, fx);
        }
    }

    /// The issuer has not taken this computer's answer. If it was sent before, that may be because it took it then.
    pub(super) fn not_taken(&mut self, id: &RequestId, now: i64, fx: &mut Vec<Effect>) {
        let Some(request) = self.inbox.get(id) else { return };
        let outcome = match &request.stage {
            Stage::Sending(underway) | Stage::Queued(underway, _) => match underway.sent {
                Sent::Once => Outcome::NotTaken,
                Sent::Again => Outcome::Unclear,
            },
            Stage::Pending | Stage::Signing(_) | Stage::Ended(_) => return,
        };
        self.end_without_receipt(id, outcome, now, fx);
    }

    /// It is over, as far as this computer can tell.
    pub(super) fn end_without_receipt(
        &mut self,
        id: &RequestId,
        outcome: Outcome,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        let Some(request) = self.inbox.get(id) else { return };
        let issuer_now = now + self.offset(&request.account);
        let at = match outcome {
            Outcome::Expired => request.claims().exp.map_or(issuer_now, |exp| exp.min(issuer_now)),
            Outcome::Approved
            | Outcome::Denied
            | Outcome::Reported
            | Outcome::Cancelled
            | Outcome::Locked
            | Outcome::NotTaken
            | Outcome::Unclear => issuer_now,
        };
        self.end(id, receipts::end_without_receipt(outcome, at, now), fx);
    }

    /// Ends a request, keeps the record and tells what is worth telling. An end without a receipt can still be corrected by
    /// one; nothing else is changed after an end.
    fn end(&mut self, id: &RequestId, end: End, fx: &mut Vec<Effect>) {
        let Some(request) = self.inbox.get(id) else { return };
        let Some(account) = self.account(&request.account) else {
            return;
        };
        if let Stage::Ended(earlier) = &request.stage
            && (earlier.receipt != Receipt::Missing || end.receipt == Receipt::Missing)
        {
            return;
        }
        let record = receipts::record(request, account, &end);
        let news = if self.on_screen(id) {
            None
        } else {
            self.news(request, account, &end)
        };
        let was_underway = matches!(
            request.stage,
            Stage::Signing(_) | Stage::Sending(_) | Stage::Queued(..)
        );
        if let Some(request) = self.inbox.get_mut(id) {
            request.problem = None;
            request.advance(|stage| stage.ended(end));
        }
        fx.push(Effect::Record(Box::new(record)));
        if was_underway {
            fx.push(self.save_outbox(Then::Nothing));
        }
        if let Some(news) = news {
            self.tell(id, news, fx);
        }
    }

    /// Rows 5, 6 and 8, for a request that ends now.
    fn news(&self, request: &Tracked, account: &Account, end: &End) -> Option<News> {
        let wording = self.wording();
        let unseen = request.shown_at.is_none() && request.visibility == Visibility::Shown;
        match (&end.decided_by, end.outcome) {
            (_, _) if request.is_ended() => None,
            (DecidedBy::Another(device), outcome) => {
                let text = wording.elsewhere(outcome, device, asked(request));
                Some(News::ending(text, vec![Action::NotMe]))
            }
            (DecidedBy::Nobody, Outcome::Expired) if unseen && request.is_pending() => {
                let at = end.at - account.binding.offset;
                let text = wording.expired(asked(request), at, &self.settings.time_zone);
                Some(News::ending(text, vec![Action::Show]))
            }
            (DecidedBy::Nobody, Outcome::Locked) if !request.is_pending() => {
                let text = wording.refused(Why::TooManyCodes);
                Some(News::refusal(text, Place::OfTheRequest))
            }
            (_, Outcome::NotTaken) => Some(News::refusal(wording.not_taken(), Place::OfTheRequest)),
            (_, Outcome::Unclear) => Some(News::refusal(wording.unclear(), Place::OfTheRequest)),
            (DecidedBy::Nobody | DecidedBy::ThisDevice, _) => None,
        }
    }
}

/// The outcome of an answer that counts.
fn decided(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Approve => Outcome::Approved,
        Verdict::Deny => Outcome::Denied,
        Verdict::Report => Outcome::Reported,
    }
}
