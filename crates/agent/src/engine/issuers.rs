//! What comes from issuers: requests, ends, and the state of the way there.

use countersign_agent_api::{AccountId, ApiError, Connection, ErrorCode, KeyringState, OpenPrompt};

use super::{Effect, Engine, Then, inbox::Admission};
use crate::{
    accounts::{Account, Standing},
    channel::{ChannelEvent, ChannelProblem, Health, SignedTime, VerifiedRequest},
    keystore::{Interaction, KeyStoreError},
};

/// The way to one issuer now.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) connection: Connection,
    pub(super) key: KeyringState,
    /// What the issuer last signed of the time.
    pub(super) signed_time: Option<SignedTime>,
    /// Frames that did not verify.
    pub(super) rejected: u64,
    /// Since when issuer and device have been out of touch although they want not to be, own clock.
    pub(super) offline_since: Option<i64>,
    /// Whether the person has asked for the end of it.
    revocation: Revocation,
    /// Whether the other key of an unfinished rotation was tried.
    other_key: OtherKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OtherKey {
    Untried,
    Tried,
}

/// Whether the person has asked the issuer to revoke this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Revocation {
    NotAsked,
    Asked,
}

impl Line {
    /// Of an account at `now` (own clock).
    pub(super) fn new(account: &Account, now: i64) -> Self {
        let (connection, offline_since) = match account.standing {
            Standing::Enrolled => (Connection::Connecting, Some(now)),
            Standing::Revoked => (Connection::Revoked, None),
        };
        Self {
            connection,
            key: KeyringState::Unknown,
            signed_time: None,
            rejected: 0,
            offline_since,
            revocation: Revocation::NotAsked,
            other_key: OtherKey::Untried,
        }
    }
}

impl Engine {
    pub(super) fn issuer_says(
        &mut self,
        account: &AccountId,
        event: ChannelEvent,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        if self.account(account).is_none() {
            return;
        }
        match event {
            ChannelEvent::Health(health) => self.health(account, health, now, fx),
            ChannelEvent::Offset(offset) => {
                // Kept with the next change that is written: it is only where the next start begins.
                if let Some(account) = self.account_mut(account) {
                    account.binding.offset = offset;
                }
            }
            ChannelEvent::SignedTime(time) => {
                if let Some(line) = self.lines.get_mut(account) {
                    line.signed_time = Some(time);
                }
            }
            ChannelEvent::Request(request) => self.requested(account, *request, now, fx),
            ChannelEvent::Closed(receipt) => self.receipt(account, &receipt, now, fx),
            ChannelEvent::Listed(listed) => self.inbox.listed(account, &listed),
            ChannelEvent::TiesChanged(ties) => {
                if let Some(account) = self.account_mut(account) {
                    account.binding.ties = *ties;
                }
                fx.push(self.save_accounts(Then::Nothing));
            }
            ChannelEvent::Contents(contents) => self.contents_listed(account, *contents, fx),
            ChannelEvent::Rejected(rejection) => {
                tracing::warn!(%account, frame = ?rejection.frame, reason = %rejection.reason, "a frame was dropped");
                if let Some(line) = self.lines.get_mut(account) {
                    line.rejected = rejection.total;
                }
            }
        }
    }

    fn requested(&mut self, account: &AccountId, request: VerifiedRequest, now: i64, fx: &mut Vec<Effect>) {
        let Some(found) = self.account(account) else {
            return;
        };
        let client = &request.claims.client.id;
        let muted = found
            .mutes
            .iter()
            .find(|mute| mute.client == *client && mute.until > now);
        let muted_until = muted.map(|mute| mute.until);
        let txn = request.claims.txn.clone();
        let can = request.claims.capabilities;
        if let Some(found) = self.account_mut(account) {
            // As with the clock: kept with the next change that is written.
            found.binding.learn(can);
        }
        match self.inbox.admit(account, request, muted_until, now) {
            Admission::Duplicate(_) => {}
            Admission::Shown(id) => {
                tracing::info!(%account, %txn, request = %id, "a request arrived");
                let needs_window = self
                    .inbox
                    .get(&id)
                    .is_some_and(|request| !self.offers_approve(request));
                if needs_window && self.open_prompt() == OpenPrompt::Always {
                    self.open_unasked(&id, fx);
                }
            }
            Admission::HeldBack(id) => {
                tracing::warn!(%account, %txn, request = %id, "a request is held back")
            }
            Admission::Dropped => tracing::warn!(%account, %txn, "too many requests wait, one was dropped"),
        }
    }

    fn health(&mut self, account: &AccountId, health: Health, now: i64, fx: &mut Vec<Effect>) {
        let connection = match health {
            Health::Connecting => {
                self.say_held(account, fx);
                Connection::Connecting
            }
            Health::Connected(transport) => {
                self.set_key_state(account, KeyringState::Ready);
                self.resend_all(account, now, fx);
                self.key_accepted(account, fx);
                Connection::Connected {
                    transport,
                    since: now,
                }
            }
            Health::Retrying { in_ms, problem } => {
                if matches!(problem, ChannelProblem::ProofRefused) {
                    self.try_other_key(account, fx);
                }
                let at = now + i64::try_from(in_ms.div_ceil(1000)).unwrap_or(i64::MAX / 2);
                Connection::Retrying {
                    at,
                    problem: crate::wording::sentence(&problem),
                    cause: cause(&problem),
                }
            }
            Health::NoKey(state) => {
                self.set_key_state(account, state);
                Connection::NoKey
            }
            Health::Revoked => return self.revoked(account, fx),
        };
        if matches!(connection, Connection::Connected { .. }) && !self.is_connected(account) {
            self.try_others(account, fx);
        }
        if let Some(line) = self.lines.get_mut(account) {
            line.offline_since = match connection {
                Connection::Connecting | Connection::Retrying { .. } => line.offline_since.or(Some(now)),
                Connection::Connected { .. } | Connection::NoKey | Connection::Revoked => None,
            };
            line.connection = connection;
        }
    }

    fn is_connected(&self, account: &AccountId) -> bool {
        let line = self.lines.get(account);
        line.is_some_and(|line| matches!(line.connection, Connection::Connected { .. }))
    }

    /// Keyring and network are there again for this account: no other needs to wait for them, however long it meant to.
    fn try_others(&self, account: &AccountId, fx: &mut Vec<Effect>) {
        let waits = |line: &Line| match line.connection {
            Connection::NoKey => true,
            Connection::Retrying { cause, .. } => cause == ErrorCode::Unreachable,
            Connection::Connecting | Connection::Connected { .. } | Connection::Revoked => false,
        };
        let others = self
            .lines
            .iter()
            .filter(|(id, line)| *id != account && waits(line));
        fx.extend(others.map(|(id, _)| Effect::Retry(id.clone())));
    }

    /// Whether something else may be asked of the issuer: not while it is asked to revoke this device.
    pub(super) fn check_revocation(&self, account: &AccountId) -> Result<(), ApiError> {
        match self.lines.get(account).map(|line| line.revocation) {
            Some(Revocation::Asked) => Err(ApiError::new(
                ErrorCode::Unavailable,
                "The issuer is being asked to remove this computer. Try again in a moment.",
            )),
            Some(Revocation::NotAsked) | None => Ok(()),
        }
    }

    /// The person has asked the issuer to revoke this device, or that did not work.
    pub(super) fn expect_revocation(&mut self, account: &AccountId, revocation: Revocation) {
        if let Some(line) = self.lines.get_mut(account) {
            line.revocation = revocation;
        }
    }

    /// The issuer no longer wants this device. Nothing is deleted: that is the person's to do.
    pub(super) fn revoked(&mut self, account: &AccountId, fx: &mut Vec<Effect>) {
        let mut revocation = Revocation::NotAsked;
        if let Some(line) = self.lines.get_mut(account) {
            line.connection = Connection::Revoked;
            line.offline_since = None;
            revocation = line.revocation;
        }
        let waiting: Vec<_> = self
            .inbox
            .iter()
            .filter(|r| r.account == *account)
            .map(|r| r.id.clone())
            .collect();
        for id in waiting {
            let message = "The issuer has removed this computer. Nothing was approved here.".to_owned();
            self.not_counted(&id, countersign_agent_api::Problem::Refused { message });
        }
        let Some(found) = self.account_mut(account) else {
            return;
        };
        if found.standing == Standing::Revoked {
            return;
        }
        found.standing = Standing::Revoked;
        fx.push(Effect::Unsubscribe(account.clone()));
        fx.push(self.save_accounts(Then::Nothing));
        fx.push(self.save_outbox(Then::Nothing));
        match revocation {
            Revocation::NotAsked => self.tell_revoked(account, fx),
            // No news to who asked for it.
            Revocation::Asked => {}
        }
    }

    pub(super) fn set_key_state(&mut self, account: &AccountId, state: KeyringState) {
        if let Some(line) = self.lines.get_mut(account) {
            line.key = state;
        }
    }

    /// The person tried to unlock the keyring.
    pub(super) fn keyring_probed(&mut self, result: Result<(), KeyStoreError>, fx: &mut Vec<Effect>) {
        match result {
            Ok(()) => {
                for (account, line) in &mut self.lines {
                    if line.connection == Connection::NoKey {
                        line.key = KeyringState::Unknown;
                        fx.push(Effect::Retry(account.clone()));
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the keyring is still not usable"),
        }
    }

    /// The issuer accepts the key in use: what is left of a rotation is spare.
    fn key_accepted(&mut self, account: &AccountId, fx: &mut Vec<Effect>) {
        if let Some(line) = self.lines.get_mut(account) {
            line.other_key = OtherKey::Untried;
        }
        let Some(other) = self.account_mut(account).and_then(|found| found.other_key.take()) else {
            return;
        };
        self.accounts.spare_keys.push(other.reference.clone());
        fx.push(self.save_accounts(Then::Nothing));
        fx.push(Effect::DeleteKey(other.reference, Interaction::Forbidden));
    }

    /// The issuer does not accept the key in use: if a rotation did not finish, the other one may be the right one.
    fn try_other_key(&mut self, account: &AccountId, fx: &mut Vec<Effect>) {
        let Some(line) = self.lines.get_mut(account) else {
            return;
        };
        if line.other_key == OtherKey::Tried {
            return;
        }
        let Some(found) = self.accounts.accounts.iter_mut().find(|a| a.id == *account) else {
            return;
        };
        let Some(other) = &mut found.other_key else { return };
        std::mem::swap(other, &mut found.binding.key);
        line.other_key = OtherKey::Tried;
        let binding = Box::new(found.binding.clone());
        fx.push(self.save_accounts(Then::Nothing));
        fx.push(Effect::Subscribe(account.clone(), binding));
    }
}

/// What keeps the connection away, for programs.
fn cause(problem: &ChannelProblem) -> ErrorCode {
    match problem {
        ChannelProblem::Net(error) => error.code(),
        ChannelProblem::Closed | ChannelProblem::Silent | ChannelProblem::Restarting => {
            ErrorCode::Unreachable
        }
        ChannelProblem::Replaced | ChannelProblem::ProofRefused | ChannelProblem::Forbidden => {
            ErrorCode::Refused
        }
        ChannelProblem::Issuer(_) | ChannelProblem::Protocol(_) => ErrorCode::BadAnswer,
    }
}
