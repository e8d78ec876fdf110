//! What packages install is valid and current.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};

/// Runs a program in the repository's root. It has to succeed.
fn succeeds(program: &str, arguments: &[&str]) -> Result<()> {
    let package = std::env::var("CARGO_MANIFEST_DIR")?;
    let output = Command::new(program)
        .args(arguments)
        .current_dir(Path::new(&package).join(".."))
        .output()
        .with_context(|| format!("{program} must be installed"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success(), "{program} {arguments:?}:\n{said}");
    Ok(())
}

#[test]
fn the_desktop_entries_are_valid() -> Result<()> {
    for entry in [
        "packaging/applications/io.countersign.app.desktop",
        "packaging/autostart/countersign-agent.desktop",
    ] {
        succeeds("desktop-file-validate", &[entry])?;
    }
    Ok(())
}

#[test]
fn the_appstream_metadata_is_valid() -> Result<()> {
    let file = "packaging/metainfo/io.countersign.app.metainfo.xml";
    succeeds("appstreamcli", &["validate", "--no-net", file])
}

#[test]
fn the_icons_are_what_their_source_draws() -> Result<()> {
    succeeds("sh", &["icons/make.sh", "--check"])
}
