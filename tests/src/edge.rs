//! The only place where the tests meet the real clock and the real random numbers.

use ring::rand::{SecureRandom, SystemRandom};

/// Seconds since the epoch.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the edge that provides the real clock"
)]
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The operating system's random numbers.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the edge that provides real randomness"
)]
pub fn rng() -> SystemRandom {
    SystemRandom::new()
}

/// 128 random bits.
///
/// # Panics
/// When the system has none: no test can go on then.
#[allow(clippy::expect_used, reason = "without randomness no test can go on")]
pub fn random() -> [u8; 16] {
    let mut bits = [0; 16];
    rng().fill(&mut bits).expect("the system gives random numbers");
    bits
}

/// Milliseconds since the epoch, to compare with what other processes note.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the edge that provides the real clock"
)]
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
