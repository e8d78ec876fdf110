//! The only place where the agent meets the real clock and the real random numbers.
//!
//! Everything else takes a [`Clock`] or a `ring` `SecureRandom` as an argument, so tests decide both.

use std::fmt::Debug;

use ring::rand::SystemRandom;

/// This computer's clock.
pub trait Clock: Debug + Send + Sync {
    /// Integer seconds since the Unix epoch, uncorrected.
    fn now(&self) -> i64;

    /// The same in milliseconds.
    fn now_ms(&self) -> i64 {
        self.now().saturating_mul(1000)
    }

    /// Seconds since an unknown instant. Nobody can set this clock, and it goes on while the computer sleeps.
    fn steady(&self) -> i64 {
        self.now()
    }
}

/// The real clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "this is the edge that provides the real clock"
    )]
    fn now_ms(&self) -> i64 {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    fn steady(&self) -> i64 {
        rustix::time::clock_gettime(rustix::time::ClockId::Boottime).tv_sec
    }
}

/// The operating system's random numbers.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the edge that provides real randomness"
)]
pub fn random() -> SystemRandom {
    SystemRandom::new()
}
