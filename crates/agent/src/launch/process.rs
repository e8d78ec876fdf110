//! Starts the app as a process of its own.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use countersign_agent_api::{Activation, Window};
use tokio::process::Command;

use super::{AppLauncher, LaunchError, Launched};

/// Variables that make a web view take orders from an automation driver.
const AUTOMATION: [&str; 2] = ["TAURI_WEBVIEW_AUTOMATION", "TAURI_AUTOMATION"];

/// How the app is started.
#[derive(Debug, Clone)]
pub struct AppCommand {
    /// The program: a path, or a name to look for in `PATH`.
    pub program: PathBuf,
    /// Arguments before ours.
    pub args: Vec<OsString>,
    /// Lets the app inherit the variables that switch on web view automation. For tests.
    pub allow_automation: bool,
}

/// Starts the configured command.
#[derive(Debug)]
pub struct ProcessLauncher {
    command: AppCommand,
    display: bool,
    running: Arc<Mutex<bool>>,
}

impl ProcessLauncher {
    /// `variable` reads the environment the app will inherit.
    pub fn new(command: AppCommand, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).is_some_and(|v| !v.is_empty());
        let display = set("WAYLAND_DISPLAY") || set("DISPLAY");
        Self { command, display, running: Arc::default() }
    }

    fn command(&self, window: &Window) -> Command {
        let mut command = Command::new(&self.command.program);
        command.args(&self.command.args);
        match window {
            Window::Main => {}
            Window::Prompt { request, activation } => {
                command.arg("--prompt");
                if let Some(id) = request {
                    command.arg(&id.0);
                }
                match activation {
                    Activation::Asked => {
                        command.arg("--focus");
                    }
                    Activation::Unasked => {}
                }
            }
        }
        if !self.command.allow_automation {
            for name in AUTOMATION {
                command.env_remove(name);
            }
        }
        // A group of its own: a signal to the agent's terminal or group is not meant for the app.
        command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0).kill_on_drop(false);
        command
    }
}

impl AppLauncher for ProcessLauncher {
    fn launch(&self, window: &Window) -> Result<Launched, LaunchError> {
        let mut running = lock(&self.running);
        if *running {
            return Ok(Launched::AlreadyRunning);
        }
        if !self.display {
            return Err(LaunchError::NoDisplay);
        }
        let mut child = self.command(window).spawn().map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => {
                LaunchError::NotFound(name(self.command.program.as_os_str()))
            }
            _ => LaunchError::Failed(e),
        })?;
        *running = true;
        let shared = Arc::clone(&self.running);
        tokio::spawn(async move {
            match child.wait().await {
                Ok(status) if status.success() => {}
                Ok(status) => tracing::warn!(%status, "the app ended with an error"),
                Err(e) => tracing::warn!(error = %e, "the app could not be waited for"),
            }
            *lock(&shared) = false;
        });
        Ok(Launched::Started)
    }
}

fn name(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}

fn lock(running: &Mutex<bool>) -> std::sync::MutexGuard<'_, bool> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
