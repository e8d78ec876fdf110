//! The WebSocket (section 5.3).

use std::future::pending;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_agent_api::Transport;
use countersign_protocol::{
    ErrorCode,
    wire::{self, DeviceFrame, ServerFrame},
};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderValue, header};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use super::{
    device::{Cures, Device, End, Says, random},
    exchange::{self, ANSWER_LIMIT},
    task::{Desk, Step},
};
use crate::{
    channel::{AnswerRequest, ChannelProblem, Health},
    net::{Connection, NetError, Upgraded},
};

type Socket = WebSocketStream<Upgraded>;

/// A decision that was sent and not answered yet.
#[derive(Debug)]
struct InFlight {
    request: AnswerRequest,
    until: Instant,
}

/// Connects and serves until something fails. `connected` is set once the issuer has greeted.
pub(super) async fn run(device: &mut Device, desk: &mut Desk, connected: &mut bool) -> End {
    let mut in_flight = Vec::new();
    let end = match connect(device).await {
        Ok(mut socket) => match serve(device, desk, &mut socket, &mut in_flight, connected).await {
            Ok(never) => match never {},
            Err(end) => end,
        },
        Err(end) => end,
    };
    // The issuer may or may not have them: the same bytes by the other way settle it.
    for sent in in_flight {
        desk.posts.start(device, sent.request);
    }
    end
}

async fn connect(device: &mut Device) -> Result<Socket, End> {
    let endpoint = exchange::url(&device.binding.endpoints.stream)?;
    let mut connection = Connection::open(&device.native.net, &endpoint).await?;
    let mut cures = Cures::default();
    loop {
        if !connection.is_usable() {
            connection = Connection::open(&device.native.net, &endpoint).await?;
        }
        let mut url = endpoint.clone();
        if let Some(cursor) = &device.cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let key = STANDARD.encode(random(&*device.native.rng)?);
        let mut headers = device.proof("GET", &url).await?;
        headers.extend(upgrade_headers(&key));
        // Gone without an answer: that is how some proxies treat a WebSocket.
        let answered = connection
            .upgrade(&url, headers, ANSWER_LIMIT)
            .await
            .map_err(suspicious)?;
        match answered {
            Ok((io, headers)) => {
                device.learn_nonce(&headers);
                check_accepted(&headers, &key)
                    .map_err(|what| End::Blocked(ChannelProblem::Protocol(what)))?;
                return Ok(WebSocketStream::from_raw_socket(io, Role::Client, Some(limits())).await);
            }
            Err(answer) => device.cure(&answer, &mut cures).await?,
        }
    }
}

async fn serve(
    device: &mut Device,
    desk: &mut Desk,
    socket: &mut Socket,
    in_flight: &mut Vec<InFlight>,
    connected: &mut bool,
) -> Result<std::convert::Infallible, End> {
    let timing = device.native.timing;
    let mut heard = Instant::now();
    let greeting_until = heard + timing.answer;
    let mut ping = interval_at(heard + timing.ping, timing.ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let silent_at = if *connected {
            heard + timing.silence
        } else {
            greeting_until
        };
        let overdue_at = in_flight.iter().map(|sent| sent.until).min();
        tokio::select! {
            message = socket.next() => {
                heard = Instant::now();
                on_message(device, desk, message, in_flight, connected).await?;
            }
            step = desk.next() => match step {
                Step::Answer(request) => {
                    let frame = decision_frame(&request)?;
                    in_flight.push(InFlight { request, until: Instant::now() + timing.answer });
                    send(socket, Message::text(frame), timing.answer).await?;
                }
                Step::Posted(posted) => device.on_posted(posted).await?,
                Step::Retry => {}
                Step::Unwanted => {
                    // In good order if the issuer is quick about it.
                    let _ = timeout(timing.answer, socket.close(None)).await;
                    return Err(End::Unwanted);
                }
            },
            _ = ping.tick() => send(socket, Message::Ping(tungstenite::Bytes::new()), timing.answer).await?,
            () = at(overdue_at) => {
                let now = Instant::now();
                for sent in in_flight.extract_if(.., |sent| sent.until <= now) {
                    desk.posts.start(device, sent.request);
                }
            }
            () = sleep_until(silent_at) => return Err(silence(*connected)),
        }
    }
}

async fn on_message(
    device: &mut Device,
    desk: &mut Desk,
    message: Option<tungstenite::Result<Message>>,
    in_flight: &mut Vec<InFlight>,
    connected: &mut bool,
) -> Result<(), End> {
    let text = match message {
        Some(Ok(Message::Text(text))) => text,
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
        Some(Ok(Message::Close(frame))) => return Err(closed(frame.as_ref(), *connected)),
        Some(Ok(Message::Binary(_))) => {
            return Err(End::Failed(ChannelProblem::Protocol("it sent a binary frame")));
        }
        Some(Err(tungstenite::Error::Capacity(_))) => {
            return Err(End::Failed(ChannelProblem::Protocol(
                "it sent a frame that is too large",
            )));
        }
        Some(Err(_)) | None => return Err(closed(None, *connected)),
    };
    let frame = ServerFrame::parse(text.as_bytes())
        .map_err(|_| End::Failed(ChannelProblem::Protocol("it sent a frame that cannot be read")))?;
    let is_welcome = matches!(frame, ServerFrame::Welcome { .. });
    if !*connected && !is_welcome {
        return Err(End::Failed(ChannelProblem::Protocol("it did not greet first")));
    }
    let answered = device.on_frame(frame).await?;
    if is_welcome && !*connected {
        *connected = true;
        device.health(Health::Connected(Transport::Websocket)).await?;
    }
    let Some(answered) = answered else { return Ok(()) };
    let position = match &answered.txn {
        Some(txn) => in_flight.iter().position(|sent| sent.request.answer.txn == *txn),
        // The issuer could not even read it; answers come in order.
        None => (!in_flight.is_empty()).then_some(0),
    };
    // Unknown ones were given up on, and asked again by HTTP.
    let Some(position) = position else { return Ok(()) };
    let sent = in_flight.remove(position);
    if let Says::Refused(refusal) = &answered.says
        && refusal.error == ErrorCode::Stale
    {
        // By HTTP the refusal comes with the issuer's time.
        desk.posts.start(device, sent.request);
        return Ok(());
    }
    let outcome = device.judge(answered.says, &sent.request.answer).await?;
    let _ = sent.request.reply.send(outcome);
    Ok(())
}

fn decision_frame(request: &AnswerRequest) -> Result<String, End> {
    DeviceFrame::Decision {
        decision: request.answer.decision.clone(),
    }
    .to_json()
    .map_err(|_| End::Failed(ChannelProblem::Protocol("a decision cannot be written")))
}

async fn send(socket: &mut Socket, message: Message, limit: std::time::Duration) -> Result<(), End> {
    match timeout(limit, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Failed(ChannelProblem::Closed)),
        Err(_) => Err(End::Failed(ChannelProblem::Silent)),
    }
}

fn silence(connected: bool) -> End {
    if connected {
        End::Failed(ChannelProblem::Silent)
    } else {
        End::Blocked(ChannelProblem::Silent)
    }
}

fn closed(frame: Option<&CloseFrame>, connected: bool) -> End {
    match frame.map(|f| u16::from(f.code)) {
        Some(wire::CLOSE_REVOKED) => End::Revoked,
        Some(wire::CLOSE_REPLACED) => End::Failed(ChannelProblem::Replaced),
        Some(wire::CLOSE_RESTART) => End::Failed(ChannelProblem::Restarting),
        Some(_) | None if connected => End::Failed(ChannelProblem::Closed),
        Some(_) | None => End::Blocked(ChannelProblem::Closed),
    }
}

fn suspicious(error: NetError) -> End {
    if error.sent() {
        End::Blocked(error.into())
    } else {
        End::Failed(error.into())
    }
}

fn upgrade_headers(key: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(wire::SUBPROTOCOL),
    );
    if let Ok(key) = HeaderValue::from_str(key) {
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
    }
    headers
}

/// RFC 6455, section 4.1, what a client must check in a 101.
fn check_accepted(headers: &HeaderMap, key: &str) -> Result<(), &'static str> {
    let value = |name| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    if !value(header::UPGRADE).eq_ignore_ascii_case("websocket") {
        return Err("it upgraded to something else");
    }
    if value(header::SEC_WEBSOCKET_ACCEPT) != derive_accept_key(key.as_bytes()) {
        return Err("its WebSocket handshake is wrong");
    }
    if value(header::SEC_WEBSOCKET_PROTOCOL) != wire::SUBPROTOCOL {
        return Err("it does not speak this protocol over WebSocket");
    }
    Ok(())
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * wire::MAX_FRAME)
        .max_message_size(Some(wire::MAX_FRAME))
        .max_frame_size(Some(wire::MAX_FRAME))
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}
