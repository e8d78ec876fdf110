//! Every case in `vectors/` holds. Other implementations run the same files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's panic is its report"
)]

#[path = "../examples/vectors/evidence.rs"]
#[allow(dead_code, reason = "the generator's part")]
mod evidence;
#[path = "../examples/vectors/forge.rs"]
#[allow(dead_code, reason = "the generator's part")]
mod forge;
#[path = "../examples/vectors/format.rs"]
#[allow(dead_code, reason = "the generator's part")]
mod format;
#[path = "../examples/vectors/messages.rs"]
#[allow(dead_code, reason = "the generator's part")]
mod messages;

use countersign_protocol::{EnrolmentLink, Jwk, Statement, jcs, json, text};
use evidence::EvidenceCase;
use format::{JwsCase, StatementCase, kind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn cases<T: DeserializeOwned>(file: &str, at_least: usize) -> Vec<T> {
    let cases: Vec<T> = format::read(file).unwrap();
    assert!(cases.len() >= at_least, "{file} has only {} cases", cases.len());
    cases
}

#[test]
fn signed_messages() {
    let keys = format::keys().unwrap();
    let cases: Vec<JwsCase> = cases("jws.json", 150);
    assert!(cases.iter().filter(|case| case.claims.is_some()).count() >= 18);
    for case in cases {
        match (case.run(&keys), &case.claims, &case.refused) {
            (Ok(claims), Some(expected), None) => assert_eq!(claims, *expected, "{}", case.name),
            (Err(error), None, Some(expected)) => {
                assert_eq!(kind(&error), *expected, "{}: {error}", case.name)
            }
            (found, expected, refused) => panic!("{}: {found:?}, not {expected:?} {refused:?}", case.name),
        }
    }
}

#[test]
fn statements() {
    let cases: Vec<StatementCase> = cases("statements.json", 74);
    assert!(cases.iter().filter(|case| case.lines.is_some()).count() >= 29);
    for case in cases {
        match (case.run(), &case.lines, &case.refused) {
            (Ok(statement), Some(lines), None) => {
                assert_eq!(
                    serde_json::to_value(statement.lines()).unwrap(),
                    *lines,
                    "{}",
                    case.name
                );
                assert_eq!(Some(statement.hash()), case.hash.as_deref(), "{}", case.name);
                assert_canonical(&statement);
            }
            (Err(found), None, Some(expected)) => assert_eq!(found, *expected, "{}", case.name),
            (found, expected, refused) => panic!("{}: {found:?}, not {expected:?} {refused:?}", case.name),
        }
    }
}

fn assert_canonical(statement: &Statement) {
    let value: Value = serde_json::from_slice(statement.canonical()).unwrap();
    assert_eq!(
        String::from_utf8_lossy(statement.canonical()),
        jcs::to_string(&value).unwrap()
    );
}

#[test]
fn evidence_files() {
    let cases: Vec<EvidenceCase> = cases("evidence.json", 25);
    for case in cases {
        match (case.run(), &case.statement_hash, &case.refused) {
            (Ok(hash), Some(expected), None) => assert_eq!(hash, *expected, "{}", case.name),
            (Err(found), None, Some(expected)) => assert_eq!(found, *expected, "{}", case.name),
            (found, expected, refused) => panic!("{}: {found:?}, not {expected:?} {refused:?}", case.name),
        }
    }
}

#[derive(Deserialize)]
struct TextCase {
    name: String,
    text: String,
    max: usize,
    accepted: bool,
}

#[test]
fn texts() {
    for case in cases::<TextCase>("texts.json", 90) {
        let found = text::check(&case.text, case.max);
        assert_eq!(found.is_ok(), case.accepted, "{}: {found:?}", case.name);
    }
}

#[derive(Deserialize)]
struct LinkCase {
    name: String,
    link: String,
    issuer: Option<String>,
    code: Option<String>,
    refused: Option<bool>,
}

#[test]
fn links() {
    for case in cases::<LinkCase>("links.json", 38) {
        match (
            EnrolmentLink::parse(&case.link),
            case.issuer,
            case.code,
            case.refused,
        ) {
            (Ok(link), Some(issuer), Some(code), None) => {
                assert_eq!(
                    (link.issuer.as_str(), link.code.as_str()),
                    (&*issuer, &*code),
                    "{}",
                    case.name
                );
            }
            (Err(_), None, None, Some(true)) => {}
            (found, ..) => panic!("{}: {:?}", case.name, found.map(|link| link.issuer)),
        }
    }
}

#[derive(Deserialize)]
struct ThumbprintCase {
    name: String,
    jwk: Value,
    thumbprint: Option<String>,
    refused: Option<bool>,
}

#[test]
fn thumbprints() {
    for case in cases::<ThumbprintCase>("thumbprints.json", 18) {
        match (
            Jwk::from_json(&case.jwk.to_string()),
            case.thumbprint,
            case.refused,
        ) {
            (Ok(key), Some(expected), None) => {
                assert_eq!(key.thumbprint().as_str(), expected, "{}", case.name)
            }
            (Err(_), _, Some(true)) => {}
            (found, ..) => panic!("{}: {found:?}", case.name),
        }
    }
}

#[derive(Deserialize)]
struct JcsCase {
    name: String,
    json: String,
    canonical: String,
}

/// Of values that statements can hold; `vectors/jcs.json` has others too, for the canonicalizer itself.
#[test]
fn canonical_json() {
    for case in cases::<JcsCase>("jcs.json", 7) {
        let value: Value = serde_json::from_str(&case.json).unwrap();
        assert_eq!(jcs::to_string(&value).unwrap(), case.canonical, "{}", case.name);
        if let Ok(value) = serde_json::from_str::<json::Json>(&case.json) {
            assert_eq!(
                jcs::to_string(&value).unwrap(),
                case.canonical,
                "{}, as strict JSON",
                case.name
            );
        }
    }
}
