//! Measures: `countersign-bench [--json] [--only load|idle|desktop]`.
//!
//! With `--json` one figure a line on standard output; progress goes to standard error. Meant to be run on release
//! builds, by `cargo xtask bench`.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use countersign_tests::{
    bench::{Figure, desktop, floor, idle, load},
    harness::{Session, SessionOptions},
};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["floor", cert, key, database] = words[..] {
        floor::serve(Path::new(cert), Path::new(key), Path::new(database)).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let (json, only) = match words[..] {
        [] => (false, None),
        ["--json"] => (true, None),
        ["--only", part] => (false, Some(part)),
        ["--json", "--only", part] | ["--only", part, "--json"] => (true, Some(part)),
        _ => bail!("usage: countersign-bench [--json] [--only load|idle|desktop]"),
    };
    let mut failed = false;
    for part in ["load", "idle", "desktop"] {
        if only.is_some_and(|only| only != part) {
            continue;
        }
        eprintln!("{part} …");
        match measure(part).await {
            Ok(figures) => figures.iter().try_for_each(|figure| print(figure, json))?,
            Err(error) => {
                eprintln!("{part} could not be measured: {error:#}");
                failed = true;
            }
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn measure(part: &str) -> Result<Vec<Figure>> {
    if part == "desktop" {
        return desktop::figures(&Session::start().await.context("no session")?).await;
    }
    let options = SessionOptions {
        display: false,
        notifications: false,
        keyring: false,
    };
    let session = Session::with(options).await.context("no session")?;
    if part == "load" {
        load::figures(&session).await
    } else {
        idle::figures(&session).await
    }
}

fn print(figure: &Figure, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(figure)?);
    } else {
        let beside = figure
            .beside_value
            .map_or_else(|| "–".to_owned(), |value| value.to_string());
        let ratio = figure
            .ratio
            .map_or_else(|| "–".to_owned(), |ratio| ratio.to_string());
        println!(
            "{:28} {:>10} {:18} {}: {beside}, ratio {ratio}",
            figure.figure, figure.value, figure.unit, figure.beside
        );
    }
    Ok(())
}
