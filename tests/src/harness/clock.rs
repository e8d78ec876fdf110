//! A computer whose clock is wrong: a library is loaded before the C library and says another time than it is. Timers are not concerned.

use std::{ffi::OsString, path::Path};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

const SOURCE: &str = include_str!("clock.c");

/// The environment in which programs take it to be so many seconds later than it is; with a negative number, earlier.
///
/// # Errors
/// When the library cannot be compiled in `dir`.
pub async fn wrong_clock(dir: &Path, seconds: i64) -> Result<(&'static str, OsString)> {
    let (source, library) = (dir.join("clock.c"), dir.join("clock.so"));
    std::fs::write(&source, SOURCE)?;
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", &format!("-DOFF={seconds}"), "-o"])
        .args([&library, &source])
        .output()
        .await
        .context("a C compiler must be installed")?;
    ensure!(
        output.status.success(),
        "cc: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(("LD_PRELOAD", library.into_os_string()))
}
