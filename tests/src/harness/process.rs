//! A child process: its output kept line by line, its readiness told by what it prints, its whole group ended with it.

use std::{
    fs::File,
    io::Write as _,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

use super::family;

/// How long a process may take until it is ready, and until it has ended after a polite request.
const SOON: Duration = Duration::from_secs(20);

/// How long the system may take to end a killed process.
const KILLED: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// A running child process.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    group: Pid,
    output: Arc<Output>,
    log: PathBuf,
}

/// What it printed, standard output and standard error together.
#[derive(Debug)]
struct Output {
    lines: Mutex<Vec<String>>,
    file: Mutex<File>,
    /// Number of lines; closed when both streams have ended.
    count: watch::Sender<usize>,
}

impl Process {
    /// Starts it in a process group of its own. Its output goes to `<name>.log` in `logs`, after what is there already.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, mut command: Command, logs: &Path) -> Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let program = command.as_std().get_program().to_owned();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let id = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let group = id.with_context(|| format!("{name} has no process id"))?;
        let output = Arc::new(Output {
            lines: Mutex::default(),
            file: Mutex::new(file),
            count: watch::Sender::new(0),
        });
        if let Some(stream) = child.stdout.take() {
            tokio::spawn(keep(stream, Arc::clone(&output)));
        }
        if let Some(stream) = child.stderr.take() {
            tokio::spawn(keep(stream, Arc::clone(&output)));
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            group,
            output,
            log,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    /// Its output so far.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Takes its standard input.
    pub fn stdin(&mut self) -> Option<tokio::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits for a line of its output that gives something, looking at earlier ones first.
    ///
    /// # Errors
    /// When it ends before, or takes longer than 20 s; its last lines are in the error.
    pub async fn line<T>(&mut self, what: &str, wanted: impl FnMut(&str) -> Option<T>) -> Result<T> {
        self.line_from(0, what, wanted).await
    }

    /// How many lines it has printed: where [`Process::line_from`] may start.
    pub fn printed(&self) -> usize {
        lock(&self.output.lines).len()
    }

    /// [`Process::line`], without the lines before this one.
    ///
    /// # Errors
    /// As [`Process::line`].
    pub async fn line_from<T>(
        &mut self,
        first: usize,
        what: &str,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let mut count = self.output.count.subscribe();
        let output = Arc::clone(&self.output);
        let mut seen = first;
        let found = async {
            loop {
                let known = *count.borrow_and_update();
                let found = lock(&output.lines)[seen.min(known)..known]
                    .iter()
                    .find_map(|line| wanted(line));
                if found.is_some() {
                    return found;
                }
                seen = seen.max(known);
                if count.changed().await.is_err() {
                    return None;
                }
            }
        };
        let ended = tokio::select! {
            found = timeout(SOON, found) => match found {
                Ok(Some(found)) => return Ok(found),
                Ok(None) | Err(_) => None,
            },
            status = self.child.wait() => Some(status?),
        };
        let how = ended.map_or_else(
            || "gave no sign in time".to_owned(),
            |status| format!("ended with {status}"),
        );
        bail!(
            "{} {how} before {what}; {}:\n{}",
            self.name,
            self.log.display(),
            self.tail()
        )
    }

    /// Whether it is still running.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When that takes longer than 20 s.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let ended = timeout(SOON, self.child.wait()).await;
        Ok(ended.with_context(|| format!("{} did not end; {}", self.name, self.log.display()))??)
    }

    /// Asks it to end (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// When it takes longer than 20 s; it is killed then.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ended().await
    }

    /// Ends it without a chance to do anything (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn kill(mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.ended().await?;
        Ok(())
    }

    /// Sends a signal to it and all its children. One that has ended is no error.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        match kill_process_group(self.group, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(e) => Err(e).with_context(|| format!("{} cannot be signalled", self.name)),
        }
    }

    /// Its last lines, for an error.
    pub fn tail(&self) -> String {
        let lines = lock(&self.output.lines);
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What it started must not outlive it either, also what has made itself a group of its own. Once it was waited for,
        // its id may be somebody else's; that of its group is not while a member lives.
        let family = match self.child.id() {
            Some(id) => family(id).unwrap_or_default(),
            None => Vec::new(),
        };
        let family = family
            .into_iter()
            .filter_map(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let members: Vec<(Pid, OwnedFd)> = family
            .filter_map(|id| Some((id, pidfd_open(id, PidfdFlags::empty()).ok()?)))
            .collect();
        let _ = kill_process_group(self.group, Signal::KILL);
        for (id, _) in &members {
            let _ = kill_process(*id, Signal::KILL);
        }
        // Gone when this returns, so that nothing is written any more into a directory that is about to be removed.
        for (_, member) in &members {
            let _ = poll(&mut [PollFd::new(member, PollFlags::IN)], Some(&KILLED));
        }
    }
}

async fn keep(stream: impl AsyncRead + Unpin, output: Arc<Output>) {
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line).into_owned();
        // What cannot be written is still in memory for the error message.
        let _ = writeln!(lock(&output.file), "{line}");
        let mut known = lock(&output.lines);
        known.push(line);
        output.count.send_replace(known.len());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
