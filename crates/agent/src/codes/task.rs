//! The task that owns the vault: carries calls out one after another, and what takes long beside them.

mod jobs;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Duration};

use countersign_agent_api::{
    ApiError, CodeId, CodesReply, CodesRequest, DeliveredCode, ErrorCode, VaultView,
};
use countersign_codes::vault;
use countersign_protocol::wire::OtpLink;
use ring::rand::SecureRandom;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, JoinSet, spawn_blocking},
    time::timeout,
};
use zeroize::Zeroizing;

use self::jobs::{Done, Underway};
use super::{
    Clipboard, IssuerTime, News, VAULT_FILE,
    backups::Backups,
    clock::Instant,
    errors,
    open::{self, Opened, VaultFile},
    state::{At, Change, Delivered, State, Step, Takes},
};
use crate::{
    edge::Clock,
    engine::Call,
    keystore::{Interaction, Keys},
    state_dir::StateDir,
    wording::sentence,
};

/// The most calls that wait for the task, and again for the vault to be opened.
const QUEUE: usize = 64;

/// The longest time without looking at the clock.
const IDLE: i64 = 24 * 60 * 60;

/// How long the task gets to finish when the agent ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// The world outside.
#[derive(Clone)]
pub struct Parts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For ids, keys, nonces.
    pub rng: Arc<dyn SecureRandom + Send + Sync>,
    /// The OS keystore.
    pub keys: Keys,
    /// The desktop's clipboard.
    pub clipboard: Arc<dyn Clipboard>,
    /// Where the vault is.
    pub state: Arc<StateDir>,
    /// What issuers tell of the time.
    pub told: watch::Receiver<Option<IssuerTime>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// What the task is told.
#[derive(Debug)]
pub enum Inbox {
    /// A call of a front end; [`Output::Reply`] answers it.
    Call {
        /// Who called.
        call: Call,
        /// What.
        request: CodesRequest,
        /// After how many seconds a copied code is taken off the clipboard.
        clear_after: Option<u16>,
    },
    /// Put a code that is not the vault's on the clipboard; [`Output::Reply`] answers it.
    Copy {
        /// Who called.
        call: Call,
        /// What.
        code: Zeroizing<String>,
        /// After how many seconds it is taken off the clipboard.
        clear_after: Option<u16>,
    },
    /// Keep the code that an issuer delivered, unless it is there already.
    Keep(OtpLink, oneshot::Sender<DeliveredCode>),
    /// Keep or drop a code that an account brings along. Answers what it is called; nothing if there is none to drop.
    Part(PartChange, oneshot::Sender<Result<Option<String>, ApiError>>),
    /// How the vault is, opened if nobody has to be asked for that.
    Inspect(oneshot::Sender<VaultView>),
}

/// What is to become of a code that an account brings along.
#[derive(Debug)]
pub enum PartChange {
    /// It is there, and made like this.
    Keep(CodeId, OtpLink),
    /// It is not.
    Drop(CodeId),
}

/// What the task tells.
#[derive(Debug)]
pub enum Output {
    /// The answer to a call.
    Reply(Call, Result<CodesReply, ApiError>),
    /// Something about the vault is different.
    News(Box<News>),
}

/// Too many messages wait for the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// The running task.
#[derive(Debug)]
pub struct Codes {
    mailbox: mpsc::Sender<Inbox>,
    task: JoinHandle<()>,
}

impl Codes {
    /// Starts it, within a runtime.
    pub fn start(parts: Parts) -> (Self, mpsc::Receiver<Output>) {
        let (mailbox, messages) = mpsc::channel(QUEUE);
        let (out, outputs) = mpsc::channel(QUEUE);
        let task = tokio::spawn(Task::new(parts, out).run(messages));
        (Self { mailbox, task }, outputs)
    }

    /// Gives it a message.
    ///
    /// # Errors
    /// [`TooMany`]; the message is dropped.
    pub fn tell(&self, message: Inbox) -> Result<(), TooMany> {
        self.mailbox.try_send(message).map_err(|_| TooMany)
    }

    /// Lets it finish what it does and take a code off the clipboard. Nobody may wait for its outputs any more.
    pub async fn end(self) {
        drop(self.mailbox);
        if timeout(FAREWELL, self.task).await.is_err() {
            tracing::warn!("the task of one-time codes did not end in time");
        }
    }
}

struct Task {
    parts: Parts,
    state: State,
    backups: Backups,
    /// Whether the vault is being opened, and how.
    opening: Option<Interaction>,
    waiting: VecDeque<Waiting>,
    /// What takes long, one at a time.
    work: Underway,
    /// Another plan of the backups is being set up. Beside the work: that may hang at the folder of the present one.
    planning: Underway,
    jobs: JoinSet<Done>,
    out: mpsc::Sender<Output>,
    published: Option<News>,
}

/// What waits for the vault to be opened.
#[derive(Debug)]
enum Waiting {
    Call(Call, CodesRequest, Option<u16>),
    Inspect(oneshot::Sender<VaultView>),
    Keep(Delivered, oneshot::Sender<DeliveredCode>),
    Part(PartChange, oneshot::Sender<Result<Option<String>, ApiError>>),
    Backup,
}

impl Task {
    fn new(parts: Parts, out: mpsc::Sender<Output>) -> Self {
        let at = instant(&parts);
        let kept = open::read(&parts.state);
        Self {
            state: State::new(at),
            backups: Backups::new(kept, at),
            opening: None,
            waiting: VecDeque::new(),
            work: Underway::Nothing,
            planning: Underway::Nothing,
            jobs: JoinSet::new(),
            out,
            published: None,
            parts,
        }
    }

    async fn run(mut self, mut messages: mpsc::Receiver<Inbox>) {
        let mut told = self.parts.told.clone();
        loop {
            self.publish().await;
            let wake = tokio::time::sleep(self.patience());
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => self.take(message).await,
                    None => break,
                },
                Some(done) = self.jobs.join_next() => match done {
                    Ok(done) => self.done(done).await,
                    Err(error) => {
                        tracing::error!(%error, "a job of one-time codes failed");
                        self.job_failed().await;
                    }
                },
                Ok(()) = told.changed() => {
                    let time = told.borrow_and_update().clone();
                    if let Some(time) = time {
                        self.state.told(time);
                    }
                }
                () = wake => self.tick(),
            }
        }
        self.parts.clipboard.clear().await;
    }

    fn patience(&self) -> Duration {
        let steady = instant(&self.parts).steady;
        let due = self.state.next_wake().into_iter().chain(self.backups.next_wake());
        let due = due.map(|due| due - steady).min().unwrap_or(IDLE);
        Duration::from_secs(due.clamp(1, IDLE).unsigned_abs())
    }

    async fn take(&mut self, message: Inbox) {
        match message {
            Inbox::Call {
                call,
                request,
                clear_after,
            } => {
                let interaction = match Takes::of(&request).entries() {
                    Some(interaction) if !self.state.is_open() => interaction,
                    Some(_) | None => return self.carry_out(call, request, clear_after).await,
                };
                if self.waiting.len() >= QUEUE {
                    return self.reply(call, Err(errors::busy())).await;
                }
                self.waiting.push_back(Waiting::Call(call, request, clear_after));
                self.open(interaction);
            }
            Inbox::Copy {
                call,
                code,
                clear_after,
            } => {
                let copied = self.copy(code, clear_after).await;
                self.reply(call, copied).await;
            }
            Inbox::Keep(otp, answer) => {
                let delivered = match self.state.delivered(otp.expose(), at(&self.parts)) {
                    Ok(delivered) => delivered,
                    Err(error) => {
                        let _ = answer.send(DeliveredCode::Lost { error });
                        return;
                    }
                };
                if self.state.is_open() {
                    self.keep(delivered, answer).await;
                } else if self.waiting.len() >= QUEUE {
                    let _ = answer.send(waits(delivered, errors::busy()));
                } else {
                    self.waiting.push_back(Waiting::Keep(delivered, answer));
                    self.open(Interaction::Allowed);
                }
            }
            Inbox::Part(change, answer) => {
                if self.state.is_open() {
                    self.part(change, answer).await;
                } else if self.waiting.len() >= QUEUE {
                    let _ = answer.send(Err(errors::busy()));
                } else {
                    self.waiting.push_back(Waiting::Part(change, answer));
                    // Nobody waits for it.
                    self.open(Interaction::Forbidden);
                }
            }
            Inbox::Inspect(answer) => {
                if self.state.is_open() || self.waiting.len() >= QUEUE {
                    let _ = answer.send(self.news().view);
                } else {
                    self.waiting.push_back(Waiting::Inspect(answer));
                    self.open(Interaction::Forbidden);
                }
            }
        }
    }

    async fn carry_out(&mut self, call: Call, request: CodesRequest, clear_after: Option<u16>) {
        let before = match Takes::of(&request) {
            Takes::Nothing | Takes::EntriesUnasked | Takes::Entries => Underway::Nothing,
            Takes::EntriesAndTime => self.work,
            Takes::Plan => self.planning,
        };
        let step = match before {
            Underway::Nothing => self.state.call(request, at(&self.parts), &*self.parts.rng),
            Underway::Call(_) | Underway::DueBackup => Err(errors::busy()),
        };
        let result = match step {
            Ok(Step::Reply(reply)) => Ok(reply),
            Ok(Step::View) => Ok(CodesReply::Vault(self.news().view)),
            Ok(Step::Write(change)) => self.write(change).await,
            Ok(Step::Copy(code)) => self.copy(code, clear_after).await,
            Ok(Step::Work(work)) => return self.start(call, work),
            Ok(Step::SetBackups(plan)) => match self.set_up(call, plan) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Ok(Step::BackUp) => match self.back_up(Underway::Call(call), Interaction::Allowed) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        self.reply(call, result).await;
    }

    /// Writes the vault: it is on disk when this returns.
    async fn write(&mut self, change: Change) -> Result<CodesReply, ApiError> {
        let Parts { state, keys, rng, .. } = &self.parts;
        let (_, file) = self.state.open().ok_or_else(errors::failed)?;
        let path = self.vault_file();
        if let Err(error) = open::check_unchanged(&path, file) {
            self.state.close();
            return Err(error);
        }
        let (key, is_first) = match file {
            Some(file) => (file.key.clone(), false),
            None => (open::make_key(state, keys, &**rng).await?, true),
        };
        let (codes, with, rng) = (Arc::clone(&change.codes), key.clone(), Arc::clone(rng));
        let write = move || {
            let written = vault::write(&path, &codes, &with, &*rng)?;
            Ok::<_, vault::WriteError>((written, open::fingerprint(&path)))
        };
        let (written, fingerprint) = spawn_blocking(write)
            .await
            .map_err(|_| errors::failed())?
            .map_err(|error| errors::storage(&error))?;
        if is_first {
            open::made(state, self.parts.clock.now());
        }
        let file = VaultFile { key, fingerprint };
        self.state.written(change, &written, file, at(&self.parts))
    }

    /// Adds what an issuer delivered. Where that does not work it waits, as an import that can be applied.
    async fn keep(&mut self, delivered: Delivered, answer: oneshot::Sender<DeliveredCode>) {
        let import = delivered.import.clone();
        let apply = CodesRequest::ApplyImport { import };
        let result = match self.state.call(apply, at(&self.parts), &*self.parts.rng) {
            Ok(Step::Write(change)) => self.write(change).await.map(drop),
            // It is there already.
            Ok(
                Step::Reply(_)
                | Step::View
                | Step::Copy(_)
                | Step::Work(_)
                | Step::SetBackups(_)
                | Step::BackUp,
            ) => Ok(()),
            Err(error) => Err(error),
        };
        let _ = answer.send(match result {
            Ok(()) => DeliveredCode::Kept { name: delivered.name },
            Err(error) => waits(delivered, error),
        });
    }

    /// Keeps or drops what an account brings along.
    async fn part(&mut self, change: PartChange, answer: oneshot::Sender<Result<Option<String>, ApiError>>) {
        let result = match self.state.part(change, at(&self.parts)) {
            Ok(Some((change, name))) => self.write(change).await.map(|_| Some(name)),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let _ = answer.send(result);
    }

    async fn copy(&self, code: Zeroizing<String>, clear_after: Option<u16>) -> Result<CodesReply, ApiError> {
        let lasting = clear_after.map(|seconds| Duration::from_secs(seconds.into()));
        let copied = self.parts.clipboard.copy(code, lasting).await;
        copied.map_err(|error| ApiError::new(ErrorCode::ClipboardUnavailable, sentence(&error)))?;
        let until = clear_after.map(|seconds| self.parts.clock.now() + i64::from(seconds));
        Ok(CodesReply::Copied { until })
    }

    /// Begins to open the vault, unless that is being done.
    fn open(&mut self, interaction: Interaction) {
        if self.opening.is_some() {
            return;
        }
        self.opening = Some(interaction);
        let Parts {
            state, keys, clock, ..
        } = self.parts.clone();
        self.jobs
            .spawn(async move { Done::Opened(open::open(state, keys, interaction, clock.now()).await) });
    }

    /// The vault was opened, or not: what waited goes on.
    async fn opened(&mut self, opened: Opened) {
        let how = self.opening.take();
        let result = self.state.opened(opened, instant(&self.parts));
        let asked = |waiting: &Waiting| match waiting {
            Waiting::Call(_, request, _) => Takes::of(request).entries() == Some(Interaction::Allowed),
            Waiting::Keep(..) => true,
            Waiting::Part(..) | Waiting::Inspect(_) | Waiting::Backup => false,
        };
        if result.is_err() && how == Some(Interaction::Forbidden) && self.waiting.iter().any(asked) {
            return self.open(Interaction::Allowed);
        }
        for waiting in std::mem::take(&mut self.waiting) {
            match (waiting, &result) {
                (Waiting::Call(call, request, clear_after), Ok(())) => {
                    self.carry_out(call, request, clear_after).await;
                }
                (Waiting::Call(call, ..), Err(error)) => self.reply(call, Err(error.clone())).await,
                (Waiting::Keep(delivered, answer), Ok(())) => self.keep(delivered, answer).await,
                (Waiting::Keep(delivered, answer), Err(error)) => {
                    let _ = answer.send(waits(delivered, error.clone()));
                }
                (Waiting::Part(change, answer), Ok(())) => self.part(change, answer).await,
                (Waiting::Part(_, answer), Err(error)) => {
                    let _ = answer.send(Err(error.clone()));
                }
                (Waiting::Inspect(answer), _) => {
                    let _ = answer.send(self.news().view);
                }
                (Waiting::Backup, Ok(())) => self.due_backup(),
                (Waiting::Backup, Err(error)) => self.backups.failed(error),
            }
        }
    }

    /// Time has passed.
    fn tick(&mut self) {
        let at = instant(&self.parts);
        self.state.tidy(at);
        if self.backups.next_wake().is_some_and(|due| due <= at.steady) {
            let fingerprint = open::fingerprint(&self.vault_file());
            if self.backups.look(fingerprint.as_deref(), at) {
                if self.state.is_open() {
                    self.due_backup();
                } else {
                    self.waiting.push_back(Waiting::Backup);
                    self.open(Interaction::Forbidden);
                }
            }
        }
    }

    fn vault_file(&self) -> PathBuf {
        self.parts.state.root().join(VAULT_FILE)
    }

    fn news(&self) -> News {
        self.state.news(self.backups.view(), instant(&self.parts))
    }

    /// Tells what is different.
    async fn publish(&mut self) {
        let news = self.news();
        if self.published.as_ref() != Some(&news) {
            let _ = self.out.send(Output::News(Box::new(news.clone()))).await;
            self.published = Some(news);
        }
    }

    async fn reply(&self, call: Call, result: Result<CodesReply, ApiError>) {
        let _ = self.out.send(Output::Reply(call, result)).await;
    }
}

/// A code that could not be kept yet.
fn waits(delivered: Delivered, error: ApiError) -> DeliveredCode {
    DeliveredCode::Waiting {
        name: delivered.name,
        import: delivered.import,
        error,
    }
}

fn instant(parts: &Parts) -> Instant {
    Instant {
        now: parts.clock.now(),
        steady: parts.clock.steady(),
    }
}

fn at(parts: &Parts) -> At {
    At {
        instant: instant(parts),
        now_ms: parts.clock.now_ms(),
    }
}
