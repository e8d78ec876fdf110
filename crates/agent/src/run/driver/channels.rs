//! The accounts' channels: one a subscription, each with a task that hands its events in.

use countersign_agent_api::{AccountId, RequestId};
use tokio::task::AbortHandle;

use super::{Driver, Input, event};
use crate::{
    channel::{Answer, Binding, ChannelHandle, ChannelProblem, DecisionOutcome},
    engine::Event,
};

/// A running channel.
#[derive(Debug)]
pub(super) struct Channel {
    /// Events of an earlier subscription of the same account are not its own.
    pub(super) subscription: u64,
    handle: ChannelHandle,
    forwarder: AbortHandle,
}

impl Driver {
    pub(super) fn subscribe(&mut self, account: AccountId, binding: Binding) {
        self.unsubscribe(&account);
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

    pub(super) fn unsubscribe(&mut self, account: &AccountId) {
        if let Some(channel) = self.channels.remove(account) {
            channel.forwarder.abort();
        }
    }

    pub(super) fn retry(&self, account: &AccountId) {
        if let Some(channel) = self.channels.get(account) {
            channel.handle.retry();
        }
    }

    /// Tells the account's channel what is held of what it brings along.
    pub(super) fn hold(&self, account: &AccountId, names: Vec<String>) {
        if let Some(channel) = self.channels.get(account) {
            channel.handle.holds(names);
        }
    }

    pub(super) fn deliver(
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
}
