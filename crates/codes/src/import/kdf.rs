//! From a password to a key, within limits.
//!
//! Invariant: parameters are checked when they are read, so that nothing beyond the limits can be run. The dearest permitted
//! ones take some seconds and 1 GiB, which is what Ente Auth asks for.

use std::num::NonZeroU32;

use ring::pbkdf2;
use zeroize::Zeroizing;

/// A 256-bit key.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The most memory for a key, in KiB.
const MAX_MEMORY_KIB: u64 = 1024 * 1024;
/// The most memory times passes, in KiB: eight passes over all of it.
const MAX_WORK_KIB: u64 = 8 * MAX_MEMORY_KIB;
const MAX_LANES: u64 = 16;
const MAX_ROUNDS: u64 = 2_000_000;
const MAX_SALT: usize = 1024;

/// Parameters are out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unacceptable;

/// There is not enough memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

/// Parameters of a password hash that are within the limits.
pub(crate) struct Kdf {
    way: Way,
    salt: Vec<u8>,
}

enum Way {
    Pbkdf2(pbkdf2::Algorithm, NonZeroU32),
    Scrypt(scrypt::Params),
    Argon2id(argon2::Params),
}

impl Kdf {
    pub(crate) fn pbkdf2_sha256(rounds: u64, salt: &[u8]) -> Result<Self, Unacceptable> {
        Self::new(Way::Pbkdf2(pbkdf2::PBKDF2_HMAC_SHA256, limited(rounds)?), salt)
    }

    pub(crate) fn pbkdf2_sha1(rounds: u64, salt: &[u8]) -> Result<Self, Unacceptable> {
        Self::new(Way::Pbkdf2(pbkdf2::PBKDF2_HMAC_SHA1, limited(rounds)?), salt)
    }

    pub(crate) fn scrypt(n: u64, r: u64, p: u64, salt: &[u8]) -> Result<Self, Unacceptable> {
        // 128·N·r bytes; Aegis takes 32 MiB.
        let affordable = n.is_power_of_two()
            && (1..=32).contains(&r)
            && (1..=16).contains(&p)
            && n <= 1 << 20
            && n * r <= 1 << 21
            && n * r * p <= 1 << 22;
        if !affordable {
            return Err(Unacceptable);
        }
        let narrow = |value| u32::try_from(value).map_err(|_| Unacceptable);
        let log_n = u8::try_from(n.ilog2()).map_err(|_| Unacceptable)?;
        let params = scrypt::Params::new(log_n, narrow(r)?, narrow(p)?).map_err(|_| Unacceptable)?;
        Self::new(Way::Scrypt(params), salt)
    }

    pub(crate) fn argon2id(
        memory_kib: u64,
        passes: u64,
        lanes: u64,
        salt: &[u8],
    ) -> Result<Self, Unacceptable> {
        let affordable = memory_kib <= MAX_MEMORY_KIB
            && lanes <= MAX_LANES
            && memory_kib
                .checked_mul(passes)
                .is_some_and(|work| work <= MAX_WORK_KIB);
        if !affordable {
            return Err(Unacceptable);
        }
        let narrow = |value| u32::try_from(value).map_err(|_| Unacceptable);
        let params = argon2::Params::new(narrow(memory_kib)?, narrow(passes)?, narrow(lanes)?, Some(32))
            .map_err(|_| Unacceptable)?;
        Self::new(Way::Argon2id(params), salt)
    }

    fn new(way: Way, salt: &[u8]) -> Result<Self, Unacceptable> {
        // Argon2 wants 8 bytes; no app has fewer.
        if !(8..=MAX_SALT).contains(&salt.len()) {
            return Err(Unacceptable);
        }
        Ok(Self {
            way,
            salt: salt.to_vec(),
        })
    }

    /// Runs it.
    pub(crate) fn derive(&self, password: &str) -> Result<Key, OutOfMemory> {
        let mut key = Key::default();
        let password = password.as_bytes();
        match &self.way {
            Way::Pbkdf2(algorithm, rounds) => {
                pbkdf2::derive(*algorithm, *rounds, &self.salt, password, &mut *key);
            }
            // Its length is one that scrypt accepts; nothing else can fail.
            Way::Scrypt(params) => {
                scrypt::scrypt(password, &self.salt, params, &mut *key).map_err(|_| OutOfMemory)?;
            }
            Way::Argon2id(params) => {
                argon2::Argon2::new(
                    argon2::Algorithm::Argon2id,
                    argon2::Version::V0x13,
                    params.clone(),
                )
                .hash_password_into(password, &self.salt, &mut *key)
                .map_err(|_| OutOfMemory)?;
            }
        }
        Ok(key)
    }
}

fn limited(rounds: u64) -> Result<NonZeroU32, Unacceptable> {
    if rounds > MAX_ROUNDS {
        return Err(Unacceptable);
    }
    u32::try_from(rounds)
        .ok()
        .and_then(NonZeroU32::new)
        .ok_or(Unacceptable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &[u8] = b"0123456789abcdef";

    #[test]
    fn what_apps_use_is_accepted() {
        // Aegis, 2FAS, Bitwarden's default and greatest, andOTP, Proton, Ente on a desktop and on a small phone.
        Kdf::scrypt(1 << 15, 8, 1, SALT).unwrap();
        Kdf::pbkdf2_sha256(10_000, SALT).unwrap();
        Kdf::pbkdf2_sha256(600_000, SALT).unwrap();
        Kdf::pbkdf2_sha256(2_000_000, SALT).unwrap();
        Kdf::argon2id(64 * 1024, 3, 4, SALT).unwrap();
        Kdf::pbkdf2_sha1(150_000, SALT).unwrap();
        Kdf::argon2id(19 * 1024, 2, 1, SALT).unwrap();
        Kdf::argon2id(1024 * 1024, 4, 1, SALT).unwrap();
        Kdf::argon2id(32 * 1024, 128, 1, SALT).unwrap();
    }

    #[test]
    fn what_would_take_for_ever_is_refused() {
        for refused in [
            Kdf::scrypt(1 << 30, 8, 1, SALT),
            Kdf::scrypt(1 << 20, 32, 1, SALT),
            Kdf::scrypt(1 << 15, 8, 1_000_000, SALT),
            Kdf::scrypt(u64::MAX, u64::MAX, u64::MAX, SALT),
            Kdf::scrypt(0, 8, 1, SALT),
            Kdf::scrypt(1000, 8, 1, SALT),
            Kdf::pbkdf2_sha256(2_000_001, SALT),
            Kdf::pbkdf2_sha256(0, SALT),
            Kdf::pbkdf2_sha1(u64::MAX, SALT),
            Kdf::argon2id(1024 * 1024 + 1, 1, 1, SALT),
            Kdf::argon2id(1024 * 1024, 9, 1, SALT),
            Kdf::argon2id(64, u64::MAX, 1, SALT),
            Kdf::argon2id(0, 1, 1, SALT),
            Kdf::argon2id(64 * 1024, 1, 17, SALT),
            Kdf::argon2id(64 * 1024, 3, 1, b"short"),
            Kdf::pbkdf2_sha256(10_000, &[0; MAX_SALT + 1]),
        ] {
            assert_eq!(refused.err(), Some(Unacceptable));
        }
    }
}
