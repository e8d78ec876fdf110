//! The tool behind `vectors/`.
//!
//! * `cargo run -p countersign-protocol --example vectors` rewrites the files. Inputs of `statements.json` are written by
//!   hand; everything that can be computed is computed. Look at the difference before you commit it.
//! * `… --example vectors -- accept` reads messages made by another implementation from standard input, one JSON object a line:
//!   a case of `jws.json` with its public keys as `pinned`, or a case of `evidence.json`. It fails unless every one is accepted with the claims given.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool for tests: a panic is its report"
)]

mod evidence;
mod forge;
mod format;
mod jws;
mod messages;

use std::io::BufRead as _;

use countersign_protocol::{Expect, Jwk};
use evidence::EvidenceCase;
use forge::Forge;
use format::{JwsCase, Outcome, StatementCase};
use serde::Serialize;

fn main() -> Outcome<()> {
    match std::env::args().nth(1).as_deref() {
        None => write(),
        Some("accept") => accept(),
        Some(other) => Err(format!("unknown command {other}: run without one, or with `accept`").into()),
    }
}

fn write() -> Outcome<()> {
    let old_jws: Vec<JwsCase> = format::read("jws.json").unwrap_or_default();
    let old_evidence: Vec<EvidenceCase> = format::read("evidence.json").unwrap_or_default();
    let tokens_of_evidence = old_evidence.iter().flat_map(|case| {
        ["request", "decision", "receipt"].map(|member| case.file[member].as_str().unwrap_or(""))
    });
    let tokens = old_jws
        .iter()
        .map(|case| case.token.as_str())
        .chain(tokens_of_evidence);
    let forge = Forge::new(format::keys()?, tokens);

    save("jws.json", &jws::cases(&forge, &format::keys()?)?)?;
    save("evidence.json", &evidence::cases(&forge)?)?;

    let mut statements: Vec<StatementCase> = format::read("statements.json")?;
    for case in &mut statements {
        (case.lines, case.hash, case.refused) = match case.run() {
            Ok(statement) => (
                Some(serde_json::to_value(statement.lines())?),
                Some(statement.hash().to_owned()),
                None,
            ),
            Err(kind) => (None, None, Some(kind)),
        };
    }
    save("statements.json", &statements)
}

fn save(name: &str, cases: &impl Serialize) -> Outcome<()> {
    Ok(std::fs::write(
        format::path(name),
        serde_json::to_string_pretty(cases)? + "\n",
    )?)
}

/// What another implementation made.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Foreign {
    /// A message, with the public keys of its maker.
    Message {
        #[serde(flatten)]
        case: JwsCase,
        pinned: Vec<Jwk>,
    },
    /// A case of `evidence.json`.
    Evidence(EvidenceCase),
}

fn accept() -> Outcome<()> {
    let mut accepted = 0;
    for line in std::io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Foreign::Message { case, pinned } => accept_message(&case, pinned)?,
            Foreign::Evidence(case) => {
                if case.run().ok() != case.statement_hash {
                    return Err(
                        format!("{}: {:?}, not {:?}", case.name, case.run(), case.statement_hash).into(),
                    );
                }
            }
        }
        accepted += 1;
    }
    println!("{accepted} foreign messages accepted");
    if accepted == 0 {
        Err("nothing was accepted".into())
    } else {
        Ok(())
    }
}

fn accept_message(case: &JwsCase, pinned: Vec<Jwk>) -> Outcome<()> {
    let keys = pinned.into_iter().collect();
    let expect = Expect {
        issuer: case.issuer.as_deref(),
        audience: &case.audience,
        now: case.now,
    };
    let claims = format::verify_as(&case.message, &case.token, &keys, &expect)
        .map_err(|error| format!("{}: {error}", case.name))?;
    if case.claims.as_ref() != Some(&claims) {
        return Err(format!("{}: other claims than were signed", case.name).into());
    }
    Ok(())
}
