//! A schema-driven fuzzer (schemathesis) against a running gateway: whatever it sends, the answers are those that
//! `/openapi.json` promises, and none is a server error.
//!
//! It needs Python 3 with `venv` and, the first time, the package index. What it installs goes to
//! `${XDG_CACHE_HOME:-~/.cache}/countersign`. Run it with
//! `cargo test -p countersign-gateway --test openapi -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use support::{Gateway, enrolment};

/// Where the fuzzer's settings are: as cargo says now, since a target directory may be shared by two clones.
fn directory() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).join("tests/openapi")
}

/// Cases for each operation: a bounded run, and the same one each time.
const BOUNDS: [&str; 8] = [
    "--workers",
    "4",
    "--max-examples",
    "40",
    "--seed",
    "20261122",
    "--request-timeout",
    "65",
];

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn the_running_server_keeps_to_its_schema() {
    let gateway = Gateway::plain();
    // The fuzzer is one user who asks a lot.
    gateway.configure("#requests_per_minute = 10", "requests_per_minute = 600");
    gateway.configure("#pending_per_user = 5", "pending_per_user = 50");
    // Whoever waits for the end of an approval waits at most this long.
    gateway.configure("#expires_default = 120", "expires_default = 10");
    gateway.configure("#expires_max = 600", "expires_max = 10");
    let callback = "https://idp.example.com/countersign/callback";
    let added = gateway.json(&[
        "client",
        "add",
        "idp",
        "--name",
        "IdP",
        "--identity-provider",
        "--callback-url",
        callback,
    ]);
    let link = gateway.json(&["enrolment", "create", "--user", "amelie"])["link"]
        .as_str()
        .unwrap()
        .to_owned();
    let serving = gateway.serve();
    let base = format!("http://{}", serving.address);
    let enrolled = gateway
        .client()
        .post(format!("{base}/v1/device/enrolment"))
        .json(&enrolment(&link))
        .send()
        .await
        .unwrap();
    assert_eq!(enrolled.status(), 201);

    let status = Command::new(schemathesis())
        .args([
            "--config-file",
            &directory().join("schemathesis.toml").display().to_string(),
            "run",
            &format!("{base}/openapi.json"),
        ])
        .args(["--url", &base, "--header"])
        .arg(format!(
            "Authorization: Bearer {}",
            added["secret"].as_str().unwrap()
        ))
        .args(BOUNDS)
        .current_dir(gateway.directory.path())
        .status()
        .unwrap();
    assert!(status.success(), "schemathesis found something");
    let (status, log) = serving.stop();
    assert!(status.success(), "{log}");
    // The fuzzer got as far as asking somebody.
    let asked = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["route"] == "/v1/approvals" && line["status"] == 201
    };
    assert!(
        log.lines().any(asked),
        "no approval was accepted: the examples do not fit the gateway set up here"
    );
}

/// The fuzzer, installed as pinned.
fn schemathesis() -> PathBuf {
    let requirements = directory().join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).unwrap();
    let environment = cache().join("schemathesis");
    let installed = environment.join("requirements.txt");
    if fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
        let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment));
        run(Command::new(environment.join("bin/pip"))
            .args(["install", "--quiet", "--no-deps", "-r"])
            .arg(&requirements));
        fs::write(&installed, wanted).unwrap();
    }
    environment.join("bin/schemathesis")
}

fn cache() -> PathBuf {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let directory = base.unwrap_or_else(env::temp_dir).join("countersign");
    fs::create_dir_all(&directory).unwrap();
    directory
}
