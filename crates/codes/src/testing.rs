//! What the tests of several modules need.

use std::process::{Command, Stdio};

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
