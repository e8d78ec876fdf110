//! Makes compact JWS out of any header and payload, also impossible ones. ECDSA signatures are random, so those that are already
//! in the files are kept: the generator changes only what changed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_protocol::Signer as _;
use serde_json::{Value, json};

use crate::format::{Outcome, TestKey};

/// What makes tokens.
pub(crate) struct Forge {
    keys: BTreeMap<String, TestKey>,
    /// By signing input.
    known_signatures: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Forge {
    /// A forge that keeps the signatures of these tokens.
    pub(crate) fn new<'a>(keys: BTreeMap<String, TestKey>, tokens: impl Iterator<Item = &'a str>) -> Self {
        let mut known_signatures = BTreeMap::<_, Vec<_>>::new();
        for (input, signature) in tokens.filter_map(|token| token.rsplit_once('.')) {
            if let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) {
                known_signatures
                    .entry(input.to_owned())
                    .or_default()
                    .push(signature);
            }
        }
        Self {
            keys,
            known_signatures,
        }
    }

    /// The key of this name.
    pub(crate) fn key(&self, name: &str) -> &TestKey {
        &self.keys[name]
    }

    /// The header of section 2 for a key.
    pub(crate) fn header(&self, typ: &str, key: &str) -> Value {
        let public = self.key(key).public_key();
        json!({"alg": public.algorithm(), "kid": public.thumbprint(), "typ": typ})
    }

    /// The header of section 2 for a proof of possession.
    pub(crate) fn embedding_header(&self, typ: &str, key: &str) -> Value {
        let public = self.key(key).public_key();
        json!({"alg": public.algorithm(), "jwk": public, "typ": typ})
    }

    /// Signs `header` and `payload`, whatever they are.
    pub(crate) fn token(&self, header: &[u8], payload: &[u8], key: &str) -> Outcome<String> {
        let input = format!("{}.{}", encode(header), encode(payload));
        Ok(format!("{input}.{}", encode(&self.signature(&input, key)?)))
    }

    /// Signs a text that need not be a signing input.
    pub(crate) fn signature(&self, input: &str, key: &str) -> Outcome<Vec<u8>> {
        let key = self.key(key);
        let known = self.known_signatures.get(input).into_iter().flatten();
        match known
            .into_iter()
            .find(|signature| key.verifies(input.as_bytes(), signature))
        {
            Some(signature) => Ok(signature.clone()),
            None => Ok(key.sign(input.as_bytes())?),
        }
    }
}

/// Base64url without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
