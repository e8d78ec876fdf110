//! What is asked of a server about a container that is registered: each call answers a question that was asked before it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::{ContainerLink, Operation, Server, Session, link::time};
use crate::{
    Serial, Unlock,
    link::{self, required},
    reply::{self, ReplyError},
};

/// What a server asks before it does something: only the container's key answers it, once.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    nonce: String,
    time: String,
}

/// The form that asks for a [`Question`] before `operation`.
pub fn question(server: &Server, serial: &Serial, operation: Operation) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("container_serial", serial.as_str())
        .append_pair("scope", &server.scope(operation))
        .finish()
}

/// The form that says which tokens are held, once `signature` is there over [`Question::signing_input`] with `extra`.
pub fn synchronise(serial: &Serial, extra: &Extra, signature: &[u8]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("container_serial", serial.as_str())
        .append_pair("public_enc_key_client", &extra.key)
        .append_pair("container_dict_client", &extra.inventory)
        .append_pair("signature", &url_safe(signature))
        .finish()
}

/// The form that asks for a link for the next key.
pub fn roll_over(serial: &Serial, signature: &[u8]) -> String {
    plain(serial, signature)
}

/// The form that has the server forget the key.
pub fn unregister(serial: &Serial, signature: &[u8]) -> String {
    plain(serial, signature)
}

fn plain(serial: &Serial, signature: &[u8]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("container_serial", serial.as_str())
        .append_pair("signature", &url_safe(signature))
        .finish()
}

/// What goes with a synchronisation, and is signed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    key: String,
    inventory: String,
}

impl Extra {
    /// The key of this session, and the tokens that are held.
    pub fn new<'a>(session: &Session, serial: &Serial, held: impl IntoIterator<Item = &'a Serial>) -> Self {
        #[derive(Serialize)]
        struct Token<'a> {
            serial: &'a Serial,
        }
        #[derive(Serialize)]
        struct Inventory<'a> {
            serial: &'a Serial,
            r#type: &'static str,
            tokens: Vec<Token<'a>>,
        }
        let inventory = Inventory {
            serial,
            r#type: "smartphone",
            tokens: held.into_iter().map(|serial| Token { serial }).collect(),
        };
        Self {
            key: session.public_key().to_owned(),
            // Texts and lists: there is nothing in it that could not be written.
            inventory: serde_json::to_string(&inventory).unwrap_or_default(),
        }
    }
}

impl Question {
    /// Reads it from a server's answer.
    ///
    /// # Errors
    /// [`ReplyError`].
    pub fn read(status: u16, body: &[u8]) -> Result<Self, ReplyError> {
        #[derive(Deserialize)]
        struct Value {
            nonce: String,
            time_stamp: String,
        }
        let Value { nonce, time_stamp } = reply::value(status, body)?;
        let plain = nonce.bytes().all(|b| b.is_ascii_alphanumeric());
        if !(16..=128).contains(&nonce.len()) || !plain || time(&time_stamp).is_err() {
            return Err(ReplyError::NotUnderstood);
        }
        Ok(Self {
            nonce,
            time: time_stamp,
        })
    }

    /// What the container's key signs to have `operation` done.
    pub fn signing_input(
        &self,
        server: &Server,
        serial: &Serial,
        operation: Operation,
        extra: Option<&Extra>,
    ) -> String {
        let scope = server.scope(operation);
        let signed = format!("{}|{}|{serial}|{scope}", self.nonce, self.time);
        match extra {
            None => signed,
            Some(Extra { key, inventory }) => format!("{signed}|{key}|{inventory}"),
        }
    }
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").finish_non_exhaustive()
    }
}

/// Whether the key was registered, from the answer to a registration.
///
/// # Errors
/// [`ReplyError`], also if it was not.
pub fn registered(status: u16, body: &[u8]) -> Result<(), ReplyError> {
    done(status, body)
}

/// The link for the next key, from the answer to [`roll_over`].
///
/// # Errors
/// [`ReplyError`], also if it is for another container or server.
pub fn rolled_over(status: u16, body: &[u8], serial: &Serial) -> Result<ContainerLink, ReplyError> {
    #[derive(Deserialize)]
    struct Value {
        container_url: Link,
    }
    #[derive(Deserialize)]
    struct Link {
        value: Zeroizing<String>,
    }
    let Value { container_url } = reply::value(status, body)?;
    let link = ContainerLink::parse(&container_url.value).map_err(|_| ReplyError::NotUnderstood)?;
    if link.serial == *serial {
        Ok(link)
    } else {
        Err(ReplyError::NotUnderstood)
    }
}

/// Whether the key was forgotten, from the answer to [`unregister`].
///
/// # Errors
/// [`ReplyError`], also if it was not.
pub fn unregistered(status: u16, body: &[u8]) -> Result<(), ReplyError> {
    done(status, body)
}

fn done(status: u16, body: &[u8]) -> Result<(), ReplyError> {
    #[derive(Deserialize)]
    struct Value {
        success: bool,
    }
    match reply::value(status, body)? {
        Value { success: true } => Ok(()),
        Value { success: false } => Err(ReplyError::NotAccepted),
    }
}

/// Which token a link of a synchronisation is for. `None` if it does not say.
pub fn token(link: &str) -> Option<Serial> {
    let link = Url::parse(link).ok()?;
    let serial = required(&link, "serial").ok()?;
    Serial::try_from(serial.to_string()).ok()
}

/// Whether a link of a synchronisation wants its token behind something. One that says so in two ways does.
pub fn unlock(link: &str) -> Unlock {
    let asked = Url::parse(link).ok().and_then(|link| link::unlock(&link).ok());
    asked.unwrap_or(Unlock::Asked)
}

/// Base 64 for addresses, padded, as this part of the protocol writes bytes.
pub(super) fn url_safe(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

/// Reads at most `max` bytes of it.
pub(super) fn from_url_safe(text: &str, max: usize) -> Option<Vec<u8>> {
    let fits = text.len() <= max.div_ceil(3) * 4;
    fits.then(|| URL_SAFE.decode(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn serial(text: &str) -> Serial {
        Serial::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_synchronisation_signs_what_it_sends() {
        let body = br#"{"result":{"status":true,"value":{"nonce":"c238392af49250804c25bbd7d86408839e91fe97",
            "time_stamp":"2026-11-22T20:48:00.158319+00:00","enc_key_algorithm":"x25519","transaction_id":"1"}}}"#;
        let question = Question::read(200, body).unwrap();
        let server = Server::parse("https://id.alder.example").unwrap();
        let container = serial("SMPH0001");
        let session = Session::new(&testing::rng()).unwrap();
        let held = [serial("TOTP0001"), serial("HOTP0001")];
        let extra = Extra::new(&session, &container, &held);
        let inventory = r#"{"serial":"SMPH0001","type":"smartphone","tokens":[{"serial":"TOTP0001"},{"serial":"HOTP0001"}]}"#;
        let signed = question.signing_input(&server, &container, Operation::Synchronise, Some(&extra));
        assert_eq!(
            signed,
            format!(
                "c238392af49250804c25bbd7d86408839e91fe97|2026-11-22T20:48:00.158319+00:00|SMPH0001|\
                 https://id.alder.example/container/synchronize|{}|{inventory}",
                session.public_key()
            )
        );
        let form = synchronise(&container, &extra, b"\xff\xfe\xfd\xfc");
        let form: Vec<_> = form_urlencoded::parse(form.as_bytes()).collect();
        assert_eq!(form[2].1, inventory);
        assert_eq!(form[3], ("signature".into(), "__79_A==".into()));
        let signed = question.signing_input(&server, &container, Operation::Unregister, None);
        assert!(signed.ends_with("|https://id.alder.example/container/register/terminate/client"));
    }

    #[test]
    fn a_question_with_something_else_in_it_is_refused() {
        for (nonce, time) in [
            ("c2", "2026-11-22T20:48:00+00:00"),
            (
                "c238392af49250804c25|bd7d86408839e91fe97",
                "2026-11-22T20:48:00+00:00",
            ),
            (
                "c238392af49250804c25bbd7d86408839e91fe97",
                "2026-11-22T20:48:00+00:00|SMPH0002",
            ),
            ("c238392af49250804c25bbd7d86408839e91fe97", "now"),
        ] {
            let body = serde_json::json!({"result": {"status": true, "value": {"nonce": nonce, "time_stamp": time}}});
            assert_eq!(
                Question::read(200, body.to_string().as_bytes()),
                Err(ReplyError::NotUnderstood),
                "{time}"
            );
        }
    }

    #[test]
    fn a_link_names_its_token() {
        let link = "otpauth://totp/TOTP0001?secret=GEZDGNBV&serial=TOTP0001";
        assert_eq!(token(link), Some(serial("TOTP0001")));
        assert_eq!(token(&link.replace("serial=TOTP0001", "serial=a%7Cb")), None);
        assert_eq!(token(&link.replace("&serial=TOTP0001", "")), None);
        assert_eq!(token("no link"), None);
        assert_eq!(unlock(link), Unlock::NotAsked);
        assert_eq!(unlock(&format!("{link}&pin=True")), Unlock::Asked);
        assert_eq!(
            unlock(&format!("{link}&app_force_unlock=biometric")),
            Unlock::Asked
        );
    }

    #[test]
    fn only_success_counts_as_registered() {
        let done = br#"{"result":{"status":true,"value":{"success":true,"policies":{}}}}"#;
        assert_eq!(registered(200, done), Ok(()));
        let refused = br#"{"result":{"status":true,"value":{"success":false}}}"#;
        assert_eq!(registered(200, refused), Err(ReplyError::NotAccepted));
        assert_eq!(unregistered(200, refused), Err(ReplyError::NotAccepted));
    }

    #[test]
    fn what_is_not_registered_is_told_apart() {
        let answer = |code: i64| {
            format!(r#"{{"result":{{"status":false,"error":{{"code":{code},"message":"ERR{code}: no"}}}}}}"#)
        };
        for (code, error) in [
            (3001, ReplyError::NotFound),
            (3002, ReplyError::Unproven),
            (3000, ReplyError::Server { code: 3000 }),
            (303, ReplyError::PollingDenied),
        ] {
            assert_eq!(unregistered(400, answer(code).as_bytes()), Err(error));
        }
    }
}
