//! Samples of every format; what is wrong in one entry is said of that entry.

mod formats;
mod hostile;

use std::collections::HashSet;

use super::*;
use crate::{
    Codes,
    entry::{Algorithm, Digits, EntryId, Kind, Period},
    testing,
    text::Note,
};

/// The password of every sample.
const PASSWORD: &str = "correct horse";

fn totp(algorithm: Algorithm, digits: u64, period: u64) -> Kind {
    Kind::Totp {
        algorithm,
        digits: Digits::new(digits).unwrap(),
        period: Period::new(period).unwrap(),
    }
}

fn bank() -> Details {
    testing::details(
        "Example Bank",
        "ada@example.com",
        Kind::TOTP,
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    )
}

/// With all that some formats say.
fn full_bank() -> Details {
    let mut bank = pinned_bank();
    bank.note = Note::new("two\nlines").unwrap();
    bank
}

fn pinned_bank() -> Details {
    let mut bank = tagged_bank();
    bank.pinned = true;
    bank
}

fn tagged_bank() -> Details {
    let mut bank = bank();
    bank.set_tags([testing::label("Work")]).unwrap();
    bank
}

fn cloud() -> Details {
    let kind = totp(Algorithm::Sha256, 8, 60);
    testing::details(
        "Müller Cloud",
        "ada:admin",
        kind,
        "MZXW6YTBOJRGC6RAMFXGI43FMNZGK5DT",
    )
}

fn door() -> Details {
    let kind = Kind::Hotp {
        algorithm: Algorithm::Sha512,
        digits: Digits::SIX,
        counter: 41,
    };
    testing::details("Door", "ada", kind, "JBSWY3DPEHPK3PXP")
}

fn steam() -> Details {
    testing::details("Steam", "ada", Kind::Steam, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

fn opened(name: &str) -> Found {
    match Import::read(&testing::sample(name)).unwrap_or_else(|e| panic!("{name}: {e}")) {
        Import::Found(found) => found,
        Import::Locked(locked) => locked.unlock(PASSWORD).unwrap_or_else(|e| panic!("{name}: {e}")),
    }
}

/// Why the only entry of a text cannot be kept.
fn opened_invalid(text: &str) -> Invalid {
    let Import::Found(found) = Import::read(text.as_bytes()).unwrap() else {
        panic!("it has no password");
    };
    let (_, invalid) = sorted(found);
    invalid.into_iter().next().unwrap().1
}

fn locked_sample(name: &str) -> Locked {
    match Import::read(&testing::sample(name)).unwrap() {
        Import::Locked(locked) => locked,
        Import::Found(_) => panic!("{name} is not encrypted"),
    }
}

/// The entries that can be kept, and the reasons of the others.
fn sorted(found: Found) -> (Vec<Details>, Vec<(String, Invalid)>) {
    let (mut valid, mut invalid) = (Vec::new(), Vec::new());
    for item in found.items {
        match item {
            Item::Valid(details) => valid.push(*details),
            Item::Invalid { name, reason } => invalid.push((name.to_string(), reason)),
        }
    }
    (valid, invalid)
}

fn check(name: &str, format: Format, expected: &[Details], old: Option<(&str, Invalid)>) {
    let found = opened(name);
    assert_eq!(found.format, format, "{name}");
    assert_eq!(found.missing_parts, 0, "{name}");
    let (valid, invalid) = sorted(found);
    assert_eq!(valid, expected, "{name}");
    let old: Vec<(String, Invalid)> = old
        .into_iter()
        .map(|(name, reason)| (name.to_owned(), reason))
        .collect();
    assert_eq!(invalid, old, "{name}");
}

fn algorithm(name: &str) -> Invalid {
    Invalid::Algorithm(testing::label(name))
}

fn kind(name: &str) -> Invalid {
    Invalid::Kind(testing::label(name))
}

fn refusal(input: impl AsRef<[u8]>) -> ImportError {
    Import::read(input.as_ref()).unwrap_err()
}

const ENCRYPTED: [(&str, Format); 9] = [
    ("aegis-encrypted.json", Format::Aegis),
    ("2fas-encrypted.2fas", Format::TwoFas),
    ("ente-encrypted.txt", Format::Ente),
    ("ente-encrypted-small.txt", Format::Ente),
    ("bitwarden-pbkdf2.json", Format::Bitwarden),
    ("bitwarden-argon2.json", Format::Bitwarden),
    ("proton-encrypted.json", Format::Proton),
    ("andotp.json.aes", Format::AndOtp),
    ("countersign.json", Format::Countersign),
];

#[test]
fn a_wrong_password_can_be_tried_again() {
    for (name, format) in ENCRYPTED {
        let locked = locked_sample(name);
        assert_eq!(locked.format(), format);
        for wrong in ["", &"x".repeat(100_000)] {
            let error = locked.unlock(wrong).unwrap_err();
            assert_eq!(error, ImportError::WrongPassword(format), "{name}");
        }
    }
}

#[test]
fn an_applied_import_is_a_duplicate_the_next_time() {
    let mut codes = Codes::default();
    codes.add(bank(), 1, &testing::rng()).unwrap();
    let found = opened("aegis.json");
    let preview = found.preview(&codes);
    assert_eq!((preview.new, preview.duplicate, preview.invalid), (3, 1, 1));
    assert_eq!(
        preview.standings,
        [
            Standing::Duplicate(codes.entries()[0].id),
            Standing::New,
            Standing::New,
            Standing::New,
            Standing::Invalid(kind("motp")),
        ]
    );
    let applied = found.apply(&mut codes, 1_800_000_000, &testing::rng()).unwrap();
    assert_eq!(
        (applied.added.len(), applied.duplicate, applied.invalid),
        (3, 1, 1)
    );
    let ids: Vec<EntryId> = codes.entries()[1..].iter().map(|entry| entry.id).collect();
    assert_eq!(applied.added, ids);
    assert_eq!(codes.entries()[1].added_at, 1_800_000_000);
    // Another app, other names, the same codes.
    let again = opened("freeotp-plus.json").preview(&codes);
    assert_eq!((again.new, again.duplicate), (0, 4));
}

#[test]
fn what_is_twice_in_a_file_is_added_once() {
    let link = "otpauth://totp/a?secret=MZXW6YTB\notpauth://totp/b?secret=mzxw6ytb\notpauth://totp/a?secret=MZXW6YTB&digits=8";
    let Import::Found(found) = Import::read(link.as_bytes()).unwrap() else {
        panic!("links have no password");
    };
    let standings = found.preview(&Codes::default()).standings;
    assert_eq!(standings, [Standing::New, Standing::Repeated(0), Standing::New]);
}

#[test]
fn an_import_that_does_not_fit_changes_nothing() {
    let mut codes = testing::many(MAX_ENTRIES as u32 - 2);
    let error = opened("aegis.json")
        .apply(&mut codes, 1, &testing::rng())
        .unwrap_err();
    assert_eq!(error, crate::ChangeError::Full);
    assert_eq!(codes.entries().len(), MAX_ENTRIES - 2);
}
