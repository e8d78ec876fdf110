//! What is no export, damaged or made to hurt.

use super::*;

#[test]
fn what_is_no_export_is_told_apart() {
    assert_eq!(refusal(b""), ImportError::Empty);
    assert_eq!(refusal("\u{feff} \r\n"), ImportError::Empty);
    assert_eq!(refusal(b"hello\nworld"), ImportError::Unknown);
    assert_eq!(refusal(b"\x89PNG\r\n\x1a\n"), ImportError::Picture);
    assert_eq!(refusal(b"PK\x03\x04\xff\xff"), ImportError::Archive);
    assert_eq!(refusal(b"\xff\xfe\x00"), ImportError::Unknown);
    assert_eq!(refusal([0xff; 100_000]), ImportError::Unknown);
    assert_eq!(refusal(b"{"), ImportError::Json);
    assert_eq!(refusal(b"{}"), ImportError::Unknown);
    assert_eq!(refusal(b"[]"), ImportError::Nothing);
    assert_eq!(refusal(b"[1]"), ImportError::Unknown);
    assert_eq!(refusal(b"# nothing but a remark"), ImportError::Nothing);
    assert_eq!(
        refusal(br#"{"encrypted":false,"items":[]}"#),
        ImportError::Nothing
    );
}

#[test]
fn newer_versions_are_told_from_damage() {
    for (text, format) in [
        (r#"{"version":2,"header":{},"db":{}}"#, Format::Aegis),
        (
            r#"{"version":1,"header":{},"db":{"version":4,"entries":[]}}"#,
            Format::Aegis,
        ),
        (r#"{"schemaVersion":5,"services":[]}"#, Format::TwoFas),
        (r#"{"version":2,"kdfParams":{},"encryptedData":""}"#, Format::Ente),
        (r#"{"version":2,"entries":[]}"#, Format::Proton),
        (
            r#"{"format":"countersign-codes","version":2}"#,
            Format::Countersign,
        ),
        (
            r#"{"encrypted":true,"passwordProtected":true,"salt":"0123456789","kdfType":2}"#,
            Format::Bitwarden,
        ),
    ] {
        assert_eq!(refusal(text), ImportError::Version(format), "{text}");
    }
}

#[test]
fn a_password_that_would_take_for_ever_is_not_asked_for() {
    let scrypt = String::from_utf8(testing::sample("aegis-encrypted.json")).unwrap();
    let argon2 = String::from_utf8(testing::sample("bitwarden-argon2.json")).unwrap();
    let pbkdf2 = String::from_utf8(testing::sample("bitwarden-pbkdf2.json")).unwrap();
    let ente = String::from_utf8(testing::sample("ente-encrypted.txt")).unwrap();
    let own = String::from_utf8(testing::sample("countersign.json")).unwrap();
    for (text, from, to, format) in [
        (&scrypt, "\"n\": 32768", "\"n\": 1073741824", Format::Aegis),
        (&scrypt, "\"p\": 1", "\"p\": 4294967295", Format::Aegis),
        (
            &argon2,
            "\"kdfMemory\": 64",
            "\"kdfMemory\": 9007199254740991",
            Format::Bitwarden,
        ),
        (
            &argon2,
            "\"kdfIterations\": 3",
            "\"kdfIterations\": 4294967295",
            Format::Bitwarden,
        ),
        (&pbkdf2, "600000", "2000001", Format::Bitwarden),
        (
            &ente,
            "\"memLimit\": 67108864",
            "\"memLimit\": 1099511627776",
            Format::Ente,
        ),
        (&ente, "\"opsLimit\": 2", "\"opsLimit\": 4294967295", Format::Ente),
        (
            &own,
            "\"memory_kib\": 65536",
            "\"memory_kib\": 4294967295",
            Format::Countersign,
        ),
    ] {
        assert!(text.contains(from), "{from}");
        assert_eq!(
            refusal(text.replace(from, to)),
            ImportError::TooCostly(format),
            "{to}"
        );
    }
}

#[test]
fn fifty_megabytes_are_not_looked_at() {
    assert_eq!(refusal(vec![b'['; 50 * 1024 * 1024]), ImportError::TooLarge);
    assert_eq!(refusal(vec![b' '; MAX_INPUT + 1]), ImportError::TooLarge);
    assert_eq!(refusal(vec![b' '; MAX_INPUT]), ImportError::Empty);
}

#[test]
fn nesting_and_floods_end_in_an_error() {
    let floods: [(&str, &str, &str); 8] = [
        ("", "[", ""),
        ("", "[]", ""),
        ("[", "{},", "{}]"),
        ("[", "0,", "0]"),
        ("[", r#"{"a":0},"#, "0]"),
        ("", r#"{"a":"#, ""),
        ("", "\"", ""),
        ("{\"", "a", "\":1"),
    ];
    for (start, flood, end) in floods {
        let text = format!("{start}{}{end}", flood.repeat((MAX_INPUT - 8) / flood.len()));
        let error = refusal(&text);
        assert!(
            matches!(error, ImportError::Json | ImportError::Unknown),
            "{error:?}"
        );
    }
    assert_eq!(
        refusal("otpauth://totp/a?secret=MZXW6YTB\n".repeat(MAX_ENTRIES + 1)),
        ImportError::TooMany
    );
}

/// Memory that cannot be had ends the process, so the limit is one for a process of its own.
#[cfg(target_os = "linux")]
#[test]
fn floods_fit_into_384_mib() {
    let status = std::process::Command::new("sh")
        .args(["-c", r#"ulimit -v 393216 && exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "import::tests::nesting_and_floods_end_in_an_error"])
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn ten_thousand_entries_in_as_many_groups_are_read_and_one_more_is_refused() {
    let file = |count: usize| {
        let list = |item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(",");
        let entries = list(&|i| {
            format!(
                r#"{{"type":"steam","groups":["{i}"],"info":{{"secret":"{}"}}}}"#,
                "A".repeat(2 + 8 * (i % 50))
            )
        });
        let groups = list(&|i| format!(r#"{{"uuid":"{i}","name":"group {i}"}}"#));
        format!(
            r#"{{"version":1,"header":{{}},"db":{{"version":3,"entries":[{entries}],"groups":[{groups}]}}}}"#
        )
    };
    let Import::Found(found) = Import::read(file(MAX_ENTRIES).as_bytes()).unwrap() else {
        panic!("it has no password");
    };
    let preview = found.preview(&Codes::default());
    assert_eq!((preview.new, preview.duplicate), (50, MAX_ENTRIES - 50));
    let (valid, _) = sorted(found);
    assert_eq!(valid[9_999].tags(), [testing::label("group 9999")]);
    assert_eq!(refusal(file(MAX_ENTRIES + 1)), ImportError::TooMany);
}

#[test]
fn one_huge_field_spoils_one_entry() {
    let huge = "A".repeat(4 * 1024 * 1024);
    let text = format!(
        r#"[{{"type":"TOTP","secret":"{huge}","issuer":"a","label":"b"}},
            {{"type":"TOTP","secret":"MZXW6YTB","issuer":"{huge}","label":"b"}},
            {{"type":"{huge}","secret":"MZXW6YTB","issuer":"c"}},
            {{"type":"TOTP","secret":"MZXW6YTB","issuer":"d"}}]"#
    );
    let Import::Found(found) = Import::read(text.as_bytes()).unwrap() else {
        panic!("it has no password");
    };
    let (valid, invalid) = sorted(found);
    assert_eq!(valid.len(), 1);
    assert_eq!(
        invalid,
        [
            ("a".to_owned(), Invalid::Secret(SecretError::TooLong)),
            (
                "A".repeat(64),
                Invalid::TooLong {
                    field: Field::Issuer,
                    limit: 256
                }
            ),
            ("c".to_owned(), kind(&"A".repeat(16))),
        ]
    );
}

#[test]
fn wrong_types_spoil_one_entry_each() {
    let text = r#"[{"type":"TOTP","secret":1},{"type":{},"secret":"MZXW6YTB"},{"type":"TOTP","secret":"MZXW6YTB","digits":"six"},
        {"type":"TOTP","secret":"MZXW6YTB","period":-30},{"type":"TOTP","secret":"MZXW6YTB","issuer":[]},
        {"type":"HOTP","secret":"MZXW6YTB","counter":1.5},{"type":"TOTP","secret":""},{"type":"TOTP"},null,7,
        {"type":"TOTP","secret":"MZXW6YTB","tags":7,"thumbnail":{"a":[1]}}]"#;
    let Import::Found(found) = Import::read(text.as_bytes()).unwrap() else {
        panic!("it has no password");
    };
    let (valid, invalid) = sorted(found);
    assert_eq!(valid.len(), 1);
    let reasons: Vec<Invalid> = invalid.into_iter().map(|(_, reason)| reason).collect();
    let wrong = Invalid::WrongType;
    assert_eq!(
        reasons,
        [
            wrong("secret"),
            wrong("type"),
            wrong("digits"),
            wrong("period"),
            wrong("issuer"),
            wrong("counter"),
            Invalid::NoSecret,
            Invalid::NoSecret,
            Invalid::NoSecret,
            Invalid::NoSecret,
        ]
    );
}

/// Every member of every sample, once missing, once null and once of another type: no panic, and no success with less
/// than was there.
#[test]
fn damaged_members_never_panic() {
    let samples = [
        "aegis.json",
        "aegis-encrypted.json",
        "2fas.2fas",
        "2fas-encrypted.2fas",
        "ente-encrypted-small.txt",
        "bitwarden.json",
        "bitwarden-pbkdf2.json",
        "bitwarden-argon2.json",
        "proton.json",
        "proton-encrypted.json",
        "andotp.json",
        "freeotp-plus.json",
        "raivo-otp-export.json",
        "countersign.json",
    ];
    let mut outcomes = HashSet::new();
    for name in samples {
        let whole: serde_json::Value = serde_json::from_slice(&testing::sample(name)).unwrap();
        let mut paths = Vec::new();
        pointers(&whole, "", &mut paths);
        for path in paths {
            for other in [
                "null", "-1", "1e300", "\"\"", "\"ä\"", "[]", "{}", "true", "[[[1]]]",
            ] {
                let mut damaged = whole.clone();
                *damaged.pointer_mut(&path).unwrap() = serde_json::from_str(other).unwrap();
                match Import::read(damaged.to_string().as_bytes()) {
                    Ok(Import::Found(found)) => assert!(!found.items.is_empty()),
                    Ok(Import::Locked(locked)) => assert_eq!(locked.format(), locked_sample(name).format()),
                    Err(error) => {
                        outcomes.insert(std::mem::discriminant(&error));
                    }
                }
            }
        }
    }
    assert!(outcomes.len() >= 5, "many kinds of damage are told apart");
}

fn pointers(value: &serde_json::Value, at: &str, paths: &mut Vec<String>) {
    if !at.is_empty() {
        paths.push(at.to_owned());
    }
    match value {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                pointers(value, &format!("{at}/{name}"), paths);
            }
        }
        serde_json::Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), paths);
            }
        }
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

#[test]
fn cut_off_files_never_open() {
    for (name, format) in ENCRYPTED {
        let whole = testing::sample(name);
        let mut last = None;
        for length in (0..whole.len()).step_by(whole.len() / 40) {
            if let Ok(Import::Locked(locked)) = Import::read(&whole[..length]) {
                last = Some(locked);
            }
        }
        // Only andOTP's has no end by which to see that it is missing.
        assert_eq!(last.is_some(), format == Format::AndOtp, "{name}");
        if let Some(locked) = last {
            assert_eq!(
                locked.unlock(PASSWORD).unwrap_err(),
                ImportError::WrongPassword(format)
            );
        }
    }
}

#[test]
fn no_error_repeats_a_secret() {
    let text = "otpauth://totp/a?secret=CANARYCANARY&digits=99\notpauth://totp/b?secret=CANARYCANARY1\notpauth://hotp/c?secret=CANARYCANARY&secret=CANARYCANARY";
    let Import::Found(found) = Import::read(text.as_bytes()).unwrap() else {
        panic!("links have no password");
    };
    for item in &found.items {
        let Item::Invalid { name, reason } = item else {
            panic!("all are invalid");
        };
        assert!(!format!("{name} {reason} {reason:?}").contains("CANARY"));
    }
    let locked = locked_sample("aegis-encrypted.json");
    assert_eq!(format!("{locked:?}"), "Locked { format: Aegis, .. }");
    assert!(!format!("{:?}", opened("links.txt")).contains("GEZDGNBV"));
}
