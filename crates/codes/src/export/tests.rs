//! Exports are read back by the import, and by another program's own code.

use super::*;
use crate::{
    entry::Entry,
    import::{Found, Import, Item},
    testing,
};

fn unlocked(file: &[u8], password: &str) -> Found {
    match Import::read(file).unwrap() {
        Import::Locked(locked) => locked.unlock(password).unwrap(),
        Import::Found(_) => panic!("it should be encrypted"),
    }
}

fn details(entries: &[Entry]) -> Vec<Details> {
    entries.iter().map(|entry| entry.details.clone()).collect()
}

fn valid(found: Found) -> Vec<Details> {
    found
        .items
        .into_iter()
        .map(|item| match item {
            Item::Valid(details) => *details,
            Item::Invalid { name, reason } => panic!("{name}: {reason}"),
        })
        .collect()
}

/// Without what links and some formats have no place for.
fn bare(details: Vec<Details>) -> Vec<Details> {
    details
        .into_iter()
        .map(|d| Details::new(d.issuer, d.account, d.kind, d.secret))
        .collect()
}

#[test]
fn an_encrypted_export_restores_everything() {
    let codes = testing::codes();
    let file = encrypted(&codes, "pässword", &testing::rng()).unwrap();
    let found = unlocked(&file, "pässword");
    let mut restored = Codes::default();
    found.apply(&mut restored, 1, &testing::rng()).unwrap();
    assert_eq!(details(restored.entries()), details(codes.entries()));
}

#[test]
fn the_largest_export_can_be_imported() {
    let mut codes = testing::many(10_000);
    let ids: Vec<crate::EntryId> = codes.entries().iter().take(230).map(|entry| entry.id).collect();
    for id in ids {
        let note = crate::Note::new(&"🏦".repeat(crate::Note::MAX)).unwrap();
        codes.edit(id, |details| details.note = note).unwrap();
    }
    for file in [
        encrypted(&codes, "x", &testing::rng()).unwrap(),
        aegis(&codes, "x", &testing::rng()).unwrap(),
    ] {
        assert_eq!(valid(unlocked(&file, "x")), details(codes.entries()));
    }
}

#[test]
fn an_aegis_export_restores_everything() {
    let codes = testing::codes();
    let file = aegis(&codes, "pässword", &testing::rng()).unwrap();
    assert_eq!(valid(unlocked(&file, "pässword")), details(codes.entries()));
}

#[test]
fn another_program_opens_the_aegis_export() {
    let file = aegis(&testing::codes(), "pässword", &testing::rng()).unwrap();
    let file = String::from_utf8(file).unwrap();
    let read = testing::output("node", "read-aegis.mjs", &["pässword"], &file);
    assert_eq!(
        read.lines().collect::<Vec<_>>(),
        [
            "totp|Beispiel-Bank Köln|ada@example.com|SHA1|6|30|GEZDGNBVGY3TQOJQ|Arbeit+Geld|true",
            "totp|Cloud|ada:admin|SHA512|8|60|MZXW6YTBOJRGC6RAMFXGI43FMNZGK5DT||false",
            "hotp|Door||SHA256|6|41|JBSWY3DPEHPK3PXP||false",
            "steam|Steam|ada|SHA1|5|30|ABCDEFGHIJKLMNOPQRSTUVWXYZ234567||false",
        ]
    );
}

#[test]
fn links_restore_what_links_can_say() {
    let codes = testing::codes();
    let Import::Found(found) = Import::read(links(&codes).as_bytes()).unwrap() else {
        panic!("links have no password");
    };
    assert_eq!(valid(found), bare(details(codes.entries())));
}

#[test]
fn two_exports_share_neither_salt_nor_nonce() {
    let codes = testing::codes();
    let once = || encrypted(&codes, "x", &testing::rng()).unwrap();
    let member = |file: &[u8], path: &str| {
        let json: serde_json::Value = serde_json::from_slice(file).unwrap();
        json.pointer(path).unwrap().to_string()
    };
    let (a, b) = (once(), once());
    for path in ["/kdf/salt", "/cipher/nonce", "/content"] {
        assert_ne!(member(&a, path), member(&b, path), "{path}");
    }
    assert_eq!(a.len(), b.len());
}

#[test]
fn nothing_of_the_entries_is_readable_in_what_is_encrypted() {
    let codes = testing::codes();
    for file in [
        encrypted(&codes, "x", &testing::rng()).unwrap(),
        aegis(&codes, "x", &testing::rng()).unwrap(),
    ] {
        let text = String::from_utf8(file).unwrap();
        for word in ["Beispiel", "ada@example.com", "GEZDGNBV", "Arbeit"] {
            assert!(!text.contains(word), "{word}");
        }
    }
}

#[test]
fn changed_parameters_are_noticed() {
    let file = encrypted(&testing::codes(), "x", &testing::rng()).unwrap();
    let text = String::from_utf8(file).unwrap();
    for (from, to) in [
        ("\"passes\": 3", "\"passes\": 4"),
        ("\"lanes\": 1", "\"lanes\": 2"),
    ] {
        assert!(text.contains(from));
        let Import::Locked(locked) = Import::read(text.replace(from, to).as_bytes()).unwrap() else {
            panic!("it should be encrypted");
        };
        assert!(locked.unlock("x").is_err());
    }
}

#[test]
fn no_password_is_no_export() {
    let codes = testing::codes();
    assert!(matches!(
        encrypted(&codes, "", &testing::rng()),
        Err(ExportError::NoPassword)
    ));
    assert!(matches!(
        aegis(&codes, "", &testing::rng()),
        Err(ExportError::NoPassword)
    ));
}

/// What leaves here makes the same codes elsewhere.
#[test]
fn oathtool_makes_the_same_codes_from_our_links() {
    let codes = testing::codes();
    for (line, entry) in links(&codes).lines().zip(codes.entries()) {
        let parameter = |name: &str| {
            let start = line.find(&format!("{name}=")).unwrap() + name.len() + 1;
            line[start..].split('&').next().unwrap().to_owned()
        };
        let (mode, ours) = match entry.details.shown_at(1_800_000_000_000) {
            crate::Shown::Timed(timed) if entry.details.kind != Kind::Steam => (
                vec![
                    format!("--totp={}", parameter("algorithm").to_lowercase()),
                    format!("--time-step-size={}s", parameter("period")),
                    "--now=@1800000000".to_owned(),
                ],
                timed.code,
            ),
            // oathtool has neither Steam nor HOTP with SHA-256.
            crate::Shown::Timed(_) | crate::Shown::OnRequest { .. } => continue,
        };
        let theirs = std::process::Command::new("oathtool")
            .args(mode)
            .arg(format!("--digits={}", parameter("digits")))
            .args(["--base32", &parameter("secret")])
            .output()
            .expect("this test needs oathtool");
        assert_eq!(
            String::from_utf8_lossy(&theirs.stdout).trim_end(),
            ours.as_str(),
            "{line}"
        );
    }
}
