//! Signing. A key is a callback: hardware, an OS keystore or, here, software.

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use zeroize::Zeroizing;

use crate::claims::ClaimsError;
use crate::jwk::Jwk;

/// Whoever holds a private key. Signing may block or ask a person, so never call it on a task that must not wait.
pub trait Signer: Send + Sync {
    /// The public half, by which messages name the key and choose the algorithm.
    fn public_key(&self) -> &Jwk;

    /// Signs `message` with the algorithm of [`Signer::public_key`]: 64 bytes, for `ES256` r‖s.
    ///
    /// # Errors
    /// [`SignError::Signer`] with the holder's own error.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Why a message was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The claims break a rule: nobody would accept the message.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// The message would be longer than its type allows.
    #[error("the message would be longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The private key's encoding is damaged or of another kind.
    #[error("the private key is not a P-256 key in PKCS #8")]
    KeyRejected,
    /// No randomness, or the key cannot sign.
    #[error("the key cannot sign now")]
    Unavailable,
    /// The key's holder refused or failed.
    #[error("the key's holder did not sign: {0}")]
    Signer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The key's holder returned something that is not a signature by its public key.
    #[error("the key's holder returned an invalid signature")]
    InvalidSignature,
}

/// A P-256 key in this process's memory.
pub struct Es256Key {
    pair: EcdsaKeyPair,
    public: Jwk,
    rng: SystemRandom,
}

impl Es256Key {
    /// Makes a new private key, as PKCS #8.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] if there is no randomness.
    pub fn generate_pkcs8(rng: &dyn SecureRandom) -> Result<Zeroizing<Vec<u8>>, SignError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, rng)
            .map_err(|_| SignError::Unavailable)?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// Reads a private key; `rng` is used for every signature.
    ///
    /// # Errors
    /// [`SignError::KeyRejected`] if it is not a P-256 key in PKCS #8.
    pub fn from_pkcs8(pkcs8: &[u8], rng: &SystemRandom) -> Result<Self, SignError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, rng)
            .map_err(|_| SignError::KeyRejected)?;
        let public = Jwk::from_p256_point(pair.public_key().as_ref()).map_err(|_| SignError::KeyRejected)?;
        Ok(Self {
            pair,
            public,
            rng: rng.clone(),
        })
    }
}

impl Signer for Es256Key {
    fn public_key(&self) -> &Jwk {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self
            .pair
            .sign(&self.rng, message)
            .map_err(|_| SignError::Unavailable)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl std::fmt::Debug for Es256Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Es256Key")
            .field("kid", &self.public.thumbprint().as_str())
            .finish_non_exhaustive()
    }
}
