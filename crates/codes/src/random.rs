//! Randomness is an argument: everything that needs some takes `&dyn ring::rand::SecureRandom`.

use ring::rand::SecureRandom;

/// The system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness now. Try again")]
pub struct RandomError;

pub(crate) fn bytes<const N: usize>(rng: &dyn SecureRandom) -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    rng.fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}
