//! What a synchronisation brings: encrypted with AES-256-GCM, a nonce of 16 bytes, and for a key the raw secret that X25519 agrees on
//! (there is no derivation in this protocol). The device's half of it is made for one answer and used once.

use std::fmt;

use aes_gcm::{
    AesGcm, KeyInit as _,
    aead::{AeadInOut as _, array::Array, consts::U16},
    aes::Aes256,
};
use ring::{
    agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral},
    rand::SecureRandom,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::call::{from_url_safe, url_safe};
use crate::{
    Serial,
    reply::{self, MAX_BODY, ReplyError},
};

/// The most tokens of a container.
const MAX_TOKENS: usize = 256;

/// The longest link to a token, in bytes.
const MAX_LINK: usize = 4096;

type Cipher = AesGcm<Aes256, U16>;

/// The device's half of the secret of one answer.
pub struct Session {
    private: EphemeralPrivateKey,
    public: String,
}

/// There was no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no random numbers for a synchronisation")]
pub struct SessionError;

/// What a server says is in a container.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents {
    /// Links to the tokens that the device does not hold, or is to hold anew: each names its token ([`token`](super::token)). They
    /// have secrets in them.
    pub add: Vec<Zeroizing<String>>,
    /// The tokens that the device holds rightly.
    pub keep: Vec<Serial>,
}

/// What came cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// The server said no, or something else.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// Not encrypted for this session, or changed on the way.
    #[error("what came was not encrypted for this device, or was changed on the way")]
    Sealed,
    /// For another container.
    #[error("it is about another container")]
    NotOurs,
    /// What was encrypted makes no sense.
    #[error("what is in the container cannot be read")]
    Form,
}

#[derive(Deserialize)]
struct Answer {
    encryption_algorithm: String,
    encryption_params: Sealing,
    container_dict_server: String,
    public_server_key: String,
}

#[derive(Deserialize)]
struct Sealing {
    mode: String,
    init_vector: String,
    tag: String,
}

#[derive(Deserialize)]
struct Inside {
    container: Container,
    tokens: Tokens,
}

#[derive(Deserialize)]
struct Container {
    serial: String,
}

#[derive(Deserialize)]
struct Tokens {
    add: Vec<Zeroizing<String>>,
    update: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    serial: Serial,
}

impl Session {
    /// Makes one.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn new(rng: &dyn SecureRandom) -> Result<Self, SessionError> {
        let private = EphemeralPrivateKey::generate(&X25519, rng).map_err(|_| SessionError)?;
        let public = private.compute_public_key().map_err(|_| SessionError)?;
        Ok(Self {
            public: url_safe(public.as_ref()),
            private,
        })
    }

    /// The public half, as it is sent and signed.
    pub(super) fn public_key(&self) -> &str {
        &self.public
    }

    /// Opens the answer to the synchronisation of this container that was asked for with this session.
    ///
    /// # Errors
    /// [`ContentsError`]; nothing of it may be used then.
    pub fn open(self, status: u16, body: &[u8], serial: &Serial) -> Result<Contents, ContentsError> {
        let answer: Answer = reply::value(status, body)?;
        let Answer {
            encryption_algorithm,
            encryption_params,
            container_dict_server,
            public_server_key,
        } = answer;
        if encryption_algorithm != "AES" || encryption_params.mode != "GCM" {
            return Err(ContentsError::Form);
        }
        let theirs = from_url_safe(&public_server_key, 32).ok_or(ContentsError::Form)?;
        let theirs = UnparsedPublicKey::new(&X25519, theirs);
        let open = |secret: &[u8]| decrypt(secret, &encryption_params, &container_dict_server);
        let inside = agree_ephemeral(self.private, &theirs, open).map_err(|_| ContentsError::Sealed)??;
        let (add, keep) = read(&inside, serial)?;
        Ok(Contents { add, keep })
    }
}

impl fmt::Debug for Session {
    /// Without the private half.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl fmt::Debug for Contents {
    /// Without the links: they have secrets in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents")
            .field("add", &self.add.len())
            .field("keep", &self.keep)
            .finish()
    }
}

fn decrypt(secret: &[u8], how: &Sealing, sealed: &str) -> Result<Zeroizing<Vec<u8>>, ContentsError> {
    let key = <[u8; 32]>::try_from(secret)
        .map(Zeroizing::new)
        .map_err(|_| ContentsError::Form)?;
    let sixteen = |text: &str| -> Option<[u8; 16]> { from_url_safe(text, 16)?.try_into().ok() };
    let nonce = sixteen(&how.init_vector).ok_or(ContentsError::Form)?;
    let tag = sixteen(&how.tag).ok_or(ContentsError::Form)?;
    let mut text = Zeroizing::new(from_url_safe(sealed, MAX_BODY).ok_or(ContentsError::Form)?);
    Cipher::new(&Array(*key))
        .decrypt_inout_detached(&Array(nonce), &[], text.as_mut_slice().into(), &Array(tag))
        .map_err(|_| ContentsError::Sealed)?;
    Ok(text)
}

fn read(text: &[u8], serial: &Serial) -> Result<(Vec<Zeroizing<String>>, Vec<Serial>), ContentsError> {
    let inside: Inside = serde_json::from_slice(text).map_err(|_| ContentsError::Form)?;
    if inside.container.serial != serial.as_str() {
        return Err(ContentsError::NotOurs);
    }
    let Tokens { add, update } = inside.tokens;
    if add.len() + update.len() > MAX_TOKENS || add.iter().any(|link| link.len() > MAX_LINK) {
        return Err(ContentsError::Form);
    }
    Ok((add, update.into_iter().map(|token| token.serial).collect()))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing;

    /// What a real server has encrypted, and a key as OpenSSL writes it.
    pub(in crate::container) fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../../vectors/privacyidea-container.json")).unwrap()
    }

    fn serial(text: &str) -> Serial {
        Serial::try_from(text.to_owned()).unwrap()
    }

    fn secret() -> Vec<u8> {
        (0..32).collect()
    }

    fn sealing(value: &Value) -> Sealing {
        serde_json::from_value(value.clone()).unwrap()
    }

    #[test]
    fn what_a_server_has_encrypted_is_read() {
        let sealed = &vectors()["sealed"];
        let text = decrypt(&secret(), &sealing(sealed), sealed["cipher"].as_str().unwrap()).unwrap();
        let (add, keep) = read(&text, &serial("SMPH0001")).unwrap();
        assert_eq!(add.len(), 1);
        assert!(add[0].starts_with("otpauth://hotp/OATH0002?secret="));
        assert_eq!(keep, [serial("TOTP0001")]);
        assert_eq!(read(&text, &serial("SMPH0002")), Err(ContentsError::NotOurs));
    }

    #[test]
    fn what_was_changed_on_the_way_is_refused() {
        let sealed = &vectors()["sealed"];
        let cipher = sealed["cipher"].as_str().unwrap();
        for part in ["init_vector", "tag"] {
            let mut other = sealed.clone();
            other[part] = "AAAAAAAAAAAAAAAAAAAAAA==".into();
            assert_eq!(
                decrypt(&secret(), &sealing(&other), cipher),
                Err(ContentsError::Sealed)
            );
            other[part] = "AAAA".into();
            assert_eq!(
                decrypt(&secret(), &sealing(&other), cipher),
                Err(ContentsError::Form)
            );
        }
        let changed = cipher.replacen("o5Eg", "o5Eh", 1);
        assert_eq!(
            decrypt(&secret(), &sealing(sealed), &changed),
            Err(ContentsError::Sealed)
        );
        assert_eq!(
            decrypt(&[7; 32], &sealing(sealed), cipher),
            Err(ContentsError::Sealed)
        );
    }

    #[test]
    fn an_answer_for_another_session_is_refused() {
        let vectors = vectors();
        let sealed = &vectors["sealed"];
        let other = Session::new(&testing::rng()).unwrap();
        let answer = |server: &str, mode: &str| {
            json!({"result": {"status": true, "value": {
                "encryption_algorithm": "AES", "container_dict_server": sealed["cipher"], "public_server_key": server,
                "encryption_params": {"mode": mode, "init_vector": sealed["init_vector"], "tag": sealed["tag"]},
            }}})
            .to_string()
        };
        let open = |body: String| {
            let session = Session::new(&testing::rng()).unwrap();
            session
                .open(200, body.as_bytes(), &serial("SMPH0001"))
                .unwrap_err()
        };
        assert_eq!(open(answer(other.public_key(), "GCM")), ContentsError::Sealed);
        assert_eq!(open(answer(other.public_key(), "CBC")), ContentsError::Form);
        // A point with which every secret is the same.
        assert_eq!(open(answer(&url_safe(&[0; 32]), "GCM")), ContentsError::Sealed);
        assert_eq!(open(answer("AAAA", "GCM")), ContentsError::Sealed);
        let refused = json!({"result": {"status": false, "error": {"code": 3002, "message": "no"}}});
        assert_eq!(
            open(refused.to_string()),
            ContentsError::Reply(ReplyError::Unproven)
        );
    }

    #[test]
    fn more_than_a_container_can_hold_is_refused() {
        let tokens: Vec<Value> = (0..=MAX_TOKENS)
            .map(|n| json!({"serial": format!("T{n}")}))
            .collect();
        let text = |tokens: &[Value], link: &str| {
            json!({"container": {"serial": "S1"}, "tokens": {"add": [link], "update": tokens}}).to_string()
        };
        let judged = |text: String| read(text.as_bytes(), &serial("S1")).err();
        assert_eq!(judged(text(&tokens[2..], "pia://")), None);
        assert_eq!(judged(text(&tokens[1..], "pia://")), Some(ContentsError::Form));
        assert_eq!(
            judged(text(&[], &"x".repeat(MAX_LINK + 1))),
            Some(ContentsError::Form)
        );
        assert_eq!(
            judged(text(&[json!({"serial": "a|b"})], "pia://")),
            Some(ContentsError::Form)
        );
        assert_eq!(judged("{}".to_owned()), Some(ContentsError::Form));
    }
}
