//! What tests share.

use ring::rand::SystemRandom;

/// Randomness, which is an argument everywhere else.
#[allow(clippy::disallowed_methods, reason = "the edge of the tests")]
pub(crate) fn rng() -> SystemRandom {
    SystemRandom::new()
}
