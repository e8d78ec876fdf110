//! Answers on their way. Each has a connection of its own, so that none waits for a poll or for another account's turn.

use countersign_privacyidea::reply::{self, Answered, ReplyError};
use countersign_protocol::Issuer;
use url::Url;

use super::{exchange, task::problem};
use crate::{
    channel::{AnswerRequest, DecisionOutcome},
    net::Net,
};

/// Takes one account's answers to its server.
#[derive(Clone)]
pub(super) struct Courier {
    net: Net,
    url: Url,
    issuer: Issuer,
}

impl Courier {
    pub(super) fn new(net: &Net, url: &Url, issuer: &Issuer) -> Self {
        Self {
            net: net.clone(),
            url: url.clone(),
            issuer: issuer.clone(),
        }
    }

    /// Delivers an answer, whatever becomes of the channel. That it is the one for this challenge is on disk already
    /// ([`crate::channel::Binding::commit`]).
    pub(super) fn deliver(&self, request: AnswerRequest) {
        let courier = self.clone();
        tokio::spawn(async move {
            let outcome = courier.sent(&request.answer.decision).await;
            // The engine may have lost interest in this one.
            let _ = request.reply.send(outcome);
        });
    }

    async fn sent(&self, form: &str) -> DecisionOutcome {
        let answer = match exchange::post(&self.net, &self.url, form).await {
            Ok(answer) => answer,
            Err(error) => return DecisionOutcome::NotDelivered(error.into()),
        };
        match reply::answered(answer.status.as_u16(), &answer.body) {
            Ok(Answered::Taken) => DecisionOutcome::Taken { code: None },
            Ok(Answered::TakenShow { code }) => DecisionOutcome::Taken { code: Some(code) },
            Ok(Answered::NotTaken) | Err(ReplyError::NotFound | ReplyError::Unproven) => {
                DecisionOutcome::NotTaken
            }
            Err(error) => DecisionOutcome::NotDelivered(problem(&error, &self.issuer)),
        }
    }
}
