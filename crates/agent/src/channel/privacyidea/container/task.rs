//! The task behind one container: synchronise when something is known to be held, once a day, and when somebody asks for it.

use std::time::Duration;

use countersign_agent_api::Transport;
use countersign_privacyidea::{
    PushLink, Serial, Unlock,
    container::{self, Contents as Listed, ContentsError, Extra, Operation, Session},
    reply::ReplyError,
};
use countersign_protocol::wire::OtpLink;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use zeroize::Zeroizing;

use super::{
    Ties,
    call::{Asked, Failure},
};
use crate::{
    channel::{
        Binding, ChannelCommand, ChannelEvent, ChannelProblem, Contents, DecisionOutcome, FarEnd, Health,
        Offer, Part, PartKind,
        backoff::Backoff,
        privacyidea::{PrivacyIdea, enrol, task::problem},
    },
    keystore::Interaction,
};

/// How often a server is asked what is in a container.
const OFTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// How long after something could not be kept here it is asked for again.
const AGAIN: Duration = Duration::from_secs(60 * 60);

/// How long until a server is asked again after trouble on the way, at first and at most.
const TROUBLE: (Duration, Duration) = (Duration::from_secs(1), AGAIN);

/// The same after it said no: only its administrator can change that.
const REFUSED: (Duration, Duration) = (Duration::from_secs(60), OFTEN);

/// The engine does not listen any more.
struct Unwanted;

/// The next waits.
struct Waits {
    trouble: Backoff,
    refused: Backoff,
}

/// Keeps a container in step until nobody wants the channel any more.
pub(in crate::channel::privacyidea) async fn run(
    server: PrivacyIdea,
    binding: Binding,
    ties: Ties,
    far: FarEnd,
) {
    let container = Container {
        server,
        binding,
        ties,
        events: far.events,
    };
    // Nobody is left to be told when it is unwanted.
    let _ = container.keep(far.commands).await;
}

struct Container {
    server: PrivacyIdea,
    binding: Binding,
    ties: Ties,
    events: mpsc::Sender<ChannelEvent>,
}

impl Container {
    async fn keep(&self, mut commands: mpsc::Receiver<ChannelCommand>) -> Result<(), Unwanted> {
        self.emit(ChannelEvent::Health(Health::Connecting)).await?;
        let mut waits = Waits {
            trouble: Backoff::between(TROUBLE.0, TROUBLE.1),
            refused: Backoff::between(REFUSED.0, REFUSED.1),
        };
        let (mut held, _) = held(&mut commands).await?;
        loop {
            let delay = match self.synchronise(&held).await {
                Ok(listed) => {
                    waits.trouble.reset();
                    waits.refused.reset();
                    let connected = Health::Connected(Transport::Poll);
                    self.emit(ChannelEvent::Health(connected)).await?;
                    let contents = self.contents(listed);
                    let wanted: Vec<String> = contents.add.iter().map(|part| part.name.clone()).collect();
                    self.emit(ChannelEvent::Contents(Box::new(contents))).await?;
                    let (names, pressing) = self::held(&mut commands).await?;
                    held = names;
                    match pressing {
                        // Asked for while this was under way: the server may have had something new since.
                        Pressing::Yes => Duration::ZERO,
                        Pressing::No if wanted.iter().all(|name| held.contains(name)) => OFTEN,
                        Pressing::No => AGAIN,
                    }
                }
                Err(failure) => self.failed(failure, &mut waits).await?,
            };
            wait(&mut commands, &mut held, Instant::now() + delay).await?;
        }
    }

    async fn synchronise(&self, held: &[String]) -> Result<Listed, Failure> {
        let asked = Asked {
            server: &self.server,
            ties: &self.ties,
            key: &self.binding.key,
            // Nobody waits for this, so nobody is asked to unlock anything.
            interaction: Interaction::Forbidden,
        };
        let session = Session::new(&*self.server.rng);
        let session = session.map_err(|error| crate::keystore::KeyStoreError::Failed(Box::new(error)))?;
        let held: Vec<Serial> = held
            .iter()
            .filter_map(|name| Serial::try_from(name.clone()).ok())
            .collect();
        let serial = &self.ties.serial;
        let extra = Extra::new(&session, serial, &held);
        let signature = asked.signature(Operation::Synchronise, Some(&extra)).await?;
        let form = container::synchronise(serial, &extra, &signature);
        let answer = asked.post(Operation::Synchronise, &form).await?;
        let listed = session.open(answer.status.as_u16(), &answer.body, serial);
        listed.map_err(|error| match error {
            ContentsError::Reply(error) => Failure::Reply(error),
            ContentsError::Sealed | ContentsError::NotOurs | ContentsError::Form => {
                tracing::warn!(issuer = %self.binding.issuer, %error, "the contents of a container were dropped");
                Failure::Reply(ReplyError::NotUnderstood)
            }
        })
    }

    /// What was listed, as the engine knows it.
    fn contents(&self, listed: Listed) -> Contents {
        let part = |link: Zeroizing<String>| {
            let name = container::token(&link)?.to_string();
            Some(Part {
                name,
                what: self.kind(&link),
            })
        };
        Contents {
            add: listed.add.into_iter().filter_map(part).collect(),
            keep: listed.keep.into_iter().map(String::from).collect(),
        }
    }

    /// What a link of a container is for. One that cannot be used here is not asked for again and again.
    fn kind(&self, link: &Zeroizing<String>) -> PartKind {
        if PushLink::is_meant(link) {
            return match enrol::offered(link, self.server.clock.now()) {
                Ok((offer, _)) => PartKind::Account(Box::new(self.trusted(offer))),
                Err(error) => {
                    tracing::warn!(%error, "an account in a container cannot be used");
                    PartKind::Unknown
                }
            };
        }
        let is_code = ["otpauth://totp/", "otpauth://hotp/"]
            .iter()
            .any(|start| link.starts_with(start));
        match (
            is_code,
            container::unlock(link),
            OtpLink::try_from(link.to_string()),
        ) {
            (true, Unlock::NotAsked, Ok(otp)) => PartKind::Code(otp),
            (_, Unlock::NotAsked | Unlock::Asked, _) => PartKind::Unknown,
        }
    }

    /// What the person trusts for the container counts for what comes from the same server, and for nothing else.
    fn trusted(&self, offer: Offer) -> Offer {
        if offer.issuer.host() == self.binding.issuer.host() {
            let trust = self.binding.trust.clone();
            Offer { trust, ..offer }
        } else {
            offer
        }
    }

    /// Says what went wrong. When it is tried again.
    async fn failed(&self, failure: Failure, waits: &mut Waits) -> Result<Duration, Unwanted> {
        let random = self.random();
        let problem = match failure {
            Failure::Key(error) => {
                tracing::warn!(issuer = %self.binding.issuer, %error, "the device key cannot be used");
                self.emit(ChannelEvent::Health(Health::NoKey(error.state())))
                    .await?;
                return Ok(waits.trouble.next(random));
            }
            Failure::Net(error) => error.into(),
            Failure::Address => ChannelProblem::Protocol("its address is not acceptable"),
            Failure::Reply(error) => problem(&error, &self.binding.issuer),
        };
        let delay = match problem {
            ChannelProblem::Net(_) => waits.trouble.next(random),
            ChannelProblem::ProofRefused
            | ChannelProblem::Forbidden
            | ChannelProblem::Issuer(_)
            | ChannelProblem::Closed
            | ChannelProblem::Silent
            | ChannelProblem::Restarting
            | ChannelProblem::Replaced
            | ChannelProblem::Protocol(_) => waits.refused.next(random),
        };
        let in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.emit(ChannelEvent::Health(Health::Retrying { in_ms, problem }))
            .await?;
        Ok(delay)
    }

    async fn emit(&self, event: ChannelEvent) -> Result<(), Unwanted> {
        self.events.send(event).await.map_err(|_| Unwanted)
    }

    /// Without randomness the waits are merely not spread.
    fn random(&self) -> u16 {
        let mut bits = [0; 2];
        let filled = self.server.rng.fill(&mut bits);
        filled.map_or(u16::MAX, |()| u16::from_be_bytes(bits))
    }
}

/// Whether somebody wants to know what there is.
enum Pressing {
    No,
    Yes,
}

/// Waits until it is known what is held. Whether somebody wanted it asked for meanwhile.
async fn held(commands: &mut mpsc::Receiver<ChannelCommand>) -> Result<(Vec<String>, Pressing), Unwanted> {
    let mut pressing = Pressing::No;
    loop {
        match commands.recv().await.ok_or(Unwanted)? {
            ChannelCommand::Holds(names) => return Ok((names, pressing)),
            ChannelCommand::Retry => pressing = Pressing::Yes,
            ChannelCommand::Answer(request) => {
                let _ = request.reply.send(DecisionOutcome::NotTaken);
            }
        }
    }
}

/// Waits until then, or until somebody wants it now.
async fn wait(
    commands: &mut mpsc::Receiver<ChannelCommand>,
    held: &mut Vec<String>,
    until: Instant,
) -> Result<(), Unwanted> {
    loop {
        tokio::select! {
            () = sleep_until(until) => return Ok(()),
            command = commands.recv() => match command.ok_or(Unwanted)? {
                ChannelCommand::Retry => return Ok(()),
                ChannelCommand::Holds(names) => *held = names,
                ChannelCommand::Answer(request) => {
                    let _ = request.reply.send(DecisionOutcome::NotTaken);
                }
            },
        }
    }
}
