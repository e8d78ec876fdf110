//! Carries out what the engine asks for, and tells it what came of it.
//!
//! Invariants: effects are carried out in the engine's order; a document is durably saved before anything that depends on it; nothing
//! that can wait (keys, network, the desktop) is waited for here; every queue is bounded.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use countersign_agent_api::{
    AccountId, ApiError, DeliveredCode, ErrorCode, Message, Reply, RequestId, SettingChange,
};
use ring::rand::SecureRandom;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{AbortHandle, JoinSet},
};

use crate::{
    channel::{Answer, ChannelEvent, ChannelHandle, ChannelProblem, DecisionOutcome, IssuerProtocol, Signed},
    codes::{self, Clipboard, Codes, Inbox, IssuerTime, Output, PartChange},
    doctor::Doctor,
    edge::Clock,
    engine::{Call, Effect, Engine, Event, Origin, SignOrder, Snapshot},
    history::{self, History, Record},
    ipc::{ConnectionId, Inbound},
    keystore::{Interaction, KeyRef, KeyStoreError, Keys},
    launch::{AppCommand, AppLauncher},
    net::Net,
    notify::{Notification, NotificationEvent, NotificationId, Notifier},
    run::Preferences,
    state_dir::StateDir,
};

/// Results and channel events that may wait for the engine.
const QUEUE: usize = 64;

/// How late the clock is looked at while a request waits: a computer that was suspended shows nothing stale for longer.
const GLANCE: Duration = Duration::from_secs(5);

/// The longest time without looking at the clock.
const IDLE: Duration = Duration::from_secs(60 * 60);

/// The most ended requests that wait for a disk that takes them.
const MAX_UNRECORDED: usize = 64;

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

/// A running channel.
#[derive(Debug)]
struct Channel {
    /// Events of an earlier subscription of the same account are not its own.
    subscription: u64,
    handle: ChannelHandle,
    forwarder: AbortHandle,
}

/// What jobs and channels hand in.
#[derive(Debug)]
enum Input {
    Event(Box<Event>),
    Channel(AccountId, u64, ChannelEvent),
    Reply(Call, Box<Result<Reply, ApiError>>),
}

/// Notifications keep their order: one task works them off.
#[derive(Debug)]
enum Notice {
    Show(Notification),
    Close(NotificationId),
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
        jobs.spawn(notify(Arc::clone(&parts.notifier), queue, results.clone()));
        let (changes, wanted) = mpsc::channel(QUEUE);
        jobs.spawn(change(parts.preferences.clone(), wanted, results.clone()));
        let state = Arc::new(state);
        let (issuer_time, time) = watch::channel(None);
        let (codes, told) = Codes::start(codes::Parts {
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

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Save(..) | Effect::Launch(..) => {}
            Effect::Reply(call, result) => self.reply(call, result),
            Effect::Publish(connection, event) => {
                self.send(
                    connection,
                    Message::Event {
                        event: Box::new(event),
                    },
                );
            }
            Effect::Record(record) => {
                if self.unrecorded.len() >= MAX_UNRECORDED {
                    self.unrecorded.pop_front();
                    tracing::error!("the record of an ended request is lost");
                }
                self.unrecorded.push_back(*record);
                self.record();
            }
            Effect::Sign(order) => self.sign(*order, Event::Signed),
            Effect::SignReport(order) => self.sign(*order, Event::ReportSigned),
            Effect::Deliver(request, account, answer) => {
                self.deliver(request, &account, answer, Event::Delivered);
            }
            Effect::DeliverReport(request, account, answer) => {
                self.deliver(request, &account, answer, Event::ReportDelivered);
            }
            Effect::FindRecord(call, id, locale) => {
                let history = self.history.clone();
                self.job(async move {
                    let found = tokio::task::spawn_blocking(move || history.find(&id)).await;
                    let found = found
                        .map_err(|_| unread())
                        .and_then(|found| found.map_err(|e| storage(&e)));
                    event(Event::Found(call, locale, Box::new(found)))
                });
            }
            Effect::Notify(notification) => self.notice(Notice::Show(notification)),
            Effect::CloseNotification(id) => self.notice(Notice::Close(id)),
            Effect::Subscribe(account, binding) => self.subscribe(account, *binding),
            Effect::Unsubscribe(account) => {
                if let Some(channel) = self.channels.remove(&account) {
                    channel.forwarder.abort();
                }
            }
            Effect::Retry(account) => {
                if let Some(channel) = self.channels.get(&account) {
                    channel.handle.retry();
                }
            }
            Effect::Preview(call, link, trust) => {
                let issuers = Arc::clone(&self.parts.issuers);
                self.job(async move {
                    let result = issuers.preview(&link, trust.as_ref()).await;
                    event(Event::Previewed(call, Box::new(result)))
                });
            }
            Effect::ReserveKey(purpose) => {
                let mut bits = [0; 16];
                let drawn = self.parts.rng.fill(&mut bits);
                let reserved = drawn
                    .map(|()| KeyRef::from_random(bits))
                    .map_err(|_| no_random_numbers());
                self.job(async move { event(Event::KeyReserved(purpose, reserved)) });
            }
            Effect::CreateKey(purpose, reference) => {
                let keys = self.parts.keys.clone();
                let kind = purpose.kind();
                self.job(async move {
                    let result = keys.create(&reference, kind, Interaction::Allowed).await;
                    event(Event::KeyCreated(purpose, reference, result))
                });
            }
            Effect::Enrol(enrolment, key) => {
                let issuers = Arc::clone(&self.parts.issuers);
                self.job(async move {
                    let result = issuers
                        .enrol(&enrolment.offer, &key, &enrolment.device_name)
                        .await;
                    event(Event::Enrolled(enrolment, key, Box::new(result)))
                });
            }
            Effect::Rotate(rotation, binding, key) => {
                let issuers = Arc::clone(&self.parts.issuers);
                self.job(async move {
                    let result = issuers.rotate(&binding, &key).await;
                    event(Event::Rotated(rotation, key, result))
                });
            }
            Effect::DeleteKey(key, interaction) => {
                let keys = self.parts.keys.clone();
                self.job(async move {
                    let result = keys.delete(&key, interaction).await;
                    event(Event::KeyDeleted(key, result))
                });
            }
            Effect::ProbeKeyring(interaction) => {
                let keys = self.parts.keys.clone();
                self.job(async move { event(Event::KeyringProbed(keys.probe(interaction).await)) });
            }
            Effect::RevokeDevice(call, account, binding, other_key) => {
                let issuers = Arc::clone(&self.parts.issuers);
                self.job(async move {
                    let result = issuers.revoke(&binding, other_key.as_ref()).await;
                    event(Event::DeviceRevoked(call, account, result))
                });
            }
            Effect::ChangeSetting(call, change) => {
                if self.changes.try_send((call, change)).is_err() {
                    let text = "Too many settings are being changed. Try again in a moment.";
                    let busy = ApiError::new(ErrorCode::Unavailable, text);
                    self.reply(call, Err(busy));
                }
            }
            Effect::ReadHistory {
                call,
                limit,
                before,
                filter,
            } => {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                self.read(call, move |history| {
                    history::check(&filter)?;
                    let page = history.page(limit, before.as_ref(), &filter);
                    Ok(Reply::History(page.map_err(|e| storage(&e))?))
                });
            }
            Effect::ReadRecords(call, from, filter) => {
                self.read(call, move |history| {
                    history::check(&filter)?;
                    let page = history.records_from(from.as_ref(), &filter);
                    Ok(Reply::Records(page.map_err(|e| storage(&e))?))
                });
            }
            Effect::ReadEvidence(call, id) => self.read(call, move |history| evidence(history, &id)),
            Effect::Diagnose(call, accounts) => {
                let doctor = Doctor {
                    keys: self.parts.keys.clone(),
                    net: self.parts.net.clone(),
                    clock: Arc::clone(&self.parts.clock),
                    app: self.parts.app.clone(),
                    state: self.state.root().to_owned(),
                };
                let (answer, vault) = oneshot::channel();
                // One that is not taken is dropped: then nothing is said of the vault.
                let _ = self.codes.tell(Inbox::Inspect(answer));
                self.job(async move {
                    let vault = vault.await.ok();
                    let variable = |name: &str| std::env::var_os(name);
                    let checks = doctor.diagnose(accounts, vault, variable).await;
                    Input::Reply(call, Box::new(Ok(Reply::Diagnostics(checks))))
                });
            }
            Effect::KeepCode(call, account, otp) => {
                let (answer, kept) = oneshot::channel();
                // One that is not taken is dropped, and so is its answer.
                let _ = self.codes.tell(Inbox::Keep(otp, answer));
                self.job(async move {
                    let text = "Too much is asked of the one-time codes at once.";
                    let busy = |_| DeliveredCode::Lost {
                        error: ApiError::new(ErrorCode::Unavailable, text),
                    };
                    event(Event::CodeKept(call, account, kept.await.unwrap_or_else(busy)))
                });
            }
            Effect::KeepPart(origin, id, link) => {
                self.part(origin, PartChange::Keep(id, link), Event::PartKept);
            }
            Effect::DropPart(origin, id) => self.part(origin, PartChange::Drop(id), Event::PartDropped),
            Effect::Hold(account, names) => {
                if let Some(channel) = self.channels.get(&account) {
                    channel.handle.holds(names);
                }
            }
            Effect::TakeLeave(binding, other_key) => {
                let issuers = Arc::clone(&self.parts.issuers);
                self.job(async move {
                    let result = issuers.revoke(&binding, other_key.as_ref()).await;
                    let keys = std::iter::once(binding.key).chain(other_key);
                    let keys = keys.map(|key| key.reference).collect();
                    event(Event::LeaveTaken(keys, result))
                });
            }
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

    /// Hands a call over to the task of one-time codes, which answers it.
    fn ask_codes(&mut self, call: Call, message: Inbox) {
        if self.codes.tell(message).is_err() {
            let text = "Too much is asked of the one-time codes at once. Try again in a moment.";
            self.reply(call, Err(ApiError::new(ErrorCode::Unavailable, text)));
        }
    }

    /// Has a code kept or dropped that an account brings along.
    fn part(
        &mut self,
        origin: Origin,
        change: PartChange,
        done: fn(Origin, Result<Option<String>, ApiError>) -> Event,
    ) {
        let (answer, changed) = oneshot::channel();
        // One that is not taken is dropped, and so is its answer.
        let _ = self.codes.tell(Inbox::Part(change, answer));
        self.job(async move {
            let busy = |_| {
                Err(ApiError::new(
                    ErrorCode::Unavailable,
                    "Too much is asked of the one-time codes at once.",
                ))
            };
            event(done(origin, changed.await.unwrap_or_else(busy)))
        });
    }

    /// Keeps what could not be kept before, too: evidence outlives a disk that was full for a while.
    fn record(&mut self) {
        while let Some(record) = self.unrecorded.front() {
            if let Err(error) = self.history.append(record) {
                tracing::error!(%error, "an ended request could not be kept, it is tried again");
                return;
            }
            self.unrecorded.pop_front();
        }
    }

    fn deliver(
        &mut self,
        request: RequestId,
        account: &AccountId,
        answer: Answer,
        delivered: fn(RequestId, DecisionOutcome) -> Event,
    ) {
        let handle = self.channels.get(account).map(|channel| channel.handle.clone());
        self.job(async move {
            let outcome = match handle {
                Some(handle) => handle.answer(answer).await,
                None => DecisionOutcome::NotDelivered(ChannelProblem::Closed),
            };
            event(delivered(request, outcome))
        });
    }

    fn sign(&mut self, order: SignOrder, signed: fn(RequestId, Result<Signed, KeyStoreError>) -> Event) {
        let issuers = Arc::clone(&self.parts.issuers);
        self.job(async move {
            let SignOrder {
                request,
                binding,
                source,
                decision,
            } = order;
            let result = issuers.sign(&binding, &source, decision).await;
            event(signed(request, result))
        });
    }

    fn subscribe(&mut self, account: AccountId, binding: crate::channel::Binding) {
        if let Some(earlier) = self.channels.remove(&account) {
            earlier.forwarder.abort();
        }
        self.subscriptions += 1;
        let number = self.subscriptions;
        let mut subscription = self.parts.issuers.subscribe(binding);
        let handle = subscription.handle.clone();
        let inputs = self.results.clone();
        let name = account.clone();
        let forwarder = self.jobs.spawn(async move {
            while let Some(event) = subscription.events.recv().await {
                if inputs
                    .send(Input::Channel(name.clone(), number, event))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
        self.channels.insert(
            account,
            Channel {
                subscription: number,
                handle,
                forwarder,
            },
        );
    }

    /// Runs something that takes time; its result comes back as an input.
    fn job(&mut self, work: impl Future<Output = Input> + Send + 'static) {
        let results = self.results.clone();
        self.jobs.spawn(async move {
            let _ = results.send(work.await).await;
        });
    }

    /// Answers a call from the history, off the engine's thread.
    fn read(&mut self, call: Call, work: impl FnOnce(&History) -> Result<Reply, ApiError> + Send + 'static) {
        let history = self.history.clone();
        self.job(async move {
            let result = tokio::task::spawn_blocking(move || work(&history)).await;
            Input::Reply(call, Box::new(result.unwrap_or_else(|_| Err(unread()))))
        });
    }

    fn notice(&self, notice: Notice) {
        if self.notices.try_send(notice).is_err() {
            tracing::warn!("the notification service is too slow, a notification was left out");
        }
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

fn unread() -> ApiError {
    ApiError::new(ErrorCode::Storage, "The history could not be read.")
}

fn no_random_numbers() -> KeyStoreError {
    KeyStoreError::Failed("the system has no random numbers".into())
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a background job failed");
    }
}

fn event(event: Event) -> Input {
    Input::Event(Box::new(event))
}

async fn notify(
    notifier: Arc<dyn Notifier>,
    mut queue: mpsc::Receiver<Notice>,
    results: mpsc::Sender<Input>,
) {
    while let Some(notice) = queue.recv().await {
        match notice {
            Notice::Show(notification) => {
                let id = notification.id.clone();
                if let Err(error) = notifier.show(notification).await {
                    let _ = results.send(event(Event::NotShown(id, error))).await;
                }
            }
            Notice::Close(id) => notifier.close(&id).await,
        }
    }
}

/// Files are read and written off the engine's thread: what a setting names may be slow, or on a network.
async fn change(
    mut preferences: Preferences,
    mut wanted: mpsc::Receiver<(Call, SettingChange)>,
    results: mpsc::Sender<Input>,
) {
    while let Some((call, change)) = wanted.recv().await {
        let mut own = preferences.clone();
        let work = move || {
            let result = own.change(&change).map_err(|error| error.answer());
            (own, result)
        };
        let result = match tokio::task::spawn_blocking(work).await {
            Ok((own, result)) => {
                preferences = own;
                result
            }
            Err(_) => Err(ApiError::new(
                ErrorCode::Storage,
                "The setting could not be changed.",
            )),
        };
        let changed = event(Event::SettingChanged(call, Box::new(result)));
        if results.send(changed).await.is_err() {
            return;
        }
    }
}

fn evidence(history: &History, id: &RequestId) -> Result<Reply, ApiError> {
    let missing = |text: &str| ApiError::new(ErrorCode::NotFound, text);
    let record = history
        .find(id)
        .map_err(|e| storage(&e))?
        .ok_or_else(|| missing("There is no ended request with this id."))?;
    let evidence = record
        .evidence
        .ok_or_else(|| missing("The issuer sent no receipt for this request, so there is no evidence."))?;
    Ok(Reply::Evidence(history::file(&evidence)))
}

fn storage(error: &dyn std::error::Error) -> ApiError {
    ApiError::new(ErrorCode::Storage, error.to_string())
}
