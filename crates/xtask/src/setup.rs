//! What has to be there before anything can be built or run. Each piece is made only when it is missing or out of date.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    packages,
    step::{Steps, command, output},
    workspace::{Profile, Workspace},
};

/// The oldest Node.js that the parts run on.
const NODE: u32 = 20;
/// Directories with a `package-lock.json`.
const NODE_PROJECTS: [&str; 3] = ["ui", "demo", "vectors/check-node"];
/// What `ui/dist` is not made of.
const NOT_UI_SOURCES: [&str; 3] = ["node_modules", "dist", "dist-gallery"];

/// System packages, Node.js packages and the built user interface: what cargo needs to compile the workspace.
///
/// # Errors
/// When a piece is missing and cannot be made; the message says what to do.
pub(crate) fn sources(workspace: &Workspace, steps: &Steps) -> Result<()> {
    tools()?;
    packages::ensure(packages::PACKAGES, steps)?;
    for project in NODE_PROJECTS {
        node_packages(&workspace.dir(project), steps)?;
    }
    user_interface(workspace, steps)
}

/// The programs, for stories and the demo.
///
/// # Errors
/// When they do not compile.
pub(crate) fn programs(workspace: &Workspace, steps: &Steps) -> Result<()> {
    steps.run(&mut workspace.cargo("build", &["--bins"]))
}

/// The programs, and beside them the app as it is shipped: built without what lets tests drive it.
///
/// # Errors
/// When they do not compile.
pub(crate) fn programs_for_stories(workspace: &Workspace, steps: &Steps) -> Result<()> {
    let mut shipped = workspace.plain_cargo("build");
    steps.run(shipped.args(["--locked", "--workspace", "--bin", "countersign"]))?;
    let app = workspace.program_path("countersign", Profile::Dev);
    let kept = app.with_file_name("countersign-shipped");
    fs::copy(&app, &kept).with_context(|| format!("cannot write {}", kept.display()))?;
    programs(workspace, steps)
}

/// Every state of the interface from fixtures, for pictures.
///
/// # Errors
/// When it does not build.
pub(crate) fn gallery(workspace: &Workspace, steps: &Steps) -> Result<()> {
    steps.run(&mut npm(&workspace.dir("ui"), &["run", "gallery"]))
}

/// What the bench needs beside the sources: the programs as they are shipped, and what they are measured beside.
///
/// # Errors
/// When they do not compile, or a peer cannot be installed.
pub(crate) fn bench(workspace: &Workspace, steps: &Steps) -> Result<()> {
    packages::ensure(packages::PEERS, steps)?;
    node_packages(&workspace.dir("tests/peers"), steps)?;
    steps.run(&mut workspace.cargo("build", &["--bins", "--release"]))
}

/// Whether there is a desktop for the interactive demo.
///
/// # Errors
/// When there is none; the message says what to do instead.
pub(crate) fn desktop() -> Result<()> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !set("DISPLAY") && !set("WAYLAND_DISPLAY") {
        bail!(
            "there is no display. Run this in a desktop session, or `cargo xtask demo --headless`, which brings its own"
        );
    }
    if !set("DBUS_SESSION_BUS_ADDRESS") && !set("XDG_RUNTIME_DIR") {
        bail!("there is no session bus. Run this in a desktop session, or under `dbus-run-session`");
    }
    Ok(())
}

fn tools() -> Result<()> {
    let Some(version) = output("node", &["--version"]) else {
        bail!("Node.js is missing. Install version {NODE} or newer, with npm: https://nodejs.org");
    };
    let major = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|m| m.parse::<u32>().ok());
    if major.is_none_or(|major| major < NODE) {
        bail!(
            "Node.js {} is too old. Install version {NODE} or newer: https://nodejs.org",
            version.trim()
        );
    }
    if !packages::in_path("npm") {
        bail!("npm is missing. Install it with Node.js {NODE} or newer");
    }
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if output("cargo", &[tool, "--version"]).is_none() {
            bail!("`cargo {tool}` is missing. Run: rustup component add {component}");
        }
    }
    Ok(())
}

/// `npm ci`, unless what is installed is what the lock file says.
fn node_packages(project: &Path, steps: &Steps) -> Result<()> {
    let lock = fs::read(project.join("package-lock.json"))
        .with_context(|| format!("{} has no package-lock.json", project.display()))?;
    let stamp = project.join("node_modules/.countersign-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    steps.say(&format!("Node.js packages of {}", project.display()));
    steps.run(&mut npm(project, &["ci", "--no-audit", "--no-fund"]))?;
    fs::write(&stamp, lock).with_context(|| format!("cannot write {}", stamp.display()))
}

/// `npm run build`, unless the sources are those of the last time.
fn user_interface(workspace: &Workspace, steps: &Steps) -> Result<()> {
    let ui = workspace.dir("ui");
    let sources = format!("{:016x}", fingerprint(&ui)?);
    let stamp = workspace.own_file("ui.stamp")?;
    let built =
        ui.join("dist/prompt.html").is_file() && fs::read_to_string(&stamp).is_ok_and(|old| old == sources);
    if built {
        return Ok(());
    }
    steps.run(&mut npm(&ui, &["run", "build"]))?;
    fs::write(&stamp, sources).with_context(|| format!("cannot write {}", stamp.display()))
}

/// `npm`, with nothing of a terminal in its output.
pub(crate) fn npm(project: &Path, arguments: &[&str]) -> Command {
    let mut npm = command("npm", project, arguments);
    npm.env("NO_UPDATE_NOTIFIER", "1").env("CI", "true");
    npm
}

/// A Python interpreter with exactly these packages.
///
/// # Errors
/// When they cannot be installed.
pub(crate) fn python(
    workspace: &Workspace,
    steps: &Steps,
    name: &str,
    requirements: &Path,
) -> Result<PathBuf> {
    let wanted = fs::read(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let environment = workspace.own_file(&format!("python-{name}"))?;
    let python = environment.join("bin/python");
    let stamp = environment.join("requirements.txt");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    steps.run(command("python3", &workspace.root, &["-m", "venv", "--clear"]).arg(&environment))?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
    ];
    steps.run(command(&python.to_string_lossy(), &workspace.root, &install).arg(requirements))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}

fn fingerprint(ui: &Path) -> Result<u64> {
    let mut files = Vec::new();
    list(ui, &mut files).with_context(|| format!("cannot read {}", ui.display()))?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(&file)
            .with_context(|| format!("cannot read {}", file.display()))?
            .hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if !NOT_UI_SOURCES.iter().any(|name| entry.file_name() == *name) {
                list(&entry.path(), files)?;
            }
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
