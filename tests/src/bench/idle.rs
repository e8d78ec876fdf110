//! What ten thousand idle WebSockets cost the gateway, plain and with TLS, beside `ws` on Node.js.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rusqlite::{Connection, params};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{client::IntoClientRequest as _, http::HeaderValue},
};

use super::{Figure, Report};
use crate::{
    harness::{Gateway, GatewayOptions, Process, Session, pss_kib},
    wire::{Device, Frames, http_client},
};

/// Connections.
const CONNECTIONS: usize = 10_000;
/// Handshakes under way at once.
const AT_ONCE: usize = 32;
/// Descriptors that each of the processes may need: one a connection, and some of its own.
const DESCRIPTORS: u64 = CONNECTIONS as u64 + 1000;

/// The two figures.
///
/// # Errors
/// When not all connections can be opened.
pub async fn figures(session: &Session, report: &mut Report) -> Result<()> {
    raise_limit()?;
    for (name, tls) in [("idle_connection_plain", false), ("idle_connection_tls", true)] {
        let ours = match gateway(session, tls).await {
            Ok(kib) => kib,
            Err(error) => {
                report.failure(name, &error);
                continue;
            }
        };
        let peer = match node(session, tls).await {
            Ok(kib) => Some(kib),
            Err(error) => {
                eprintln!("  node ws cannot be measured: {error:#}");
                None
            }
        };
        report.figure(&Figure::new(name, ours, "KiB", "node ws", peer))?;
    }
    Ok(())
}

async fn gateway(session: &Session, tls: bool) -> Result<f64> {
    let options = GatewayOptions {
        plain: !tls,
        quiet: true,
        ..GatewayOptions::default()
    };
    let mut gateway = Gateway::with(session, options).await?;
    let http = http_client(session.ca.pem())?;
    let link = gateway.enrolment_link(session, "idle").await?;
    let base = match tls {
        true => gateway.url.clone(),
        false => format!("http://{}", gateway.address),
    };
    let device = Device::enrol_at(&http, &link, "idle", &base).await?;
    gateway.stop().await?;
    multiply(&gateway, device.id.as_str())?;
    gateway.serve(session).await?;

    let config = session.ca.client()?;
    let pid = gateway.process()?.pid();
    // The first connection pays for what all share.
    let first = device.stream(Arc::clone(&config)).await?;
    let before = pss_kib(pid)?;
    let open: Vec<Frames> = stream::iter(1..=CONNECTIONS)
        .map(|at| {
            let (twin, config) = (device.twin(&twin(at)), Arc::clone(&config));
            async move { twin?.stream(config).await }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let after = pss_kib(pid)?;
    ensure!(open.len() == CONNECTIONS, "only {} connections", open.len());
    drop((first, open));
    gateway.stop().await?;
    per_connection(before, after)
}

/// Ten thousand devices, the way they would be after as many enrolments with one key.
fn multiply(gateway: &Gateway, device: &str) -> Result<()> {
    let mut connection = Connection::open(gateway.database())?;
    let columns = {
        let mut statement =
            connection.prepare("SELECT name FROM pragma_table_info('devices') WHERE name <> 'id'")?;
        let names = statement
            .query_map([], |row| row.get::<_, String>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        names.join(", ")
    };
    let transaction = connection.transaction()?;
    {
        let mut copy = transaction.prepare(&format!(
            "INSERT INTO devices (id, {columns}) SELECT ?1, {columns} FROM devices WHERE id = ?2"
        ))?;
        for at in 1..=CONNECTIONS {
            copy.execute(params![twin(at), device])?;
        }
    }
    transaction.commit()?;
    Ok(())
}

fn twin(at: usize) -> String {
    format!("dev_{at:0>21}A")
}

async fn node(session: &Session, tls: bool) -> Result<f64> {
    let cert = session
        .ca
        .issue(&session.dir().join("peer"), &["localhost", "127.0.0.1"])?;
    let peers = session.paths.peers();
    ensure!(
        peers.join("node_modules/ws").is_dir(),
        "`ws` is not installed in {}",
        peers.display()
    );
    let mut command = session.command("node");
    command.arg(peers.join("idle-ws.mjs"));
    if tls {
        command.arg(cert.cert).arg(cert.key);
    }
    let mut server = Process::start("node-ws", command, session.logs().dir())?;
    let port = server
        .line("it listened", |line| {
            line.strip_prefix("listening ")?.parse::<u16>().ok()
        })
        .await?;
    let config = session.ca.client()?;
    let first = plain_socket(port, tls, &config).await?;
    let before = pss_kib(server.pid())?;
    let open: Vec<_> = stream::iter(1..=CONNECTIONS)
        .map(|_| plain_socket(port, tls, &config))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let after = pss_kib(server.pid())?;
    drop((first, open));
    per_connection(before, after)
}

async fn plain_socket(
    port: u16,
    tls: bool,
    config: &Arc<rustls::ClientConfig>,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>> {
    let scheme = if tls { "wss" } else { "ws" };
    let mut request = format!("{scheme}://{}:{port}/", Ipv4Addr::LOCALHOST).into_client_request()?;
    request
        .headers_mut()
        .insert("User-Agent", HeaderValue::from_static("bench"));
    let connector = tls.then(|| Connector::Rustls(Arc::clone(config)));
    let (socket, _) = connect_async_tls_with_config(request, None, true, connector).await?;
    Ok(socket)
}

#[allow(clippy::cast_precision_loss, reason = "KiB of one process")]
fn per_connection(before: u64, after: u64) -> Result<f64> {
    let grown = after
        .checked_sub(before)
        .context("the server shrank while connections were opened")?;
    Ok(grown as f64 / CONNECTIONS as f64)
}

/// Each open socket is a descriptor, here and in the children.
fn raise_limit() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = DESCRIPTORS;
    if now.current.is_some_and(|current| current < wanted) {
        let maximum = now.maximum.map(|maximum| maximum.max(wanted));
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                maximum,
            },
        )
        .context("10,000 connections need more file descriptors: raise `ulimit -n` to 11000")?;
    }
    Ok(())
}
