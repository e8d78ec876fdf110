//! Keys of every kind: what is known of one, and one that was read from a store to be used.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_privacyidea::{
    RsaKey, RsaPublicKey,
    container::{ContainerKey, ContainerPublicKey},
};
use countersign_protocol::{Es256Key, Jwk, SignError, Signer as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KeyRef, KeyStoreError};

/// What a key is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA with P-256 and SHA-256: the native protocol's.
    Es256,
    /// RSA with 3072 bits, PKCS #1 v1.5 and SHA-256, for servers that take nothing else.
    Rsa3072,
    /// ECDSA with P-384 and SHA-256, for servers that take nothing else.
    P384,
}

/// An enrolled or just made key: where it is, and its public half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceKey {
    /// Where the private half is.
    pub reference: KeyRef,
    /// The public half. A store whose key does not match it has lost the key ([`KeyStoreError::Damaged`]).
    pub public: PublicKey,
}

/// The public half of a key; a JWK (RFC 7517) on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PublicKey {
    /// Of [`KeyKind::Es256`].
    Es256(Jwk),
    /// Of [`KeyKind::Rsa3072`].
    Rsa(RsaJwk),
    /// Of [`KeyKind::P384`].
    P384(P384Jwk),
}

/// An RSA public key as a JWK (RFC 7518, section 6.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawRsaJwk", into = "RawRsaJwk")]
pub struct RsaJwk(RsaPublicKey);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRsaJwk {
    kty: String,
    n: String,
    e: String,
}

/// A public key on P-384 as a JWK (RFC 7518, section 6.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawP384Jwk", into = "RawP384Jwk")]
pub struct P384Jwk(ContainerPublicKey);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawP384Jwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
}

/// Not a public key on P-384.
#[derive(Debug, thiserror::Error)]
#[error("not a key on P-384")]
struct InvalidP384Jwk;

/// Not an RSA public key of this size.
#[derive(Debug, thiserror::Error)]
#[error("not an RSA key of 3072 bits")]
struct InvalidRsaJwk;

impl DeviceKey {
    /// The public half of an ES256 key.
    ///
    /// # Errors
    /// [`KeyStoreError::Damaged`] if it is a key of another kind.
    pub fn es256(&self) -> Result<&Jwk, KeyStoreError> {
        match &self.public {
            PublicKey::Es256(public) => Ok(public),
            PublicKey::Rsa(_) | PublicKey::P384(_) => Err(KeyStoreError::Damaged),
        }
    }

    /// The public half of an RSA key.
    ///
    /// # Errors
    /// [`KeyStoreError::Damaged`] if it is a key of another kind.
    pub fn rsa(&self) -> Result<&RsaPublicKey, KeyStoreError> {
        match &self.public {
            PublicKey::Rsa(public) => Ok(&public.0),
            PublicKey::Es256(_) | PublicKey::P384(_) => Err(KeyStoreError::Damaged),
        }
    }

    /// The public half of a key on P-384.
    ///
    /// # Errors
    /// [`KeyStoreError::Damaged`] if it is a key of another kind.
    pub fn p384(&self) -> Result<&ContainerPublicKey, KeyStoreError> {
        match &self.public {
            PublicKey::P384(public) => Ok(&public.0),
            PublicKey::Es256(_) | PublicKey::Rsa(_) => Err(KeyStoreError::Damaged),
        }
    }

    /// Of which kind it is.
    pub fn kind(&self) -> KeyKind {
        match &self.public {
            PublicKey::Es256(_) => KeyKind::Es256,
            PublicKey::Rsa(_) => KeyKind::Rsa3072,
            PublicKey::P384(_) => KeyKind::P384,
        }
    }
}

impl From<P384Jwk> for RawP384Jwk {
    fn from(key: P384Jwk) -> Self {
        let (x, y) = key.0.parts();
        Self {
            kty: "EC".to_owned(),
            crv: "P-384".to_owned(),
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
        }
    }
}

impl TryFrom<RawP384Jwk> for P384Jwk {
    type Error = InvalidP384Jwk;

    fn try_from(raw: RawP384Jwk) -> Result<Self, InvalidP384Jwk> {
        let read = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidP384Jwk);
        let key = ContainerPublicKey::from_parts(&read(&raw.x)?, &read(&raw.y)?);
        key.filter(|_| raw.kty == "EC" && raw.crv == "P-384")
            .map(Self)
            .ok_or(InvalidP384Jwk)
    }
}

impl From<RsaJwk> for RawRsaJwk {
    fn from(key: RsaJwk) -> Self {
        Self {
            kty: "RSA".to_owned(),
            n: URL_SAFE_NO_PAD.encode(key.0.modulus()),
            e: URL_SAFE_NO_PAD.encode(key.0.exponent()),
        }
    }
}

impl TryFrom<RawRsaJwk> for RsaJwk {
    type Error = InvalidRsaJwk;

    fn try_from(raw: RawRsaJwk) -> Result<Self, InvalidRsaJwk> {
        let read = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidRsaJwk);
        let key = RsaPublicKey::from_parts(&read(&raw.n)?, &read(&raw.e)?);
        key.filter(|_| raw.kty == "RSA").map(Self).ok_or(InvalidRsaJwk)
    }
}

/// A key in memory, for the time of one signature. Nobody but a store can do anything with it.
pub struct LoadedKey(Loaded);

enum Loaded {
    Es256(Es256Key),
    /// With what its signatures are blinded with.
    Rsa(RsaKey, SystemRandom),
    P384(ContainerKey),
}

impl std::fmt::Debug for LoadedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedKey").finish_non_exhaustive()
    }
}

impl LoadedKey {
    /// Makes a key, in PKCS #8.
    pub(super) fn generate_pkcs8(
        kind: KeyKind,
        rng: &SystemRandom,
    ) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        match kind {
            KeyKind::Es256 => Es256Key::generate_pkcs8(rng).map_err(KeyStoreError::Message),
            KeyKind::Rsa3072 => {
                let mut seed = Zeroizing::new([0; 32]);
                rng.fill(&mut *seed)
                    .map_err(|_| KeyStoreError::Message(SignError::Unavailable))?;
                RsaKey::generate_pkcs8(&seed).map_err(|error| KeyStoreError::Failed(Box::new(error)))
            }
            KeyKind::P384 => {
                ContainerKey::generate_pkcs8(rng).map_err(|error| KeyStoreError::Failed(Box::new(error)))
            }
        }
    }

    /// Reads a key of any kind.
    pub(super) fn from_pkcs8(bytes: &[u8], rng: &SystemRandom) -> Result<Self, KeyStoreError> {
        let loaded = match Es256Key::from_pkcs8(bytes, rng) {
            Ok(key) => Ok(Loaded::Es256(key)),
            Err(_) => RsaKey::from_pkcs8(bytes)
                .map(|key| Loaded::Rsa(key, rng.clone()))
                .or_else(|_| ContainerKey::from_pkcs8(bytes, rng).map(Loaded::P384)),
        };
        loaded.map(Self).map_err(|_| KeyStoreError::Damaged)
    }

    pub(super) fn public_key(&self) -> PublicKey {
        match &self.0 {
            Loaded::Es256(key) => PublicKey::Es256(key.public_key().clone()),
            Loaded::Rsa(key, _) => PublicKey::Rsa(RsaJwk(key.public_key().clone())),
            Loaded::P384(key) => PublicKey::P384(P384Jwk(key.public_key().clone())),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyStoreError> {
        match &self.0 {
            Loaded::Es256(key) => key.sign(message).map_err(KeyStoreError::Message),
            Loaded::Rsa(key, rng) => key
                .sign(message, rng)
                .map_err(|error| KeyStoreError::Failed(Box::new(error))),
            Loaded::P384(key) => key
                .sign(message)
                .map_err(|error| KeyStoreError::Failed(Box::new(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_any_kind_is_kept_on_disk_as_a_jwk() {
        let rng = crate::edge::random();
        for (kind, kty) in [
            (KeyKind::Es256, "EC"),
            (KeyKind::Rsa3072, "RSA"),
            (KeyKind::P384, "EC"),
        ] {
            let bytes = LoadedKey::generate_pkcs8(kind, &rng).unwrap();
            let key = DeviceKey {
                reference: KeyRef::drawn(),
                public: LoadedKey::from_pkcs8(&bytes, &rng).unwrap().public_key(),
            };
            assert_eq!(key.kind(), kind);
            let text = serde_json::to_value(&key).unwrap();
            assert_eq!(text["public"]["kty"], kty);
            assert_eq!(serde_json::from_value::<DeviceKey>(text.clone()).unwrap(), key);
            let mut other = text;
            other["public"]["kty"] = "OKP".into();
            assert!(serde_json::from_value::<DeviceKey>(other).is_err());
        }
    }
}
