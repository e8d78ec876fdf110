use std::sync::OnceLock;

use proptest::prelude::*;
use ring::rand::SystemRandom;

use super::*;
use crate::{RsaKey, der, reply};

const NONCE: &str = "YXLUDLU64Y3WTGOWZO3AJINCH5SYRRKL";
const URL: &str = "https://id.alder.example/ttype/push";

/// A server with a key of its own: signs as strictly as the real one, whatever it is given.
struct Server(RsaKey);

impl Server {
    fn get() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| Self(RsaKey::from_pkcs8(&RsaKey::generate_pkcs8(&[1; 32]).unwrap()).unwrap()))
    }

    fn key(&self) -> ServerKey {
        use base64::Engine as _;
        let public = self.0.public_key();
        let der = der::sequence(&[&der::integer(public.modulus()), &der::integer(public.exponent())]);
        ServerKey::parse(&base64::engine::general_purpose::STANDARD.encode(&*der)).unwrap()
    }

    #[allow(clippy::disallowed_methods, reason = "a test is an edge")]
    fn sign(&self, text: &str) -> String {
        encoding::base32(&self.0.sign(text.as_bytes(), &SystemRandom::new()).unwrap())
    }

    /// A challenge with these fields, signed as it stands.
    fn challenge(&self, change: impl FnOnce(&mut Value)) -> Value {
        let mut fields = json!({
            "nonce": NONCE, "url": URL, "serial": "PIPU0001", "question": "Log in to the portal",
            "title": "Alder", "sslverify": "1",
        });
        change(&mut fields);
        let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        let mut signed = ["nonce", "url", "serial", "question", "title", "sslverify"]
            .map(text)
            .join("|");
        if let Some(options) = fields["require_presence"].as_str() {
            signed = format!("{signed}|{options}");
        }
        fields["signature"] = self.sign(&signed).into();
        fields
    }
}

fn verify(challenge: &Value) -> Result<Challenge, ChallengeError> {
    let serial = Serial::try_from("PIPU0001".to_owned()).unwrap();
    Challenge::verify(
        &challenge.to_string(),
        &Server::get().key(),
        &serial,
        &Url::parse(URL).unwrap(),
    )
}

#[test]
fn a_signed_challenge_is_read() {
    let challenge = verify(&Server::get().challenge(|_| {})).unwrap();
    assert_eq!(challenge.nonce(), NONCE);
    assert_eq!(challenge.title(), "Alder");
    assert_eq!(challenge.question(), "Log in to the portal");
    assert_eq!(challenge.options(), None);
    assert_eq!(challenge.decline_reasons(), DeclineReasons::Unknown);
}

#[test]
fn a_change_of_any_signed_field_is_noticed() {
    let server = Server::get();
    for field in ["nonce", "question", "title", "sslverify", "require_presence"] {
        let mut challenge = server.challenge(|fields| fields["require_presence"] = "01,51".into());
        challenge[field] = match field {
            "nonce" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".into(),
            "sslverify" => "0".into(),
            "require_presence" => "01,52".into(),
            _ => "Pay 10".into(),
        };
        assert_eq!(verify(&challenge), Err(ChallengeError::Unsigned), "{field}");
    }
}

#[test]
fn a_challenge_for_another_token_or_server_is_not_ours() {
    let server = Server::get();
    let other = server.challenge(|fields| fields["serial"] = "PIPU0002".into());
    assert_eq!(verify(&other), Err(ChallengeError::NotOurs));
    let other = server.challenge(|fields| fields["url"] = "https://evil.example/ttype/push".into());
    assert_eq!(verify(&other), Err(ChallengeError::NotOurs));
}

#[test]
fn options_cannot_be_moved_into_the_text_nor_text_into_options() {
    let server = Server::get();
    // What is signed is the same text: only the places of the bars are others.
    let mut moved = server.challenge(|fields| fields["require_presence"] = "01,51".into());
    moved["title"] = "Alder|1".into();
    moved["sslverify"] = "01,51".into();
    moved.as_object_mut().unwrap().remove("require_presence");
    assert_eq!(verify(&moved), Err(ChallengeError::Unacceptable("sslverify")));

    let mut moved = server.challenge(|fields| fields["title"] = "Alder|0".into());
    moved["title"] = "Alder".into();
    moved["sslverify"] = "0".into();
    moved["require_presence"] = "1".into();
    assert_eq!(
        verify(&moved),
        Err(ChallengeError::Unacceptable("require_presence"))
    );
}

#[test]
fn options_that_nobody_can_choose_from_are_refused() {
    for options in [
        "",
        "1",
        "1,1",
        "1,",
        "1,2,3,4,5,6,7,8,9",
        "1,2|3",
        "1,12345678901234567",
    ] {
        let challenge = Server::get().challenge(|fields| fields["require_presence"] = options.into());
        let refused = Err(ChallengeError::Unacceptable("require_presence"));
        assert_eq!(verify(&challenge), refused, "{options}");
    }
}

#[test]
fn answers_are_signed_and_sent_in_their_form() {
    let plain = verify(&Server::get().challenge(|_| {})).unwrap();
    let choice =
        verify(&Server::get().challenge(|fields| fields["require_presence"] = "01,51".into())).unwrap();
    let head = format!("{NONCE}|PIPU0001");
    let form = format!("serial=PIPU0001&nonce={NONCE}&signature=MY%3D%3D%3D%3D%3D%3D");

    assert_eq!(plain.signing_input(&Answer::Accept), Ok(head.clone()));
    assert_eq!(plain.form(&Answer::Accept, b"f"), form);
    let decline = Answer::Decline(None);
    assert_eq!(plain.signing_input(&decline), Ok(format!("{head}|decline")));
    assert_eq!(plain.form(&decline, b"f"), format!("{form}&decline=1"));
    let chosen = Answer::AcceptWith("51".into());
    assert_eq!(choice.signing_input(&chosen), Ok(format!("{head}|51")));
    assert_eq!(choice.form(&chosen, b"f"), format!("{form}&presence_answer=51"));
}

#[test]
fn an_answer_that_the_challenge_does_not_take_cannot_be_signed() {
    let plain = verify(&Server::get().challenge(|_| {})).unwrap();
    let choice =
        verify(&Server::get().challenge(|fields| fields["require_presence"] = "01,51".into())).unwrap();
    let chosen = |text: &str| Answer::AcceptWith(text.into());
    assert_eq!(
        choice.signing_input(&Answer::Accept),
        Err(AnswerError::OptionNeeded)
    );
    assert_eq!(
        choice.signing_input(&chosen("52")),
        Err(AnswerError::NoSuchOption)
    );
    assert_eq!(plain.signing_input(&chosen("51")), Err(AnswerError::NoSuchOption));
    let reported = Answer::Decline(Some(DeclineReason::UnknownTrigger));
    assert_eq!(plain.signing_input(&reported), Err(AnswerError::NoReasons));
}

#[test]
fn a_reason_is_possible_only_with_signed_capabilities() {
    let server = Server::get();
    let signature = server.sign(&format!(
        "{{\"capabilities\":{{\"decline_reason\":true}},\"nonce\":\"{NONCE}\"}}"
    ));
    let told = |capabilities: Value, signature: &str| {
        let mut challenge = server.challenge(|_| {});
        challenge["capabilities"] = capabilities;
        challenge["capabilities_signature"] = signature.into();
        verify(&challenge).unwrap()
    };
    let text = Value::from("{\"decline_reason\": true}");
    let understood = told(text.clone(), &signature);
    assert_eq!(understood.decline_reasons(), DeclineReasons::Understood);
    let reported = Answer::Decline(Some(DeclineReason::UnknownTrigger));
    assert_eq!(
        understood.signing_input(&reported),
        Ok(format!("{NONCE}|PIPU0001|decline|unknown_trigger"))
    );
    assert!(
        understood
            .form(&reported, b"f")
            .ends_with("&decline=1&decline_reason=unknown_trigger")
    );

    let unknown = [
        told(text.clone(), "MY======"),
        told("{\"decline_reason\": true, \"x\": 1}".into(), &signature),
        told("not json".into(), &signature),
    ];
    for challenge in unknown {
        assert_eq!(challenge.decline_reasons(), DeclineReasons::Unknown);
    }
    // Those of another challenge.
    let other = server.sign("{\"capabilities\":{\"decline_reason\":true},\"nonce\":\"OTHER\"}");
    assert_eq!(told(text, &other).decline_reasons(), DeclineReasons::Unknown);
}

#[test]
fn what_real_servers_signed_verifies() {
    let vectors: Value = serde_json::from_str(include_str!("../../../../vectors/privacyidea.json")).unwrap();
    for server in vectors.as_array().unwrap() {
        let link = crate::PushLink::parse(server["link"].as_str().unwrap()).unwrap();
        let key = reply::enrolled(200, server["enrol_answer"].to_string().as_bytes()).unwrap();
        // Polled, an older server neither says what to choose from nor what it understands.
        let (choice, reasons) = match server["server"].as_str().unwrap() {
            "3.14" => (Some(3), DeclineReasons::Understood),
            _ => (None, DeclineReasons::Unknown),
        };
        for (answer, options) in [("poll_answer", None), ("poll_presence", choice)] {
            let body = server[answer].to_string();
            let waiting = reply::challenges(200, body.as_bytes()).unwrap();
            let challenge = Challenge::verify(&waiting[0], &key, &link.serial, &link.url).unwrap();
            assert_eq!(challenge.title(), "Alder");
            assert_eq!(challenge.options().map(<[String]>::len), options);
            assert_eq!(challenge.decline_reasons(), reasons);
            let altered = waiting[0].replace("portal", "Portal");
            let refused = Challenge::verify(&altered, &key, &link.serial, &link.url);
            assert_eq!(refused, Err(ChallengeError::Unsigned));
        }
    }
}

proptest! {
    #[test]
    fn no_text_that_is_not_signed_verifies(question in ".{0,40}", title in ".{0,40}", options in proptest::option::of("[0-9]{2},[0-9]{2}")) {
        let mut challenge = Server::get().challenge(|_| {});
        prop_assume!(question != "Log in to the portal" || title != "Alder" || options.is_some());
        // The same signed text, cut elsewhere, is the one exception, and says the same.
        prop_assume!(format!("{question}|{title}") != "Log in to the portal|Alder");
        challenge["question"] = question.into();
        challenge["title"] = title.into();
        if let Some(options) = options {
            challenge["require_presence"] = options.into();
        }
        prop_assert!(verify(&challenge).is_err());
    }
}
