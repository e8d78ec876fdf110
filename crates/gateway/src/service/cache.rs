//! Copies of what the store says, for what is asked with every call.
//!
//! Invariant: what was forgotten is not brought back by somebody who read it from the store before.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

/// Copies by key. When there are too many, all are forgotten.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    most: usize,
    copies: RwLock<Copies<K, V>>,
}

#[derive(Debug)]
struct Copies<K, V> {
    /// How often something was forgotten.
    forgotten: u64,
    by_key: HashMap<K, Arc<V>>,
}

/// The right to put in what is read from the store from now on.
#[derive(Debug)]
pub(super) struct Missing {
    forgotten: u64,
}

impl<K: Eq + Hash, V> Cache<K, V> {
    pub(super) fn new(most: usize) -> Self {
        let copies = Copies {
            forgotten: 0,
            by_key: HashMap::new(),
        };
        Self {
            most,
            copies: RwLock::new(copies),
        }
    }

    /// The copy. If there is none: read the store, then [`Cache::put`].
    pub(super) fn get(&self, key: &K) -> Result<Arc<V>, Missing> {
        let copies = self.copies.read().unwrap_or_else(PoisonError::into_inner);
        let missing = Missing {
            forgotten: copies.forgotten,
        };
        copies.by_key.get(key).cloned().ok_or(missing)
    }

    /// Keeps what was read, unless something was forgotten meanwhile.
    pub(super) fn put(&self, missing: Missing, key: K, value: &Arc<V>) {
        let mut copies = self.copies.write().unwrap_or_else(PoisonError::into_inner);
        if copies.forgotten != missing.forgotten {
            return;
        }
        if copies.by_key.len() >= self.most {
            copies.by_key.clear();
        }
        copies.by_key.insert(key, Arc::clone(value));
    }

    pub(super) fn forget(&self, key: &K) {
        let mut copies = self.copies.write().unwrap_or_else(PoisonError::into_inner);
        copies.forgotten += 1;
        copies.by_key.remove(key);
    }

    pub(super) fn forget_all(&self) {
        let mut copies = self.copies.write().unwrap_or_else(PoisonError::into_inner);
        copies.forgotten += 1;
        copies.by_key.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_it_was_forgotten_is_not_kept() {
        let cache = Cache::new(10);
        let before = cache.get(&1).unwrap_err();
        cache.forget(&1);
        cache.put(before, 1, &Arc::new("old"));
        let after = cache.get(&1).unwrap_err();
        cache.put(after, 1, &Arc::new("new"));
        assert_eq!(*cache.get(&1).unwrap(), "new");
        cache.forget_all();
        assert!(cache.get(&1).is_err());
    }

    #[test]
    fn there_are_never_more_copies_than_allowed() {
        let cache = Cache::new(3);
        for key in 0..10 {
            let missing = cache.get(&key).unwrap_err();
            cache.put(missing, key, &Arc::new(key));
            assert!(cache.copies.read().unwrap().by_key.len() <= 3);
        }
    }
}
