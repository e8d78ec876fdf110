//! The only place where the agent meets the real clock and the real random numbers.
//!
//! Everything else takes a [`Clock`] or a `ring` `SecureRandom` as an argument, so tests decide both.

use std::fmt::Debug;

use ring::rand::SystemRandom;

/// This computer's clock.
pub trait Clock: Debug + Send + Sync {
    /// Integer seconds since the Unix epoch, uncorrected.
    fn now(&self) -> i64;
}

/// The real clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the edge that provides the real clock"
    )]
    fn now(&self) -> i64 {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
        }
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
