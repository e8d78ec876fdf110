//! The task behind one account: ask, wait, ask again. What was answered leaves at once, whoever is being asked meanwhile.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use countersign_agent_api::Transport;
use countersign_privacyidea::{
    Challenge, poll,
    reply::{self, ReplyError},
};
use countersign_protocol::{ErrorCode, Issuer, Txn};
use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, sleep_until},
};

use super::{PrivacyIdea, deliver::Courier, exchange::Line, request, ties::Ties};
use crate::{
    channel::{
        Binding, ChannelCommand, ChannelEvent, ChannelProblem, FarEnd, FrameKind, Health, RejectReason,
        Rejection, backoff::Backoff,
    },
    keystore::{Interaction, KeyStoreError},
    net::NetError,
};

/// Smaller differences between the clocks are the network's.
const NOTEWORTHY_OFFSET: i64 = 5;

/// Challenges live for two minutes unless an administrator says otherwise.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// The most unanswered challenges that are handed on at a time. Further ones follow as these are answered.
const MAX_OPEN: usize = 32;

/// The most dropped challenges that are remembered, so that each is counted once.
const MAX_REFUSED: usize = 256;

/// How long until a server is asked again that does not want to be asked, at first and at most: only its administrator can change that.
const REFUSED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(60 * 60));

/// How often a server is asked.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// While something happens, or did lately.
    pub busy: Duration,
    /// When nothing has happened for a while.
    pub idle: Duration,
    /// After how long nothing has happened for a while.
    pub calm: Duration,
}

impl Timing {
    /// Every so many seconds, and half as often when nothing has happened for a while.
    pub fn every(seconds: u16) -> Self {
        let busy = Duration::from_secs(seconds.into());
        Self {
            busy,
            idle: (busy * 2).min(LONGEST_IDLE).max(busy),
            calm: Duration::from_secs(15 * 60),
        }
    }

    /// Nobody makes the server be asked more often than this.
    fn least(&self) -> Duration {
        self.busy.min(Duration::from_secs(1))
    }
}

/// The engine does not listen any more.
#[derive(Debug)]
struct Unwanted;

/// What somebody wanted of the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    Nothing,
    /// To answer.
    Answering,
    /// That the server is asked now.
    Now,
}

/// Why a poll did not succeed.
enum Failure {
    Unwanted,
    NoKey(KeyStoreError),
    Problem(ChannelProblem),
}

impl From<Unwanted> for Failure {
    fn from(_: Unwanted) -> Self {
        Self::Unwanted
    }
}

impl From<KeyStoreError> for Failure {
    fn from(error: KeyStoreError) -> Self {
        Self::NoKey(error)
    }
}

impl From<NetError> for Failure {
    fn from(error: NetError) -> Self {
        Self::Problem(error.into())
    }
}

/// One account's side.
struct Account {
    server: PrivacyIdea,
    binding: Binding,
    ties: Ties,
    line: Arc<Mutex<Line>>,
    events: mpsc::Sender<ChannelEvent>,
    /// What the server listed last, by transaction. `None` before it was asked.
    listed: Option<BTreeSet<Txn>>,
    rejected: u64,
    /// What did not verify, so that it is counted once and not with every poll.
    refused: Vec<String>,
}

/// Keeps asking until nobody wants the channel any more.
pub(super) async fn run(
    server: PrivacyIdea,
    binding: Binding,
    ties: Ties,
    line: Arc<Mutex<Line>>,
    far: FarEnd,
) {
    let mut account = Account {
        server,
        binding,
        ties,
        line,
        events: far.events,
        listed: None,
        rejected: 0,
        refused: Vec::new(),
    };
    // Nobody is left to be told when it is unwanted.
    let _ = account.keep(far.commands).await;
}

impl Account {
    async fn keep(&mut self, mut commands: mpsc::Receiver<ChannelCommand>) -> Result<(), Unwanted> {
        self.health(Health::Connecting).await?;
        let courier = Courier::new(&self.server.net, &self.ties.url, &self.binding.issuer);
        let mut trouble = Backoff::default();
        let mut refused = Backoff::between(REFUSED.0, REFUSED.1);
        let mut connected = false;
        let mut last = Instant::now();
        loop {
            let (polled, meanwhile) = self.poll_and(&mut commands, &courier).await?;
            let delay = match polled {
                Ok(news) => {
                    trouble.reset();
                    refused.reset();
                    if !connected {
                        connected = true;
                        self.health(Health::Connected(Transport::Poll)).await?;
                    }
                    if news {
                        last = Instant::now();
                    }
                    let timing = self.server.timing;
                    let whole = if last.elapsed() < timing.calm {
                        timing.busy
                    } else {
                        timing.idle
                    };
                    // A little less or more each time, so that many computers do not ask at once.
                    whole.mul_f64(0.9 + 0.2 * self.jitter())
                }
                Err(Failure::Unwanted) => return Err(Unwanted),
                Err(Failure::NoKey(error)) => {
                    connected = false;
                    tracing::warn!(issuer = %self.binding.issuer, %error, "the device key cannot be used");
                    self.health(Health::NoKey(error.state())).await?;
                    Backoff::longest(self.bits())
                }
                Err(Failure::Problem(problem)) => {
                    connected = false;
                    let delay = match problem {
                        ChannelProblem::ProofRefused | ChannelProblem::Forbidden => refused.next(self.bits()),
                        // Never more often than when all is well.
                        ChannelProblem::Net(_)
                        | ChannelProblem::Closed
                        | ChannelProblem::Silent
                        | ChannelProblem::Restarting
                        | ChannelProblem::Replaced
                        | ChannelProblem::Issuer(_)
                        | ChannelProblem::Protocol(_) => {
                            trouble.next(self.bits()).max(self.server.timing.busy)
                        }
                    };
                    let in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                    self.health(Health::Retrying { in_ms, problem }).await?;
                    delay
                }
            };
            let asked = Instant::now();
            let soon = asked + self.server.timing.least();
            let until = match meanwhile {
                Wanted::Nothing => asked + delay,
                Wanted::Answering => {
                    last = asked;
                    asked + delay
                }
                Wanted::Now => {
                    last = asked;
                    soon.min(asked + delay)
                }
            };
            match self.wait(&mut commands, &courier, soon, until).await? {
                Wanted::Nothing => {}
                Wanted::Answering | Wanted::Now => last = Instant::now(),
            }
        }
    }

    /// Asks once, and takes commands meanwhile.
    async fn poll_and(
        &mut self,
        commands: &mut mpsc::Receiver<ChannelCommand>,
        courier: &Courier,
    ) -> Result<(Result<bool, Failure>, Wanted), Unwanted> {
        let mut wanted = Wanted::Nothing;
        let mut answered = Vec::new();
        let polled = {
            let poll = self.poll();
            tokio::pin!(poll);
            loop {
                tokio::select! {
                    polled = &mut poll => break polled,
                    command = commands.recv() => match command.ok_or(Unwanted)? {
                        ChannelCommand::Answer(request) => {
                            wanted = wanted.max(Wanted::Answering);
                            answered.push(request.answer.txn.clone());
                            courier.deliver(request);
                        }
                        ChannelCommand::Retry => wanted = Wanted::Now,
                        // A PUSH token brings nothing along.
                        ChannelCommand::Holds(_) => {}
                    },
                }
            }
        };
        for txn in &answered {
            self.ties.answer(txn);
        }
        Ok((polled, wanted))
    }

    /// Waits until then, or until soon if somebody wants it; takes commands meanwhile.
    async fn wait(
        &mut self,
        commands: &mut mpsc::Receiver<ChannelCommand>,
        courier: &Courier,
        soon: Instant,
        mut until: Instant,
    ) -> Result<Wanted, Unwanted> {
        let mut wanted = Wanted::Nothing;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ok(wanted),
                command = commands.recv() => match command.ok_or(Unwanted)? {
                    ChannelCommand::Answer(request) => {
                        wanted = wanted.max(Wanted::Answering);
                        self.ties.answer(&request.answer.txn);
                        courier.deliver(request);
                    }
                    ChannelCommand::Retry => {
                        wanted = Wanted::Now;
                        until = until.min(soon);
                    }
                    ChannelCommand::Holds(_) => {}
                },
            }
        }
    }

    /// Asks once. Whether there was something new.
    async fn poll(&mut self) -> Result<bool, Failure> {
        let mut listed = self.ask().await;
        if let Err(Ask::Clock(time)) = listed {
            self.learn_time(time).await?;
            listed = self.ask().await;
        }
        match listed {
            Ok(waiting) => Ok(self.take(waiting).await?),
            Err(Ask::Clock(_)) => Err(Failure::Problem(ChannelProblem::Protocol(
                "it says that its own time is not right",
            ))),
            Err(Ask::Failed(failure)) => Err(failure),
        }
    }

    async fn ask(&mut self) -> Result<Vec<String>, Ask> {
        let answer = {
            // First its turn, which may be long in coming: the time in the call has to be right when it leaves.
            let mut line = self.line.lock().await;
            let at = poll::timestamp(self.now());
            let input = poll::signing_input(&self.ties.serial, &at).into_bytes();
            // Nobody asked for this call, so nobody is asked to unlock anything.
            let signed = self
                .server
                .keys
                .sign(&self.binding.key, input, Interaction::Forbidden);
            let mut url = self.ties.url.clone();
            url.set_query(Some(&poll::query(&self.ties.serial, &at, &signed.await?)));
            line.get(&self.server.net, &url).await?
        };
        let status = answer.status.as_u16();
        match reply::challenges(status, &answer.body) {
            Ok(waiting) => {
                if let Some(time) = reply::time(&answer.body) {
                    self.learn_time(time).await?;
                }
                Ok(waiting)
            }
            Err(ReplyError::Clock { time: Some(time) }) => Err(Ask::Clock(time)),
            Err(error) => Err(Ask::Failed(Failure::Problem(problem(
                &error,
                &self.binding.issuer,
            )))),
        }
    }

    /// Says what is listed, and hands on what waits for an answer.
    async fn take(&mut self, waiting: Vec<String>) -> Result<bool, Unwanted> {
        let mut listed = BTreeSet::new();
        let mut open = Vec::new();
        for message in waiting {
            let challenge = match request::verify(&self.ties, &message) {
                Ok(challenge) => challenge,
                Err(error) => {
                    self.reject(message, RejectReason::Challenge(error)).await?;
                    continue;
                }
            };
            let txn = request::txn(challenge.nonce());
            if listed.insert(txn.clone()) && !self.ties.has_answered(&txn) && open.len() < MAX_OPEN {
                open.push((txn, challenge, message));
            }
        }
        let earlier = self.listed.replace(listed.clone());
        if earlier.as_ref() != Some(&listed) {
            let listed = listed.into_iter().collect();
            self.emit(ChannelEvent::Listed(listed)).await?;
        }
        let mut news = false;
        for (txn, challenge, message) in open {
            news |= earlier.as_ref().is_none_or(|earlier| !earlier.contains(&txn));
            // Every time: whether it is new, and whether there was room for it, the engine knows.
            self.hand_on(&challenge, message).await?;
        }
        Ok(news)
    }

    async fn hand_on(&mut self, challenge: &Challenge, message: String) -> Result<(), Unwanted> {
        match request::verified(&self.binding, message.clone(), challenge, self.now()) {
            Ok(request) => self.emit(ChannelEvent::Request(Box::new(request))).await,
            Err(error) => self.reject(message, RejectReason::Statement(error)).await,
        }
    }

    async fn reject(&mut self, message: String, reason: RejectReason) -> Result<(), Unwanted> {
        if self.refused.contains(&message) {
            return Ok(());
        }
        if self.refused.len() >= MAX_REFUSED {
            self.refused.remove(0);
        }
        self.refused.push(message);
        self.count(reason).await
    }

    async fn count(&mut self, reason: RejectReason) -> Result<(), Unwanted> {
        self.rejected += 1;
        tracing::warn!(issuer = %self.binding.issuer, ?reason, "a challenge of the server was dropped");
        self.emit(ChannelEvent::Rejected(Rejection {
            frame: FrameKind::Request,
            reason,
            total: self.rejected,
        }))
        .await
    }

    async fn learn_time(&mut self, time: i64) -> Result<(), Unwanted> {
        let offset = time.saturating_sub(self.server.clock.now());
        if offset.abs_diff(self.binding.offset) < NOTEWORTHY_OFFSET.unsigned_abs() {
            return Ok(());
        }
        self.binding.offset = offset;
        self.emit(ChannelEvent::Offset(offset)).await
    }

    /// The server's time.
    fn now(&self) -> i64 {
        self.server.clock.now().saturating_add(self.binding.offset)
    }

    async fn health(&self, health: Health) -> Result<(), Unwanted> {
        self.emit(ChannelEvent::Health(health)).await
    }

    async fn emit(&self, event: ChannelEvent) -> Result<(), Unwanted> {
        self.events.send(event).await.map_err(|_| Unwanted)
    }

    /// Without randomness the waits are merely not spread.
    fn bits(&self) -> u16 {
        let mut bits = [0; 2];
        self.server
            .rng
            .fill(&mut bits)
            .map_or(u16::MAX, |()| u16::from_be_bytes(bits))
    }

    fn jitter(&self) -> f64 {
        f64::from(self.bits()) / f64::from(u16::MAX)
    }
}

/// What a server's "no" means to people.
pub(super) fn problem(error: &ReplyError, issuer: &Issuer) -> ChannelProblem {
    match error {
        ReplyError::Unproven | ReplyError::NotFound => ChannelProblem::ProofRefused,
        ReplyError::PollingDenied => ChannelProblem::Forbidden,
        ReplyError::Status(status) => {
            let host = issuer.host().to_owned();
            let status = *status;
            NetError::Status { host, status }.into()
        }
        ReplyError::Server { .. } => ChannelProblem::Issuer(ErrorCode::Internal),
        ReplyError::NotAccepted | ReplyError::Clock { .. } => {
            ChannelProblem::Issuer(ErrorCode::InvalidRequest)
        }
        ReplyError::NotUnderstood | ReplyError::Key(_) => {
            ChannelProblem::Protocol("its answer cannot be read")
        }
    }
}

/// What came of asking.
enum Ask {
    /// The time was not right; this is the server's.
    Clock(i64),
    /// Something else.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Ask {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
