//! The requests on this computer: each once, in bounded number, bursts held back.
//!
//! Invariants: at most one entry per account and transaction; at most [`MAX_WAITING`] unended ones per account (further ones
//! are not kept: the issuer delivers them again); a client that asks more than [`BURST`] times within [`WINDOW`] seconds
//! without getting answers is held back, so that the person sees one notice and no further prompt.

use std::collections::{BTreeMap, VecDeque};

use countersign_agent_api::{AccountId, HeldBack, HeldCause, RequestId};
use countersign_protocol::Txn;
use ring::digest;

use super::request::{End, Listing, Receipt, Retry, Stage, Tracked, Visibility};
use crate::channel::{RequestClaims, VerifiedRequest};

/// The most requests of one account that are not ended.
pub(super) const MAX_WAITING: usize = 32;

/// The most unanswered requests of one client within [`WINDOW`] that are shown one by one.
pub(super) const BURST: usize = 5;

/// The time over which a burst is counted, and for which a client is held back after the last one, in seconds.
pub(super) const WINDOW: i64 = 60;

/// For how long an ended request stays in what front ends see, in seconds.
pub(super) const LINGER: i64 = 60;

/// For how long after its end (issuer time) a request waits for the issuer's word before it is shown as expired, in seconds.
pub(super) const GRACE: i64 = 5;

/// For how long a request that ended without the issuer's word can still be corrected by it, in seconds.
const CORRECTABLE: i64 = 24 * 60 * 60;

/// The most requests of a client that are remembered as counted although there was no room for them: far more than a
/// channel that polls hands on at a time.
pub(super) const MAX_TURNED_AWAY: usize = 256;

/// The most ended requests kept, whatever their age.
const MAX_ENDED: usize = 128;

/// What became of a delivered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is here already.
    Duplicate(RequestId),
    /// It is new and shown.
    Shown(RequestId),
    /// It is new and held back.
    HeldBack(RequestId),
    /// There are too many.
    Dropped,
}

/// A client of an account.
pub(super) type Asker = (AccountId, String);

/// The recent history of one client.
#[derive(Debug, Default)]
struct Rate {
    /// When its unanswered requests of the last minute arrived, own clock.
    arrivals: Vec<i64>,
    held: Option<Held>,
}

/// A client that is held back now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) client_name: String,
    pub(super) cause: HeldCause,
    pub(super) count: u32,
    pub(super) until: i64,
    /// What is counted although there was no room for it, oldest first: it is delivered again and again until there is.
    pub(super) turned_away: VecDeque<Txn>,
}

impl Held {
    /// There is no room for this one. It counts once, however often it is delivered.
    fn turn_away(&mut self, txn: &Txn, now: i64) {
        if self.turned_away.contains(txn) {
            return;
        }
        if self.turned_away.len() >= MAX_TURNED_AWAY {
            self.turned_away.pop_front();
        }
        self.turned_away.push_back(txn.clone());
        self.count = self.count.saturating_add(1);
        self.until = self.until.max(now + WINDOW);
    }
}

/// All requests, oldest first.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    requests: Vec<Tracked>,
    rates: BTreeMap<Asker, Rate>,
}

impl Inbox {
    /// Takes in a verified request. `muted_until` (own clock) is set for a client that was reported.
    pub(super) fn admit(
        &mut self,
        account: &AccountId,
        request: VerifiedRequest,
        muted_until: Option<i64>,
        now: i64,
    ) -> Admission {
        if let Some(known) = self.by_txn(account, &request.claims.txn) {
            return Admission::Duplicate(known.id.clone());
        }
        let asker = (account.clone(), request.claims.client.id.clone());
        let waiting = self
            .requests
            .iter()
            .filter(|r| r.account == *account && !r.is_ended())
            .count();
        if waiting >= MAX_WAITING {
            if let Some(held) = self.rates.get_mut(&asker).and_then(|rate| rate.held.as_mut()) {
                held.turn_away(&request.claims.txn, now);
            }
            return Admission::Dropped;
        }
        let rate = self.rates.entry(asker).or_default();
        rate.arrivals.retain(|at| now - at < WINDOW);
        if rate.arrivals.len() <= BURST {
            rate.arrivals.push(now);
        }
        let held = hold(rate, &request.claims, muted_until, now);
        let id = self.new_id(account, &request.claims.txn);
        let (visibility, admission) = if held {
            (Visibility::HeldBack, Admission::HeldBack(id.clone()))
        } else {
            (Visibility::Shown, Admission::Shown(id.clone()))
        };
        self.requests
            .push(Tracked::new(id, account.clone(), request, visibility));
        admission
    }

    /// Takes in a request with an answer under way, from before a restart.
    pub(super) fn restore(&mut self, account: &AccountId, source: VerifiedRequest) -> Option<&mut Tracked> {
        if self.by_txn(account, &source.claims.txn).is_some() {
            return None;
        }
        let id = self.new_id(account, &source.claims.txn);
        self.requests
            .push(Tracked::new(id, account.clone(), source, Visibility::Shown));
        self.requests.last_mut()
    }

    /// The person dealt with a request of this client: it does not count towards a burst.
    pub(super) fn answered(&mut self, asker: &Asker) {
        if let Some(rate) = self.rates.get_mut(asker)
            && !rate.arrivals.is_empty()
        {
            rate.arrivals.remove(0);
        }
    }

    /// Shows what was held back of a client.
    pub(super) fn release(&mut self, asker: &Asker) {
        if let Some(rate) = self.rates.get_mut(asker) {
            rate.held = None;
            rate.arrivals.clear();
        }
        for request in &mut self.requests {
            if request.account == asker.0 && request.source.claims.client.id == asker.1 {
                request.visibility = Visibility::Shown;
            }
        }
    }

    /// What of a client is held back and waits for an answer.
    pub(super) fn held_requests(&self, asker: &Asker) -> Vec<RequestId> {
        let held = self.requests.iter().filter(|r| {
            r.visibility == Visibility::HeldBack
                && r.is_pending()
                && r.account == asker.0
                && r.claims().client.id == asker.1
        });
        held.map(|r| r.id.clone()).collect()
    }

    /// Clients that are held back, by account and client id.
    pub(super) fn held(&self) -> impl Iterator<Item = (&Asker, &Held)> {
        self.rates
            .iter()
            .filter_map(|(asker, rate)| Some((asker, rate.held.as_ref()?)))
    }

    pub(super) fn held_views(&self) -> Vec<HeldBack> {
        self.held()
            .map(|(asker, held)| HeldBack {
                account: asker.0.clone(),
                client_id: asker.1.clone(),
                client_name: held.client_name.clone(),
                cause: held.cause,
                count: held.count,
                until: held.until,
            })
            .collect()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Tracked> {
        self.requests.iter()
    }

    pub(super) fn get(&self, id: &RequestId) -> Option<&Tracked> {
        self.requests.iter().find(|r| r.id == *id)
    }

    pub(super) fn get_mut(&mut self, id: &RequestId) -> Option<&mut Tracked> {
        self.requests.iter_mut().find(|r| r.id == *id)
    }

    pub(super) fn by_txn(&self, account: &AccountId, txn: &Txn) -> Option<&Tracked> {
        self.requests
            .iter()
            .find(|r| r.account == *account && r.claims().txn == *txn)
    }

    /// The issuer lists these requests of an account and no others. What waits for the person is forgotten if it is not among them; what is being
    /// answered ends by what becomes of the answer, or is forgotten when it waits again.
    pub(super) fn listed(&mut self, account: &AccountId, listed: &[Txn]) {
        for request in self.requests.iter_mut().filter(|r| r.account == *account) {
            request.listing = if listed.contains(&request.source.claims.txn) {
                Listing::Listed
            } else {
                Listing::Gone
            };
        }
    }

    /// The clock may have been set: nothing waits longer for that.
    pub(super) fn clock_is(&mut self, now: i64) {
        for request in &mut self.requests {
            request.advance(|stage| stage.at_latest(now));
        }
    }

    /// Forgets everything of an account that was removed.
    pub(super) fn forget_account(&mut self, account: &AccountId) {
        self.requests.retain(|r| r.account != *account);
        self.rates.retain(|asker, _| asker.0 != *account);
    }

    /// Drops what is no longer of use at `now` (own clock).
    pub(super) fn tidy(&mut self, now: i64) {
        self.requests
            .retain(|r| !r.is_pending() || r.listing == Listing::Listed);
        self.requests.retain(|r| match &r.stage {
            Stage::Ended(End {
                seen_at,
                receipt: Receipt::Missing,
                ..
            }) => now - seen_at < CORRECTABLE,
            Stage::Ended(End { seen_at, .. }) => now - seen_at < LINGER,
            Stage::Pending | Stage::Signing(_) | Stage::Sending(_) | Stage::Queued(..) => true,
        });
        let surplus = self
            .requests
            .iter()
            .filter(|r| r.is_ended())
            .count()
            .saturating_sub(MAX_ENDED);
        let mut dropped = 0;
        self.requests.retain(|r| {
            let drop = r.is_ended() && dropped < surplus;
            dropped += usize::from(drop);
            !drop
        });
        let requests = &self.requests;
        self.rates.retain(|(account, client), rate| {
            rate.arrivals.retain(|at| now - at < WINDOW);
            let waits = requests.iter().any(|r| {
                r.account == *account
                    && r.source.claims.client.id == *client
                    && r.visibility == Visibility::HeldBack
                    && !r.is_ended()
            });
            if rate.held.as_ref().is_some_and(|held| held.until <= now && !waits) {
                rate.held = None;
            }
            rate.held.is_some() || !rate.arrivals.is_empty()
        });
    }

    /// When after `now` (own clock) [`Inbox::tidy`] has something to do, a request expires or a queued answer is due.
    pub(super) fn next_wake(&self, offset: impl Fn(&AccountId) -> i64, now: i64) -> Option<i64> {
        let over = |r: &Tracked| Some(r.claims().exp? - offset(&r.account) + GRACE);
        let stages = self.requests.iter().filter_map(|r| match &r.stage {
            Stage::Pending => over(r),
            Stage::Queued(_, Retry { at }) => Some(over(r).map_or(*at, |over| over.min(*at))),
            Stage::Ended(end) => Some(end.seen_at + LINGER),
            Stage::Signing(_) | Stage::Sending(_) => None,
        });
        let held = self.held().map(|(_, held)| held.until);
        stages.chain(held).filter(|at| *at > now).min()
    }

    /// Short, derived from account and transaction, so it is the same after a restart; longer if need be.
    fn new_id(&self, account: &AccountId, txn: &Txn) -> RequestId {
        let text = base32(&format!("{account} {txn}"));
        let taken = |id: &&str| self.requests.iter().any(|r| r.id.0 == **id);
        let lengths = 6..=text.len();
        let id = lengths
            .filter_map(|length| text.get(..length))
            .find(|id| !taken(id));
        RequestId(id.unwrap_or(&text).to_owned())
    }
}

/// Decides whether a request that just arrived is held back, and counts it, unless it was counted when there was no room for it.
fn hold(rate: &mut Rate, claims: &RequestClaims, muted_until: Option<i64>, now: i64) -> bool {
    let expired = rate.held.as_ref().is_some_and(|held| held.until <= now);
    let cause = match (muted_until, &rate.held) {
        (Some(_), _) => HeldCause::Report,
        (None, Some(held)) if !expired => held.cause,
        (None, _) if rate.arrivals.len() > BURST => HeldCause::Burst,
        (None, _) => return false,
    };
    let until = muted_until.unwrap_or(now + WINDOW);
    let earlier = rate.held.take().map(|held| (held.count, held.turned_away));
    let (count, turned_away) = earlier.unwrap_or_default();
    let counted = turned_away.contains(&claims.txn);
    rate.held = Some(Held {
        client_name: claims.client.name.clone(),
        cause,
        count: count.saturating_add(u32::from(!counted)),
        until,
        turned_away,
    });
    true
}

/// Crockford's base 32 in lower case of a SHA-256: no letter that is taken for a digit.
pub(super) fn base32(text: &str) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}
