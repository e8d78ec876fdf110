//! Compact JWS (RFC 7515), as strict as RFC 8725 asks (section 2).
//!
//! Invariants: the algorithm is that of the pinned key; the key is chosen by `kid` among those pinned for the party,
//! never from the message; the header holds what section 2 lists and nothing else; every token has one spelling.

use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::claims::{Claims, ClaimsError, KeySource, TOLERANCE, Timestamp, Validity};
use crate::id::KeyId;
use crate::json::{self, JsonError};
use crate::jwk::{Algorithm, Jwk, KeySet};
use crate::signer::{SignError, Signer};

/// What a verifier knows before it reads a message.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// The `iss` that the message must have. `None` where the type has none, or where the caller chose the keys by the
    /// message's own `iss`.
    pub issuer: Option<&'a str>,
    /// Who the verifier is.
    pub audience: &'a str,
    /// The present, in issuer time.
    pub now: Timestamp,
}

/// Why a message is refused.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Longer than its type allows.
    #[error("the message is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not three parts of canonical base64url.
    #[error("not a compact JWS in canonical base64url")]
    Encoding,
    /// The header is not strict JSON, or holds a member or algorithm that is not allowed.
    #[error("the header is refused: {0}")]
    Header(#[source] JsonError),
    /// The header names no key, or names it in a way this type does not use.
    #[error("the header must name its key by `kid`, or in enrolment and rotation by `jwk`")]
    KeySource,
    /// Another type of message.
    #[error("the message is not of type {expected}")]
    Type {
        /// The type expected.
        expected: &'static str,
    },
    /// The claims are not strict JSON, or not those of this type.
    #[error("the claims are refused: {0}")]
    Payload(#[source] JsonError),
    /// A claim breaks a rule.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// No key with this id is pinned for the party.
    #[error("the message is signed with a key that is not known")]
    UnknownKey,
    /// The key's algorithm is another one than the header's.
    #[error("the header's algorithm is not that of the key")]
    Algorithm,
    /// The signature is wrong.
    #[error("the signature does not verify")]
    Signature,
    /// From somebody else.
    #[error("the message is from another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the message is for another audience")]
    Audience,
    /// `exp`, or for a fresh message `iat`, is past.
    #[error("the message is too old")]
    Expired,
    /// `iat` is in the future.
    #[error("the message is from the future: compare the clocks")]
    NotYetValid,
}

/// Signs `claims`. The header is `{alg, kid, typ}`, or `{alg, jwk, typ}` for the types that prove possession of a new key.
///
/// # Errors
/// If a claim breaks a rule, the message gets too long, or the key's holder does not sign.
pub fn sign<C: Claims>(claims: &C, signer: &dyn Signer) -> Result<String, SignError> {
    claims.check()?;
    let key = signer.public_key();
    let (kid, jwk) = match C::KEY_SOURCE {
        KeySource::Pinned => (Some(key.thumbprint()), None),
        KeySource::Embedded => (None, Some(key)),
    };
    let header = OutgoingHeader {
        alg: key.algorithm(),
        kid,
        jwk,
        typ: C::TYP,
    };
    let mut token = base64url::encode(&serde_json::to_vec(&header)?);
    token.push('.');
    token.push_str(&base64url::encode(&serde_json::to_vec(claims)?));
    let signature = signer.sign(token.as_bytes())?;
    if signature.len() != SIGNATURE_LENGTH {
        return Err(SignError::InvalidSignature);
    }
    token.push('.');
    token.push_str(&base64url::encode(&signature));
    if token.len() > C::MAX_LENGTH {
        return Err(SignError::TooLong { limit: C::MAX_LENGTH });
    }
    Ok(token)
}

/// Verifies a message against the keys pinned for its sender.
///
/// # Errors
/// [`VerifyError`] names the first check that fails.
pub fn verify<C: Claims>(token: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<C, VerifyError> {
    Unverified::parse(token)?.verify(keys, expect)
}

/// Verifies a proof of possession against the key in its own header (enrolment and rotation only).
///
/// # Errors
/// As [`verify`].
pub fn verify_with_embedded_key<C: Claims>(
    token: &str,
    expect: &Expect<'_>,
) -> Result<(C, Jwk), VerifyError> {
    let message = Unverified::<C>::parse(token)?;
    let NamedKey::Embedded(key) = message.key.clone() else {
        return Err(VerifyError::KeySource);
    };
    let claims = message.verify_with(&key, expect)?;
    Ok((claims, key))
}

/// A well-formed message whose signature has not been verified: for choosing the keys to verify it with.
#[derive(Debug, Clone)]
pub struct Unverified<'a, C> {
    signing_input: &'a str,
    signature: Vec<u8>,
    alg: Algorithm,
    key: NamedKey,
    claims: C,
}

#[derive(Debug, Clone)]
enum NamedKey {
    Pinned(KeyId),
    Embedded(Jwk),
}

impl<'a, C: Claims> Unverified<'a, C> {
    /// Reads a message and checks its form, type and claims: all that needs no key and no clock.
    ///
    /// # Errors
    /// As [`verify`], without the errors about key, signature, parties and time.
    pub fn parse(token: &'a str) -> Result<Self, VerifyError> {
        if token.len() > C::MAX_LENGTH {
            return Err(VerifyError::TooLong { limit: C::MAX_LENGTH });
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(VerifyError::Encoding)?;
        let (header, payload) = signing_input.split_once('.').ok_or(VerifyError::Encoding)?;
        let decode = |part| base64url::decode(part).ok_or(VerifyError::Encoding);
        let header: IncomingHeader =
            json::from_slice(&decode(header)?, MAX_HEADER).map_err(VerifyError::Header)?;
        if header.typ != C::TYP {
            return Err(VerifyError::Type { expected: C::TYP });
        }
        let key = match (C::KEY_SOURCE, header.kid, header.jwk) {
            (KeySource::Pinned, Some(kid), None) => NamedKey::Pinned(kid),
            (KeySource::Embedded, None, Some(jwk)) => NamedKey::Embedded(jwk),
            (KeySource::Pinned | KeySource::Embedded, _, _) => return Err(VerifyError::KeySource),
        };
        let claims: C = json::from_slice(&decode(payload)?, C::MAX_LENGTH).map_err(VerifyError::Payload)?;
        claims.check()?;
        Ok(Self {
            signing_input,
            signature: decode(signature)?,
            alg: header.alg,
            key,
            claims,
        })
    }

    /// The claims, which anybody could have written.
    pub fn untrusted_claims(&self) -> &C {
        &self.claims
    }

    /// The key that the message says it was signed with; `None` for a proof of possession.
    pub fn untrusted_kid(&self) -> Option<&KeyId> {
        match &self.key {
            NamedKey::Pinned(kid) => Some(kid),
            NamedKey::Embedded(_) => None,
        }
    }

    /// Verifies signature, parties and time, in this order.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn verify(self, keys: &KeySet, expect: &Expect<'_>) -> Result<C, VerifyError> {
        let key = self.pinned_key(keys)?;
        self.verify_with(key, expect)
    }

    /// Verifies the signature and nothing else: for evidence, which does not age.
    pub(crate) fn verify_signature(self, keys: &KeySet) -> Result<C, VerifyError> {
        let key = self.pinned_key(keys)?;
        self.check_signature(key)?;
        Ok(self.claims)
    }

    fn pinned_key<'k>(&self, keys: &'k KeySet) -> Result<&'k Jwk, VerifyError> {
        match &self.key {
            NamedKey::Pinned(kid) => keys.get(kid).ok_or(VerifyError::UnknownKey),
            NamedKey::Embedded(_) => Err(VerifyError::KeySource),
        }
    }

    fn verify_with(self, key: &Jwk, expect: &Expect<'_>) -> Result<C, VerifyError> {
        self.check_signature(key)?;
        if let Some(issuer) = expect.issuer
            && self.claims.issuer() != Some(issuer)
        {
            return Err(VerifyError::Issuer);
        }
        if !self.claims.is_for(expect.audience) {
            return Err(VerifyError::Audience);
        }
        check_time(self.claims.validity(), expect.now)?;
        Ok(self.claims)
    }

    fn check_signature(&self, key: &Jwk) -> Result<(), VerifyError> {
        if key.algorithm() != self.alg {
            return Err(VerifyError::Algorithm);
        }
        if self.signature.len() != SIGNATURE_LENGTH
            || !key.verifies(self.signing_input.as_bytes(), &self.signature)
        {
            return Err(VerifyError::Signature);
        }
        Ok(())
    }
}

/// Of both algorithms.
const SIGNATURE_LENGTH: usize = 64;

/// A header with an embedded key has about 250 bytes.
const MAX_HEADER: usize = 1024;

fn check_time(validity: Validity, now: Timestamp) -> Result<(), VerifyError> {
    let (iat, last) = match validity {
        Validity::Until { iat, exp } => (iat, exp - 1),
        Validity::Fresh { iat } => (iat, iat),
        Validity::Ageless { iat } => (iat, Timestamp::MAX - TOLERANCE),
    };
    if iat > now.saturating_add(TOLERANCE) {
        return Err(VerifyError::NotYetValid);
    }
    if now > last + TOLERANCE {
        return Err(VerifyError::Expired);
    }
    Ok(())
}

#[derive(Serialize)]
struct OutgoingHeader<'a> {
    alg: Algorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a KeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwk: Option<&'a Jwk>,
    typ: &'static str,
}

#[derive(Deserialize)]
#[serde(rename = "header", deny_unknown_fields)]
struct IncomingHeader {
    alg: Algorithm,
    typ: String,
    kid: Option<KeyId>,
    jwk: Option<Jwk>,
}
