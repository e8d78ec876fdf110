//! The task behind one account: ask, wait, ask again; and deliver what was answered meanwhile.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use countersign_agent_api::Transport;
use countersign_privacyidea::{
    Challenge, ChallengeError, poll,
    reply::{self, Answered, ReplyError},
};
use countersign_protocol::{ErrorCode, Txn};
use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, sleep_until},
};

use super::{PrivacyIdea, exchange, exchange::Line, request, ties::Ties};
use crate::{
    channel::{
        AnswerRequest, Binding, ChannelCommand, ChannelEvent, ChannelProblem, DecisionOutcome, FarEnd,
        FrameKind, Health, RejectReason, Rejection, backoff::Backoff,
    },
    keystore::{Interaction, KeyStoreError},
    net::NetError,
};

/// Smaller differences between the clocks are the network's.
const NOTEWORTHY_OFFSET: i64 = 5;

/// Challenges live for two minutes unless an administrator says otherwise.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

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
    /// What the server listed last and was handed on, by transaction.
    listed: BTreeSet<Txn>,
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
        listed: BTreeSet::new(),
        rejected: 0,
        refused: Vec::new(),
    };
    // Nobody is left to be told when it is unwanted.
    let _ = account.keep(far.commands).await;
}

impl Account {
    async fn keep(&mut self, mut commands: mpsc::Receiver<ChannelCommand>) -> Result<(), Unwanted> {
        self.health(Health::Connecting).await?;
        let mut backoff = Backoff::default();
        let mut connected = false;
        let mut last = Instant::now();
        loop {
            let delay = match self.poll().await {
                Ok(news) => {
                    backoff.reset();
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
                        ChannelProblem::ProofRefused | ChannelProblem::Issuer(_) => {
                            Backoff::longest(self.bits())
                        }
                        ChannelProblem::Net(_)
                        | ChannelProblem::Closed
                        | ChannelProblem::Silent
                        | ChannelProblem::Restarting
                        | ChannelProblem::Replaced
                        | ChannelProblem::Protocol(_) => backoff.next(self.bits()),
                    };
                    let in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                    self.health(Health::Retrying { in_ms, problem }).await?;
                    delay
                }
            };
            let asked = Instant::now();
            if self.wait(&mut commands, asked, asked + delay).await? {
                last = Instant::now();
            }
        }
    }

    /// Waits, delivering answers meanwhile. Whether somebody wanted something.
    async fn wait(
        &mut self,
        commands: &mut mpsc::Receiver<ChannelCommand>,
        asked: Instant,
        mut until: Instant,
    ) -> Result<bool, Unwanted> {
        let mut wanted = false;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ok(wanted),
                command = commands.recv() => match command {
                    Some(ChannelCommand::Answer(request)) => {
                        wanted = true;
                        self.deliver(request).await;
                    }
                    Some(ChannelCommand::Retry) => {
                        wanted = true;
                        until = until.min(asked + self.server.timing.least());
                    }
                    // A PUSH token brings nothing along.
                    Some(ChannelCommand::Holds(_)) => {}
                    None => return Err(Unwanted),
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
        let now = self.now();
        let at = poll::timestamp(now);
        let input = poll::signing_input(&self.ties.serial, &at).into_bytes();
        // Nobody asked for this call, so nobody is asked to unlock anything.
        let signature = self
            .server
            .keys
            .sign(&self.binding.key, input, Interaction::Forbidden)
            .await?;
        let mut url = self.ties.url.clone();
        url.set_query(Some(&poll::query(&self.ties.serial, &at, &signature)));
        let answer = self.line.lock().await.get(&self.server.net, &url).await?;
        let status = answer.status.as_u16();
        match reply::challenges(status, &answer.body) {
            Ok(waiting) => {
                if let Some(time) = reply::time(&answer.body) {
                    self.learn_time(time).await?;
                }
                Ok(waiting)
            }
            Err(ReplyError::Clock { time: Some(time) }) => Err(Ask::Clock(time)),
            Err(error) => Err(Ask::Failed(Failure::Problem(self.problem(&error)))),
        }
    }

    /// Hands on what is new, and says what is gone.
    async fn take(&mut self, waiting: Vec<String>) -> Result<bool, Unwanted> {
        let mut listed = BTreeSet::new();
        let mut news = false;
        for message in waiting {
            let challenge = match request::verify(&self.ties, &message) {
                Ok(challenge) => challenge,
                Err(error) => {
                    self.reject(message, error).await?;
                    continue;
                }
            };
            let txn = request::txn(challenge.nonce());
            if self.ties.has_answered(&txn) {
                continue;
            }
            if !self.listed.contains(&txn) {
                news = true;
                self.hand_on(&challenge, message).await?;
            }
            listed.insert(txn);
        }
        let earlier = std::mem::replace(&mut self.listed, listed);
        for txn in earlier {
            if !self.listed.contains(&txn) && !self.ties.has_answered(&txn) {
                self.emit(ChannelEvent::Gone(txn)).await?;
            }
        }
        Ok(news)
    }

    async fn hand_on(&mut self, challenge: &Challenge, message: String) -> Result<(), Unwanted> {
        match request::verified(&self.binding, message, challenge, self.now()) {
            Ok(request) => self.emit(ChannelEvent::Request(Box::new(request))).await,
            Err(error) => self.count(RejectReason::Statement(error)).await,
        }
    }

    /// Delivers an answer. That it is the one for this challenge is on disk already ([`Binding::commit`]).
    async fn deliver(&mut self, request: AnswerRequest) {
        self.ties.answer(&request.answer.txn);
        let form = &request.answer.decision;
        let answer = {
            // Its turn, as for asking.
            let _line = self.line.lock().await;
            exchange::post(&self.server.net, &self.ties.url, form).await
        };
        let outcome = match answer {
            Ok(answer) => match reply::answered(answer.status.as_u16(), &answer.body) {
                Ok(Answered::Taken) => DecisionOutcome::Taken { code: None },
                Ok(Answered::TakenShow { code }) => DecisionOutcome::Taken { code: Some(code) },
                Ok(Answered::NotTaken) | Err(ReplyError::NotFound | ReplyError::Unproven) => {
                    DecisionOutcome::NotTaken
                }
                Err(error) => DecisionOutcome::NotDelivered(self.problem(&error)),
            },
            Err(error) => DecisionOutcome::NotDelivered(error.into()),
        };
        // The engine may have lost interest in this one.
        let _ = request.reply.send(outcome);
    }

    fn problem(&self, error: &ReplyError) -> ChannelProblem {
        match error {
            ReplyError::Unproven | ReplyError::NotFound => ChannelProblem::ProofRefused,
            ReplyError::PollingDenied => ChannelProblem::Issuer(ErrorCode::NotAllowed),
            ReplyError::Status(status) => {
                let host = self.binding.issuer.host().to_owned();
                let status = *status;
                NetError::Status { host, status }.into()
            }
            ReplyError::Server { .. } => ChannelProblem::Issuer(ErrorCode::Internal),
            ReplyError::NotAccepted | ReplyError::Clock { .. } => {
                ChannelProblem::Issuer(ErrorCode::InvalidRequest)
            }
            ReplyError::NotUnderstood | ReplyError::Key(_) => {
                ChannelProblem::Protocol("its answer to a poll cannot be read")
            }
        }
    }

    async fn reject(&mut self, message: String, error: ChallengeError) -> Result<(), Unwanted> {
        if self.refused.contains(&message) {
            return Ok(());
        }
        if self.refused.len() >= 32 {
            self.refused.remove(0);
        }
        self.refused.push(message);
        self.count(RejectReason::Challenge(error)).await
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
