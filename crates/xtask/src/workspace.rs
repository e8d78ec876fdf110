//! Where things are, and how the workspace's own programs are built and run.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};

use crate::step::command;

/// Features with which everything is built here, so that one set of artifacts serves lints, tests and stories: the app's
/// windows may be driven by WebDriver.
const FEATURES: &str = "countersign-app/automation";

/// Which build of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

impl Profile {
    fn directory(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// Which stories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stories {
    /// Those that need nothing but our own parts.
    Own,
    /// Those with a privacyIDEA server.
    PrivacyIdea,
    /// Those that an older one can play, of this release.
    OlderPrivacyIdea(&'static str),
}

impl Stories {
    pub(crate) fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Own => Vec::new(),
            Self::PrivacyIdea => vec!["--privacyidea"],
            Self::OlderPrivacyIdea(release) => vec!["--privacyidea", "--release", release],
        }
    }
}

/// The repository and its target directory.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    target: PathBuf,
    cargo: OsString,
}

impl Workspace {
    /// # Errors
    /// When this program was moved away from where cargo built it.
    pub(crate) fn find() -> Result<Self> {
        // As cargo says now: a target directory shared by two clones may hold the program that the other one built.
        let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&own)
            .ancestors()
            .nth(2)
            .context("xtask is not in a workspace")?;
        let own = std::env::current_exe()?;
        let target = own
            .ancestors()
            .nth(2)
            .context("xtask is not in a target directory")?;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Ok(Self {
            root: root.to_owned(),
            target: target.to_owned(),
            cargo,
        })
    }

    /// A directory of the repository.
    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A file of our own in the target directory.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub(crate) fn own_file(&self, name: &str) -> Result<PathBuf> {
        let directory = self.target.join("xtask");
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(directory.join(name))
    }

    /// `cargo <subcommand> --locked --workspace`, with our features and the target directory of this program.
    pub(crate) fn cargo(&self, subcommand: &str, arguments: &[&str]) -> Command {
        let mut command = self.plain_cargo(subcommand);
        command
            .args(["--locked", "--workspace", "--features", FEATURES])
            .args(arguments);
        command
    }

    /// `cargo <subcommand>` and nothing else.
    pub(crate) fn plain_cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.current_dir(&self.root).arg(subcommand);
        self.with_target(command)
    }

    /// Lets a command that calls cargo use the target directory of this program.
    pub(crate) fn with_target(&self, mut command: Command) -> Command {
        command.env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Where a built program is.
    pub(crate) fn program_path(&self, name: &str, profile: Profile) -> PathBuf {
        self.target.join(profile.directory()).join(name)
    }

    /// Runs one of the workspace's programs, with our standard output.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn program(&self, name: &str, profile: Profile, arguments: &[&str]) -> Result<ExitCode> {
        let path = self.program_path(name, profile);
        if !path.is_file() {
            bail!("{} was not built", path.display());
        }
        let status = self
            .own(&path, arguments)
            .status()
            .with_context(|| format!("{} cannot be started", path.display()))?;
        Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// Becomes one of the workspace's programs, so that a signal from the terminal reaches it alone.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn become_program(&self, name: &str) -> Result<ExitCode> {
        let path = self.program_path(name, Profile::Dev);
        let error = self.own(&path, &[]).exec();
        Err(error).with_context(|| format!("{} cannot be started", path.display()))
    }

    /// What fails says so in a sentence: with `RUST_BACKTRACE` set for other reasons it would be a page of frames.
    fn own(&self, path: &Path, arguments: &[&str]) -> Command {
        const FRAMES: &str = "RUST_LIB_BACKTRACE";
        let mut command = command(&path.to_string_lossy(), &self.root, arguments);
        if std::env::var_os(FRAMES).is_none() {
            command.env(FRAMES, "0");
        }
        command
    }

    /// Plays the stories: these, or all of the kind.
    ///
    /// # Errors
    /// When their runner is not there.
    pub(crate) fn play_stories(&self, json: bool, kind: Stories, only: &[String]) -> Result<ExitCode> {
        let mut arguments: Vec<&str> = Vec::new();
        arguments.extend(json.then_some("--json"));
        arguments.extend(kind.arguments());
        if !only.is_empty() {
            arguments.push("--only");
            arguments.extend(only.iter().map(String::as_str));
        }
        self.program("countersign-stories", Profile::Dev, &arguments)
    }
}
