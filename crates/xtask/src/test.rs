//! `cargo xtask test`: every check, one after the other, going on after a failure.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::{
    policy, setup,
    step::{Steps, command, timed},
    workspace::{Stories, Workspace},
};

/// A part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Rust formatting
    Format,
    /// Rust lints, warnings are errors
    Clippy,
    /// Unit, property, contract and documentation tests; generated TypeScript bindings and permissions are current
    Rust,
    /// The Rust documentation builds without warnings
    Docs,
    /// The user interface: types, accessibility, contrast, formatting, component tests
    Ui,
    /// The demo's adapter, provider and bank
    Demo,
    /// The protocol's vectors, by two other implementations
    Vectors,
    /// The gateway's interface, fuzzed from its own OpenAPI document
    Api,
    /// Accounts at a real privacyIDEA server: the protocol, an agent, and stories in the real window
    Privacyidea,
    /// Licences, banned crates and sources of everything we depend on
    Policy,
    /// The end-to-end stories with real parts
    Stories,
}

/// Against which foreign servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Servers {
    /// Those of the newest release.
    Newest,
    /// Those of older releases too.
    All,
}

/// The older releases of privacyIDEA that are tested against.
const OLDER: [&str; 2] = ["3.10.2", "3.13.4"];

/// Runs these parts, or all. The exit code is that of a test run.
///
/// # Errors
/// Never for a part that fails: that is in the summary.
pub(crate) fn run(workspace: &Workspace, steps: &Steps, only: &[Part], servers: Servers) -> Result<ExitCode> {
    let parts: Vec<Part> = Part::value_variants()
        .iter()
        .copied()
        .filter(|p| only.is_empty() || only.contains(p))
        .collect();
    let mut failures = Vec::new();
    for &part in &parts {
        let name = name(part);
        steps.say(&format!("── {name}"));
        let (result, took) = timed(|| check(part, workspace, steps, servers));
        let took = took.as_secs_f64();
        match result {
            Ok(()) => println!("PASS  {name:<10} {took:7.1} s"),
            Err(error) => {
                println!("FAIL  {name:<10} {took:7.1} s  {error:#}");
                failures.push((name, error));
            }
        }
    }
    println!();
    for (name, error) in &failures {
        println!("{name}: {error:#}");
    }
    println!(
        "{} passed, {} failed",
        parts.len() - failures.len(),
        failures.len()
    );
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn name(part: Part) -> String {
    part.to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

fn check(part: Part, workspace: &Workspace, steps: &Steps, servers: Servers) -> Result<()> {
    match part {
        Part::Format => steps.run(workspace.plain_cargo("fmt").args(["--all", "--check"])),
        Part::Clippy => steps.run(
            workspace
                .cargo("clippy", &["--all-targets"])
                .args(["--", "-D", "warnings"]),
        ),
        Part::Rust => {
            // Some tests start the programs, which cargo does not build for them.
            setup::programs_for_stories(workspace, steps)?;
            steps.run(&mut workspace.cargo("test", &["--no-fail-fast"]))
        }
        Part::Docs => steps.run(
            workspace
                .cargo("doc", &["--no-deps"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        ),
        Part::Ui => {
            let ui = workspace.dir("ui");
            steps.run(&mut setup::npm(&ui, &["run", "check"]))?;
            steps.run(&mut setup::npm(&ui, &["test"]))
        }
        Part::Demo => steps.run(&mut setup::npm(&workspace.dir("demo"), &["test"])),
        // Both let the workspace's own code verify what they signed, by cargo.
        Part::Vectors => {
            let vectors = workspace.dir("vectors");
            let node = setup::npm(&vectors.join("check-node"), &["run", "check"]);
            steps.run(&mut workspace.with_target(node))?;
            let python = setup::python(workspace, steps, "vectors", &vectors.join("requirements.txt"))?;
            let check = command(&python.to_string_lossy(), &vectors, &["check_python.py"]);
            steps.run(&mut workspace.with_target(check))
        }
        // Ignored in a plain `cargo test`: it needs Python.
        Part::Api => steps.run(
            workspace
                .cargo("test", &["--test", "openapi"])
                .args(["--", "--ignored"]),
        ),
        // Ignored in a plain `cargo test`: it needs Python.
        Part::Privacyidea => {
            setup::programs(workspace, steps)?;
            let targets = ["--test", "privacyidea", "--test", "privacyidea_containers"];
            let mut tests = workspace.cargo("test", &targets);
            tests.args(["--", "--ignored"]);
            if servers == Servers::Newest {
                tests.args(["--skip", "older::"]);
            }
            steps.run(&mut tests)?;
            stories(workspace, Stories::PrivacyIdea)?;
            match servers {
                Servers::Newest => Ok(()),
                Servers::All => OLDER
                    .into_iter()
                    .try_for_each(|release| stories(workspace, Stories::OlderPrivacyIdea(release))),
            }
        }
        Part::Policy => policy::check(workspace, steps),
        Part::Stories => {
            setup::programs_for_stories(workspace, steps)?;
            stories(workspace, Stories::Own)
        }
    }
}

fn stories(workspace: &Workspace, kind: Stories) -> Result<()> {
    let code = workspace.play_stories(false, kind, &[])?;
    if code != ExitCode::SUCCESS {
        bail!("a story does not hold; what is left of it is in target/stories");
    }
    Ok(())
}
