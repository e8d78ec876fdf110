//! Running commands, with a line for each on standard error.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// The clock of this run.
#[derive(Debug)]
pub(crate) struct Steps {
    start: Instant,
}

impl Steps {
    pub(crate) fn start() -> Self {
        Self { start: now() }
    }

    /// Says what is done now, with the time since the start.
    pub(crate) fn say(&self, what: &str) {
        eprintln!("[{:6.1} s] {what}", self.start.elapsed().as_secs_f64());
    }

    /// Runs a command that has to succeed. What it prints goes to standard error.
    ///
    /// # Errors
    /// When it cannot be started or does not succeed.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let shown = shown(command);
        self.say(&shown);
        // Standard output is for what programs read.
        command.stdout(std::io::stderr()).stdin(Stdio::null());
        let status = command
            .status()
            .with_context(|| format!("{shown} cannot be started"))?;
        if !status.success() {
            bail!("`{shown}` did not succeed ({status}); what it said is above");
        }
        Ok(())
    }
}

/// How long something takes.
pub(crate) fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = now();
    let result = run();
    (result, start.elapsed())
}

/// A command in a directory.
pub(crate) fn command(program: &str, directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).args(arguments);
    command
}

/// What a command prints, if it succeeds.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|a| a.to_string_lossy()));
    // Long paths hide what is done.
    words[0] = words[0].rsplit('/').next().unwrap_or_default().to_owned().into();
    words.join(" ")
}

#[allow(
    clippy::disallowed_methods,
    reason = "this is the edge: how long a step takes is all that it is used for"
)]
fn now() -> Instant {
    Instant::now()
}
