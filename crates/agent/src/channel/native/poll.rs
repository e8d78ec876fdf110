//! Long polling (section 5.3): the same frames, where a WebSocket does not get through.

use std::time::Duration;

use countersign_agent_api::Transport;
use countersign_protocol::wire::{PollResponse, ServerFrame};
use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

use super::{
    device::{Cures, Device, End},
    exchange::{self, ANSWER_LIMIT, Reply},
    task::{Desk, Step},
};
use crate::{
    channel::{ChannelProblem, Health},
    net::{Answer, Connection, NetError},
};

/// How long the issuer may hold a poll, in seconds.
const WAIT: u64 = 25;

/// Polls until something fails or `until` has passed. `connected` is called once the first poll was answered.
pub(super) async fn run(
    device: &mut Device,
    desk: &mut Desk,
    until: Option<Instant>,
    connected: &mut bool,
) -> End {
    match poll(device, desk, until, connected).await {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

async fn poll(
    device: &mut Device,
    desk: &mut Desk,
    until: Option<Instant>,
    connected: &mut bool,
) -> Result<std::convert::Infallible, End> {
    let endpoint = exchange::url(&device.binding.endpoints.poll)?;
    let mut open = None;
    // The first answer comes at once and says whether polling gets through at all.
    let mut wait = 0;
    loop {
        let response = ask(device, desk, &mut open, &endpoint, wait).await?;
        device.learn_times(response.time, response.time_proof).await?;
        if !*connected {
            *connected = true;
            device.health(Health::Connected(Transport::LongPoll)).await?;
        }
        for frame in response.frames {
            let is_welcome = matches!(frame, ServerFrame::Welcome { .. });
            // Decisions go by HTTP here, so frames about them are not for anybody.
            if !is_welcome && device.on_frame(frame).await?.is_some() {
                tracing::debug!("a frame about a decision came by poll");
            }
        }
        device.cursor = Some(response.cursor);
        if until.is_some_and(|at| Instant::now() >= at) {
            return Err(End::TryWebSocket);
        }
        wait = WAIT;
    }
}

/// One poll, with the cures for a missing nonce and a wrong clock.
async fn ask(
    device: &mut Device,
    desk: &mut Desk,
    open: &mut Option<Connection>,
    endpoint: &Url,
    wait: u64,
) -> Result<PollResponse, End> {
    let mut cures = Cures::default();
    loop {
        let mut url = endpoint.clone();
        url.query_pairs_mut().append_pair("wait", &wait.to_string());
        if let Some(cursor) = &device.cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let headers = device.proof("GET", &url).await?;
        let limit = ANSWER_LIMIT + Duration::from_secs(wait);
        let answer = held(device, desk, open, &url, headers, limit).await?;
        device.learn_nonce(&answer.headers);
        match exchange::read::<PollResponse>(&answer, 200) {
            Reply::Done(response) => return Ok(response),
            Reply::Refused(_) => device.cure(&answer, &mut cures).await?,
            Reply::Unexpected(200) => {
                return Err(End::Failed(ChannelProblem::Protocol(
                    "its answer to a poll cannot be read",
                )));
            }
            Reply::Unexpected(status) => {
                let host = device.binding.issuer.host().to_owned();
                return Err(NetError::Status { host, status }.into());
            }
        }
    }
}

/// Waits for the answer to a poll, and serves the engine meanwhile.
async fn held(
    device: &mut Device,
    desk: &mut Desk,
    open: &mut Option<Connection>,
    url: &Url,
    headers: HeaderMap,
    limit: Duration,
) -> Result<Answer, End> {
    let net = device.native.net.clone();
    let call = async {
        let mut connection = match open.take().filter(Connection::is_usable) {
            Some(connection) => connection,
            None => Connection::open(&net, url).await?,
        };
        let answer = connection
            .send(Method::GET, url, headers, Vec::new(), limit)
            .await?;
        *open = Some(connection);
        Ok::<_, NetError>(answer)
    };
    tokio::pin!(call);
    loop {
        tokio::select! {
            answer = &mut call => return Ok(answer?),
            step = desk.next() => match step {
                Step::Answer(request) => desk.posts.start(device, request),
                Step::Posted(posted) => device.on_posted(posted).await?,
                Step::Retry => {}
                Step::Unwanted => return Err(End::Unwanted),
            },
        }
    }
}
