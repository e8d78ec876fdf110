//! Runs a test of this binary again, inside a session bus of its own that starts nothing by itself.
//!
//! The outer test calls [`run`]; the inner one is ignored, so that only the outer one starts it, and begins with
//! [`assert_inside`].

use std::{
    path::Path,
    process::{Command, Stdio},
};

const MARK: &str = "COUNTERSIGN_PRIVATE_SESSION";

/// A bus that activates no service: what is not started explicitly is not there.
const BUS_CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Runs the ignored test `inner` (its full path) after the shell commands `before`, in a new home and a new session.
pub(crate) fn run(inner: &str, before: &str) {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("bus.conf");
    std::fs::write(&config, BUS_CONFIG).unwrap();
    let script = format!("{before}\n\"$0\" --exact {inner} --ignored --nocapture");
    let output = Command::new("dbus-run-session")
        .arg("--config-file")
        .arg(&config)
        .args(["--", "sh", "-ec", &script])
        .arg(std::env::current_exe().unwrap())
        .env(MARK, "1")
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", directory(home.path(), "runtime"))
        .env("XDG_DATA_HOME", directory(home.path(), "data"))
        .env("XDG_CONFIG_HOME", directory(home.path(), "config"))
        .env("XDG_CACHE_HOME", directory(home.path(), "cache"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env_remove("GNOME_KEYRING_CONTROL")
        .stdin(Stdio::null())
        .output()
        .expect("dbus-run-session must be installed");
    let said = format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{inner} failed in its session:\n{said}");
    assert!(said.contains("1 passed"), "{inner} did not run:\n{said}");
}

/// Stops an inner test that was started by hand: it would use the person's own keyring and desktop.
pub(crate) fn assert_inside() {
    assert!(
        std::env::var_os(MARK).is_some(),
        "this test runs only inside the session that its outer test makes"
    );
}

/// A shell word: the process behind a bus name.
pub(crate) fn process_of(name: &str) -> String {
    format!(
        "$(gdbus call --session --dest org.freedesktop.DBus --object-path /org/freedesktop/DBus \
         --method org.freedesktop.DBus.GetConnectionUnixProcessID {name} | sed 's/.* \\([0-9]*\\),.*/\\1/')"
    )
}

/// A shell command of an inner test; it has to succeed. Returns what it printed.
pub(crate) fn shell(command: &str) -> String {
    let output = Command::new("sh")
        .args(["-ec", command])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command} failed");
    String::from_utf8(output.stdout).unwrap()
}

fn directory(home: &Path, name: &str) -> std::path::PathBuf {
    use std::os::unix::fs::DirBuilderExt as _;
    let path = home.join(name);
    std::fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
    path
}
