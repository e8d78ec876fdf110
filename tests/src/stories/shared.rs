//! The one part that stories share, because it takes long to start: a privacyIDEA server. Each story makes tokens of its own there and
//! begins with the usual policies, so none sees what another one left.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use tempfile::TempDir;

use crate::harness::{Ca, Logs, PrivacyIdea, Release};

/// What was started for stories so far.
#[derive(Debug)]
pub struct Shared {
    release: Release,
    privacyidea: Option<Arc<CompanyServer>>,
}

/// A privacyIDEA server with the authority that its certificate is from. Dropped from top to bottom.
#[derive(Debug)]
pub struct CompanyServer {
    /// The server.
    pub server: PrivacyIdea,
    /// The authority.
    pub ca: Ca,
    logs: Logs,
    _dir: TempDir,
}

impl Shared {
    /// With servers of this release.
    pub fn of(release: Release) -> Self {
        Self {
            release,
            privacyidea: None,
        }
    }

    /// The server, started if it does not run yet.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn privacyidea(&mut self) -> Result<Arc<CompanyServer>> {
        if let Some(running) = &self.privacyidea {
            return Ok(Arc::clone(running));
        }
        crate::wire::install_ring();
        let dir = tempfile::Builder::new().prefix("countersign-shared-").tempdir()?;
        let logs = Logs::new(dir.path().join("logs"));
        std::fs::create_dir(logs.dir())?;
        let ca = Ca::new(dir.path(), "Alder company authority")?;
        let server = PrivacyIdea::of(self.release, &dir.path().join("privacyidea"), &ca, logs.dir()).await?;
        let started = Arc::new(CompanyServer {
            server,
            ca,
            logs,
            _dir: dir,
        });
        self.privacyidea = Some(Arc::clone(&started));
        Ok(started)
    }

    /// Copies what its parts printed, to look at after a failure.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn save_logs(&self, to: &Path) -> Result<()> {
        self.privacyidea
            .as_ref()
            .map_or(Ok(()), |running| running.logs.save(to))
    }
}
