//! How often something may happen, for each name: a bucket that refills evenly (GCRA).
//!
//! In memory only: a restart gives everybody a full bucket, which a restart costs more than.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Names that are kept before those with full buckets are forgotten.
const MANY: usize = 10_000;

/// A limit for each name.
#[derive(Debug)]
pub(super) struct Limiter {
    /// Milliseconds in which one permit grows back.
    interval: i64,
    /// How far ahead of the clock a bucket may be, in milliseconds.
    burst: i64,
    /// When each bucket will be full again, in milliseconds since the epoch.
    full_at: Mutex<HashMap<String, i64>>,
}

impl Limiter {
    /// `count` at once, and as many again in each minute.
    pub(super) fn per_minute(count: u32) -> Self {
        let interval = 60_000 / i64::from(count.max(1));
        Self {
            interval,
            burst: interval * i64::from(count.max(1)),
            full_at: Mutex::default(),
        }
    }

    /// Takes a permit, or says in how many seconds there will be one.
    pub(super) fn take(&self, name: &str, now_ms: i64) -> Result<(), u32> {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MANY {
            buckets.retain(|_, full_at| *full_at > now_ms);
        }
        let full_at = buckets.get(name).copied().unwrap_or(now_ms).max(now_ms) + self.interval;
        let early = full_at - now_ms - self.burst;
        if early > 0 {
            return Err(u32::try_from(early.div_euclid(1000) + 1).unwrap_or(u32::MAX));
        }
        match buckets.get_mut(name) {
            Some(bucket) => *bucket = full_at,
            None => {
                buckets.insert(name.to_owned(), full_at);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Limiter;

    #[test]
    fn a_burst_passes_and_then_permits_grow_back_one_by_one() {
        let limiter = Limiter::per_minute(10);
        let now = 1_000_000;
        for _ in 0..10 {
            assert_eq!(limiter.take("ada", now), Ok(()));
        }
        assert_eq!(limiter.take("ada", now), Err(7));
        assert_eq!(limiter.take("ada", now + 5_999), Err(1));
        assert_eq!(limiter.take("ada", now + 6_000), Ok(()));
        assert_eq!(limiter.take("ada", now + 6_000), Err(7));
        assert_eq!(limiter.take("bob", now), Ok(()), "names do not share a bucket");
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out_for_longer() {
        let limiter = Limiter::per_minute(1);
        assert_eq!(limiter.take("ada", 1_000_000), Ok(()));
        assert!(limiter.take("ada", 0).is_err());
        assert_eq!(limiter.take("ada", 1_060_000), Ok(()));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let limiter = Limiter::per_minute(10);
        for name in 0..super::MANY {
            assert_eq!(limiter.take(&name.to_string(), 0), Ok(()));
        }
        assert_eq!(limiter.take("one more", 60_000), Ok(()));
        assert_eq!(limiter.full_at.lock().unwrap().len(), 1);
    }
}
