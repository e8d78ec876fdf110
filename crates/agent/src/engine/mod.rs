//! The agent's state and its rules, without I/O: every change is a pure function `(state, event, now) → (state, effects)`.
//!
//! [`Engine::handle`] takes one [`Event`] and returns the [`Effect`]s that the driver ([`crate::run`]) carries out in order. What
//! takes time comes back as another event. The driver owns the one task that calls it.
//!
//! Invariants:
//! - Only a person's explicit answer to the statement that was shown leads to a signature; doubt, time and failures
//!   lead back to *pending* or to an end that is not an approval.
//! - The counter is on disk before the decision that carries it is signed ([`Effect::Save`], then [`Effect::Sign`]).
//! - A signed decision is kept, and sent again unchanged, until the issuer's answer to it is known.
//! - How a request ends is the issuer's word: outcomes come from receipts. Without one, a request only stops being shown.
//! - What is on screen follows from the state: notifications and snapshots are computed from it after every event and only
//!   differences become effects.

mod answers;
mod attention;
mod calls;
mod contents;
mod decide;
mod endings;
mod enrolment;
mod event;
mod hush;
mod inbox;
mod issuers;
mod keys;
mod offers;
mod receipts;
mod reports;
mod request;
mod rotation;
mod text;
mod upkeep;
mod views;

pub use event::{
    AccountFacts, Call, Cause, Changed, Effect, Enrolment, Event, KeyPurpose, Origin, Rotation, Settings,
    SignOrder, Snapshot, Then, Way,
};

pub use text::Language;
pub use views::lines as statement_lines;

use std::collections::BTreeMap;

use countersign_agent_api::{
    AccountId, CodesClock, Connection, Event as FrontEndEvent, Outcome, RequestId, Role, VaultState,
    VaultView,
};

use self::{
    attention::Attention,
    calls::FrontEnd,
    contents::Work,
    hush::Hush,
    inbox::{GRACE, Inbox},
    issuers::Line,
    offers::Offers,
    reports::Report,
    request::{Retry, Sent, Stage, Underway},
    views::Views,
};
use crate::{
    accounts::{Account, Accounts, Outbox, Standing, Unacknowledged},
    codes::{IssuerTime, News},
    ipc::ConnectionId,
};

/// How long after a start a kept answer waits for a connection before it is tried regardless, in seconds.
const PATIENCE: i64 = 10;

/// For how long it is tried to deliver an answer to a request that has no end of its own, in seconds.
const GIVE_UP: i64 = 10 * 60;

/// The whole state. Changed only by [`Engine::handle`].
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    accounts: Accounts,
    lines: BTreeMap<AccountId, Line>,
    inbox: Inbox,
    offers: Offers,
    /// What accounts bring along, while it is worked off.
    work: BTreeMap<AccountId, Work>,
    /// Reports of ended requests that are under way.
    reports: BTreeMap<RequestId, Report>,
    front_ends: BTreeMap<ConnectionId, FrontEnd>,
    attention: Attention,
    /// Until when the person wants no notifications, own clock.
    muted_until: Option<i64>,
    /// What does not draw attention at the moment.
    hush: Hush,
    /// The vault of one-time codes, as its own task last told.
    vault: News,
    /// What subscribed front ends were last told.
    published: Option<Views>,
}

impl Engine {
    /// The state after a start at `now` (own clock, seconds), from what was kept.
    pub fn new(settings: Settings, accounts: Accounts, outbox: Outbox, now: i64) -> Self {
        let lines = accounts
            .accounts
            .iter()
            .map(|account| (account.id.clone(), Line::new(account, now)))
            .collect();
        let mut engine = Self {
            settings,
            accounts,
            lines,
            inbox: Inbox::default(),
            offers: Offers::default(),
            work: BTreeMap::new(),
            reports: BTreeMap::new(),
            front_ends: BTreeMap::new(),
            attention: Attention::default(),
            muted_until: None,
            hush: Hush::Nothing,
            vault: News {
                view: VaultView {
                    state: VaultState::Closed,
                    entries: None,
                    tags: Vec::new(),
                    revision: 0,
                    clock: CodesClock::Unknown,
                    backups: None,
                },
                trouble: None,
            },
            published: None,
        };
        for answer in outbox.answers {
            engine.restore(answer, now);
        }
        engine
    }

    /// Takes one event at `now` (own clock, seconds) and says what is to be done.
    pub fn handle(&mut self, event: Event, now: i64) -> Vec<Effect> {
        let mut effects = Vec::new();
        let fx = &mut effects;
        self.hush = self.hush_at(now);
        match event {
            Event::Started => self.start(fx),
            Event::Tick => {}
            Event::Connected(connection, role) => {
                self.front_ends.insert(connection, FrontEnd::new(role));
            }
            Event::Disconnected(connection) => {
                self.front_ends.remove(&connection);
            }
            Event::Called(call, request) => self.called(call, request, now, fx),
            Event::Channel(account, event) => self.issuer_says(&account, event, now, fx),
            Event::Saved(then, result) => self.saved(then, result, now, fx),
            Event::Signed(request, result) => self.signed(&request, result, fx),
            Event::Delivered(request, outcome) => self.delivered(&request, outcome, now, fx),
            Event::Found(call, locale, result) => self.found(call, locale, *result, now, fx),
            Event::ReportSigned(request, result) => self.report_signed(&request, result, fx),
            Event::ReportDelivered(request, outcome) => self.report_delivered(&request, outcome, now, fx),
            Event::Notification(event) => self.acted(event, now, fx),
            Event::NotShown(id, turn, error) => self.not_shown(&id, turn, &error, fx),
            Event::Launched(window, call, result) => self.launched(window, call, result, fx),
            Event::AppEnded => self.app_ended(fx),
            Event::Previewed(call, result) => self.previewed(call, *result, fx),
            Event::KeyReserved(purpose, result) => self.key_reserved(purpose, result, fx),
            Event::KeyCreated(purpose, key, result) => self.key_created(purpose, key, result, fx),
            Event::Enrolled(enrolment, key, result) => self.enrolled(&enrolment, &key, *result, now, fx),
            Event::Rotated(rotation, key, result) => self.rotated(rotation, key, result, fx),
            Event::DeviceRevoked(call, account, result) => self.device_revoked(call, &account, result, fx),
            Event::SettingChanged(call, result) => self.setting_changed(call, *result, fx),
            Event::CodeKept(call, account, code) => self.code_kept(call, &account, code, fx),
            Event::PartKept(origin, result) => self.part_kept(&origin, result, fx),
            Event::PartDropped(origin, result) => self.part_dropped(&origin, result, fx),
            Event::LeaveTaken(keys, result) => self.leave_taken(keys, result, fx),
            Event::KeyDeleted(key, result) => self.key_deleted(&key, result, fx),
            Event::KeyringProbed(result) => self.keyring_probed(result, fx),
            Event::Vault(news) => self.vault = *news,
        }
        self.pass_time(now, fx);
        self.settle_notifications(now, fx);
        self.publish(now, fx);
        effects
    }

    /// When [`Event::Tick`] is due (own clock, seconds, after `now`), if nothing happens before.
    pub fn next_wake(&self, now: i64) -> Option<i64> {
        let offset = |id: &AccountId| self.account(id).map_or(0, |account| account.binding.offset);
        self.inbox
            .next_wake(offset, now)
            .into_iter()
            .chain(self.offers.next_wake(now))
            .chain(self.muted_until)
            .chain(self.next_outage(now))
            .min()
    }

    /// Whether something is waiting whose end the clock decides: then a suspended computer must not oversleep.
    pub fn watches_the_clock(&self) -> bool {
        self.inbox.iter().any(|request| !request.is_ended())
    }

    /// What connected issuers have signed of the time: the least that any of them has to correct.
    pub fn issuer_time(&self) -> Option<IssuerTime> {
        let signed = self.accounts.accounts.iter().filter_map(|account| {
            let line = self.lines.get(&account.id)?;
            match line.connection {
                Connection::Connected { .. } => Some((account, line.signed_time?)),
                Connection::Connecting
                | Connection::Retrying { .. }
                | Connection::NoKey
                | Connection::Revoked => None,
            }
        });
        let (account, time) = signed.min_by_key(|(_, time)| time.offset.unsigned_abs())?;
        Some(IssuerTime {
            offset: time.offset,
            at: time.at,
            issuer_name: account.issuer_name.clone(),
        })
    }

    fn start(&mut self, fx: &mut Vec<Effect>) {
        for key in &self.accounts.spare_keys {
            fx.push(Effect::DeleteKey(
                key.clone(),
                crate::keystore::Interaction::Forbidden,
            ));
        }
        self.subscribe_all(fx);
    }

    /// Starts every account's channel, in place of those that run.
    fn subscribe_all(&self, fx: &mut Vec<Effect>) {
        let accounts = self.accounts.accounts.iter();
        for account in accounts.filter(|a| a.standing == Standing::Enrolled) {
            fx.push(Effect::Subscribe(
                account.id.clone(),
                Box::new(account.binding.clone()),
            ));
        }
    }

    /// What time alone brings about.
    fn pass_time(&mut self, now: i64, fx: &mut Vec<Effect>) {
        self.inbox.clock_is(now);
        let over: Vec<RequestId> = self
            .inbox
            .iter()
            .filter(|r| matches!(r.stage, Stage::Pending | Stage::Queued(..)))
            .filter(|r| {
                let issuer_now = now + self.offset(&r.account);
                r.claims().exp.is_some_and(|exp| issuer_now >= exp + GRACE)
            })
            .map(|r| r.id.clone())
            .collect();
        for id in over {
            self.end_without_receipt(&id, Outcome::Expired, now, fx);
        }
        let given_up: Vec<RequestId> = self
            .inbox
            .iter()
            .filter(|r| r.claims().exp.is_none())
            .filter(|r| {
                matches!(&r.stage, Stage::Queued(underway, _)
                    if underway.queued_since.is_some_and(|since| now - since >= GIVE_UP))
            })
            .map(|r| r.id.clone())
            .collect();
        for id in given_up {
            self.give_up_sending(&id, now, fx);
        }
        let due: Vec<RequestId> = self
            .inbox
            .iter()
            .filter(|r| matches!(&r.stage, Stage::Queued(_, Retry { at }) if *at <= now))
            .map(|r| r.id.clone())
            .collect();
        for id in due {
            self.resend(&id, now, fx);
        }
        self.inbox.tidy(now);
        self.offers.tidy(now);
        self.muted_until = self.muted_until.filter(|until| now < *until);
        self.hush = self.hush_at(now);
    }

    /// An answer that was under way when the agent ended is under way again.
    fn restore(&mut self, answer: Unacknowledged, now: i64) {
        let account = self.account(&answer.account);
        let Some(account) = account.filter(|account| account.standing == Standing::Enrolled) else {
            return;
        };
        let asked_at = answer.asked_at.unwrap_or(answer.shown_at);
        let Some(source) = account.binding.restore(answer.request, asked_at) else {
            return;
        };
        let Some(request) = self.inbox.restore(&answer.account, source) else {
            return;
        };
        request.shown_at = Some(answer.shown_at);
        request.decisions = answer.decisions;
        let exp = answer.decision_exp;
        let underway = Underway {
            verdict: answer.verdict,
            answer: None,
            exp,
            failures: 1,
            sent: Sent::Again,
            queued_since: Some(now),
        };
        request.stage = Stage::Queued(underway, Retry { at: now + PATIENCE });
    }

    /// Tells subscribed front ends what changed.
    fn publish(&mut self, now: i64, fx: &mut Vec<Effect>) {
        if !self.front_ends.values().any(FrontEnd::is_subscribed) {
            self.published = None;
            return;
        }
        let views = self.views(now);
        for (connection, front_end) in &mut self.front_ends {
            let earlier = front_end.told(self.published.as_ref());
            let Some(earlier) = earlier else { continue };
            let mut tell = |event| fx.push(Effect::Publish(*connection, event));
            if earlier.is_none_or(|e| e.requests != views.requests) {
                tell(FrontEndEvent::Requests(views.requests.clone()));
            }
            if earlier.is_none_or(|e| e.accounts != views.accounts) {
                tell(FrontEndEvent::Accounts(views.accounts.clone()));
            }
            if earlier.is_none_or(|e| e.status != views.status) {
                tell(FrontEndEvent::Status(views.status.clone()));
            }
            if earlier.is_none_or(|e| e.settings != views.settings) {
                tell(FrontEndEvent::Settings(views.settings.clone()));
            }
            if earlier.is_none_or(|e| e.vault != views.vault) {
                tell(FrontEndEvent::Vault(views.vault.clone()));
            }
        }
        self.published = Some(views);
    }

    fn account(&self, id: &AccountId) -> Option<&Account> {
        self.accounts.accounts.iter().find(|account| account.id == *id)
    }

    fn account_mut(&mut self, id: &AccountId) -> Option<&mut Account> {
        self.accounts
            .accounts
            .iter_mut()
            .find(|account| account.id == *id)
    }

    /// Issuer time − own clock.
    fn offset(&self, id: &AccountId) -> i64 {
        self.account(id).map_or(0, |account| account.binding.offset)
    }

    /// Whether the desktop app has the whole statement on screen.
    fn on_screen(&self, id: &RequestId) -> bool {
        self.front_ends
            .values()
            .any(|front_end| front_end.role() == Role::App && front_end.shows(id))
    }

    fn save_accounts(&self, then: Then) -> Effect {
        Effect::Save(Snapshot::Accounts(self.accounts.clone()), then)
    }

    /// Answers whose outcome is not known, as they are to be kept.
    fn save_outbox(&self, then: Then) -> Effect {
        let answers = self.inbox.iter().filter_map(|r| match &r.stage {
            Stage::Sending(underway) | Stage::Queued(underway, _) => Some(Unacknowledged {
                account: r.account.clone(),
                request: r.source.message.clone(),
                asked_at: Some(r.claims().iat),
                shown_at: r.shown_at.unwrap_or(r.claims().iat),
                verdict: underway.verdict,
                decisions: r.decisions.clone(),
                decision_exp: underway.exp,
            }),
            Stage::Pending | Stage::Signing(_) | Stage::Ended(_) => None,
        });
        Effect::Save(
            Snapshot::Outbox(Outbox {
                answers: answers.collect(),
            }),
            then,
        )
    }
}

#[cfg(test)]
mod tests;
