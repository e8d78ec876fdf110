//! The task behind one account's channel: attempt, session, wait, again.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    task::JoinError,
    time::{Instant, sleep_until},
};

use super::{
    Native,
    answer::Posts,
    binding::Binding,
    device::{Device, End, Unwanted, random},
    poll, stream,
};
use crate::{
    channel::{AnswerRequest, ChannelCommand, ChannelProblem, FarEnd, Health, backoff::Backoff},
    net::{self, NetError},
};

/// A connection that held for so long shows that the issuer is well; shorter ones do not shorten the waits.
const STEADY: Duration = Duration::from_secs(20);

/// The waits of a channel.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How often a WebSocket is pinged.
    pub ping: Duration,
    /// After how much silence a WebSocket counts as dead.
    pub silence: Duration,
    /// How long a WebSocket may take to greet, and to answer a decision.
    pub answer: Duration,
    /// For how long long polling is used before a WebSocket is tried again.
    pub fallback: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(25),
            silence: Duration::from_secs(60),
            answer: Duration::from_secs(8),
            fallback: Duration::from_secs(600),
        }
    }
}

/// What the engine wants, and the decisions that are under way for it.
#[derive(Debug)]
pub(super) struct Desk {
    commands: mpsc::Receiver<ChannelCommand>,
    pub(super) posts: Posts,
}

/// What there is to do beside the connection.
#[derive(Debug)]
pub(super) enum Step {
    /// Deliver this.
    Answer(AnswerRequest),
    /// A post is finished.
    Posted(Result<(AnswerRequest, Result<net::Answer, NetError>), JoinError>),
    /// Do not wait.
    Retry,
    /// Nobody wants the channel any more.
    Unwanted,
}

impl Desk {
    /// The next thing to do. Cancellation-safe.
    pub(super) async fn next(&mut self) -> Step {
        tokio::select! {
            command = self.commands.recv() => match command {
                Some(ChannelCommand::Answer(request)) => Step::Answer(request),
                Some(ChannelCommand::Retry | ChannelCommand::Holds(_)) => Step::Retry,
                None => Step::Unwanted,
            },
            posted = self.posts.next() => Step::Posted(posted),
        }
    }
}

/// Keeps the channel until nobody wants it or the device is revoked.
pub(super) async fn run(native: Native, binding: Binding, far: FarEnd) {
    let mut device = Device::new(native, binding, far.events);
    let mut desk = Desk {
        commands: far.commands,
        posts: Posts::default(),
    };
    // Nobody is left to be told when the end is unwanted.
    let _ = keep(&mut device, &mut desk).await;
}

async fn keep(device: &mut Device, desk: &mut Desk) -> Result<(), Unwanted> {
    let mut backoff = Backoff::default();
    // Long polling is known to work, and a WebSocket not to, until then.
    let mut polling = None;
    loop {
        if polling.is_none() {
            device.health(Health::Connecting).await?;
        }
        let mut connected = false;
        let started = Instant::now();
        let end = session(device, desk, &mut polling, &mut connected).await;
        if connected && started.elapsed() >= STEADY {
            backoff.reset();
        }
        let jitter = jitter(device);
        let (delay, health) = match end {
            End::Unwanted => return Err(Unwanted),
            End::Revoked => return device.health(Health::Revoked).await,
            End::TryWebSocket => continue,
            End::NoKey(error) => {
                tracing::warn!(issuer = %device.binding.issuer, %error, "the device key cannot be used");
                (Backoff::longest(jitter), Health::NoKey(error.state()))
            }
            End::Failed(problem) | End::Blocked(problem) => {
                let delay = match problem {
                    ChannelProblem::Replaced | ChannelProblem::ProofRefused | ChannelProblem::Forbidden => {
                        Backoff::longest(jitter)
                    }
                    ChannelProblem::Net(_)
                    | ChannelProblem::Closed
                    | ChannelProblem::Silent
                    | ChannelProblem::Restarting
                    | ChannelProblem::Issuer(_)
                    | ChannelProblem::Protocol(_) => backoff.next(jitter),
                };
                let in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                (delay, Health::Retrying { in_ms, problem })
            }
        };
        device.health(health).await?;
        wait(device, desk, Instant::now() + delay).await?;
    }
}

/// One attempt and what comes of it: a WebSocket, or long polling where that is blocked.
async fn session(
    device: &mut Device,
    desk: &mut Desk,
    polling: &mut Option<Instant>,
    connected: &mut bool,
) -> End {
    if polling.is_none_or(|until| Instant::now() >= until) {
        let blocked = match stream::run(device, desk, connected).await {
            End::Blocked(problem) => problem,
            end @ (End::Unwanted | End::Revoked | End::NoKey(_) | End::Failed(_) | End::TryWebSocket) => {
                *polling = None;
                return end;
            }
        };
        tracing::info!(issuer = %device.binding.issuer, %blocked, "no WebSocket: trying long polling");
        let until = Instant::now() + device.native.timing.fallback;
        let end = poll::run(device, desk, Some(until), connected).await;
        // Only a poll that gets through shows that it was the WebSocket and not the network.
        *polling = connected.then_some(until);
        return end;
    }
    let end = poll::run(device, desk, *polling, connected).await;
    if !*connected {
        *polling = None;
    }
    end
}

/// Waits, serving the engine meanwhile.
async fn wait(device: &mut Device, desk: &mut Desk, until: Instant) -> Result<(), Unwanted> {
    loop {
        tokio::select! {
            () = sleep_until(until) => return Ok(()),
            step = desk.next() => match step {
                Step::Answer(request) => desk.posts.start(device, request),
                Step::Posted(posted) => device.on_posted(posted).await?,
                Step::Retry => return Ok(()),
                Step::Unwanted => return Err(Unwanted),
            },
        }
    }
}

/// Without randomness the waits are merely not spread.
fn jitter(device: &Device) -> u16 {
    random(&*device.native.rng).map_or(u16::MAX, |bits| u16::from_be_bytes([bits[0], bits[1]]))
}
