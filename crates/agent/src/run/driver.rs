//! Carries out what the engine asks for, and tells it what came of it.
//!
//! Invariants: effects are carried out in the engine's order; a document is durably saved before anything that depends on it; nothing
//! that can wait (keys, network, the desktop) is waited for here; every queue is bounded.

mod channels;
mod codes;
mod jobs;
mod queues;
mod records;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use countersign_agent_api::{AccountId, ApiError, Event as FrontEndEvent, Message, Reply, SettingChange};
use ring::rand::SecureRandom;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    channel::{ChannelEvent, IssuerProtocol},
    codes::{Clipboard, Codes, Inbox, IssuerTime, Output, PartChange},
    edge::Clock,
    engine::{Call, Effect, Engine, Event, Snapshot},
    history::{History, Record},
    ipc::{ConnectionId, Inbound},
    keystore::Keys,
    launch::{AppCommand, AppLauncher},
    net::Net,
    notify::{NotificationEvent, Notifier},
    run::Preferences,
    state_dir::StateDir,
};

use self::{channels::Channel, queues::Notice};

/// Results and channel events that may wait for the engine.
const QUEUE: usize = 64;

/// How late the clock is looked at while a request waits: a computer that was suspended shows nothing stale for longer.
const GLANCE: Duration = Duration::from_secs(5);

/// The longest time without looking at the clock.
const IDLE: Duration = Duration::from_secs(60 * 60);

/// The world outside.
#[derive(Clone)]
pub struct Parts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For message ids.
    pub rng: Arc<dyn SecureRandom + Send + Sync>,
    /// Device keys.
    pub keys: Keys,
    /// Issuers.
    pub issuers: Arc<dyn IssuerProtocol>,
    /// The desktop's notifications.
    pub notifier: Arc<dyn Notifier>,
    /// The desktop app.
    pub launcher: Arc<dyn AppLauncher>,
    /// The settings on disk.
    pub preferences: Preferences,
    /// What starts the desktop app, for diagnostics.
    pub app: AppCommand,
    /// For diagnostics.
    pub net: Net,
    /// The desktop's clipboard.
    pub clipboard: Arc<dyn Clipboard>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// The one task that owns the engine.
#[derive(Debug)]
pub struct Driver {
    engine: Engine,
    state: Arc<StateDir>,
    history: History,
    parts: Parts,
    codes: Codes,
    /// What the task of one-time codes tells.
    told: mpsc::Receiver<Output>,
    /// What it is told of the time.
    issuer_time: watch::Sender<Option<IssuerTime>>,
    outboxes: BTreeMap<ConnectionId, mpsc::Sender<Message>>,
    channels: BTreeMap<AccountId, Channel>,
    subscriptions: u64,
    jobs: JoinSet<()>,
    results: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    notices: mpsc::Sender<Notice>,
    /// One task works them off: they and their results keep their order.
    changes: mpsc::Sender<(Call, SettingChange)>,
    course: Course,
    /// Ended requests that could not be kept yet.
    unrecorded: VecDeque<Record>,
}

/// What jobs and channels hand in.
#[derive(Debug)]
enum Input {
    Event(Box<Event>),
    Channel(AccountId, u64, ChannelEvent),
    Reply(Call, Box<Result<Reply, ApiError>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    On,
    Ending,
}

impl Driver {
    /// Ready to run, within a runtime.
    pub fn new(engine: Engine, state: StateDir, history: History, parts: Parts) -> Self {
        let (results, inputs) = mpsc::channel(QUEUE);
        let (notices, queue) = mpsc::channel(QUEUE);
        let mut jobs = JoinSet::new();
        jobs.spawn(queues::notify(
            Arc::clone(&parts.notifier),
            queue,
            results.clone(),
        ));
        let (changes, wanted) = mpsc::channel(QUEUE);
        jobs.spawn(queues::change(parts.preferences.clone(), wanted, results.clone()));
        let state = Arc::new(state);
        let (issuer_time, time) = watch::channel(None);
        let (codes, told) = Codes::start(crate::codes::Parts {
            clock: Arc::clone(&parts.clock),
            rng: Arc::clone(&parts.rng),
            keys: parts.keys.clone(),
            clipboard: Arc::clone(&parts.clipboard),
            state: Arc::clone(&state),
            told: time,
        });
        Self {
            engine,
            state,
            history,
            parts,
            codes,
            told,
            issuer_time,
            outboxes: BTreeMap::new(),
            channels: BTreeMap::new(),
            subscriptions: 0,
            jobs,
            results,
            inputs,
            notices,
            changes,
            course: Course::On,
            unrecorded: VecDeque::new(),
        }
    }

    /// Runs until `end` is, or a front end ends the agent.
    pub async fn run(
        mut self,
        mut inbound: mpsc::Receiver<Inbound>,
        mut notifications: mpsc::Receiver<NotificationEvent>,
        end: impl Future<Output = ()>,
    ) {
        tokio::pin!(end);
        let launcher = Arc::clone(&self.parts.launcher);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
        self.take(Event::Started);
        while self.course == Course::On {
            let wake = tokio::time::sleep(self.patience());
            tokio::select! {
                () = &mut end => break,
                Some(call) = inbound.recv() => self.inbound(call),
                Some(input) = self.inputs.recv() => self.input(input),
                Some(output) = self.told.recv() => match output {
                    Output::Reply(call, result) => self.reply(call, result.map(Reply::Codes)),
                    Output::News(news) => self.take(Event::Vault(news)),
                },
                Some(event) = notifications.recv() => self.take(Event::Notification(event)),
                () = launcher.ended() => self.take(Event::AppEnded),
                Some(ended) = self.jobs.join_next() => report(ended),
                () = wake => {
                    self.take(Event::Tick);
                    self.record();
                }
            }
        }
        drop(self.told);
        self.codes.end().await;
        tracing::info!("ended");
    }

    fn patience(&self) -> Duration {
        let now = self.parts.clock.now();
        let waits = self.engine.watches_the_clock() || !self.unrecorded.is_empty();
        let longest = if waits { GLANCE } else { IDLE };
        let due = self
            .engine
            .next_wake(now)
            .map(|at| Duration::from_secs((at - now).max(1).unsigned_abs()));
        due.map_or(longest, |due| due.min(longest))
    }

    fn inbound(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Connected {
                connection,
                role,
                outbox,
            } => {
                self.outboxes.insert(connection, outbox);
                self.take(Event::Connected(connection, role));
            }
            Inbound::Call {
                connection,
                id,
                request,
            } => {
                tracing::debug!(?request, "call");
                self.take(Event::Called(Call { connection, id }, request));
            }
            Inbound::Disconnected { connection } => {
                self.outboxes.remove(&connection);
                self.take(Event::Disconnected(connection));
            }
        }
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Event(event) => self.take(*event),
            Input::Channel(account, subscription, event) => {
                if self
                    .channels
                    .get(&account)
                    .is_some_and(|channel| channel.subscription == subscription)
                {
                    self.take(Event::Channel(account, event));
                }
            }
            Input::Reply(call, result) => self.reply(call, *result),
        }
    }

    /// Hands one event to the engine and carries out what follows from it.
    fn take(&mut self, event: Event) {
        let now = self.parts.clock.now();
        let mut effects = VecDeque::from(self.engine.handle(event, now));
        while let Some(effect) = effects.pop_front() {
            let outcome = if let Effect::Save(snapshot, then) = effect {
                let result = match &snapshot {
                    Snapshot::Accounts(accounts) => self.state.write(accounts),
                    Snapshot::Outbox(outbox) => self.state.write(outbox),
                };
                Event::Saved(then, result)
            } else if let Effect::Launch(window, call) = effect {
                // Told before the app can be told to have ended.
                let result = self.parts.launcher.launch(&window);
                Event::Launched(window, call, result)
            } else {
                self.carry_out(effect);
                continue;
            };
            let following = self.engine.handle(outcome, self.parts.clock.now());
            for effect in following.into_iter().rev() {
                effects.push_front(effect);
            }
        }
        if let Some(time) = self.engine.issuer_time() {
            self.issuer_time.send_if_modified(|told| {
                let is_new = told.as_ref() != Some(&time);
                *told = Some(time);
                is_new
            });
        }
    }

    /// Carries out one effect, or has it carried out: what takes time is a job, a queue's or the codes' task's.
    fn carry_out(&mut self, effect: Effect) {
        match effect {
            // Carried out in place by `take`: what follows from them comes before the next effect.
            Effect::Save(..) | Effect::Launch(..) => {}
            Effect::Reply(call, result) => self.reply(call, result),
            Effect::Publish(connection, event) => self.publish(connection, event),
            Effect::Record(record) => self.keep_record(*record),
            Effect::FindRecord(call, id, locale) => self.find_record(call, id, locale),
            Effect::ReadHistory {
                call,
                limit,
                before,
                filter,
            } => self.read_page(call, limit, before, filter),
            Effect::ReadRecords(call, from, filter) => self.read_records(call, from, filter),
            Effect::ReadEvidence(call, id) => self.read_evidence(call, id),
            Effect::Sign(order) => self.sign(*order, Event::Signed),
            Effect::SignReport(order) => self.sign(*order, Event::ReportSigned),
            Effect::Deliver(request, account, answer) => {
                self.deliver(request, &account, answer, Event::Delivered);
            }
            Effect::DeliverReport(request, account, answer) => {
                self.deliver(request, &account, answer, Event::ReportDelivered);
            }
            Effect::Subscribe(account, binding) => self.subscribe(account, *binding),
            Effect::Unsubscribe(account) => self.unsubscribe(&account),
            Effect::Retry(account) => self.retry(&account),
            Effect::Hold(account, names) => self.hold(&account, names),
            Effect::Notify(turn, notification) => self.notice(Notice::Show(turn, notification)),
            Effect::CloseNotification(id) => self.notice(Notice::Close(id)),
            Effect::ChangeSetting(call, change) => self.change_setting(call, change),
            Effect::Preview(call, link, trust) => self.preview(call, link, trust),
            Effect::ReserveKey(purpose) => self.reserve_key(purpose),
            Effect::CreateKey(purpose, reference) => self.create_key(purpose, reference),
            Effect::DeleteKey(key, interaction) => self.delete_key(key, interaction),
            Effect::ProbeKeyring(interaction) => self.probe_keyring(interaction),
            Effect::Enrol(enrolment, key) => self.enrol(enrolment, key),
            Effect::Rotate(rotation, binding, key) => self.rotate(rotation, *binding, key),
            Effect::RevokeDevice(call, account, binding, other_key) => {
                self.revoke_device(call, account, *binding, other_key);
            }
            Effect::TakeLeave(binding, other_key) => self.take_leave(*binding, other_key),
            Effect::Diagnose(call, accounts) => self.diagnose(call, accounts),
            Effect::KeepCode(call, account, otp) => self.keep_code(call, account, otp),
            Effect::KeepPart(origin, id, link) => {
                self.part(origin, PartChange::Keep(id, link), Event::PartKept);
            }
            Effect::DropPart(origin, id) => self.part(origin, PartChange::Drop(id), Event::PartDropped),
            Effect::Codes {
                call,
                request,
                clear_after,
            } => self.ask_codes(
                call,
                Inbox::Call {
                    call,
                    request,
                    clear_after,
                },
            ),
            Effect::CopyCode {
                call,
                code,
                clear_after,
            } => self.ask_codes(
                call,
                Inbox::Copy {
                    call,
                    code,
                    clear_after,
                },
            ),
            Effect::Stop => self.course = Course::Ending,
        }
    }

    /// Runs something that takes time; its result comes back as an input.
    fn job(&mut self, work: impl Future<Output = Input> + Send + 'static) {
        let results = self.results.clone();
        self.jobs.spawn(async move {
            let _ = results.send(work.await).await;
        });
    }

    fn publish(&mut self, connection: ConnectionId, event: FrontEndEvent) {
        let event = Box::new(event);
        self.send(connection, Message::Event { event });
    }

    fn reply(&mut self, call: Call, result: Result<Reply, ApiError>) {
        let id = call.id;
        let message = match result {
            Ok(reply) => Message::Reply {
                id,
                reply: Box::new(reply),
            },
            Err(error) => Message::Failed { id, error },
        };
        self.send(call.connection, message);
    }

    fn send(&mut self, connection: ConnectionId, message: Message) {
        let Some(outbox) = self.outboxes.get(&connection) else {
            return;
        };
        if outbox.try_send(message).is_err() {
            tracing::warn!("a front end does not keep up and is dropped");
            self.outboxes.remove(&connection);
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a background job failed");
    }
}

fn event(event: Event) -> Input {
    Input::Event(Box::new(event))
}
