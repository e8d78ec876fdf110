//! The administrator's commands, run as programs on a directory.

mod support;

use std::{fs, os::unix::fs::PermissionsExt};

use countersign_protocol::{DeviceId, EnrolmentLink};
use support::{Gateway, program};

#[test]
fn a_gateway_is_set_up_once_and_never_overwritten() {
    let gateway = Gateway::plain();
    assert!(gateway.ok(&["check-config"]).contains("is valid"));
    let files = ["gateway.toml", "data/keys.json", "data/gateway.db"];
    for file in &files[1..] {
        let mode = fs::metadata(gateway.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} is for its owner alone");
    }
    for left in files {
        let before = fs::read(gateway.path(left)).unwrap();
        let ran = gateway.init(&["--behind-proxy"]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.err.contains("exists already"), "{ran:?}");
        assert_eq!(fs::read(gateway.path(left)).unwrap(), before);
        fs::remove_file(gateway.path(left)).unwrap();
    }
}

#[test]
fn init_without_a_way_to_end_tls_is_a_usage_error() {
    let gateway = Gateway::empty();
    assert_eq!(gateway.init(&[]).code, Some(2));
    assert_eq!(gateway.init(&["--tls-cert", "a.pem"]).code, Some(2));
    assert_eq!(
        gateway
            .init(&["--behind-proxy", "--tls-cert", "a.pem", "--tls-key", "b.pem"])
            .code,
        Some(2)
    );
    assert!(!gateway.config().exists());
}

#[test]
fn check_config_names_all_problems_with_their_keys() {
    let gateway = Gateway::plain();
    gateway.configure("[limits]", "[limits]\nwrong_codes = 11\ncolour = 1");
    let said = gateway.fails(&["check-config"]);
    assert!(
        said.contains("limits.wrong_codes: must be between 1 and 10"),
        "{said}"
    );
    assert!(said.contains("limits.colour: is not a setting"), "{said}");
}

#[test]
fn a_client_secret_is_printed_once_and_not_kept() {
    let gateway = Gateway::plain();
    let added = gateway.json(&[
        "client",
        "add",
        "bank",
        "--name",
        "Bank",
        "--callback-url",
        "https://bank.example/cb",
    ]);
    let secret = added["secret"].as_str().unwrap();
    assert!(secret.starts_with("cs_") && secret.len() == 46, "{secret}");
    assert!(!gateway.data_holds(secret));
    assert!(!gateway.data_holds(&secret[3..]));

    let listed = gateway.json(&["client", "list"]);
    assert_eq!(listed[0]["id"], "bank");
    assert_eq!(listed[0]["identity_provider"], false);
    assert_eq!(listed[0]["callback_urls"][0], "https://bank.example/cb");
    assert!(
        gateway
            .fails(&["client", "add", "bank", "--name", "Bank"])
            .contains("already")
    );
    gateway.ok(&["client", "remove", "bank"]);
    assert!(
        gateway
            .fails(&["client", "remove", "bank"])
            .contains("there is no client bank")
    );
}

#[test]
fn clients_that_could_not_be_shown_or_called_are_refused() {
    let gateway = Gateway::plain();
    for (arguments, why) in [
        (
            [
                "client",
                "add",
                "a b",
                "--name",
                "A",
                "--callback-url",
                "https://a.example",
            ],
            "cannot be an id",
        ),
        (
            [
                "client",
                "add",
                "a",
                "--name",
                "A\u{202e}B",
                "--callback-url",
                "https://a.example",
            ],
            "cannot be shown",
        ),
        (
            [
                "client",
                "add",
                "a",
                "--name",
                "A",
                "--callback-url",
                "http://a.example",
            ],
            "must be https",
        ),
    ] {
        let said = gateway.fails(&arguments);
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(gateway.json(&["client", "list"]), serde_json::json!([]));
}

#[test]
fn an_enrolment_link_is_printed_drawn_and_not_kept() {
    let gateway = Gateway::plain();
    let image = gateway.path("link.png");
    let arguments = [
        "enrolment",
        "create",
        "--user",
        "amelie",
        "--qr",
        "png",
        "--out",
        image.to_str().unwrap(),
        "--expires-in",
        "60",
    ];
    let made = gateway.json(&arguments);
    let link = EnrolmentLink::parse(made["link"].as_str().unwrap()).unwrap();
    assert_eq!(link.issuer.as_str(), support::ISSUER);
    assert!(!gateway.data_holds(link.code.as_str()));
    assert!(fs::read(&image).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(fs::metadata(&image).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(
        gateway.fails(&arguments).contains("link.png"),
        "an existing file is not overwritten"
    );

    let fingerprint = &gateway.json(&["keys", "list"])[0]["fingerprint"];
    assert_eq!(made["fingerprint"], *fingerprint);
    let drawn = gateway.ok(&["enrolment", "create", "--user", "amelie", "--qr", "terminal"]);
    assert!(drawn.contains('█') && drawn.contains("countersign://enroll?"));
    assert_eq!(gateway.json(&["user", "list"])[0]["user"], "amelie");
    for wrong in [
        &["--expires-in", "601"][..],
        &["--qr", "png"],
        &["--out", "a.png"],
    ] {
        let ran = gateway.run(&[&["enrolment", "create", "--user", "amelie"], wrong].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
}

#[test]
fn what_does_not_exist_is_named() {
    let gateway = Gateway::plain();
    let device = DeviceId::from_random([7; 16]).to_string();
    for arguments in [
        &["user", "show", "nobody"][..],
        &["user", "unlock", "nobody"],
        &["user", "revoke", "nobody"],
        &["device", "revoke", &device],
        &["keys", "retire", "nothing"],
    ] {
        let said = gateway.fails(arguments);
        assert!(said.contains(arguments[2]), "{arguments:?}: {said}");
    }
    assert_eq!(gateway.run(&["device", "revoke", "dev_short"]).code, Some(2));
    assert_eq!(gateway.json(&["device", "list"]), serde_json::json!([]));
}

#[test]
fn keys_are_rotated_listed_and_retired() {
    let gateway = Gateway::plain();
    let first = gateway.json(&["keys", "list"])[0]["kid"]
        .as_str()
        .unwrap()
        .to_owned();
    let rotated = gateway.json(&["keys", "rotate"]);
    assert_eq!(rotated[0]["active"], true);
    assert_eq!(rotated[1]["kid"], first.as_str());
    let active = rotated[0]["kid"].as_str().unwrap().to_owned();
    assert!(gateway.fails(&["keys", "retire", &active]).contains(&active));
    gateway.ok(&["keys", "retire", &first]);
    assert_eq!(gateway.json(&["keys", "list"]).as_array().unwrap().len(), 1);
    let log = gateway.ok(&["audit", "export"]);
    assert!(log.contains("keys.rotated") && log.contains(&first) && log.contains(&active));
}

#[test]
fn an_audit_export_verifies_until_somebody_changes_it() {
    let gateway = Gateway::plain();
    gateway.ok(&["client", "add", "bank", "--name", "Bank"]);
    let file = gateway.path("audit.jsonl");
    let path = file.to_str().unwrap();
    gateway.ok(&["audit", "export", "--out", path]);
    // No configuration is needed to verify.
    let verified = program(&["audit", "verify", path]).output().unwrap();
    assert!(verified.status.success());

    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().any(|line| line.contains("client.added")) && lines.len() >= 3);
    let tampered = [
        text.replace("\"bank\"", "\"tank\""),
        text.replacen(&format!("{}\n", lines[1]), "", 1),
    ];
    for changed in tampered {
        assert_ne!(changed, text);
        fs::write(&file, changed).unwrap();
        gateway.fails(&["audit", "verify", path]);
    }

    let head = gateway.json(&["audit", "verify"])["head"]
        .as_str()
        .unwrap()
        .to_owned();
    gateway.ok(&["audit", "verify", "--head", &head]);
    gateway.ok(&["client", "remove", "bank"]);
    assert!(
        gateway
            .fails(&["audit", "verify", "--head", &head])
            .contains("not with the hash given")
    );
}

#[test]
fn a_lost_database_is_not_made_anew() {
    let gateway = Gateway::plain();
    fs::remove_file(gateway.path("data/gateway.db")).unwrap();
    for arguments in [&["client", "list"][..], &["serve"]] {
        assert!(gateway.fails(arguments).contains("there is no database"));
    }
    assert!(!gateway.path("data/gateway.db").exists());
}

#[test]
fn keys_that_others_may_read_are_not_used() {
    let gateway = Gateway::plain();
    fs::set_permissions(gateway.path("data/keys.json"), fs::Permissions::from_mode(0o640)).unwrap();
    for arguments in [&["serve"][..], &["check-config"], &["keys", "list"]] {
        assert!(gateway.fails(arguments).contains("chmod 600"));
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    for arguments in [
        &[][..],
        &["dance"],
        &["client"],
        &["client", "add"],
        &["serve", "--quickly"],
    ] {
        assert_eq!(
            program(arguments).output().unwrap().status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    assert_eq!(program(&["--help"]).output().unwrap().status.code(), Some(0));
}
