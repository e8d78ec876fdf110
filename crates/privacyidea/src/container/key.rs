//! The device's key for one container: ECDSA with P-384 and SHA-256, because a server takes no other.
//!
//! `ring` makes the key and judges it whenever it is read. It cannot sign with this curve over SHA-256: `p384` does, with nonces
//! by RFC 6979 (docs/decisions/0021-container-keys.md).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use p384::{
    ecdsa::{DerSignature, SigningKey, signature::hazmat::PrehashSigner as _},
    pkcs8::DecodePrivateKey as _,
};
use ring::{
    digest,
    rand::SecureRandom,
    signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use zeroize::Zeroizing;

/// What stands before the point in a `SubjectPublicKeyInfo` of this curve (RFC 5480).
const SPKI: [u8; 23] = [
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// The length of a coordinate, in bytes.
const COORDINATE: usize = 48;

/// A key in memory, to sign with.
pub struct ContainerKey {
    key: SigningKey,
    public: ContainerPublicKey,
}

/// The public half: a point, uncompressed (SEC 1, section 2.3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPublicKey([u8; 1 + 2 * COORDINATE]);

/// A key cannot be made, read or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContainerKeyError {
    /// Not a usable private key in PKCS #8.
    #[error("not a usable private key on P-384")]
    Rejected,
    /// There was no randomness.
    #[error("no key on P-384 could be made")]
    NotMade,
    /// The signature could not be made.
    #[error("the key on P-384 could not sign")]
    NotSigned,
}

impl ContainerKey {
    /// Makes a key, in PKCS #8.
    ///
    /// # Errors
    /// [`ContainerKeyError::NotMade`] if there is no randomness.
    pub fn generate_pkcs8(rng: &dyn SecureRandom) -> Result<Zeroizing<Vec<u8>>, ContainerKeyError> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, rng);
        let made = made.map_err(|_| ContainerKeyError::NotMade)?;
        Ok(Zeroizing::new(made.as_ref().to_vec()))
    }

    /// Reads a key in PKCS #8. `rng` is for `ring`, which checks it.
    ///
    /// # Errors
    /// [`ContainerKeyError::Rejected`] if it is none.
    pub fn from_pkcs8(bytes: &[u8], rng: &dyn SecureRandom) -> Result<Self, ContainerKeyError> {
        let rejected = ContainerKeyError::Rejected;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, bytes, rng).map_err(|_| rejected)?;
        let key = SigningKey::from_pkcs8_der(bytes).map_err(|_| rejected)?;
        let point = pair.public_key().as_ref().try_into().map_err(|_| rejected)?;
        Ok(Self {
            key,
            public: ContainerPublicKey(point),
        })
    }

    /// The public half.
    pub fn public_key(&self) -> &ContainerPublicKey {
        &self.public
    }

    /// Signs: ECDSA with SHA-256, in DER.
    ///
    /// # Errors
    /// [`ContainerKeyError::NotSigned`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ContainerKeyError> {
        let digest = digest::digest(&digest::SHA256, message);
        let signed: Result<DerSignature, _> = self.key.sign_prehash(digest.as_ref());
        let signature = signed.map_err(|_| ContainerKeyError::NotSigned)?;
        Ok(signature.as_bytes().to_vec())
    }
}

impl fmt::Debug for ContainerKey {
    /// Without the private half.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerKey").finish_non_exhaustive()
    }
}

impl ContainerPublicKey {
    /// From coordinates, as a JWK has them (RFC 7518, section 6.2.1). `None` if they are not of this curve's length. Whether they
    /// are on the curve is not looked at: such a key is only compared.
    pub fn from_parts(x: &[u8], y: &[u8]) -> Option<Self> {
        if x.len() != COORDINATE || y.len() != COORDINATE {
            return None;
        }
        let mut point = [4; 1 + 2 * COORDINATE];
        point[1..=COORDINATE].copy_from_slice(x);
        point[1 + COORDINATE..].copy_from_slice(y);
        Some(Self(point))
    }

    /// The coordinates, big-endian.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        self.0[1..].split_at(COORDINATE)
    }

    /// As a server takes it: PEM of the `SubjectPublicKeyInfo`.
    pub fn to_pem(&self) -> String {
        let text = STANDARD.encode([&SPKI[..], &self.0].concat());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        let mut rest = text.as_str();
        while let Some((line, after)) = rest.split_at_checked(64) {
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str(rest);
        pem.push_str("\n-----END PUBLIC KEY-----\n");
        pem
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P384_SHA256_ASN1, UnparsedPublicKey};

    use super::*;
    use crate::testing;

    #[test]
    fn a_made_key_is_read_and_its_signatures_verify() {
        let rng = testing::rng();
        let pkcs8 = ContainerKey::generate_pkcs8(&rng).unwrap();
        let key = ContainerKey::from_pkcs8(&pkcs8, &rng).unwrap();
        let signature = key.sign(b"nonce|time|SMPH0001|scope").unwrap();
        // `ring`, which has not made the signature, is asked.
        let judge = UnparsedPublicKey::new(&ECDSA_P384_SHA256_ASN1, key.public_key().0);
        judge.verify(b"nonce|time|SMPH0001|scope", &signature).unwrap();
        assert!(judge.verify(b"nonce|time|SMPH0001|other", &signature).is_err());
        let (x, y) = key.public_key().parts();
        assert_eq!(
            ContainerPublicKey::from_parts(x, y).as_ref(),
            Some(key.public_key())
        );
        assert_eq!(ContainerPublicKey::from_parts(&x[1..], y), None);
    }

    #[test]
    fn a_public_key_is_written_as_other_programs_write_it() {
        // A key that was made from the private number 1, 2, … 48, as OpenSSL writes it.
        let vectors = super::super::contents::tests::vectors();
        let pkcs8 = STANDARD.decode(vectors["pkcs8"].as_str().unwrap()).unwrap();
        let key = ContainerKey::from_pkcs8(&pkcs8, &testing::rng()).unwrap();
        assert_eq!(key.public_key().to_pem(), vectors["public_key"].as_str().unwrap());
        assert_eq!(
            ContainerKey::from_pkcs8(&pkcs8[1..], &testing::rng()).err(),
            Some(ContainerKeyError::Rejected)
        );
    }
}
