//! Any text is refused or read as a link to a PUSH token or a container; any answer of a server is refused or read, no challenge in it
//! verifies, and nothing in it is taken for the contents of a container.

#![no_main]

use countersign_privacyidea::{
    Challenge, PushLink, Serial, ServerKey,
    container::{ContainerLink, Question, Session, registered, rolled_over, token},
    reply,
};
use libfuzzer_sys::fuzz_target;
use ring::rand::SystemRandom;

/// A real server's key, so nothing that is made up here is signed by it.
const VECTORS: &str = include_str!("../../vectors/privacyidea.json");

fuzz_target!(|text: &str| {
    if let Ok(link) = PushLink::parse(text) {
        assert_eq!(link.url.scheme(), "https");
        assert!(!link.label.is_empty());
    }
    let _ = reply::enrolled(200, text.as_bytes());
    let _ = reply::answered(200, text.as_bytes());
    let _ = reply::time(text.as_bytes());
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).expect("they are JSON");
    let link = PushLink::parse(vectors[0]["link"].as_str().expect("a link")).expect("a server made it");
    let key = vectors[0]["enrol_answer"]["detail"]["public_key"].as_str().expect("a key");
    let key = ServerKey::parse(key).expect("a server made it");
    let waiting = reply::challenges(200, text.as_bytes()).unwrap_or_default();
    for challenge in waiting.iter().map(String::as_str).chain([text]) {
        if let Ok(challenge) = Challenge::verify(challenge, &key, &link.serial, &link.url) {
            assert!(VECTORS.contains(challenge.nonce()), "a forgery verified");
        }
    }
    if let Ok(link) = ContainerLink::parse(text) {
        assert!(link.server.as_str().starts_with("https:"));
        assert!(!link.signing_input("desk").is_empty());
    }
    let _ = Question::read(200, text.as_bytes());
    let _ = registered(200, text.as_bytes());
    let _ = token(text);
    let _ = rolled_over(200, text.as_bytes(), &link.serial);
    let session = Session::new(&SystemRandom::new()).expect("there is randomness");
    assert!(session.open(200, text.as_bytes(), &link.serial).is_err(), "a forgery was opened");
    if let Ok(serial) = Serial::try_from(text.to_owned()) {
        assert!(!serial.as_str().contains('|'));
    }
});
