//! Decisions on their way by HTTP: used when there is no WebSocket, or when it broke before an answer came.
//!
//! The decision is signed, so no proof goes with it, and sending the same bytes twice is safe (section 5.4).

use countersign_protocol::wire::{DecisionRequest, DecisionResponse};
use tokio::task::{JoinError, JoinSet};

use super::{
    device::{Device, Says, Unwanted},
    exchange::{self, Reply},
    verify::Refusal,
};
use crate::{
    channel::{AnswerRequest, ChannelProblem, DecisionOutcome},
    net::{self, NetError},
};

/// Decisions being posted at the same time.
const MAX_POSTS: usize = 8;

type Posted = (AnswerRequest, Result<net::Answer, NetError>);

/// The decisions under way by HTTP.
#[derive(Debug, Default)]
pub(super) struct Posts(JoinSet<Posted>);

impl Posts {
    /// Sends it off. Too many at once are not delivered; the engine sends them again later.
    pub(super) fn start(&mut self, device: &Device, request: AnswerRequest) {
        if self.0.len() >= MAX_POSTS {
            let _ = request
                .reply
                .send(DecisionOutcome::NotDelivered(ChannelProblem::Closed));
            return;
        }
        let net = device.native.net.clone();
        let endpoint = device.binding.endpoints.decision.clone();
        self.0.spawn(async move {
            let body = DecisionRequest {
                decision: request.answer.decision.clone(),
            };
            let result = exchange::post(&net, &endpoint, &body).await;
            (request, result)
        });
    }

    /// The next one that is finished. Never, if none is under way. Cancellation-safe.
    pub(super) async fn next(&mut self) -> Result<Posted, JoinError> {
        match self.0.join_next().await {
            Some(finished) => finished,
            None => std::future::pending().await,
        }
    }
}

impl Device {
    /// Judges a finished post and tells who waits for it.
    pub(super) async fn on_posted(&mut self, posted: Result<Posted, JoinError>) -> Result<(), Unwanted> {
        let Ok((request, result)) = posted else {
            return Ok(());
        };
        let outcome = match result {
            Err(error) => DecisionOutcome::NotDelivered(error.into()),
            Ok(answer) => match exchange::read::<DecisionResponse>(&answer, 200) {
                Reply::Done(body) => {
                    let says = Says::taken(body.receipt, body.report);
                    self.judge(says, &request.answer).await?
                }
                Reply::Refused(body) => {
                    if let Some(time) = body.time {
                        self.learn_time(time).await?;
                    }
                    let refusal = Refusal {
                        error: body.error,
                        message: body.message,
                        attempts_left: body.attempts_left,
                        receipt: body.receipt,
                    };
                    self.judge(Says::Refused(refusal), &request.answer).await?
                }
                Reply::Unexpected(status) => {
                    let host = self.binding.issuer.host().to_owned();
                    DecisionOutcome::NotDelivered(NetError::Status { host, status }.into())
                }
            },
        };
        // The engine may have lost interest in this one.
        let _ = request.reply.send(outcome);
        Ok(())
    }
}
