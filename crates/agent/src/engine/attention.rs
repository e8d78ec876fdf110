//! What is to be on the desktop now: computed from the state after every event, so that nothing is forgotten there.
//!
//! Two kinds of notification: *standing* ones follow from the state (waiting requests, bursts, unsent answers, an unusable
//! keyring) and go when their cause does; *passing* ones tell of something that happened. A standing one that the
//! person closed stays closed until its text changes.

use std::collections::{BTreeMap, BTreeSet};

use countersign_agent_api::{
    AccountId, Activation, HeldCause, KeyringState, NotificationPrivacy as Privacy, RequestId, Window,
};
use countersign_protocol::Verdict;

use super::{
    Engine,
    decide::approvable_in_notification,
    event::Effect,
    hush::Hush,
    inbox::Asker,
    request::{Stage, Tracked, Visibility},
    text::{Asked, Language, Text, Wording},
    views::host,
};
use crate::{
    accounts::{Account, Standing},
    notify::{Action, Life, Notification, NotificationEvent, NotificationId, Turn, Urgency},
};

/// The most notifications remembered; there are never as many on a screen.
const MAX_REMEMBERED: usize = 128;

/// What is on the desktop.
#[derive(Debug, Default)]
pub(super) struct Attention {
    standing: BTreeMap<NotificationId, Kept>,
    passing: BTreeMap<NotificationId, (Turn, Subject)>,
    turns: u64,
    /// A window that was asked for while the app was starting.
    pub(super) window: Option<Window>,
    /// Requests for which the prompt came up by itself.
    pub(super) opened: BTreeSet<RequestId>,
}

#[derive(Debug)]
struct Kept {
    notification: Notification,
    turn: Turn,
    subject: Subject,
    state: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    OnScreen,
    /// On screen, in words that are not right any more.
    Outdated,
    /// Closed by the person, or could not be shown.
    Gone,
}

/// What a notification is about, so what its buttons are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// One waiting request.
    Request(RequestId),
    /// Several; the first one to open.
    Several(RequestId),
    /// A burst.
    HeldBack(Asker),
    /// A request that is answered or over.
    Past(RequestId),
    /// An account.
    Account(AccountId),
    /// The keyring.
    Keyring,
    /// The connections.
    Outage,
    /// The clock.
    Clock,
}

impl Subject {
    /// Whether this is one request and that was not about it: the same words do not make it the same.
    fn is_another_request(&self, shown: &Self) -> bool {
        matches!(self, Self::Request(_)) && self != shown
    }
}

/// What a person's action in a notification comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Intent {
    /// Open a window.
    Open(Window),
    /// Answer this request.
    Answer(RequestId, Verdict),
    /// Show what is held back.
    Release(Asker),
    /// Deny everything that is held back.
    DenyHeldBack(Asker),
    /// Try to unlock the keyring.
    Unlock,
    /// Nothing: the button was for something that is over.
    Nothing,
}

impl Attention {
    /// What a notification event asks for.
    pub(super) fn react(&mut self, event: NotificationEvent) -> Intent {
        match event {
            NotificationEvent::Closed { id, turn } => {
                self.take(&id, turn);
                Intent::Nothing
            }
            NotificationEvent::Forged => {
                tracing::warn!("a forged notification signal was dropped");
                Intent::Nothing
            }
            NotificationEvent::Acted { id, turn, action } => self
                .take(&id, turn)
                .map_or(Intent::Nothing, |subject| intent(&subject, action)),
        }
    }

    /// What this showing was about, now that it is gone from the screen, or could not be shown: it is not tried again until it changes. Nothing
    /// if another one has replaced it since: a person acts on what they saw.
    pub(super) fn take(&mut self, id: &NotificationId, turn: Turn) -> Option<Subject> {
        if let Some(kept) = self.standing.get_mut(id)
            && kept.turn == turn
        {
            kept.state = Shown::Gone;
            return Some(kept.subject.clone());
        }
        match self.passing.get(id) {
            Some((shown, _)) if *shown == turn => self.passing.remove(id).map(|(_, subject)| subject),
            Some(_) | None => None,
        }
    }

    /// Tells of something that happened.
    pub(super) fn pass(&mut self, notification: Notification, subject: Subject, effects: &mut Vec<Effect>) {
        if self.passing.len() >= MAX_REMEMBERED {
            self.passing.pop_first();
        }
        let turn = self.next_turn();
        self.passing.insert(notification.id.clone(), (turn, subject));
        effects.push(Effect::Notify(turn, notification));
    }

    /// Texts are worded otherwise than before: those on screen are made anew.
    pub(super) fn reword(&mut self) {
        for kept in self.standing.values_mut() {
            kept.state = match kept.state {
                Shown::OnScreen | Shown::Outdated => Shown::Outdated,
                Shown::Gone => Shown::Gone,
            };
        }
    }

    /// A notification that stays as it was worded first.
    fn worded(&self, id: &NotificationId) -> Option<&Kept> {
        self.standing.get(id).filter(|kept| kept.state != Shown::Outdated)
    }

    fn next_turn(&mut self) -> Turn {
        self.turns += 1;
        Turn(self.turns)
    }

    fn settle(&mut self, wanted: Vec<(Notification, Subject)>, effects: &mut Vec<Effect>) {
        let ids: Vec<_> = self.standing.keys().cloned().collect();
        for id in ids {
            let still = wanted.iter().any(|(notification, _)| notification.id == id);
            if !still
                && let Some(old) = self.standing.remove(&id)
                && old.state != Shown::Gone
                && !self.passing.contains_key(&id)
            {
                effects.push(Effect::CloseNotification(id));
            }
        }
        for (notification, subject) in wanted {
            let id = notification.id.clone();
            match self.standing.get_mut(&id) {
                Some(shown)
                    if shown.notification == notification
                        && shown.state != Shown::Outdated
                        && !subject.is_another_request(&shown.subject) =>
                {
                    shown.subject = subject;
                }
                Some(_) | None => {
                    self.passing.remove(&id);
                    let turn = self.next_turn();
                    effects.push(Effect::Notify(turn, notification.clone()));
                    self.standing.insert(
                        id,
                        Kept {
                            notification,
                            turn,
                            subject,
                            state: Shown::OnScreen,
                        },
                    );
                }
            }
        }
    }
}

fn intent(subject: &Subject, action: Action) -> Intent {
    let open = |request: &RequestId, activation| {
        Intent::Open(Window::Prompt {
            request: Some(request.clone()),
            activation,
        })
    };
    match (action, subject) {
        (Action::Review | Action::Show, Subject::Request(id) | Subject::Several(id) | Subject::Past(id)) => {
            open(id, Activation::Asked)
        }
        (Action::NotMe | Action::ReportToo, Subject::Past(id)) => open(id, Activation::ToReport),
        (Action::Deny, Subject::Request(id)) => Intent::Answer(id.clone(), Verdict::Deny),
        (Action::Approve, Subject::Request(id)) => Intent::Answer(id.clone(), Verdict::Approve),
        (Action::Review | Action::Show, Subject::HeldBack(asker)) => Intent::Release(asker.clone()),
        (Action::DenyAll, Subject::HeldBack(asker)) => Intent::DenyHeldBack(asker.clone()),
        (Action::Unlock, Subject::Keyring) => Intent::Unlock,
        (
            Action::Review | Action::Show | Action::Check,
            Subject::Account(_) | Subject::Keyring | Subject::Outage | Subject::Clock,
        )
        | (
            Action::Check,
            Subject::Request(_) | Subject::Several(_) | Subject::HeldBack(_) | Subject::Past(_),
        ) => Intent::Open(Window::Main),
        (
            Action::Deny
            | Action::Approve
            | Action::DenyAll
            | Action::NotMe
            | Action::ReportToo
            | Action::Unlock,
            _,
        ) => Intent::Nothing,
    }
}

/// Something to tell about a request.
#[derive(Debug)]
pub(super) struct News {
    pub(super) text: Text,
    pub(super) actions: Vec<Action>,
    pub(super) urgency: Urgency,
    pub(super) millis: u32,
    pub(super) place: Place,
}

/// Where news is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In place of the request's own notification, if that was the only one.
    OfTheRequest,
    /// Beside it: the request still waits.
    Beside,
}

impl News {
    /// What became of a request that is over: quiet, ten seconds.
    pub(super) fn ending(text: Text, actions: Vec<Action>) -> Self {
        Self {
            text,
            actions,
            urgency: Urgency::Low,
            millis: 10_000,
            place: Place::OfTheRequest,
        }
    }

    /// Why an answer did not count (row 8).
    pub(super) fn refusal(text: Text, place: Place) -> Self {
        let actions = vec![Action::Show];
        Self {
            text,
            actions,
            urgency: Urgency::Normal,
            millis: 20_000,
            place,
        }
    }
}

/// The notification of waiting requests; also of what became of the only one, so that it is replaced.
const REQUESTS: &str = "requests";

/// The notification of connections that are away.
const OFFLINE: &str = "offline";

/// After how many seconds without a connection that is told.
const OUTAGE: i64 = 10 * 60;

impl Engine {
    /// Brings the desktop in line with the state.
    pub(super) fn settle_notifications(&mut self, now: i64, effects: &mut Vec<Effect>) {
        let mut wanted = Vec::new();
        wanted.extend(self.waiting_notification());
        wanted.extend(self.held_back_notifications());
        if self.hush != Hush::Everything {
            wanted.extend(self.unsent_notifications(now));
            wanted.extend(self.outage_notification(now));
            wanted.extend(self.clock_notification(now));
        }
        wanted.extend(self.keyring_notification());
        self.attention.settle(wanted, effects);
    }

    /// Rows 1, 2 and 3.
    fn waiting_notification(&self) -> Option<(Notification, Subject)> {
        let waiting: Vec<&Tracked> = self.inbox.iter().filter(|r| self.awaits_notice(r)).collect();
        let oldest = *waiting.first()?;
        let wording = self.wording();
        let mut actions = vec![Action::Review];
        let (text, subject) = match waiting.len() {
            1 => {
                actions.push(Action::Deny);
                if self.offers_approve(oldest) {
                    actions.push(Action::Approve);
                }
                (
                    wording.request(asked(oldest)),
                    Subject::Request(oldest.id.clone()),
                )
            }
            count => (
                wording.several(count, asked(oldest)),
                Subject::Several(oldest.id.clone()),
            ),
        };
        Some((
            self.notification(REQUESTS, text, actions, Urgency::Normal, Life::Stays),
            subject,
        ))
    }

    /// Whether a request waits for the person and is not in front of them.
    fn awaits_notice(&self, request: &Tracked) -> bool {
        let enrolled = self
            .account(&request.account)
            .is_some_and(|a| a.standing == Standing::Enrolled);
        request.is_pending()
            && request.visibility == Visibility::Shown
            && enrolled
            && !self.is_hushed(request)
            && !self.on_screen(&request.id)
    }

    /// Row 4. What was reported is held back without a word.
    fn held_back_notifications(&self) -> impl Iterator<Item = (Notification, Subject)> {
        let wording = self.wording();
        self.inbox
            .held()
            .filter(|(_, held)| held.cause == HeldCause::Burst)
            .map(move |(asker, held)| {
                let actions = vec![Action::Review, Action::DenyAll];
                let id = format!("held:{}:{}", asker.0, asker.1);
                let text = wording.held_back(held.count, &held.client_name);
                (
                    self.notification(&id, text, actions, Urgency::Critical, Life::Stays),
                    Subject::HeldBack(asker.clone()),
                )
            })
    }

    /// Row 7.
    fn unsent_notifications(&self, now: i64) -> impl Iterator<Item = (Notification, Subject)> {
        self.inbox.iter().filter_map(move |r| {
            let verdict = match &r.stage {
                Stage::Queued(underway, _) => underway.verdict,
                // Tried again: the notice stays until that worked.
                Stage::Sending(underway) if underway.failures > 0 => underway.verdict,
                Stage::Signing(answer) if answer.failures > 0 => answer.verdict,
                Stage::Pending | Stage::Signing(_) | Stage::Sending(_) | Stage::Ended(_) => return None,
            };
            if self.on_screen(&r.id) {
                return None;
            }
            let account = self.account(&r.account)?;
            let id = format!("unsent:{}", r.id);
            // Counted when it is first shown: a notification that ticks would never be left alone.
            let left = match self.attention.worded(&NotificationId(id.clone())) {
                Some(shown) => return Some((shown.notification.clone(), shown.subject.clone())),
                None => r.claims().exp.map(|exp| exp - account.binding.offset - now),
            };
            let host = host(&account.binding.issuer);
            let text = self.wording().unsent(verdict, &host, left);
            let actions = vec![Action::Show];
            Some((
                self.notification(&id, text, actions, Urgency::Normal, Life::Stays),
                Subject::Past(r.id.clone()),
            ))
        })
    }

    /// Row 10.
    fn keyring_notification(&self) -> Option<(Notification, Subject)> {
        let keyring = self.keyring();
        let action = match keyring {
            KeyringState::Unknown | KeyringState::Ready => return None,
            KeyringState::Locked | KeyringState::Hanging => Action::Unlock,
            KeyringState::Missing | KeyringState::Empty => Action::Check,
        };
        let text = self.wording().locked_out(keyring);
        let notification = self.notification("keyring", text, vec![action], Urgency::Critical, Life::Stays);
        Some((notification, Subject::Keyring))
    }

    /// Row 11: once, until every connection that was away is back.
    fn outage_notification(&self, now: i64) -> Option<(Notification, Subject)> {
        let mut away = self
            .outages()
            .filter(|(_, since)| now - since >= OUTAGE)
            .peekable();
        let (account, since) = away.next()?;
        if let Some(shown) = self.attention.worded(&NotificationId(OFFLINE.to_owned())) {
            return Some((shown.notification.clone(), Subject::Outage));
        }
        let only = away
            .peek()
            .is_none()
            .then_some((account.issuer_name.as_str(), since));
        let text = self.wording().offline(only, &self.settings.time_zone);
        let actions = vec![Action::Check];
        let notification = self.notification(OFFLINE, text, actions, Urgency::Low, Life::Stays);
        Some((notification, Subject::Outage))
    }

    /// Row 12: once a day, while it is so.
    fn clock_notification(&self, now: i64) -> Option<(Notification, Subject)> {
        let trouble = self.vault.trouble?;
        let id = format!("clock:{}", now.div_euclid(24 * 60 * 60));
        if let Some(shown) = self.attention.worded(&NotificationId(id.clone())) {
            return Some((shown.notification.clone(), Subject::Clock));
        }
        let text = self.wording().clock(trouble);
        let notification = self.notification(&id, text, vec![Action::Show], Urgency::Low, Life::Stays);
        Some((notification, Subject::Clock))
    }

    /// Accounts without a connection, and since when.
    fn outages(&self) -> impl Iterator<Item = (&Account, i64)> {
        let accounts = self.accounts.accounts.iter();
        accounts.filter_map(|account| Some((account, self.lines.get(&account.id)?.offline_since?)))
    }

    /// When after `now` an outage becomes worth telling.
    pub(super) fn next_outage(&self, now: i64) -> Option<i64> {
        self.outages()
            .map(|(_, since)| since + OUTAGE)
            .filter(|at| *at > now)
            .min()
    }

    /// Whether *Approve* is in the notification: the request allows it, and the person can read there what it is.
    pub(super) fn offers_approve(&self, request: &Tracked) -> bool {
        self.privacy() == Privacy::Detailed && approvable_in_notification(&request.claims().requires)
    }

    /// How notifications are worded now.
    pub(super) fn wording(&self) -> Wording {
        let language = self.settings.chosen.values.language.as_deref();
        let language = language.and_then(Language::of);
        Wording {
            language: language.unwrap_or(self.settings.language),
            privacy: self.privacy(),
        }
    }

    fn notification(
        &self,
        id: &str,
        (title, body): Text,
        actions: Vec<Action>,
        urgency: Urgency,
        life: Life,
    ) -> Notification {
        let wording = self.wording();
        let button = |action| (action, wording.button(action).to_owned());
        Notification {
            id: NotificationId(id.to_owned()),
            title,
            body,
            actions: actions.into_iter().map(button).collect(),
            urgency,
            life,
        }
    }

    /// Tells what became of a request.
    pub(super) fn tell(&mut self, id: &RequestId, news: News, effects: &mut Vec<Effect>) {
        let News {
            text,
            actions,
            urgency,
            millis,
            place,
        } = news;
        let quiet = match self.hush {
            Hush::Nothing => false,
            // What became of the person's own answer is told.
            Hush::LowRisk => urgency == Urgency::Low && self.inbox.get(id).is_some_and(|r| self.is_hushed(r)),
            Hush::Everything => true,
        };
        if quiet {
            return;
        }
        let others = self.inbox.iter().any(|r| r.id != *id && self.awaits_notice(r));
        let name = match place {
            Place::OfTheRequest if !others => REQUESTS.to_owned(),
            Place::OfTheRequest | Place::Beside => format!("past:{id}"),
        };
        let notification = self.notification(&name, text, actions, urgency, Life::Millis(millis));
        self.attention
            .pass(notification, Subject::Past(id.clone()), effects);
    }

    /// An issuer added or removed something here. What was removed stays on screen until the person has seen it.
    pub(super) fn tell_contents(
        &mut self,
        account: &AccountId,
        added: usize,
        removed: &[String],
        effects: &mut Vec<Effect>,
    ) {
        let Some(found) = self.account(account) else {
            return;
        };
        let (urgency, life) = if removed.is_empty() {
            (Urgency::Low, Life::Millis(10_000))
        } else {
            (Urgency::Normal, Life::Stays)
        };
        if self.hush == Hush::Everything && removed.is_empty() {
            return;
        }
        let text = self.wording().contents(&found.issuer_name, added, removed);
        let id = format!("contents:{account}");
        let notification = self.notification(&id, text, vec![Action::Show], urgency, life);
        self.attention
            .pass(notification, Subject::Account(account.clone()), effects);
    }

    /// Row 9.
    pub(super) fn tell_revoked(&mut self, account: &AccountId, effects: &mut Vec<Effect>) {
        let Some(found) = self.account(account) else {
            return;
        };
        let text = self.wording().revoked(&found.issuer_name, &found.binding.account);
        let actions = vec![Action::Show];
        let id = format!("revoked:{account}");
        let notification = self.notification(&id, text, actions, Urgency::Critical, Life::Stays);
        self.attention
            .pass(notification, Subject::Account(account.clone()), effects);
    }
}

pub(super) fn asked(request: &Tracked) -> Asked<'_> {
    Asked {
        claims: request.claims(),
        statement: request.statement(),
    }
}
