//! Who is at the other end, and that they are counted until they are gone.

use std::{
    io::{self, IoSlice},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::HeaderMap;
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
};

use crate::metrics::Metrics;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client behind a trusted proxy: the last address in `X-Forwarded-For` that is no trusted proxy itself.
/// What stands before it was written by the client and is not believed.
pub(super) fn client_address(headers: &HeaderMap, peer: SocketAddr, trusted: &[IpNet]) -> SocketAddr {
    let entries: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .collect();
    let mut client = peer;
    for entry in entries.into_iter().rev() {
        let Ok(address) = entry.trim().parse::<IpAddr>() else {
            break;
        };
        client = SocketAddr::new(address.to_canonical(), 0);
        if !trusted.iter().any(|net| net.contains(&client.ip())) {
            break;
        }
    }
    client
}

/// A connection that holds its slot until it is dropped, also after an upgrade to a WebSocket.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    metrics: Arc<Metrics>,
    _slot: OwnedSemaphorePermit,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, slot: OwnedSemaphorePermit, metrics: Arc<Metrics>) -> Self {
        metrics.connections(1);
        Self {
            stream,
            metrics,
            _slot: slot,
        }
    }
}

impl<S> Drop for Counted<S> {
    fn drop(&mut self) {
        self.metrics.connections(-1);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(headers: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "127.0.0.1/32".parse().unwrap()];
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(FORWARDED_FOR, value.parse().unwrap());
        }
        client_address(&map, ([127, 0, 0, 1], 5000).into(), &trusted)
            .ip()
            .to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        assert_eq!(seen(&[]), "127.0.0.1");
        assert_eq!(seen(&["192.0.2.1"]), "192.0.2.1");
        assert_eq!(seen(&["192.0.2.1, 10.0.0.7"]), "192.0.2.1");
        assert_eq!(seen(&["192.0.2.1", "2001:db8::1, 10.0.0.7"]), "2001:db8::1");
    }

    #[test]
    fn what_the_client_wrote_itself_is_not_believed() {
        assert_eq!(seen(&["198.51.100.9, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(seen(&["198.51.100.9, nonsense, 10.0.0.7"]), "10.0.0.7");
    }
}
