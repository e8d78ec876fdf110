//! What front ends see of the state. Instants become this computer's clock here, and nowhere else.

use countersign_agent_api as api;
use countersign_agent_api::{
    AccountView, Capabilities, KeyringState, RequestId, RequestState, RequestView, SettingsView, StatusView,
    VaultView,
    frame::{Fits, Room},
};
use countersign_protocol::{self as protocol, Issuer, Statement};

use super::{
    Engine,
    event::protection_view,
    inbox::LINGER,
    request::{DecidedBy, End, Receipt, Retry, Stage, Tracked, Visibility},
};
use crate::{
    accounts::{Account, Keeping},
    channel::Polled,
    config::POLL_SECONDS,
    net::{CertificateSummary, Trust},
};

/// All that a subscribed front end is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Views {
    pub(super) requests: Vec<RequestView>,
    pub(super) accounts: Vec<AccountView>,
    pub(super) status: StatusView,
    pub(super) settings: SettingsView,
    pub(super) vault: VaultView,
}

impl Engine {
    pub(super) fn views(&self, now: i64) -> Views {
        Views {
            requests: self.request_views(now),
            accounts: self.account_views(),
            status: self.status_view(),
            settings: self.settings.chosen.clone(),
            vault: self.vault.view.clone(),
        }
    }

    /// Pending and just-ended requests that are not held back, oldest first, as many as a frame holds.
    pub(super) fn request_views(&self, now: i64) -> Vec<RequestView> {
        let views = self
            .inbox
            .iter()
            .filter(|r| match (&r.stage, r.visibility) {
                (Stage::Ended(end), Visibility::Shown) => now - end.seen_at < LINGER,
                (_, Visibility::Shown) => true,
                (_, Visibility::HeldBack) => false,
            })
            .filter_map(|r| self.request_view(r))
            .collect();
        fitting(views)
    }

    pub(super) fn view_of(&self, id: &RequestId) -> Option<RequestView> {
        self.inbox.get(id).and_then(|r| self.request_view(r))
    }

    fn request_view(&self, request: &Tracked) -> Option<RequestView> {
        let account = self.account(&request.account)?;
        let claims = request.claims();
        let offset = account.binding.offset;
        Some(RequestView {
            id: request.id.clone(),
            txn: claims.txn.to_string(),
            account: account.id.clone(),
            issuer_name: account.issuer_name.clone(),
            issuer_host: host(&account.binding.issuer),
            account_label: claims.sub.clone(),
            client_name: claims.client.name.clone(),
            lines: lines(request.statement()),
            statement_hash: request.statement().hash().to_owned(),
            raw_details: claims.raw_details.clone(),
            requires: claims.requires.clone(),
            capabilities: Capabilities {
                can_withdraw: request.can_withdraw(),
                ..claims.capabilities
            },
            key_protection: protection_view(account.protection),
            issued_at: claims.iat - offset,
            expires_at: claims.exp.map(|exp| exp - offset),
            state: self.state_view(request, account),
            problem: request.problem.clone(),
        })
    }

    fn state_view(&self, request: &Tracked, account: &Account) -> RequestState {
        match &request.stage {
            Stage::Pending => RequestState::Pending,
            Stage::Signing(answer) => RequestState::Sending {
                verdict: verdict(answer.verdict),
            },
            Stage::Sending(underway) => RequestState::Sending {
                verdict: verdict(underway.verdict),
            },
            Stage::Queued(underway, Retry { at }) => RequestState::Queued {
                verdict: verdict(underway.verdict),
                retry_at: *at,
            },
            Stage::Ended(end) => ended(end, account, request),
        }
    }

    pub(super) fn account_views(&self) -> Vec<AccountView> {
        self.accounts
            .accounts
            .iter()
            .map(|account| self.account_view(account))
            .collect()
    }

    pub(super) fn account_view(&self, account: &Account) -> AccountView {
        let line = self.lines.get(&account.id);
        AccountView {
            id: account.id.clone(),
            name: account.name.clone(),
            issuer_name: account.issuer_name.clone(),
            issuer_host: host(&account.binding.issuer),
            account: account.binding.account.clone(),
            fingerprint: account.binding.fingerprint(),
            key_protection: protection_view(account.protection),
            key: line.map_or(KeyringState::Unknown, |line| line.key),
            capabilities: account.binding.capabilities(),
            collection: collection(account),
            connection: line.map_or(api::Connection::Connecting, |line| line.connection.clone()),
            clock_offset: account.binding.offset,
            added_at: account.added_at,
            trusted: trusted(&account.binding.trust),
            polling: account.binding.polled().map(|polled| self.polling(polled)),
        }
    }

    fn polling(&self, polled: Polled) -> api::PollingView {
        let usual = self.settings.poll_seconds;
        api::PollingView {
            seconds: polled.chosen.unwrap_or(usual),
            chosen: polled.chosen,
            usual,
            least: *POLL_SECONDS.start(),
            most: *POLL_SECONDS.end(),
        }
    }

    pub(super) fn status_view(&self) -> StatusView {
        let pending = self.inbox.iter().filter(|r| r.is_pending()).count();
        StatusView {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            pending: u32::try_from(pending).unwrap_or(u32::MAX),
            accounts: u32::try_from(self.accounts.accounts.len()).unwrap_or(u32::MAX),
            keyring: self.keyring(),
            held_back: self.inbox.held_views(),
            muted_until: self.muted_until,
        }
    }

    /// The state of the keyring as a whole: the worst that an account's key is in.
    pub(super) fn keyring(&self) -> KeyringState {
        let severity = |state: &KeyringState| match state {
            KeyringState::Unknown => 0,
            KeyringState::Ready => 1,
            KeyringState::Hanging => 2,
            KeyringState::Empty => 3,
            KeyringState::Missing => 4,
            KeyringState::Locked => 5,
        };
        self.lines
            .values()
            .map(|line| line.key)
            .max_by_key(severity)
            .unwrap_or(KeyringState::Unknown)
    }
}

/// What has room in one frame: what is over gives way first, then what came last. It waits, and has its turn when there is room.
pub(super) fn fitting(mut views: Vec<RequestView>) -> Vec<RequestView> {
    let is_over = |view: &RequestView| matches!(view.state, RequestState::Ended { .. });
    let mut room = Room::new();
    let mut take = |view: &RequestView| room.take(view) == Fits::Yes;
    let waiting: Vec<bool> = views.iter().map(|view| !is_over(view) && take(view)).collect();
    let mut over: Vec<bool> = views
        .iter()
        .rev()
        .map(|view| is_over(view) && take(view))
        .collect();
    over.reverse();
    let mut kept = waiting
        .into_iter()
        .zip(over)
        .map(|(waiting, over)| waiting || over);
    views.retain(|_| kept.next().unwrap_or(false));
    views
}

/// What an account has brought along, if it brings something.
fn collection(account: &Account) -> Option<api::CollectionView> {
    match account.binding.brings() {
        api::Brings::Account => return None,
        api::Brings::Collection => {}
    }
    let count = |wanted: fn(&Keeping) -> bool| {
        let found = account.holds.iter().filter(|held| wanted(&held.kept)).count();
        u32::try_from(found).unwrap_or(u32::MAX)
    };
    Some(api::CollectionView {
        accounts: count(|kept| matches!(kept, Keeping::Account(_))),
        codes: count(|kept| matches!(kept, Keeping::Code)),
        unusable: count(|kept| matches!(kept, Keeping::Unusable)),
    })
}

fn ended(end: &End, account: &Account, request: &Tracked) -> RequestState {
    let by_this_device = end.decided_by == DecidedBy::ThisDevice;
    let reported_here = by_this_device || request.reported_at.is_some();
    let mute = account
        .mutes
        .iter()
        .find(|mute| reported_here && mute.client == request.claims().client.id);
    RequestState::Ended {
        outcome: end.outcome,
        at: end.at - account.binding.offset,
        by_this_device,
        device_name: device_name(&end.decided_by),
        receipt: match end.receipt {
            Receipt::Missing => api::ReceiptState::None,
            Receipt::Verified(_) => api::ReceiptState::Verified,
            Receipt::Inconsistent(_) => api::ReceiptState::Invalid,
        },
        muted_until: mute.map(|mute| mute.until),
        code: end.code.clone(),
        reported_at: request.reported_at.map(|at| at - account.binding.offset),
    }
}

pub(super) fn device_name(decided_by: &DecidedBy) -> Option<String> {
    match decided_by {
        DecidedBy::Another(name) => Some(name.clone()),
        DecidedBy::Nobody | DecidedBy::ThisDevice => None,
    }
}

/// Host and, unless it is 443, port.
pub(super) fn host(issuer: &Issuer) -> String {
    issuer.host().to_owned()
}

/// What is trusted for one account.
pub(super) fn trusted(trust: &Trust) -> Vec<api::CertificateView> {
    let view = |summary: CertificateSummary| api::CertificateView {
        name: summary.subject,
        issuer: summary.issuer,
        sha256: summary.sha256,
        not_before: summary.not_before,
        not_after: summary.not_after,
    };
    trust.summaries().into_iter().map(view).collect()
}

/// The statement's lines for front ends.
pub fn lines(statement: &Statement) -> Vec<api::Line> {
    let value = |value: &protocol::LineValue| match value.clone() {
        protocol::LineValue::Text(text) => api::LineValue::Text(text),
        protocol::LineValue::Amount { amount, currency } => api::LineValue::Amount { amount, currency },
        protocol::LineValue::Instant(at) => api::LineValue::Instant(at),
        protocol::LineValue::Duration(seconds) => api::LineValue::Duration(seconds),
        protocol::LineValue::Count(count) => api::LineValue::Count(count),
        protocol::LineValue::Flag(flag) => api::LineValue::Flag(flag),
        protocol::LineValue::List(items) => api::LineValue::List(items),
    };
    statement
        .lines()
        .iter()
        .map(|line| api::Line {
            key: line.key.to_owned(),
            name: line.name.clone(),
            value: value(&line.value),
        })
        .collect()
}

pub(super) fn verdict(verdict: protocol::Verdict) -> api::Verdict {
    match verdict {
        protocol::Verdict::Approve => api::Verdict::Approve,
        protocol::Verdict::Deny => api::Verdict::Deny,
        protocol::Verdict::Report => api::Verdict::Report,
    }
}

pub(super) fn outcome(outcome: protocol::Outcome) -> api::Outcome {
    match outcome {
        protocol::Outcome::Approved => api::Outcome::Approved,
        protocol::Outcome::Denied => api::Outcome::Denied,
        protocol::Outcome::Reported => api::Outcome::Reported,
        protocol::Outcome::Cancelled => api::Outcome::Cancelled,
        protocol::Outcome::Expired => api::Outcome::Expired,
        protocol::Outcome::Locked => api::Outcome::Locked,
    }
}

/// The front end's verdict in the protocol's words.
pub(super) fn protocol_verdict(verdict: api::Verdict) -> protocol::Verdict {
    match verdict {
        api::Verdict::Approve => protocol::Verdict::Approve,
        api::Verdict::Deny => protocol::Verdict::Deny,
        api::Verdict::Report => protocol::Verdict::Report,
    }
}

/// The front end's reason in the protocol's words.
pub(super) fn protocol_reason(reason: api::Reason) -> protocol::Reason {
    match reason {
        api::Reason::NotMe => protocol::Reason::NotMe,
        api::Reason::ChangedMind => protocol::Reason::ChangedMind,
        api::Reason::WrongDetails => protocol::Reason::WrongDetails,
        api::Reason::Other => protocol::Reason::Other,
    }
}
