//! Measures: `countersign-bench [--json] [--only load|idle|desktop|window|codes|privacyidea]`.
//!
//! With `--json` one figure a line on standard output; progress goes to standard error. Meant to be run on release
//! builds, by `cargo xtask bench`.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, bail, ensure};
use countersign_tests::{
    bench::{Format, Report, codes, desktop, floor, idle, load, privacyidea, window},
    harness::{Screens, Session, SessionOptions},
};

/// What can be measured by itself.
const PARTS: [&str; 6] = ["load", "idle", "desktop", "window", "codes", "privacyidea"];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["floor", cert, key, database] = words[..] {
        floor::serve(Path::new(cert), Path::new(key), Path::new(database)).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let (format, only) = match words[..] {
        [] => (Format::Text, None),
        ["--json"] => (Format::Json, None),
        ["--only", part] => (Format::Text, Some(part)),
        ["--json", "--only", part] | ["--only", part, "--json"] => (Format::Json, Some(part)),
        _ => bail!("usage: countersign-bench [--json] [--only {}]", PARTS.join("|")),
    };
    ensure!(
        only.is_none_or(|only| PARTS.contains(&only)),
        "there is no such part: choose one of {}",
        PARTS.join(", ")
    );
    let mut report = Report::new(format);
    for part in PARTS {
        if only.is_some_and(|only| only != part) {
            continue;
        }
        eprintln!("{part} …");
        if let Err(error) = measure(part, &mut report).await {
            report.failure(part, &error);
        }
    }
    Ok(match report.failures() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

async fn measure(part: &str, report: &mut Report) -> Result<()> {
    let on_screen = matches!(part, "desktop" | "window" | "codes");
    let options = SessionOptions {
        screens: if on_screen { Screens::One } else { Screens::None },
        notifications: on_screen,
        keyring: on_screen || part == "privacyidea",
    };
    let session = Session::with(options).await.context("no session")?;
    match part {
        "load" => load::figures(&session, report).await,
        "idle" => idle::figures(&session, report).await,
        "codes" => codes::figures(&session, report).await,
        "privacyidea" => privacyidea::figures(&session, report).await,
        "desktop" => desktop::figures(&session, report).await,
        _ => window::figures(&session, report).await,
    }
}
