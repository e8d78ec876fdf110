//! A company's proxy that ends TLS, looks into HTTP and does not know WebSockets: it answers every upgrade with 403.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result, bail};
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, split},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, server::TlsStream};

/// The longest request head that is read, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// Such a proxy on loopback.
#[derive(Debug)]
pub struct NoWebSockets {
    /// Where it listens.
    pub address: SocketAddr,
    refused: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

/// What a connection needs to know.
struct Way {
    target: SocketAddr,
    name: ServerName<'static>,
    connector: TlsConnector,
    acceptor: TlsAcceptor,
    refused: Arc<AtomicU64>,
}

impl NoWebSockets {
    /// Listens on this port (0: any) with `server`'s certificate and passes requests on to `target`, one a connection.
    ///
    /// # Errors
    /// When the port is taken or `name` is not a host name.
    pub async fn start(
        port: u16,
        target: SocketAddr,
        name: &str,
        server: Arc<ServerConfig>,
        client: Arc<ClientConfig>,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let refused = Arc::new(AtomicU64::new(0));
        let way = Arc::new(Way {
            target,
            name: ServerName::try_from(name.to_owned())?,
            connector: client.into(),
            acceptor: server.into(),
            refused: Arc::clone(&refused),
        });
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let way = Arc::clone(&way);
                // A connection that fails is its client's to notice.
                connections.spawn(async move { pass(near, &way).await.ok() });
            }
        });
        Ok(Self {
            address,
            refused,
            task,
        })
    }

    /// How many upgrades were refused so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for NoWebSockets {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(near: TcpStream, way: &Way) -> Result<()> {
    let mut near = way.acceptor.accept(near).await?;
    let (head, rest) = head(&mut near).await?;
    if head
        .lines()
        .any(|line| line.to_ascii_lowercase().starts_with("upgrade:"))
    {
        way.refused.fetch_add(1, Ordering::Relaxed);
        near.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            .await?;
        near.shutdown().await?;
        return Ok(());
    }
    let far = TcpStream::connect(way.target).await?;
    let mut far = way.connector.connect(way.name.clone(), far).await?;
    let (request_line, headers) = head.split_once("\r\n").context("a request without headers")?;
    let kept = headers
        .lines()
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut out = format!("{request_line}\r\nConnection: close\r\n");
    for line in kept.filter(|line| !line.is_empty()) {
        out.push_str(line);
        out.push_str("\r\n");
    }
    out.push_str("\r\n");
    far.write_all(out.as_bytes()).await?;
    far.write_all(&rest).await?;
    far.flush().await?;
    let ((mut near_read, mut near_write), (mut far_read, mut far_write)) = (split(near), split(far));
    let upload = async {
        // Clients keep their side open: only the answer's end ends the exchange.
        let _ = copy(&mut near_read, &mut far_write).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        // A server that closes without saying so has still answered.
        _ = copy(&mut far_read, &mut near_write) => {}
        () = upload => {}
    }
    near_write.shutdown().await?;
    Ok(())
}

/// The request's head with its last line end, and what came of the body.
async fn head(near: &mut TlsStream<TcpStream>) -> Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8(bytes)?, rest));
        }
        if near.read_buf(&mut bytes).await? == 0 || bytes.len() > MAX_HEAD {
            bail!("not a request");
        }
    }
}
