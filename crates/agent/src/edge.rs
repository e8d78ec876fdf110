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

    /// Milliseconds since an unknown instant. Nobody can set this clock, and it goes on while the computer sleeps.
    fn steady_ms(&self) -> i64 {
        self.now_ms()
    }

    /// The same in seconds.
    fn steady(&self) -> i64 {
        self.steady_ms().div_euclid(1000)
    }

    /// Both clocks at this moment.
    fn moment(&self) -> Moment {
        Moment {
            now_ms: self.now_ms(),
            steady_ms: self.steady_ms(),
        }
    }
}

/// A moment by both of this computer's clocks, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since the Unix epoch, uncorrected.
    pub now_ms: i64,
    /// By the clock that nobody can set.
    pub steady_ms: i64,
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

    fn steady_ms(&self) -> i64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        time.tv_sec.saturating_mul(1000) + time.tv_nsec / 1_000_000
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
