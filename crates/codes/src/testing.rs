//! What the tests of several modules need.

use std::process::{Command, Stdio};

use proptest::prelude::*;
use ring::rand::SystemRandom;

use crate::{
    codes::Codes,
    entry::{Algorithm, Details, Digits, Kind, Period},
    secret::Secret,
    text::{Label, Note},
};

#[allow(clippy::disallowed_methods, reason = "the edge of a test")]
pub(crate) fn rng() -> SystemRandom {
    SystemRandom::new()
}

pub(crate) fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

pub(crate) fn details(issuer: &str, account: &str, kind: Kind, secret: &str) -> Details {
    Details::new(
        label(issuer),
        label(account),
        kind,
        Secret::from_base32(secret).unwrap(),
    )
}

/// One entry of each kind, with everything that an entry can have.
pub(crate) fn codes() -> Codes {
    let mut codes = Codes::default();
    let mut add = |details| codes.add(details, 1_800_000_000, &rng()).unwrap();
    let mut bank = details(
        "Beispiel-Bank Köln",
        "ada@example.com",
        Kind::TOTP,
        "GEZDGNBVGY3TQOJQ",
    );
    bank.set_tags([label("Arbeit"), label("Geld")]).unwrap();
    bank.pinned = true;
    bank.note = Note::new("Two lines:\n\"quoted\" \\ & <b>").unwrap();
    add(bank);
    add(details(
        "Cloud",
        "ada:admin",
        Kind::Totp {
            algorithm: Algorithm::Sha512,
            digits: Digits::new(8).unwrap(),
            period: Period::new(60).unwrap(),
        },
        "MZXW6YTBOJRGC6RAMFXGI43FMNZGK5DT",
    ));
    add(details(
        "Door",
        "",
        Kind::Hotp {
            algorithm: Algorithm::Sha256,
            digits: Digits::SIX,
            counter: 41,
        },
        "JBSWY3DPEHPK3PXP",
    ));
    add(details(
        "Steam",
        "ada",
        Kind::Steam,
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    ));
    codes
}

/// Many usual entries.
pub(crate) fn many(count: u32) -> Codes {
    let mut codes = Codes::default();
    for i in 0..count {
        let secret = Secret::from_bytes(i.to_be_bytes().repeat(5)).unwrap();
        let issuer = label(&format!("Issuer {i:05}"));
        let account = label(&format!("person{i}@example.com"));
        codes
            .add(Details::new(issuer, account, Kind::TOTP, secret), 1, &rng())
            .unwrap();
    }
    codes
}

/// Any label.
pub(crate) fn any_label() -> impl Strategy<Value = Label> {
    "\\PC{0,40}".prop_filter_map("a label", |text| Label::new(&text).ok())
}

/// Any way to make codes.
pub(crate) fn any_kind() -> impl Strategy<Value = Kind> {
    let algorithm = prop_oneof![
        Just(Algorithm::Sha1),
        Just(Algorithm::Sha256),
        Just(Algorithm::Sha512)
    ];
    (algorithm, 6_u64..=10, 1_u64..=86_400, any::<u64>(), 0..3).prop_map(
        |(algorithm, digits, period, counter, which)| {
            let digits = Digits::new(digits).unwrap();
            match which {
                0 => Kind::Hotp {
                    algorithm,
                    digits,
                    counter,
                },
                1 => Kind::Steam,
                _ => Kind::Totp {
                    algorithm,
                    digits,
                    period: Period::new(period).unwrap(),
                },
            }
        },
    )
}

/// Any entry.
pub(crate) fn any_details() -> impl Strategy<Value = Details> {
    let secret = prop::collection::vec(any::<u8>(), 1..200);
    let tags = prop::collection::vec(any_label(), 0..5);
    let texts = (any_label(), any_label(), "(\\PC|\n){0,60}", tags);
    (texts, any_kind(), secret, any::<bool>()).prop_map(
        |((issuer, account, note, tags), kind, secret, pinned)| {
            let mut details = Details::new(issuer, account, kind, Secret::from_bytes(secret).unwrap());
            details.set_tags(tags).unwrap();
            details.pinned = pinned;
            details.note = Note::new(&note).unwrap();
            details
        },
    )
}

/// What a file in `samples/` holds.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/").to_owned() + name;
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What a script in `samples/` says to `input`.
pub(crate) fn output(interpreter: &str, script: &str, args: &[&str], input: &str) -> String {
    use std::io::Write;
    let mut child = Command::new(interpreter)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/").to_owned() + script)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{interpreter} is needed by this test: {e}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{script} failed");
    String::from_utf8(output.stdout).unwrap()
}
