//! Everything the processes printed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The directory with a log file for every process.
#[derive(Debug, Clone)]
pub struct Logs {
    dir: PathBuf,
}

impl Logs {
    /// The logs in this directory.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Every log that holds one of these secrets, as `file: which`. The secret itself is not repeated.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn holding(&self, secrets: &[(&str, &str)]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            for (name, secret) in secrets {
                if bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes())
                {
                    found.push(format!("{}: {name}", path.display()));
                }
            }
        }
        Ok(found)
    }

    /// Copies all of them, to look at after a failure.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn save(&self, to: &Path) -> Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok(())
    }
}

/// The content of every file below a directory, one after the other.
///
/// # Errors
/// When one cannot be read.
pub fn contents(dir: &Path) -> Result<String> {
    let mut all = String::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            all.push_str(&contents(&entry.path())?);
        } else if kind.is_file() {
            all.push_str(&String::from_utf8_lossy(&std::fs::read(entry.path())?));
        }
    }
    Ok(all)
}
