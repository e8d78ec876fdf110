//! Accepts connections, plain or TLS, and ends gracefully.
//!
//! Invariants: no more connections than allowed are ever open, whatever became of them (a WebSocket still counts);
//! handshake, request head and request body each have a time limit, so that a slow peer is closed and not waited for;
//! without TLS only trusted proxies are served.

mod body;
mod peer;
mod tls;

use std::{convert::Infallible, future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{Request, Response};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

pub use self::tls::{TlsError, load as load_tls};
use self::{body::Timed, peer::Counted};
use crate::metrics::{Metrics, RefusedConnection};

/// Buffer for one HTTP/1 connection in bytes: also the longest request head. The smallest that hyper allows.
const HTTP1_BUFFER: usize = 8 * 1024;
const HTTP2_STREAMS: u32 = 64;
const HTTP2_HEADERS: u32 = 8 * 1024;

/// How connections are received.
#[derive(Debug, Clone)]
pub enum Acceptance {
    /// With TLS. The configuration may be replaced while running.
    Tls(watch::Receiver<Arc<rustls::ServerConfig>>),
    /// Plain, from these peers only. The client's address is taken from their `X-Forwarded-For`.
    Plain {
        /// Peers that may connect.
        trusted: Arc<[IpNet]>,
    },
    /// Plain, from anybody who reaches the address.
    Open,
}

/// Time limits.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimits {
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the head of a request, and for an idle connection until the next one.
    pub head: Duration,
    /// For the body of a request.
    pub body: Duration,
    /// For what is still running when the server ends.
    pub drain: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(15),
            body: Duration::from_secs(15),
            drain: Duration::from_secs(10),
        }
    }
}

/// One listening address and what is served there.
#[derive(Debug)]
pub struct Server {
    /// Bound already: whoever starts a server knows its address before anything else happens.
    pub listener: TcpListener,
    /// How connections are received.
    pub acceptance: Acceptance,
    /// What is served.
    pub router: Router,
    /// How many connections may be open at once.
    pub connections: usize,
    /// Time limits.
    pub limits: TimeLimits,
    /// Where connections are counted.
    pub metrics: Arc<Metrics>,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was running was finished.
    Drained,
    /// The time limit passed first; this many connections were cut.
    Cut(usize),
}

impl Server {
    /// Serves until `shutdown` resolves, then accepts nothing more, lets running requests end and returns.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Ended {
        let Self {
            listener,
            acceptance,
            router,
            connections,
            limits,
            metrics,
        } = self;
        let slots = Arc::new(Semaphore::new(connections));
        let (closing, _) = watch::channel(());
        let shared = Arc::new(Shared {
            router,
            acceptance,
            limits,
            metrics,
        });
        let mut shutdown = pin!(shutdown);
        loop {
            let (stream, peer) = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        after_failed_accept(&error).await;
                        continue;
                    }
                },
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                shared.metrics.connection_refused(RefusedConnection::Limit);
                continue;
            };
            tokio::spawn(Arc::clone(&shared).connection(stream, peer, slot, closing.subscribe()));
        }
        drop(listener);
        drop(closing);
        let all = u32::try_from(connections).unwrap_or(u32::MAX);
        match timeout(limits.drain, slots.acquire_many(all)).await {
            Ok(_) => Ended::Drained,
            Err(_) => Ended::Cut(connections.saturating_sub(slots.available_permits())),
        }
    }
}

/// Peers that went away while waiting are nothing; too many open files needs a moment.
async fn after_failed_accept(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionReset) {
        tracing::error!(%error, "cannot accept connections; raise LimitNOFILE if too many files are open");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What all connections of one server share.
#[derive(Debug)]
struct Shared {
    router: Router,
    acceptance: Acceptance,
    limits: TimeLimits,
    metrics: Arc<Metrics>,
}

impl Shared {
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        slot: OwnedSemaphorePermit,
        closing: watch::Receiver<()>,
    ) {
        // Frames are small and must not wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        match &self.acceptance {
            Acceptance::Plain { trusted } => {
                if !trusted.iter().any(|net| net.contains(&peer.ip().to_canonical())) {
                    self.metrics.connection_refused(RefusedConnection::Peer);
                    tracing::warn!(peer = %peer.ip(), "a connection from no trusted proxy was closed");
                    return;
                }
                let io = Counted::new(stream, slot, Arc::clone(&self.metrics));
                self.http1(io, peer, closing).await;
            }
            Acceptance::Open => {
                let io = Counted::new(stream, slot, Arc::clone(&self.metrics));
                self.http1(io, peer, closing).await;
            }
            Acceptance::Tls(config) => {
                let acceptor = TlsAcceptor::from(Arc::clone(&config.borrow()));
                match timeout(self.limits.handshake, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        let io = Counted::new(stream, slot, Arc::clone(&self.metrics));
                        match is_http2 {
                            true => self.http2(io, peer, closing).await,
                            false => self.http1(io, peer, closing).await,
                        }
                    }
                    Ok(Err(error)) => {
                        self.metrics.connection_refused(RefusedConnection::Handshake);
                        tracing::debug!(peer = %peer.ip(), %error, "no TLS connection was agreed upon");
                    }
                    Err(_) => self.metrics.connection_refused(RefusedConnection::Handshake),
                }
            }
        }
    }

    async fn http1<S>(self: Arc<Self>, io: S, peer: SocketAddr, mut closing: watch::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let head = self.limits.head;
        let service = self.service(peer);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_buf_size(HTTP1_BUFFER)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            _ = closing.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        log_end(peer, ended);
    }

    async fn http2<S>(self: Arc<Self>, io: S, peer: SocketAddr, mut closing: watch::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = self.service(peer);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20))
            .max_concurrent_streams(HTTP2_STREAMS)
            .max_header_list_size(HTTP2_HEADERS)
            .max_send_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(io), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            _ = closing.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        log_end(peer, ended);
    }

    /// Hands requests to the router, with the client's address and a time limit on the body.
    fn service(
        self: Arc<Self>,
        peer: SocketAddr,
    ) -> impl Service<
        Request<Incoming>,
        Response = Response<Body>,
        Error = Infallible,
        Future = impl Future<Output = Result<Response<Body>, Infallible>> + Send,
    > {
        service_fn(move |request: Request<Incoming>| {
            let limit = self.limits.body;
            let mut request = request.map(|body| match body.is_end_stream() {
                true => Body::empty(),
                false => Body::new(Timed::new(body, limit)),
            });
            let client = match &self.acceptance {
                Acceptance::Plain { trusted } => peer::client_address(request.headers(), peer, trusted),
                Acceptance::Tls(_) | Acceptance::Open => peer,
            };
            request.extensions_mut().insert(ConnectInfo(client));
            self.router.clone().oneshot(request)
        })
    }
}

fn log_end(peer: SocketAddr, ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(peer = %peer.ip(), %error, "a connection broke");
    }
}

#[cfg(test)]
mod tests;
