//! The only place where the gateway meets the real clock and the real random numbers.
//!
//! Everything else is given a [`Clock`] and an [`Rng`], so that tests decide both.

use std::fmt::Debug;

use ring::rand::SecureRandom;

/// The issuer's clock, which alone decides expiry (protocol section 7).
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;

    /// Integer seconds since the Unix epoch.
    fn now(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }
}

/// The real clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
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
}

/// The operating system could not give random numbers; nothing can be issued until it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random numbers")]
pub struct RandomError;

/// Where unpredictable bytes come from.
pub trait Rng: Debug + Send + Sync {
    /// Fills `bytes` with unpredictable ones.
    ///
    /// # Errors
    /// When the source fails. The bytes must not be used then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

impl dyn Rng + '_ {
    /// An array of unpredictable bytes.
    ///
    /// # Errors
    /// When the source fails.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], RandomError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The operating system's random numbers.
#[derive(Debug, Clone)]
pub struct SystemRng(ring::rand::SystemRandom);

impl SystemRng {
    /// The operating system's source.
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the edge that provides real randomness"
    )]
    #[must_use]
    pub fn new() -> Self {
        Self(ring::rand::SystemRandom::new())
    }

    /// The same source as `ring` wants it, for making keys and signing.
    #[must_use]
    pub fn system_random(&self) -> &ring::rand::SystemRandom {
        &self.0
    }
}

impl Default for SystemRng {
    fn default() -> Self {
        Self::new()
    }
}

impl Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.0.fill(bytes).map_err(|_| RandomError)
    }
}
