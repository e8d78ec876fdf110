//! Starts the app as a process of its own.

use std::{
    ffi::{OsStr, OsString},
    io::ErrorKind,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use countersign_agent_api::{Activation, Window};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{process::Command, sync::Notify};

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
    ended: Arc<Notify>,
}

impl ProcessLauncher {
    /// `variable` reads the environment the app will inherit.
    pub fn new(command: AppCommand, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).is_some_and(|v| !v.is_empty());
        let display = set("WAYLAND_DISPLAY") || set("DISPLAY");
        Self {
            command,
            display,
            running: Arc::default(),
            ended: Arc::default(),
        }
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
                    Activation::ToReport => {
                        command.arg("--report");
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
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .kill_on_drop(false);
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
        let mut child = self.command(window).spawn().map_err(|e| {
            if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) {
                LaunchError::NotFound(name(self.command.program.as_os_str()))
            } else {
                LaunchError::Failed(e)
            }
        })?;
        *running = true;
        let (shared, ended) = (Arc::clone(&self.running), Arc::clone(&self.ended));
        tokio::spawn(async move {
            match child.wait().await {
                Ok(status) if status.success() => {}
                Ok(status) => tracing::warn!(%status, "the app ended with an error"),
                Err(e) => tracing::warn!(error = %e, "the app could not be waited for"),
            }
            *lock(&shared) = false;
            ended.notify_one();
        });
        Ok(Launched::Started)
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        self.ended.notified().boxed()
    }
}

fn name(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}

fn lock(running: &Mutex<bool>) -> std::sync::MutexGuard<'_, bool> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_agent_api::RequestId;

    use super::*;

    fn prompt(activation: Activation) -> Window {
        Window::Prompt {
            request: Some(RequestId("k7f2".into())),
            activation,
        }
    }

    fn launcher(program: &str, args: &[&str]) -> ProcessLauncher {
        let args = args.iter().map(OsString::from).collect();
        let command = AppCommand {
            program: program.into(),
            args,
            allow_automation: false,
        };
        ProcessLauncher::new(command, |name| (name == "DISPLAY").then(|| ":0".into()))
    }

    fn arguments(launcher: &ProcessLauncher, window: &Window) -> Vec<String> {
        launcher
            .command(window)
            .as_std()
            .get_args()
            .map(|a| a.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_app_is_told_the_request_and_nothing_else() {
        let launcher = launcher("countersign", &["--flag"]);
        assert_eq!(arguments(&launcher, &Window::Main), ["--flag"]);
        assert_eq!(
            arguments(&launcher, &prompt(Activation::Unasked)),
            ["--flag", "--prompt", "k7f2"]
        );
        assert_eq!(
            arguments(&launcher, &prompt(Activation::Asked)),
            ["--flag", "--prompt", "k7f2", "--focus"]
        );
    }

    #[test]
    fn web_view_automation_is_not_inherited_unless_allowed() {
        let mut launcher = launcher("countersign", &[]);
        let removed = |launcher: &ProcessLauncher| {
            let command = launcher.command(&Window::Main);
            command
                .as_std()
                .get_envs()
                .filter(|(_, value)| value.is_none())
                .count()
        };
        assert_eq!(removed(&launcher), AUTOMATION.len());
        launcher.command.allow_automation = true;
        assert_eq!(removed(&launcher), 0);
    }

    #[tokio::test]
    async fn a_missing_app_or_display_is_named() {
        let missing = launcher("/nonexistent/countersign", &[]);
        assert!(matches!(
            missing.launch(&Window::Main),
            Err(LaunchError::NotFound(_))
        ));
        // Nothing is left that looks like a running app.
        assert!(matches!(
            missing.launch(&Window::Main),
            Err(LaunchError::NotFound(_))
        ));
        let command = AppCommand {
            program: "true".into(),
            args: Vec::new(),
            allow_automation: false,
        };
        let blind = ProcessLauncher::new(command, |_| None);
        assert!(matches!(blind.launch(&Window::Main), Err(LaunchError::NoDisplay)));
    }

    #[tokio::test]
    async fn one_app_at_a_time_and_each_is_reaped() {
        let dir = tempfile::tempdir().unwrap();
        let gate = dir.path().join("gate");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&gate)
                .status()
                .unwrap()
                .success()
        );
        // Lives until somebody opens the other end.
        let launcher = launcher("sh", &["-c", "read line < \"$0\"", gate.to_str().unwrap()]);
        assert_eq!(launcher.launch(&Window::Main).unwrap(), Launched::Started);
        assert_eq!(
            launcher.launch(&prompt(Activation::Asked)).unwrap(),
            Launched::AlreadyRunning
        );
        tokio::task::spawn_blocking(move || std::fs::write(gate, "go\n"))
            .await
            .unwrap()
            .unwrap();
        tokio::time::timeout(Duration::from_secs(30), launcher.ended())
            .await
            .expect("the app to be reaped");
        assert!(!*lock(&launcher.running));
    }
}
