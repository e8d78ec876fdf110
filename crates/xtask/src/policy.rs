//! The dependency policy of `deny.toml`: licences, banned crates, sources.
//!
//! `cargo-deny` checks it, advisories included, where it is installed. Building it takes longer than all our tests, so
//! without it the same file's licences, bans and sources are checked here, from `cargo metadata`.

mod licence;

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{
    packages::in_path,
    step::{Steps, output},
    workspace::Workspace,
};

/// As much of `deny.toml` as is needed here.
#[derive(Debug, Deserialize)]
struct Policy {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Debug, Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: BTreeSet<String>,
}

/// As much of `cargo metadata` as is needed here.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

/// Checks the policy.
///
/// # Errors
/// Everything that violates it, one a line.
pub(crate) fn check(workspace: &Workspace, steps: &Steps) -> Result<()> {
    if in_path("cargo-deny") {
        return by_cargo_deny(workspace, steps);
    }
    steps.say("licences, bans and sources of deny.toml (advisories need cargo-deny: cargo install --locked cargo-deny)");
    let text = fs::read_to_string(workspace.dir("deny.toml")).context("cannot read deny.toml")?;
    let policy: Policy = toml::from_str(&text).context("deny.toml is not understood")?;
    let mut problems = BTreeSet::new();
    for target in &policy.graph.targets {
        problems.extend(violations(&policy, &metadata(workspace, target)?));
    }
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{}", problems.into_iter().collect::<Vec<_>>().join("\n"))
}

fn by_cargo_deny(workspace: &Workspace, steps: &Steps) -> Result<()> {
    let deny = |arguments: &[&str]| {
        let mut command = workspace.plain_cargo("deny");
        command.args(["--locked", "--workspace"]).args(arguments);
        command
    };
    steps.run(&mut deny(&["check", "licenses", "bans", "sources"]))?;
    match steps.run(&mut deny(&["fetch", "db"])) {
        Ok(()) => steps.run(&mut deny(&["check", "advisories"])),
        Err(_) => {
            steps.say("advisories were not checked: their database cannot be reached");
            Ok(())
        }
    }
}

fn metadata(workspace: &Workspace, target: &str) -> Result<Metadata> {
    let manifest = workspace.dir("Cargo.toml");
    let manifest = manifest.to_string_lossy();
    let arguments = [
        "metadata",
        "--locked",
        "--format-version=1",
        "--filter-platform",
        target,
        "--manifest-path",
        &manifest,
    ];
    let text = output("cargo", &arguments).context("`cargo metadata` did not succeed")?;
    serde_json::from_str(&text).context("`cargo metadata` is not understood")
}

fn violations(policy: &Policy, metadata: &Metadata) -> Vec<String> {
    let mut problems = Vec::new();
    // What has no source is our own.
    for package in metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
    {
        let Package {
            name,
            version,
            license,
            source,
        } = package;
        if let Some(banned) = policy.bans.deny.iter().find(|banned| banned.name == *name) {
            problems.push(format!("{name} {version} is banned: {}", banned.reason));
        }
        let registry = source
            .as_deref()
            .and_then(|source| source.strip_prefix("registry+"));
        if !registry.is_some_and(|registry| policy.sources.allow_registry.contains(registry)) {
            problems.push(format!(
                "{name} {version} comes from {}",
                source.as_deref().unwrap_or_default()
            ));
        }
        let licence = license.as_deref().unwrap_or_default();
        if !licence::allowed(licence, &|id| policy.licenses.allow.contains(id)) {
            problems.push(format!(
                "{name} {version} has a licence that is not allowed: {licence:?}"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        toml::from_str(
            r#"
            [graph]
            targets = ["x"]
            [licenses]
            allow = ["MIT", "Apache-2.0"]
            [bans]
            deny = [{ crate = "openssl-sys", reason = "ring only" }]
            [sources]
            allow-registry = ["https://registry.example/index"]
            "#,
        )
        .unwrap()
    }

    fn package(name: &str, license: &str, source: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: Some(license.to_owned()),
            source: source.map(str::to_owned),
        }
    }

    fn problems(package: Package) -> Vec<String> {
        violations(
            &policy(),
            &Metadata {
                packages: vec![package],
            },
        )
    }

    const REGISTRY: Option<&str> = Some("registry+https://registry.example/index");

    #[test]
    fn a_good_dependency_and_our_own_crates_are_no_problem() {
        assert!(problems(package("serde", "MIT OR Apache-2.0", REGISTRY)).is_empty());
        assert!(problems(package("ours", "Proprietary", None)).is_empty());
    }

    #[test]
    fn a_banned_crate_a_licence_and_a_source_are_named() {
        assert!(problems(package("openssl-sys", "MIT", REGISTRY))[0].contains("ring only"));
        assert!(problems(package("a", "GPL-3.0-only", REGISTRY))[0].contains("GPL-3.0-only"));
        assert!(problems(package("a", "MIT", Some("git+https://somewhere.example/a")))[0].contains("git+"));
    }
}
