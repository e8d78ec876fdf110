//! The least that a WebKitGTK program can do, to measure windows beside: `tests/peers/minimal-webview.c`.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use tokio::{process::Command, time::Instant};

use crate::{
    front::{SOON, poll, runs},
    harness::{Process, Session},
};

/// The compiled program.
#[derive(Debug)]
pub(super) struct Webview(PathBuf);

impl Webview {
    /// Compiles it, as a C programmer does.
    pub(super) async fn compile(session: &Session) -> Result<Self> {
        let flags = Command::new("pkg-config")
            .args(["--cflags", "--libs", "webkit2gtk-4.1"])
            .output()
            .await?;
        ensure!(flags.status.success(), "pkg-config does not know webkit2gtk-4.1");
        let program = session.dir().join("minimal-webview");
        let status = Command::new("cc")
            .arg("-O2")
            .arg("-o")
            .arg(&program)
            .arg(session.paths.peers().join("minimal-webview.c"))
            .args(String::from_utf8(flags.stdout)?.split_ascii_whitespace())
            .status()
            .await?;
        ensure!(status.success(), "the minimal window could not be compiled");
        Ok(Self(program))
    }

    /// Starts it, and gives the time until it had painted.
    pub(super) async fn open(&self, session: &Session, arguments: &[&str]) -> Result<(Process, Duration)> {
        let mut command = session.command(&self.0);
        command.args(arguments);
        let start = Instant::now();
        let mut process = Process::start("minimal-webview", command, session.logs().dir())?;
        process
            .line("it painted", |line| (line == "painted").then_some(()))
            .await?;
        Ok((process, start.elapsed()))
    }
}

/// Waits until these processes have ended: a window's and its web engine's.
pub(super) async fn all_gone(processes: &[u32]) -> Result<()> {
    poll::until("the window's processes to be gone", SOON, async || {
        for &pid in processes {
            if runs(pid)? {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
}
