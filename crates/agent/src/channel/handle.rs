//! The two ends of a running channel: the engine's ([`Subscription`]) and the protocol task's ([`FarEnd`]).

use tokio::sync::{mpsc, oneshot};

use super::{Answer, ChannelEvent, ChannelProblem, DecisionOutcome};

/// Events and commands that may wait, each. A full queue slows its sender down.
const QUEUE: usize = 32;

/// What the engine asks of a channel.
#[derive(Debug)]
pub enum ChannelCommand {
    /// Deliver this answer.
    Answer(AnswerRequest),
    /// Try now in place of later: the network is back, or the keyring was unlocked.
    Retry,
    /// What the account has brought along is held under these names. Only now the issuer may be asked for the rest.
    Holds(Vec<String>),
}

/// An answer and where its outcome goes.
#[derive(Debug)]
pub struct AnswerRequest {
    /// What to deliver.
    pub answer: Answer,
    /// Where the outcome goes. Dropped unanswered counts as not delivered.
    pub reply: oneshot::Sender<DecisionOutcome>,
}

/// The engine's end. Dropping it (and every clone of the handle) ends the channel.
#[derive(Debug)]
pub struct Subscription {
    /// What happens, in order.
    pub events: mpsc::Receiver<ChannelEvent>,
    /// To answer and to nudge.
    pub handle: ChannelHandle,
}

/// Sends commands to a channel. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ChannelHandle {
    commands: mpsc::Sender<ChannelCommand>,
}

/// The protocol task's end.
#[derive(Debug)]
pub struct FarEnd {
    /// To the engine.
    pub events: mpsc::Sender<ChannelEvent>,
    /// From the engine. `None` means that the channel is no longer wanted.
    pub commands: mpsc::Receiver<ChannelCommand>,
}

/// A connected pair of ends.
pub fn subscription() -> (Subscription, FarEnd) {
    let (event_sender, events) = mpsc::channel(QUEUE);
    let (command_sender, commands) = mpsc::channel(QUEUE);
    let handle = ChannelHandle {
        commands: command_sender,
    };
    (
        Subscription { events, handle },
        FarEnd {
            events: event_sender,
            commands,
        },
    )
}

impl ChannelHandle {
    /// Delivers an answer and waits for what became of it (at most about 25 s). Not cancelled by dropping the future.
    pub async fn answer(&self, answer: Answer) -> DecisionOutcome {
        let (reply, outcome) = oneshot::channel();
        let command = ChannelCommand::Answer(AnswerRequest { answer, reply });
        if self.commands.send(command).await.is_err() {
            return DecisionOutcome::NotDelivered(ChannelProblem::Closed);
        }
        outcome
            .await
            .unwrap_or(DecisionOutcome::NotDelivered(ChannelProblem::Closed))
    }

    /// Says what is held of what the account brings along.
    pub fn holds(&self, names: Vec<String>) {
        // A queue is full only of answers and nudges, which such an account does not get by the dozen. Lost, it is said at the next start.
        let _ = self.commands.try_send(ChannelCommand::Holds(names));
    }

    /// Asks for an attempt now. Without effect while connected.
    pub fn retry(&self) {
        // A full queue means that the channel has work enough: nothing is lost.
        let _ = self.commands.try_send(ChannelCommand::Retry);
    }
}
