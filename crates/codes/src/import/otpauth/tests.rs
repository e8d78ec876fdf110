//! Links as apps write them, and what is wrong with some.

use proptest::prelude::*;

use super::*;
use crate::import::Field;
use crate::{
    entry::{Algorithm, Digits, Kind, Period},
    export,
    secret::SecretError,
    testing,
    text::Label,
};

fn read(link: &str) -> Details {
    parse(link).unwrap_or_else(|e| panic!("{link}: {e}"))
}

fn names(link: &str) -> (String, String) {
    let details = read(link);
    (details.issuer.to_string(), details.account.to_string())
}

#[test]
fn a_full_link_is_read() {
    let details = read(
        "otpauth://totp/ACME%20Co:john.doe@email.com?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ&issuer=ACME%20Co&algorithm=SHA512&digits=8&period=60",
    );
    assert_eq!(details.issuer.as_str(), "ACME Co");
    assert_eq!(details.account.as_str(), "john.doe@email.com");
    assert_eq!(
        details.secret.to_base32().as_str(),
        "HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ"
    );
    assert_eq!(
        details.kind,
        Kind::Totp {
            algorithm: Algorithm::Sha512,
            digits: Digits::new(8).unwrap(),
            period: Period::new(60).unwrap(),
        }
    );
}

#[test]
fn what_is_missing_has_its_usual_value() {
    for link in [
        "otpauth://totp/x?secret=MZXW6YTB",
        "OTPAUTH://TOTP/x?SECRET=mzxw6ytb&algorithm=&digits=&period=",
        "otpauth://totp/x?secret=MZXW%206YTB&algorithm=HmacSHA1&image=https%3A%2F%2Fx.example%2Fi.png&lock=false",
        "  otpauth://totp/x?secret=MZXW6YTB%3D%3D%3D%3D%3D%3D\n",
        "otpauth://totp/x?secret=mzxw-6ytb&algorithm=sha-1",
    ] {
        let details = read(link);
        assert_eq!(details.kind, Kind::TOTP, "{link}");
        assert_eq!(details.secret.expose(), b"fooba", "{link}");
    }
}

#[test]
fn issuer_and_account_are_found_as_apps_write_them() {
    let secret = "?secret=MZXW6YTB";
    for (label, issuer, expected) in [
        ("ACME:ada", "", ("ACME", "ada")),
        ("ACME%3Aada", "", ("ACME", "ada")),
        ("ACME:%20ada", "&issuer=ACME", ("ACME", "ada")),
        ("ada", "&issuer=ACME", ("ACME", "ada")),
        ("acme:ada", "&issuer=ACME", ("ACME", "ada")),
        // Another prefix than the issuer belongs to the account.
        ("realm:ada", "&issuer=ACME", ("ACME", "realm:ada")),
        ("ada", "", ("", "ada")),
        ("", "", ("", "")),
        ("M%C3%BCller:%F0%9F%8F%A6", "", ("Müller", "🏦")),
        ("a+b@example.com", "&issuer=A+B", ("A B", "a+b@example.com")),
        ("100%", "&issuer=50%25", ("50%", "100%")),
        ("a/b#c", "", ("", "a/b#c")),
        ("a%00%0Ab", "", ("", "a b")),
    ] {
        let link = format!("otpauth://totp/{label}{secret}{issuer}");
        let (i, a) = names(&link);
        assert_eq!((i.as_str(), a.as_str()), expected, "{link}");
    }
}

#[test]
fn a_counter_is_read() {
    let kind = |link| read(link).kind;
    let hotp = |counter| Kind::Hotp {
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        counter,
    };
    assert_eq!(kind("otpauth://hotp/x?secret=MZXW6YTB&counter=41"), hotp(41));
    assert_eq!(kind("otpauth://hotp/x?secret=MZXW6YTB"), hotp(0));
    assert_eq!(
        kind("otpauth://hotp/x?secret=MZXW6YTB&counter=18446744073709551615"),
        hotp(u64::MAX)
    );
}

#[test]
fn steam_is_known_in_every_spelling() {
    for link in [
        "steam://MZXW6YTB",
        "otpauth://steam/Steam:ada?secret=MZXW6YTB&issuer=Steam&algorithm=sha1&digits=5&period=30",
        "otpauth://totp/Steam:ada?secret=MZXW6YTB&digits=5",
        "otpauth://totp/ada?secret=MZXW6YTB&issuer=Steam&digits=5",
        "otpauth://totp/ada?secret=MZXW6YTB&encoder=steam",
    ] {
        assert_eq!(read(link).kind, Kind::Steam, "{link}");
    }
    assert_eq!(read("otpauth://totp/Steam:ada?secret=MZXW6YTB").kind, Kind::TOTP);
}

#[test]
fn what_ente_adds_is_understood() {
    let display = "%7B%22pinned%22%3Atrue%2C%22trashed%22%3Afalse%2C%22tags%22%3A%5B%22Work%22%5D%2C%22note%22%3A%22two%5Cnlines%22%7D";
    let details = read(&format!(
        "otpauth://totp/a:b?secret=MZXW6YTB&codeDisplay={display}"
    ));
    assert!(details.pinned);
    assert_eq!(details.tags(), [testing::label("Work")]);
    assert_eq!(details.note.as_str(), "two\nlines");
    let trashed = "otpauth://totp/a:b?secret=MZXW6YTB&codeDisplay=%7B%22trashed%22%3Atrue%7D";
    assert_eq!(parse(trashed), Err(Invalid::InTrash));
}

#[test]
fn what_is_wrong_is_said() {
    let long = "x".repeat(5000);
    let label = |text: &str| Label::new(text).unwrap();
    for (link, expected) in [
        ("https://example.com/", Invalid::NotALink),
        ("otpauth", Invalid::NotALink),
        ("otpauth://", Invalid::NoSecret),
        ("otpauth://totp/x", Invalid::NoSecret),
        ("otpauth://totp/x?secret=", Invalid::NoSecret),
        (
            "otpauth://totp/x?secret=0189",
            Invalid::Secret(SecretError::NotBase32),
        ),
        ("otpauth://totp/x?secret=A", Invalid::Secret(SecretError::Empty)),
        (
            "otpauth://totp/x?secret=MZXW6YTB&secret=JBSWY3DP",
            Invalid::Twice("secret"),
        ),
        (
            "otpauth://totp/x?secret=MZXW6YTB&issuer=a&ISSUER=b",
            Invalid::Twice("issuer"),
        ),
        (
            "otpauth://pipush/x?secret=MZXW6YTB",
            Invalid::Kind(label("pipush")),
        ),
        (
            "otpauth://totp/x?secret=MZXW6YTB&algorithm=MD5",
            Invalid::Algorithm(label("MD5")),
        ),
        ("otpauth://totp/x?secret=MZXW6YTB&digits=5", Invalid::Digits(5)),
        ("otpauth://totp/x?secret=MZXW6YTB&digits=11", Invalid::Digits(11)),
        (
            "otpauth://totp/x?secret=MZXW6YTB&digits=-6",
            Invalid::WrongType("digits"),
        ),
        ("otpauth://totp/x?secret=MZXW6YTB&period=0", Invalid::Period(0)),
        (
            "otpauth://totp/x?secret=MZXW6YTB&period=99999999999999999999",
            Invalid::WrongType("period"),
        ),
        (
            "otpauth://hotp/x?secret=MZXW6YTB&counter=1e3",
            Invalid::WrongType("counter"),
        ),
        ("otpauth://totp/%ff?secret=MZXW6YTB", Invalid::BadLink),
        (
            "otpauth://totp/x?secret=MZXW6YTB&codeDisplay=x",
            Invalid::WrongType("codeDisplay"),
        ),
        (
            &format!("otpauth://totp/{long}?secret=MZXW6YTB"),
            Invalid::TooLong {
                field: Field::Account,
                limit: 256,
            },
        ),
    ] {
        assert_eq!(parse(link), Err(expected), "{link}");
    }
}

#[test]
fn a_name_for_messages_never_has_the_secret() {
    assert_eq!(
        name("otpauth://totp/M%C3%BCller:ada?secret=MZXW6YTB").as_str(),
        "Müller:ada"
    );
    for link in [
        "otpauth://totp?secret=MZXW6YTB",
        "steam://MZXW6YTB",
        "MZXW6YTB",
        "otpauth:MZXW6YTB",
    ] {
        assert_eq!(name(link).as_str(), "");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        issuer in testing::any_label(),
        account in testing::any_label(),
        kind in testing::any_kind(),
        secret in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let secret = crate::Secret::from_bytes(secret).unwrap();
        let details = Details::new(issuer, account, kind, secret);
        let link = export::link(&details);
        prop_assert!(link.is_ascii());
        prop_assert_eq!(parse(&link), Ok(details));
    }

    #[test]
    fn no_text_is_a_panic(text in "(otpauth|steam)://(totp|hotp|steam)?/?\\PC{0,40}[?]?((secret|digits|issuer|codeDisplay)=[A-Z2-7%+{}\":]{0,9}&?){0,4}") {
        let _ = parse(&text);
        let _ = name(&text);
    }
}
