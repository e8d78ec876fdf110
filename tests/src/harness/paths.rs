//! Where programs and files of this project are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The environment variable that names the directory with the built programs, instead of our own.
const PROGRAMS_ENV: &str = "COUNTERSIGN_BIN_DIR";

/// A program of this project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The gateway.
    Gateway,
    /// The agent, which is also the terminal front end.
    Agent,
    /// The desktop app.
    App,
    /// The desktop app as it is shipped: without what lets tests drive it.
    ShippedApp,
    /// What the agent starts instead of the app, so that WebDriver can start it.
    AppShim,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Gateway => "countersign-gateway",
            Self::Agent => "countersign-agent",
            Self::App => "countersign",
            Self::ShippedApp => "countersign-shipped",
            Self::AppShim => "countersign-app-shim",
        }
    }
}

/// The project's places.
#[derive(Debug, Clone)]
pub struct Paths {
    programs: PathBuf,
    root: PathBuf,
}

impl Paths {
    /// Finds them: programs beside the running one, sources where we were compiled.
    ///
    /// # Errors
    /// When the running program's own path is unknown.
    pub fn find() -> Result<Self> {
        let programs = match std::env::var_os(PROGRAMS_ENV) {
            Some(dir) => dir.into(),
            None => {
                let own = std::env::current_exe()?;
                let mut dir = own.parent().context("the running program has no directory")?;
                if dir.ends_with("deps") {
                    // Where cargo puts programs made of tests.
                    dir = dir.parent().context("`deps` is no root")?;
                }
                dir.to_owned()
            }
        };
        // As cargo says now: a target directory shared by two clones may hold programs that the other one built.
        let package =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&package)
            .ancestors()
            .find(|dir| dir.join("Cargo.lock").is_file())
            .context("the tests have no workspace")?;
        Ok(Self {
            programs,
            root: root.to_owned(),
        })
    }

    /// A program.
    ///
    /// # Errors
    /// When it has not been built.
    pub fn program(&self, program: Program) -> Result<PathBuf> {
        let path = self.programs.join(program.name());
        ensure!(
            path.is_file(),
            "{} is not built; `cargo xtask demo` and `cargo xtask test` build it",
            path.display()
        );
        Ok(path)
    }

    /// `demo/`.
    pub fn demo(&self) -> PathBuf {
        self.root.join("demo")
    }

    /// What other apps export: made for tests, without any of our code.
    pub fn samples(&self) -> PathBuf {
        self.root.join("crates/codes/samples")
    }

    /// The source of a camera that is not there.
    pub fn device(&self) -> PathBuf {
        self.root.join("tests/camera/device.c")
    }

    /// `ui/`.
    pub fn interface(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// The programs that benchmarks are measured beside.
    pub fn peers(&self) -> PathBuf {
        self.root.join("tests/peers")
    }

    /// Where screenshots go; made if need be.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn screenshots(&self) -> Result<PathBuf> {
        let dir = self.target().join("screenshots");
        std::fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Where is kept what is left of stories that did not hold.
    ///
    /// # Errors
    /// When it cannot be emptied.
    pub fn stories(&self) -> Result<PathBuf> {
        let dir = self.target().join("stories");
        match std::fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
            Ok(()) | Err(_) => Ok(dir),
        }
    }

    fn target(&self) -> &Path {
        self.programs.parent().unwrap_or(&self.programs)
    }
}
