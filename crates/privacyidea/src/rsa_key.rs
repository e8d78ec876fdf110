//! The device's key for one token: RSA, because a server takes no other; 3072 bits.
//!
//! `ring` signs, and checks the key whenever it reads one. It cannot make one: the primes come from `crypto-primes`
//! (docs/decisions/0018-rsa-keys.md), the rest follows FIPS 186-5, appendix A.1.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20::{ChaCha20Rng, rand_core::SeedableRng as _};
use crypto_bigint::{NonZero, U1536, U3072};
use crypto_primes::{
    Flavor,
    hazmat::{SetBits, SmallFactorsSieveFactory},
    is_prime, sieve_and_find,
};
use ring::{
    rand::SecureRandom,
    rsa::{KeyPair, PublicKey},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use zeroize::Zeroizing;

use crate::der;

/// The public exponent.
const EXPONENT: u32 = 65_537;

/// The size of each prime, in bits.
const PRIME_BITS: u32 = 1536;

/// A key in memory, to sign with.
pub struct RsaKey {
    pair: KeyPair,
    public: RsaPublicKey,
}

/// The public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// A key cannot be made, read or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RsaKeyError {
    /// Not a usable private key in PKCS #8.
    #[error("not a usable RSA private key")]
    Rejected,
    /// No key came of this seed.
    #[error("no RSA key could be made")]
    NotMade,
    /// The signature could not be made.
    #[error("the RSA key could not sign")]
    NotSigned,
}

impl RsaKey {
    /// Makes a key from 32 random bytes, in PKCS #8. Takes about a second: not for a thread that others wait for.
    ///
    /// # Errors
    /// [`RsaKeyError::NotMade`], which does not happen with a random seed.
    pub fn generate_pkcs8(seed: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, RsaKeyError> {
        let mut rng = ChaCha20Rng::from_seed(*seed);
        let p = Zeroizing::new(prime(&mut rng)?);
        let q = Zeroizing::new(prime(&mut rng)?);
        let pkcs8 = assemble(&p, &q).ok_or(RsaKeyError::NotMade)?;
        // `ring` verifies that the parts belong together.
        Self::from_pkcs8(&pkcs8)?;
        Ok(pkcs8)
    }

    /// Reads a key in PKCS #8.
    ///
    /// # Errors
    /// [`RsaKeyError::Rejected`] if it is none, or weak.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, RsaKeyError> {
        let pair = KeyPair::from_pkcs8(bytes).map_err(|_| RsaKeyError::Rejected)?;
        let public = RsaPublicKey::of(pair.public_key());
        Ok(Self { pair, public })
    }

    /// The public half.
    pub fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    /// Signs: RSASSA-PKCS1-v1_5 with SHA-256. `rng` blinds the computation; the signature does not depend on it.
    ///
    /// # Errors
    /// [`RsaKeyError::NotSigned`].
    pub fn sign(&self, message: &[u8], rng: &dyn SecureRandom) -> Result<Vec<u8>, RsaKeyError> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, rng, message, &mut signature)
            .map_err(|_| RsaKeyError::NotSigned)?;
        Ok(signature)
    }
}

impl fmt::Debug for RsaKey {
    /// Without the private half.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").finish_non_exhaustive()
    }
}

impl RsaPublicKey {
    fn of(key: &PublicKey) -> Self {
        let components: ring::rsa::PublicKeyComponents<Vec<u8>> = key.into();
        Self {
            modulus: components.n,
            exponent: components.e,
        }
    }

    /// From big-endian numbers, as a JWK has them (RFC 7518, section 6.3.1). `None` if they are not the size of a key that is made here.
    pub fn from_parts(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let fits = modulus.len() * 8 == 2 * PRIME_BITS as usize
            && modulus.first().is_some_and(|b| b & 0x80 != 0)
            && exponent == der::trim(&EXPONENT.to_be_bytes());
        fits.then(|| Self {
            modulus: modulus.to_owned(),
            exponent: exponent.to_owned(),
        })
    }

    /// The modulus, big-endian.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent, big-endian.
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// As a server takes it: base 64 of the DER `SubjectPublicKeyInfo`.
    pub fn to_wire(&self) -> String {
        let key = der::sequence(&[&der::integer(&self.modulus), &der::integer(&self.exponent)]);
        let mut bits = vec![0];
        bits.extend_from_slice(&key);
        STANDARD.encode(der::sequence(&[&der::RSA_ENCRYPTION, &der::element(0x03, &bits)]))
    }
}

/// A random prime with both highest bits set, so that the product of two has its full length, and to whose group the exponent has an inverse.
fn prime(rng: &mut ChaCha20Rng) -> Result<U1536, RsaKeyError> {
    let exponent = NonZero::new(U1536::from(EXPONENT)).into_option();
    let exponent = exponent.ok_or(RsaKeyError::NotMade)?;
    loop {
        let candidates = SmallFactorsSieveFactory::<U1536>::new(Flavor::Any, PRIME_BITS, SetBits::TwoMsb)
            .map_err(|_| RsaKeyError::NotMade)?;
        let found = sieve_and_find(rng, candidates, |_, candidate| is_prime(Flavor::Any, candidate));
        let prime = found.ok().flatten().ok_or(RsaKeyError::NotMade)?;
        // The exponent is prime: it has an inverse unless it divides.
        if prime.wrapping_sub(&U1536::ONE).rem(&exponent) != U1536::ZERO {
            return Ok(prime);
        }
    }
}

/// PKCS #8 (RFC 5208) of the key with these primes. `None` if they do not make one.
fn assemble(p: &U1536, q: &U1536) -> Option<Zeroizing<Vec<u8>>> {
    let (p, q) = if p > q { (p, q) } else { (q, p) };
    // FIPS 186-5, A.1.3: primes that are close to each other would be found by Fermat's method.
    if Zeroizing::new(p.wrapping_sub(q)).bits() <= PRIME_BITS - 100 {
        return None;
    }
    let modulus: U3072 = p.concatenating_mul(q);
    let below_p = Zeroizing::new(p.wrapping_sub(&U1536::ONE));
    let below_q = Zeroizing::new(q.wrapping_sub(&U1536::ONE));
    let group: Zeroizing<U3072> = Zeroizing::new(below_p.lcm(&below_q));
    let private = U3072::from(EXPONENT)
        .invert_mod(&NonZero::new(*group).into_option()?)
        .into_option()?;
    let private = Zeroizing::new(private);
    // FIPS 186-5, A.1.1: a small private exponent would be found.
    if private.bits() <= PRIME_BITS {
        return None;
    }
    let private_p = Zeroizing::new(private.rem(&NonZero::new(*below_p).into_option()?));
    let private_q = Zeroizing::new(private.rem(&NonZero::new(*below_q).into_option()?));
    let inverse = q.invert_mod(&NonZero::new(*p).into_option()?).into_option()?;
    let inverse = Zeroizing::new(inverse);

    let version = der::integer(&[]);
    let key = der::sequence(&[
        &version,
        &der::integer(&modulus.to_be_bytes()),
        &der::integer(&EXPONENT.to_be_bytes()),
        &der::integer(&Zeroizing::new(private.to_be_bytes())[..]),
        &der::integer(&Zeroizing::new(p.to_be_bytes())[..]),
        &der::integer(&Zeroizing::new(q.to_be_bytes())[..]),
        &der::integer(&Zeroizing::new(private_p.to_be_bytes())[..]),
        &der::integer(&Zeroizing::new(private_q.to_be_bytes())[..]),
        &der::integer(&Zeroizing::new(inverse.to_be_bytes())[..]),
    ]);
    Some(der::sequence(&[
        &version,
        &der::RSA_ENCRYPTION,
        &der::element(0x04, &key),
    ]))
}

#[cfg(test)]
mod tests;
