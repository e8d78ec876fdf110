//! Who waits for an approval to end, and is told at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use countersign_protocol::Txn;
use tokio::sync::watch;

use crate::store::Approval;

type Waiters = HashMap<Txn, watch::Sender<Option<Arc<Approval>>>>;

/// The approvals that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Endings(Mutex<Waiters>);

/// One who waits. Subscribe first, look at the store then: no ending falls in between.
#[derive(Debug)]
pub(super) struct Waiter<'a> {
    endings: &'a Endings,
    txn: Txn,
    receiver: watch::Receiver<Option<Arc<Approval>>>,
}

impl Endings {
    pub(super) fn subscribe(&self, txn: &Txn) -> Waiter<'_> {
        let mut waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = match waiters.get(txn) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(None);
                waiters.insert(txn.clone(), sender);
                receiver
            }
        };
        Waiter {
            endings: self,
            txn: txn.clone(),
            receiver,
        }
    }

    /// Tells all who wait for it.
    pub(super) fn tell(&self, approval: &Arc<Approval>) {
        let waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiters.get(&approval.txn) {
            sender.send_replace(Some(Arc::clone(approval)));
        }
    }
}

impl Waiter<'_> {
    /// Waits for the end. Never returns if nobody tells: put a limit around it.
    pub(super) async fn ended(&mut self) -> Arc<Approval> {
        loop {
            if let Some(approval) = self.receiver.borrow_and_update().as_ref() {
                return Arc::clone(approval);
            }
            if self.receiver.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut waiters = self.endings.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock nobody else can subscribe meanwhile; the one left is this one.
        if waiters
            .get(&self.txn)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            waiters.remove(&self.txn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_when_nobody_waits() {
        let endings = Endings::default();
        let txn = Txn::from_random([1; 16]);
        let first = endings.subscribe(&txn);
        let second = endings.subscribe(&txn);
        drop(first);
        assert_eq!(endings.0.lock().unwrap().len(), 1);
        drop(second);
        assert_eq!(endings.0.lock().unwrap().len(), 0);
    }
}
