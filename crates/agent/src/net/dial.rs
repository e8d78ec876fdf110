//! Reaching a host: TCP, the proxy's tunnel, TLS.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, RwLock, Weak},
    time::Duration,
};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Url;

use super::{CertificateSummary, ClientTls, NetError, Presented, Proxy, Routes, Trust, proxy::dialable};

/// One address of a host, in time.
const ADDRESS_LIMIT: Duration = Duration::from_secs(4);
/// Name, TCP, proxy and TLS together. With the back-off's cap this keeps a reconnect within 30 s of the network's return.
const DIAL_LIMIT: Duration = Duration::from_secs(8);
/// The largest head of a proxy's answer, in bytes.
const MAX_PROXY_HEAD: usize = 8 * 1024;

/// The agent's way to hosts. Cheap to clone; all clones share one TLS configuration and its session cache, and take the new
/// way together when it changes.
#[derive(Debug, Clone)]
pub struct Net {
    way: Arc<RwLock<Arc<Way>>>,
    own: Option<Arc<Own>>,
}

#[derive(Debug)]
struct Way {
    tls: ClientTls,
    routes: Routes,
}

/// A way at one time: what was opened on it is to be closed when there is another.
#[derive(Debug, Clone)]
pub struct Mark(Weak<Way>);

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.0, &other.0)
    }
}

/// What is trusted beside what everybody trusts, and the configuration for that, made for one way.
#[derive(Debug)]
struct Own {
    trust: Trust,
    made: Mutex<Option<(Arc<Way>, Arc<ClientConfig>)>>,
}

/// The steps of dialling, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Hop {
    /// Finding the address, of the proxy if there is one.
    #[default]
    Name,
    /// Reaching it.
    Tcp,
    /// Going through the proxy.
    Proxy,
    /// Authenticating the host.
    Tls,
    /// All done.
    Done,
}

/// What was seen while dialling.
#[derive(Debug, Default)]
pub struct Trace {
    /// The step that was begun last: if dialling failed, it failed there.
    pub hop: Hop,
    /// Host and port of the proxy, if the host takes one.
    pub proxy: Option<String>,
    /// How many addresses the name has.
    pub addresses: usize,
    /// The host's certificate, once it was accepted.
    pub certificate: Option<CertificateSummary>,
}

/// Where a URL leads.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) host: String,
    pub(super) port: u16,
    /// As in a `Host` header.
    pub(super) authority: String,
    name: ServerName<'static>,
}

impl Origin {
    /// Of a host and port, as [`NetError::Untrusted`] names them.
    fn of_parts(host: &str, port: u16) -> Result<Self, NetError> {
        let authority = format!("{host}:{port}");
        let invalid = || NetError::InvalidUrl(format!("{host}:{port}"));
        let name = ServerName::try_from(host.to_owned()).map_err(|_| invalid())?;
        Ok(Self {
            host: host.to_owned(),
            port,
            authority,
            name,
        })
    }

    /// Of an `https` or `wss` URL.
    pub(super) fn of(url: &Url) -> Result<Self, NetError> {
        let invalid = || NetError::InvalidUrl(url.origin().ascii_serialization());
        if !matches!(url.scheme(), "https" | "wss") {
            return Err(invalid());
        }
        let host = url.host().ok_or_else(invalid)?;
        let dialled = dialable(&host);
        let port = url.port_or_known_default().ok_or_else(invalid)?;
        let authority = url
            .port()
            .map_or_else(|| host.to_string(), |p| format!("{host}:{p}"));
        let name = ServerName::try_from(dialled.clone()).map_err(|_| invalid())?;
        Ok(Self {
            host: dialled,
            port,
            authority,
            name,
        })
    }
}

impl Net {
    /// With this configuration (see [`super::client_config`]) and these routes.
    pub fn new(tls: ClientTls, routes: Routes) -> Self {
        Self {
            way: Arc::new(RwLock::new(Arc::new(Way { tls, routes }))),
            own: None,
        }
    }

    /// The same way, for who trusts this too.
    #[must_use]
    pub fn trusting(&self, trust: &Trust) -> Self {
        let own = Own {
            trust: trust.clone(),
            made: Mutex::default(),
        };
        Self {
            way: Arc::clone(&self.way),
            own: (!trust.is_empty()).then(|| Arc::new(own)),
        }
    }

    /// The way as it is now.
    pub fn mark(&self) -> Mark {
        Mark(Arc::downgrade(&self.way()))
    }

    /// What a host presents that is not trusted because nobody here knows who vouches for it: names, dates and the proof of its key are in
    /// order once that is trusted. Nothing is sent to it.
    ///
    /// # Errors
    /// [`NetError`], as if what it presents were trusted.
    pub async fn presented(&self, host: &str, port: u16) -> Result<Presented, NetError> {
        let origin = Origin::of_parts(host, port)?;
        let (config, recorder) = self.way().tls.recording().map_err(|e| unusable(&origin, e))?;
        let refused = match self.dial_with(&origin, config, &mut Trace::default()).await {
            Ok(_) => return Err(unusable(&origin, rustls::Error::General("not refused".into()))),
            Err(refused) => refused,
        };
        let Some((kind, trust)) = Trust::end_of(&recorder.seen()) else {
            return Err(refused);
        };
        self.trusting(&trust).dial(&origin, &mut Trace::default()).await?;
        let host = host.to_owned();
        Ok(Presented { host, kind, trust })
    }

    /// Every connection from now on takes the other's way; those that are open stay.
    pub fn replace(&self, by: &Self) {
        let way = by.way();
        *self.way.write().unwrap_or_else(PoisonError::into_inner) = way;
    }

    fn way(&self) -> Arc<Way> {
        Arc::clone(&self.way.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A TLS connection to the URL's host, within 8 s.
    pub(super) async fn dial(
        &self,
        origin: &Origin,
        trace: &mut Trace,
    ) -> Result<TlsStream<TcpStream>, NetError> {
        let config = self.config().map_err(|e| unusable(origin, e))?;
        self.dial_with(origin, config, trace).await
    }

    /// How this one does TLS on the present way.
    fn config(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let way = self.way();
        let Some(own) = &self.own else {
            return Ok(Arc::clone(&way.tls.common));
        };
        let mut made = own.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, config)) = &*made
            && Arc::ptr_eq(of, &way)
        {
            return Ok(Arc::clone(config));
        }
        let config = way.tls.trusting(&own.trust)?;
        *made = Some((way, Arc::clone(&config)));
        Ok(config)
    }

    async fn dial_with(
        &self,
        origin: &Origin,
        config: Arc<ClientConfig>,
        trace: &mut Trace,
    ) -> Result<TlsStream<TcpStream>, NetError> {
        match timeout(DIAL_LIMIT, self.dial_without_limit(origin, config, trace)).await {
            Ok(result) => result,
            Err(_) => Err(NetError::TimedOut {
                host: origin.host.clone(),
                sent: false,
            }),
        }
    }

    async fn dial_without_limit(
        &self,
        origin: &Origin,
        config: Arc<ClientConfig>,
        trace: &mut Trace,
    ) -> Result<TlsStream<TcpStream>, NetError> {
        let way = self.way();
        let proxy = way.routes.to(&origin.host);
        trace.proxy = proxy.map(|proxy| format!("{}:{}", proxy.host, proxy.port));
        let (host, port) = match proxy {
            None => (origin.host.as_str(), origin.port),
            Some(proxy) => (proxy.host.as_str(), proxy.port),
        };
        let addresses = resolve(host, port).await?;
        trace.addresses = addresses.len();
        trace.hop = Hop::Tcp;
        let mut tcp = connect(host, &addresses).await?;
        if let Some(proxy) = proxy {
            trace.hop = Hop::Proxy;
            tunnel(&mut tcp, proxy, origin).await?;
        }
        // Frames are small and each is waited for.
        let _ = tcp.set_nodelay(true);
        trace.hop = Hop::Tls;
        let stream = TlsConnector::from(config)
            .connect(origin.name.clone(), tcp)
            .await
            .map_err(|e| NetError::from_handshake(&origin.host, origin.port, e))?;
        trace.hop = Hop::Done;
        let chain = stream.get_ref().1.peer_certificates();
        trace.certificate = chain.and_then(|chain| CertificateSummary::read(chain.first()?));
        Ok(stream)
    }
}

fn unusable(origin: &Origin, error: rustls::Error) -> NetError {
    NetError::Tls {
        host: origin.host.clone(),
        source: io::Error::other(error),
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, NetError> {
    match tokio::net::lookup_host((host, port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(source) => Err(NetError::Resolve {
            host: host.to_owned(),
            source,
        }),
    }
}

async fn connect(host: &str, addresses: &[SocketAddr]) -> Result<TcpStream, NetError> {
    let mut problem = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match timeout(ADDRESS_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(e)) => problem = e,
            Err(_) => problem = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(NetError::Connect {
        host: host.to_owned(),
        source: problem,
    })
}

async fn tunnel(stream: &mut TcpStream, proxy: &Proxy, origin: &Origin) -> Result<(), NetError> {
    let target = if origin.host.contains(':') {
        format!("[{}]:{}", origin.host, origin.port)
    } else {
        format!("{}:{}", origin.host, origin.port)
    };
    let mut head = zeroize::Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"));
    if let Some(authorization) = &proxy.authorization {
        head.push_str("Proxy-Authorization: ");
        head.push_str(authorization);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream
        .write_all(head.as_bytes())
        .await
        .map_err(|e| NetError::ProxyBroken(Some(e)))?;
    match connect_status(stream).await? {
        200..=299 => Ok(()),
        status => Err(NetError::ProxyRefused {
            host: origin.host.clone(),
            status,
        }),
    }
}

/// Reads the head of the answer to `CONNECT`, byte for byte: what follows already belongs to the tunnel.
async fn connect_status(stream: &mut TcpStream) -> Result<u16, NetError> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_PROXY_HEAD {
            return Err(NetError::ProxyBroken(None));
        }
        head.push(
            stream
                .read_u8()
                .await
                .map_err(|e| NetError::ProxyBroken(Some(e)))?,
        );
    }
    let line = head
        .split(|b| *b == b'\r')
        .next()
        .and_then(|l| std::str::from_utf8(l).ok());
    let mut words = line.unwrap_or_default().split(' ');
    let version = words.next().unwrap_or_default();
    match words.next().and_then(|status| status.parse().ok()) {
        Some(status) if version.starts_with("HTTP/1.") => Ok(status),
        Some(_) | None => Err(NetError::ProxyBroken(None)),
    }
}
