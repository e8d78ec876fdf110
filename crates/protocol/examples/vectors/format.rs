//! The files in `vectors/` and how a case is run: shared by the generator and by the test that runs every case.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_protocol::jws::{verify, verify_with_embedded_key};
use countersign_protocol::{
    ApprovalDecision, ApprovalEnrol, ApprovalKeys, ApprovalProof, ApprovalReceipt, ApprovalRequest,
    ApprovalResult, ApprovalRotate, ApprovalTime, Claims, Expect, Jwk, KeySet, RotateNew, SignError, Signer,
    Statement, VerifyError, json,
};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, UnparsedPublicKey,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Any error is enough for a tool and its test.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A file of `vectors/`.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()))
        .join("../../vectors")
        .join(name)
}

/// Reads a file of `vectors/`.
pub(crate) fn read<T: DeserializeOwned>(name: &str) -> Outcome<T> {
    let text = std::fs::read_to_string(path(name))?;
    Ok(serde_json::from_str(&text)?)
}

/// One compact JWS and what a verifier makes of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JwsCase {
    /// What is particular about it.
    pub(crate) name: String,
    /// The message expected: `request`, `decision`, `receipt`, `result`, `proof`, `enrol`, `rotate`, `rotate-new`, `keys`, `time`.
    pub(crate) message: String,
    /// Names (in `keys.json`) of the keys pinned for the sender; empty where the key is in the header.
    pub(crate) keys: Vec<String>,
    /// The `iss` expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    /// The `aud` expected.
    pub(crate) audience: String,
    /// The present, in issuer time.
    pub(crate) now: i64,
    /// The message.
    pub(crate) token: String,
    /// The claims, if it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) claims: Option<Value>,
    /// Why it is refused, if it is: the variant of `VerifyError`. Others may name it otherwise; they must refuse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
}

/// A request's members that are for the person, and its statement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StatementCase {
    /// What is particular about it.
    pub(crate) name: String,
    /// `sub`, `client`, and whichever of `acr`, `binding_message`, `authorization_details` and `context`.
    pub(crate) request: json::Json,
    /// The lines, if there is a statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<Value>,
    /// Its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hash: Option<String>,
    /// Which kind of rule the request breaks, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
}

/// A key of `keys.json`: for tests only, everybody knows it.
pub(crate) struct TestKey {
    public: Jwk,
    pair: Pair,
}

enum Pair {
    P256(EcdsaKeyPair, SystemRandom),
    Ed25519(Ed25519KeyPair),
}

/// All keys of `keys.json` by name.
pub(crate) fn keys() -> Outcome<BTreeMap<String, TestKey>> {
    let raw: BTreeMap<String, BTreeMap<String, String>> = read("keys.json")?;
    raw.into_iter()
        .map(|(name, members)| Ok((name, TestKey::from_private_jwk(members)?)))
        .collect()
}

#[allow(clippy::disallowed_methods, reason = "a tool and its test are the edge")]
fn system_random() -> SystemRandom {
    SystemRandom::new()
}

impl TestKey {
    fn from_private_jwk(mut members: BTreeMap<String, String>) -> Outcome<Self> {
        let secret = URL_SAFE_NO_PAD.decode(members.remove("d").ok_or("`d` is missing")?)?;
        let public = Jwk::from_json(&serde_json::to_string(&members)?)?;
        let coordinate =
            |name: &str| Ok::<_, Box<dyn std::error::Error>>(URL_SAFE_NO_PAD.decode(&members[name])?);
        let pair = if members.contains_key("y") {
            let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
            let rng = system_random();
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &secret, &point, &rng)
                .map_err(|rejected| rejected.to_string())?;
            Pair::P256(pair, rng)
        } else {
            let pair = Ed25519KeyPair::from_seed_and_public_key(&secret, &coordinate("x")?)
                .map_err(|rejected| rejected.to_string())?;
            Pair::Ed25519(pair)
        };
        Ok(Self { public, pair })
    }

    /// Whether `signature` over `message` is by this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.pair {
            Pair::P256(pair, _) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())
                    .verify(message, signature)
            }
            Pair::Ed25519(pair) => {
                UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref()).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}

impl Signer for TestKey {
    fn public_key(&self) -> &Jwk {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.pair {
            Pair::P256(pair, rng) => Ok(pair
                .sign(rng, message)
                .map_err(|_| SignError::Unavailable)?
                .as_ref()
                .to_vec()),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

/// Verifies `token` as the type of message named and returns its claims.
pub(crate) fn verify_as(
    message: &str,
    token: &str,
    keys: &KeySet,
    expect: &Expect<'_>,
) -> Result<Value, VerifyError> {
    fn pinned<C: Claims>(token: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<Value, VerifyError> {
        Ok(serde_json::json!(verify::<C>(token, keys, expect)?))
    }
    fn embedded<C: Claims>(token: &str, expect: &Expect<'_>) -> Result<Value, VerifyError> {
        Ok(serde_json::json!(verify_with_embedded_key::<C>(token, expect)?.0))
    }
    match message {
        "request" => pinned::<ApprovalRequest>(token, keys, expect),
        "decision" => pinned::<ApprovalDecision>(token, keys, expect),
        "receipt" => pinned::<ApprovalReceipt>(token, keys, expect),
        "result" => pinned::<ApprovalResult>(token, keys, expect),
        "proof" => pinned::<ApprovalProof>(token, keys, expect),
        "rotate" => pinned::<ApprovalRotate>(token, keys, expect),
        "keys" => pinned::<ApprovalKeys>(token, keys, expect),
        "time" => pinned::<ApprovalTime>(token, keys, expect),
        "enrol" => embedded::<ApprovalEnrol>(token, expect),
        "rotate-new" => embedded::<RotateNew>(token, expect),
        other => panic!("there is no message {other}"),
    }
}

impl JwsCase {
    /// Verifies the token as the case says.
    pub(crate) fn run(&self, keys: &BTreeMap<String, TestKey>) -> Result<Value, VerifyError> {
        let pinned = self
            .keys
            .iter()
            .map(|name| keys[name].public_key().clone())
            .collect();
        let expect = Expect {
            issuer: self.issuer.as_deref(),
            audience: &self.audience,
            now: self.now,
        };
        verify_as(&self.message, &self.token, &pinned, &expect)
    }
}

/// The request of which a [`StatementCase`] has the visible members.
pub(crate) fn request_with(visible: &json::Json) -> Result<ApprovalRequest, String> {
    let mut request = serde_json::json!({
        "iss": "https://approve.example", "aud": "dev_AAAAAAAAAAAAAAAAAAAAAA", "iat": 1_800_000_000,
        "exp": 1_800_000_120, "jti": "r1", "txn": "txn_AAAAAAAAAAAAAAAAAAAAAA", "nonce": "AAAAAAAAAAAAAAAAAAAAAA",
        "requires": {"match": {"type": "code", "digits": 6}, "verification": "none", "surface": "window"},
    });
    let json::Json::Object(visible) = visible else {
        return Err("Form".to_owned());
    };
    for (name, value) in visible.iter() {
        request[name] = serde_json::json!(value);
    }
    // Through text, because that is how a request arrives.
    let request: ApprovalRequest =
        json::from_slice(request.to_string().as_bytes(), usize::MAX).map_err(|error| kind(&error))?;
    request.check().map_err(|error| kind(&error))?;
    Ok(request)
}

impl StatementCase {
    /// The statement, or the kind of rule that is broken.
    pub(crate) fn run(&self) -> Result<Statement, String> {
        Statement::from_request(&request_with(&self.request)?).map_err(|error| kind(&error))
    }
}

/// The name of an error's variant.
pub(crate) fn kind(error: &impl Debug) -> String {
    let text = format!("{error:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}
