//! Any text is refused or read as a PUSH token's link; any answer of a server is refused or read, and no challenge in it verifies.

#![no_main]

use countersign_privacyidea::{Challenge, PushLink, Serial, ServerKey, reply};
use libfuzzer_sys::fuzz_target;

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
    if let Ok(serial) = Serial::try_from(text.to_owned()) {
        assert!(!serial.as_str().contains('|'));
    }
});
