//! One WebSocket (protocol section 5.3).
//!
//! A connection is one task that is idle nearly always, so it holds as little as possible: no buffer beyond the
//! socket's, one timer, and whatever takes a decision is boxed while it runs.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        RawQuery, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::Response,
};
use countersign_protocol::{
    ErrorCode,
    wire::{DeviceFrame, MAX_FRAME, SILENCE_LIMIT, SUBPROTOCOL, ServerFrame},
};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    device::{Query, prove, stream_url},
    path,
    reply::{failure, refusal},
};
use crate::{
    hub::{Close, Connection, Outgoing},
    service::{Caller, Cursor, Gateway, Refusal, ServiceResult, Taken},
};

/// How often this side pings, in seconds.
const HEARTBEAT: u32 = 25;
const PING: Duration = Duration::from_secs(HEARTBEAT as u64);
const SILENCE: Duration = Duration::from_secs(SILENCE_LIMIT as u64);
/// How long a frame may take to be written before the connection is given up.
const WRITING: Duration = Duration::from_secs(10);
/// How long the other side has to answer a close.
const CLOSING: Duration = Duration::from_secs(2);
/// The socket's buffers. The one for reading is held all the time: the default of 128 KiB would be most of what a
/// connection costs, and a decision has 2 KiB.
const READ_BUFFER: usize = 2048;
const WRITE_BUFFER: usize = 4096;

/// `GET /v1/device/stream`
pub(super) async fn upgrade(
    State(gateway): State<Arc<Gateway>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let checked = check(&gateway, query.as_deref(), &headers, upgrade).await;
    let (caller, cursor, upgrade) = match checked {
        Ok(checked) => checked,
        Err(error) => return failure(&error, Some(gateway.now())),
    };
    upgrade.on_upgrade(move |socket| run(gateway, caller, cursor, socket))
}

async fn check(
    gateway: &Gateway,
    query: Option<&str>,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> ServiceResult<(Caller, Option<Cursor>, WebSocketUpgrade)> {
    let invalid = |message: String| Refusal::new(ErrorCode::InvalidRequest, message);
    // Devices sign the URL as the configuration gives it (`wss`) or as HTTP libraries see it (`https`).
    let (wss, https) = (
        stream_url(gateway.issuer()),
        format!("{}{}", gateway.issuer(), path::STREAM),
    );
    let caller = prove(gateway, headers, "GET", &[&wss, &https]).await?;
    let query = Query::parse(query, 0)?;
    let upgrade = upgrade.map_err(|error| invalid(format!("this is not a WebSocket handshake: {error}")))?;
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME);
    if upgrade.selected_protocol().is_none() {
        return Err(invalid(format!("offer the sub-protocol {SUBPROTOCOL}")).into());
    }
    Ok((caller, query.cursor, upgrade))
}

async fn run(gateway: Arc<Gateway>, caller: Caller, cursor: Option<Cursor>, mut socket: WebSocket) {
    let connected = Instant::now();
    let Some(connection) = Box::pin(greet(&gateway, &caller, cursor, &mut socket)).await else {
        return;
    };
    drop(caller);
    gateway.observe_connected();
    let close = exchange(&gateway, &connection, &mut socket).await;
    // From here on another connection of the device is not disturbed by this one.
    drop(connection);
    if let Some(close) = close {
        Box::pin(say_goodbye(&mut socket, close)).await;
    }
    gateway.observe_disconnected(connected.elapsed());
}

/// Says welcome and everything that is pending.
async fn greet(
    gateway: &Arc<Gateway>,
    caller: &Caller,
    cursor: Option<Cursor>,
    socket: &mut WebSocket,
) -> Option<Connection> {
    let delivery = match gateway.connect(caller, cursor, HEARTBEAT).await {
        Ok(delivery) => delivery,
        Err(error) => {
            let why = if refusal(&error).code == ErrorCode::DeviceRevoked {
                Close::Revoked
            } else {
                Close::Restart
            };
            say_goodbye(socket, why).await;
            return None;
        }
    };
    for frame in delivery.frames {
        send_frame(socket, &frame).await?;
    }
    Some(delivery.connection)
}

/// Passes frames both ways until one side ends it. Gives the reason, if this side does.
async fn exchange(gateway: &Arc<Gateway>, connection: &Connection, socket: &mut WebSocket) -> Option<Close> {
    let mut heard = Instant::now();
    let mut ping_at = heard + PING;
    let timer = sleep_until(ping_at);
    tokio::pin!(timer);
    loop {
        tokio::select! {
            next = connection.next() => match next {
                Outgoing::Frame(text) => send(socket, Message::Text(text.into())).await?,
                Outgoing::Close(why) => return Some(why),
            },
            message = socket.recv() => {
                heard = Instant::now();
                match message?.ok()? {
                    Message::Text(text) => Box::pin(take(gateway, socket, text.as_bytes())).await?,
                    Message::Binary(bytes) => Box::pin(take(gateway, socket, &bytes)).await?,
                    // The library answers pings and closes.
                    Message::Ping(_) | Message::Pong(_) => {}
                    Message::Close(_) => return None,
                }
            }
            () = &mut timer => {
                let now = Instant::now();
                if now >= heard + SILENCE {
                    return None;
                }
                if now >= ping_at {
                    send(socket, Message::Ping(Default::default())).await?;
                    ping_at = now + PING;
                }
            }
        }
        timer.as_mut().reset(ping_at.min(heard + SILENCE));
    }
}

/// Takes a frame of the device.
async fn take(gateway: &Arc<Gateway>, socket: &mut WebSocket, frame: &[u8]) -> Option<()> {
    let answer = match DeviceFrame::parse(frame) {
        Ok(DeviceFrame::Decision { decision }) => {
            let answered = gateway.decide(&decision).await;
            match (answered.result, answered.txn) {
                (Ok(Taken { receipt, report }), Some(txn)) => ServerFrame::Receipt { txn, receipt, report },
                // A decision that was taken could be read.
                (Ok(_), None) => return None,
                (Err(error), txn) => refused(txn, refusal(&error)),
            }
        }
        Err(error) => {
            let message = format!("the frame is not one of this protocol: {error}");
            refused(None, Refusal::new(ErrorCode::InvalidRequest, message))
        }
    };
    send_frame(socket, &answer).await
}

fn refused(txn: Option<countersign_protocol::Txn>, refusal: Refusal) -> ServerFrame {
    let Refusal {
        code: error,
        message,
        attempts_left,
        receipt,
        retry_after: _,
    } = refusal;
    ServerFrame::Refused {
        txn,
        error,
        message,
        attempts_left,
        receipt,
    }
}

async fn say_goodbye(socket: &mut WebSocket, why: Close) {
    let close = CloseFrame {
        code: why.code(),
        reason: Default::default(),
    };
    if send(socket, Message::Close(Some(close))).await.is_none() {
        return;
    }
    // Until the other side has answered: what it still sends would make its system drop the close.
    let _ = timeout(CLOSING, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
}

async fn send_frame(socket: &mut WebSocket, frame: &ServerFrame) -> Option<()> {
    let text = match frame.to_json() {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(error = %error, "a frame could not be written");
            return None;
        }
    };
    send(socket, Message::Text(text.into())).await
}

async fn send(socket: &mut WebSocket, message: Message) -> Option<()> {
    timeout(WRITING, socket.send(message)).await.ok()?.ok()
}
