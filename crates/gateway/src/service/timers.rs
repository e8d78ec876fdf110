//! What goes by time: approvals expire, others change things, old rows go.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use countersign_protocol::Timestamp;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Gateway;
use crate::store::{Change, StoreResult};

/// How often is looked for what others changed: the administrator's commands, most of all revocations.
const CHANGES: Duration = Duration::from_millis(500);
/// How often old rows are removed.
const PRUNING: Duration = Duration::from_secs(600);
/// How long ended approvals stay, in seconds, so that results can be asked for and repetitions recognised.
const KEPT: i64 = 7 * 24 * 3600;
/// Approvals that end in one commit.
const EXPIRING: usize = 256;
/// The wait before another try when the store fails.
const RETRY: Duration = Duration::from_secs(1);
/// The longest sleep, so that a clock that was set is noticed.
const LONGEST: Duration = Duration::from_secs(30);

impl Gateway {
    /// Runs what goes by time, until `until`.
    pub async fn run_timers(self: Arc<Self>, until: impl Future<Output = ()> + Send) {
        let mut changes = interval(CHANGES);
        let mut pruning = interval(PRUNING);
        changes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pruning.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = Failing(false);
        tokio::pin!(until);
        loop {
            let next = self.until_expiry();
            tokio::select! {
                () = &mut until => return,
                () = self.earlier_expiry.notified() => {}
                () = sleep(next.unwrap_or(LONGEST).min(LONGEST)), if next.is_none_or(|next| !next.is_zero()) => {}
                () = std::future::ready(()), if next.is_some_and(|next| next.is_zero()) => {
                    if failing.note("expire approvals", self.sweep().await) {
                        sleep(RETRY).await;
                    }
                }
                _ = changes.tick() => {
                    failing.note("look for changes", self.notice_changes().await);
                }
                _ = pruning.tick() => {
                    failing.note("remove old approvals", self.prune().await);
                }
            }
        }
    }

    /// Ends what has expired, and tells whoever has to know.
    ///
    /// # Errors
    /// When the store fails; what has expired is ended the next time.
    pub async fn sweep(&self) -> StoreResult<()> {
        // Before the store is asked: an approval accepted meanwhile lowers it again.
        self.next_expiry.store(Timestamp::MAX, Ordering::Relaxed);
        let swept = self.end_expired().await;
        match swept.and(self.parts.store.next_expiry().await) {
            Ok(next) => {
                if let Some(next) = next {
                    self.next_expiry.fetch_min(next, Ordering::Relaxed);
                }
                Ok(())
            }
            Err(error) => {
                self.next_expiry.fetch_min(self.now(), Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Acts on what others changed since the last call.
    ///
    /// # Errors
    /// When the store fails; nothing is missed.
    pub async fn notice_changes(&self) -> StoreResult<()> {
        let seen = *self.seen_changes.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.parts.store.changes(seen).await?;
        for change in changes.list {
            match change {
                Change::DeviceRevoked(device) => self.device_revoked(&device),
                Change::Clients => self.clients.forget_all(),
                Change::IssuerKeys => match self.reload_keys() {
                    Ok(()) => tracing::info!("the issuer's keys changed"),
                    Err(error) => tracing::error!(error = %error, "the changed keys cannot be used"),
                },
            }
        }
        *self.seen_changes.lock().unwrap_or_else(PoisonError::into_inner) = changes.seq;
        Ok(())
    }

    async fn end_expired(&self) -> StoreResult<()> {
        loop {
            let ended = self.parts.store.expire(self.now(), EXPIRING).await?;
            let more = ended.len() == EXPIRING;
            for approval in ended {
                self.ended_elsewhere(approval, None).await;
            }
            if !more {
                return Ok(());
            }
        }
    }

    async fn prune(&self) -> StoreResult<()> {
        while self.parts.store.prune(self.now() - KEPT).await? > 0 {}
        Ok(())
    }

    fn until_expiry(&self) -> Option<Duration> {
        let next = self.next_expiry.load(Ordering::Relaxed);
        (next != Timestamp::MAX).then(|| {
            let left = next
                .saturating_mul(1000)
                .saturating_sub(self.parts.clock.now_ms());
            Duration::from_millis(u64::try_from(left).unwrap_or(0))
        })
    }
}

/// Whether the store failed last time, so that the log says it once and not twice a second.
#[derive(Debug)]
struct Failing(bool);

impl Failing {
    fn note(&mut self, what: &'static str, result: StoreResult<()>) -> bool {
        match (self.0, result) {
            (false, Err(error)) => tracing::error!(what, error = %error, "the store failed"),
            (true, Ok(())) => tracing::info!("the store works again"),
            (true, Err(_)) | (false, Ok(())) => {
                return self.0;
            }
        }
        self.0 = !self.0;
        self.0
    }
}
