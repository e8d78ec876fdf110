//! What every format holds.

use super::*;

#[test]
fn links_are_read() {
    let old = Some(("Old:ada", algorithm("MD5")));
    check(
        "links.txt",
        Format::Links,
        &[bank(), cloud(), door(), steam()],
        old,
    );
}

#[test]
fn google_authenticator_is_read() {
    // It knows no period.
    let mut cloud = cloud();
    cloud.kind = totp(Algorithm::Sha256, 8, 30);
    let all = [bank(), cloud, door()];
    check(
        "google.txt",
        Format::Links,
        &all,
        Some(("Old:ada", algorithm("MD5"))),
    );
    check("google-batch.txt", Format::Links, &all, None);
    let part = opened("google-batch-part.txt");
    assert_eq!((part.items.len(), part.missing_parts), (2, 1));
}

#[test]
fn a_code_scanned_twice_counts_once() {
    let part = testing::sample("google-batch-part.txt");
    let twice = [part.clone(), part].concat();
    let Import::Found(found) = Import::read(&twice).unwrap() else {
        panic!("links have no password");
    };
    assert_eq!((found.items.len(), found.missing_parts), (2, 1));
}

#[test]
fn aegis_is_read() {
    let all = [full_bank(), cloud(), door(), steam()];
    for name in ["aegis.json", "aegis-encrypted.json"] {
        check(name, Format::Aegis, &all, Some(("Old", kind("motp"))));
    }
    check("aegis-v2.json", Format::Aegis, &[tagged_bank()], None);
}

#[test]
fn two_fas_is_read() {
    let all = [tagged_bank(), cloud(), door(), steam()];
    for name in ["2fas.2fas", "2fas-encrypted.2fas"] {
        check(name, Format::TwoFas, &all, Some(("Old", algorithm("SHA384"))));
    }
}

#[test]
fn ente_is_read() {
    let all = [full_bank(), cloud(), door(), steam()];
    let old = Some(("Old:ada", Invalid::InTrash));
    check("ente.txt", Format::Links, &all, old.clone());
    for name in ["ente-encrypted.txt", "ente-encrypted-small.txt"] {
        check(name, Format::Ente, &all, old.clone());
    }
}

#[test]
fn bitwarden_is_read() {
    let all = [pinned_bank(), cloud(), door(), steam()];
    for name in ["bitwarden.json", "bitwarden-pbkdf2.json", "bitwarden-argon2.json"] {
        check(name, Format::Bitwarden, &all, Some(("Old", algorithm("MD5"))));
    }
    assert_eq!(
        refusal(testing::sample("bitwarden-account.json")),
        ImportError::AccountBound
    );
}

#[test]
fn proton_is_read() {
    let mut bank = bank();
    bank.note = Note::new("two\nlines").unwrap();
    for name in ["proton.json", "proton-encrypted.json"] {
        check(
            name,
            Format::Proton,
            &[bank.clone(), cloud(), steam()],
            Some(("ada", algorithm("MD5"))),
        );
    }
}

#[test]
fn andotp_is_read() {
    let all = [tagged_bank(), cloud(), door(), steam()];
    for name in ["andotp.json", "andotp.json.aes"] {
        check(name, Format::AndOtp, &all, Some(("Old", kind("MOTP"))));
    }
}

#[test]
fn freeotp_plus_is_read() {
    let all = [bank(), cloud(), door(), steam()];
    check(
        "freeotp-plus.json",
        Format::FreeOtpPlus,
        &all,
        Some(("Old", algorithm("SHA224"))),
    );
}

#[test]
fn a_counter_that_freeotp_plus_never_used_begins_at_zero() {
    let token =
        |counter: &str| format!(r#"{{"tokens":[{{"type":"HOTP","secret":[1,-1],"counter":{counter}}}]}}"#);
    for (counter, next) in [("-1", 0), ("0", 1), ("41", 42)] {
        let Import::Found(found) = Import::read(token(counter).as_bytes()).unwrap() else {
            panic!("it has no password");
        };
        let (valid, _) = sorted(found);
        assert_eq!(valid[0].shown_at(0), crate::Shown::OnRequest { counter: next });
    }
    assert_eq!(opened_invalid(&token("-2")), Invalid::WrongType("counter"));
}

#[test]
fn raivo_is_read() {
    let mut bank = bank();
    bank.pinned = true;
    let all = [bank, cloud(), door()];
    check(
        "raivo-otp-export.json",
        Format::Raivo,
        &all,
        Some(("Old", algorithm("MD5"))),
    );
}

#[test]
fn our_own_export_is_read_when_another_program_wrote_it() {
    check(
        "countersign.json",
        Format::Countersign,
        &[full_bank(), cloud(), door(), steam()],
        None,
    );
}
