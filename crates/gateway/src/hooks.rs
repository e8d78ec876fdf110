//! Tells a user by another way that a device was enrolled for them: runs the configured command with one JSON object on
//! standard input.
//!
//! Invariants: one command runs at a time, for a limited time, and a bounded number wait; what is over that is logged and
//! dropped. A hook never holds up the gateway and cannot change anything; the audit log is the record.

use std::{future::Future, io, process::Stdio};

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command, sync::mpsc, time::timeout};

use crate::{
    config::Hook,
    service::{Happening, Observer},
    store::Device,
};

/// How many enrolments may wait to be told.
const WAITING: usize = 64;

/// The end that is told what happens.
#[derive(Debug)]
pub struct Hooks(Option<mpsc::Sender<Value>>);

/// The end that runs the command.
#[derive(Debug)]
pub struct HookWorker {
    hook: Option<Hook>,
    waiting: mpsc::Receiver<Value>,
}

/// Both ends. Without a hook they do nothing.
#[must_use]
pub fn channel(hook: Option<Hook>) -> (Hooks, HookWorker) {
    let (sender, waiting) = mpsc::channel(WAITING);
    (
        Hooks(hook.is_some().then_some(sender)),
        HookWorker { hook, waiting },
    )
}

impl Observer for Hooks {
    fn observe(&self, happening: &Happening<'_>) {
        let (Happening::Enrolled(device), Some(sender)) = (happening, &self.0) else {
            return;
        };
        if sender.try_send(message(device)).is_err() {
            tracing::error!(event = "hook_dropped", device = %device.id, "too many enrolments wait for the hook");
        }
    }
}

fn message(device: &Device) -> Value {
    json!({
        "event": "device_enrolled",
        "user": device.user,
        "account": device.account,
        "device_id": device.id,
        "device_name": device.name,
        "platform": device.platform,
        "key_protection": device.key_protection,
        "time": device.enrolled_at,
    })
}

impl HookWorker {
    /// Runs the command for each enrolment. Ends with `until`, after the command that is running.
    pub async fn run(mut self, until: impl Future<Output = ()> + Send) {
        let Some(hook) = self.hook else { return };
        let mut until = std::pin::pin!(until);
        loop {
            let message = tokio::select! {
                message = self.waiting.recv() => message,
                () = &mut until => return,
            };
            let Some(message) = message else { return };
            let device = message["device_id"].as_str().unwrap_or_default();
            match timeout(hook.limit, run(&hook, &message)).await {
                Ok(Ok(status)) if status.success() => {
                    tracing::info!(event = "hook_ran", device, "the user was told")
                }
                Ok(Ok(status)) => tracing::error!(event = "hook_failed", device, %status, "the hook failed"),
                Ok(Err(error)) => {
                    tracing::error!(event = "hook_failed", device, %error, "the hook did not run")
                }
                // Dropping the child killed it.
                Err(_) => tracing::error!(
                    event = "hook_failed",
                    device,
                    "the hook took too long and was killed"
                ),
            }
        }
    }
}

async fn run(hook: &Hook, message: &Value) -> io::Result<std::process::ExitStatus> {
    let mut child = Command::new(&hook.program)
        .args(&hook.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A hook may end without reading; its exit status is what counts.
        let _ = stdin.write_all(message.to_string().as_bytes()).await;
    }
    child.wait().await
}

#[cfg(test)]
mod tests {
    use std::{future::pending, path::Path, time::Duration};

    use super::*;

    fn shell(script: &str) -> Hook {
        Hook {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            limit: Duration::from_secs(10),
        }
    }

    /// Runs the command for these messages, as the worker does.
    async fn tell(hook: Hook, messages: &[Value]) {
        let (sender, worker) = channel(Some(hook));
        for message in messages {
            sender.0.as_ref().unwrap().try_send(message.clone()).unwrap();
        }
        drop(sender);
        worker.run(pending()).await;
    }

    fn read(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn the_command_gets_one_object_for_each_enrolment() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("told");
        let messages = [json!({ "device_id": "a" }), json!({ "device_id": "b" })];
        tell(
            shell(&format!("cat >> {0}; echo >> {0}", file.display())),
            &messages,
        )
        .await;
        assert_eq!(read(&file), messages);
    }

    #[tokio::test]
    async fn a_command_that_fails_or_is_not_there_does_not_end_the_worker() {
        let messages = [json!({ "device_id": "a" }), json!({ "device_id": "b" })];
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("told");
        tell(
            shell(&format!("cat >> {0}; echo >> {0}; exit 1", file.display())),
            &messages,
        )
        .await;
        assert_eq!(read(&file), messages);
        tell(
            Hook {
                program: "/nonexistent".into(),
                ..shell("")
            },
            &messages,
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_hangs_is_given_up() {
        let started = tokio::time::Instant::now();
        tell(shell("exec sleep 3600"), &[json!({ "device_id": "a" })]).await;
        assert_eq!(started.elapsed().as_secs(), 10);
    }
}
