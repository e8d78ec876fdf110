//! The approvals that are pending, as far as this process made them.
//!
//! Only what never changes is here, so that nothing can be out of date: whether an approval is still pending is for the
//! store to say. What is not here is read from the store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use countersign_protocol::Txn;

use crate::store::{Approval, Recipient};

/// Most approvals that are kept.
const MOST: usize = 100_000;

/// An approval as it was accepted, and what was sent to whom.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) approval: Approval,
    pub(super) recipients: Vec<Recipient>,
}

/// The approvals that are pending.
#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<HashMap<Txn, Arc<Accepted>>>);

impl Pending {
    pub(super) fn add(&self, accepted: Accepted) {
        let mut pending = self.lock();
        if pending.len() < MOST {
            pending.insert(accepted.approval.txn.clone(), Arc::new(accepted));
        }
    }

    pub(super) fn get(&self, txn: &Txn) -> Option<Arc<Accepted>> {
        self.lock().get(txn).cloned()
    }

    pub(super) fn remove(&self, txn: &Txn) {
        self.lock().remove(txn);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Txn, Arc<Accepted>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
