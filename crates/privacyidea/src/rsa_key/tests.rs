//! One key is made for all tests here: it takes a while.

use std::sync::OnceLock;

use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};

use super::*;

fn made() -> &'static [u8] {
    static MADE: OnceLock<Zeroizing<Vec<u8>>> = OnceLock::new();
    MADE.get_or_init(|| RsaKey::generate_pkcs8(&[7; 32]).unwrap())
}

#[allow(clippy::disallowed_methods, reason = "a test is an edge")]
fn rng() -> SystemRandom {
    SystemRandom::new()
}

#[test]
fn a_made_key_has_3072_bits_and_signs() {
    let key = RsaKey::from_pkcs8(made()).unwrap();
    assert_eq!(key.public_key().modulus().len(), 384);
    assert_eq!(key.public_key().modulus()[0] & 0x80, 0x80);
    assert_eq!(key.public_key().exponent(), [1, 0, 1]);

    let signature = key.sign(b"serial|now", &rng()).unwrap();
    let public = der::sequence(&[
        &der::integer(key.public_key().modulus()),
        &der::integer(key.public_key().exponent()),
    ]);
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    assert!(public.verify(b"serial|now", &signature).is_ok());
    assert!(public.verify(b"serial|then", &signature).is_err());
}

#[test]
fn the_same_seed_makes_the_same_key_and_another_one_another() {
    let primes = |seed: u8| {
        let mut rng = ChaCha20Rng::from_seed([seed; 32]);
        (prime(&mut rng).unwrap(), prime(&mut rng).unwrap())
    };
    let (p, q) = primes(7);
    assert_ne!(p, q);
    assert_eq!(assemble(&p, &q).unwrap().as_slice(), made());
    assert_eq!(
        assemble(&q, &p).unwrap().as_slice(),
        made(),
        "the order of the primes does not matter"
    );
    assert_ne!(primes(8).0, p);
}

#[test]
fn equal_primes_make_no_key() {
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let p = prime(&mut rng).unwrap();
    assert!(assemble(&p, &p).is_none());
}

#[test]
fn what_is_no_key_is_rejected() {
    assert_eq!(RsaKey::from_pkcs8(b"").unwrap_err(), RsaKeyError::Rejected);
    let mut broken = made().to_vec();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    assert_eq!(RsaKey::from_pkcs8(&broken).unwrap_err(), RsaKeyError::Rejected);
}

#[test]
fn the_public_half_is_rebuilt_from_its_parts() {
    let key = RsaKey::from_pkcs8(made()).unwrap();
    let public = key.public_key();
    let again = RsaPublicKey::from_parts(public.modulus(), public.exponent()).unwrap();
    assert_eq!(again, *public);
    assert_eq!(again.to_wire(), public.to_wire());
    assert!(RsaPublicKey::from_parts(&public.modulus()[1..], public.exponent()).is_none());
    assert!(RsaPublicKey::from_parts(public.modulus(), &[3]).is_none());
}

#[test]
fn debugging_shows_nothing_private() {
    let key = RsaKey::from_pkcs8(made()).unwrap();
    assert_eq!(format!("{key:?}"), "RsaKey { .. }");
}
