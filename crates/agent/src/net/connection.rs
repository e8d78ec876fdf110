//! One HTTP/1.1 connection to an issuer: requests in turn, and the upgrade to a WebSocket.

use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{task::JoinHandle, time::timeout};
use url::Url;
use zeroize::Zeroizing;

use super::{Net, NetError, Trace, dial::Origin};

/// The largest body that is read unless a protocol says otherwise, in bytes (docs/protocol.md, section 5).
const MAX_BODY: usize = 64 * 1024;
/// Read buffer and largest head of an answer, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// What an upgraded connection speaks over.
pub type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub struct Connection {
    origin: Origin,
    sender: http1::SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    max_body: usize,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most 64 KiB unless the connection reads more ([`Connection::reading`]).
    pub body: Bytes,
}

impl Connection {
    /// Connects to the URL's host, within 8 s.
    ///
    /// # Errors
    /// [`NetError`], none of which [`NetError::sent`] anything.
    pub async fn open(net: &Net, url: &Url) -> Result<Self, NetError> {
        Self::open_traced(net, url, &mut Trace::default()).await
    }

    /// The same, and `trace` says what was seen on the way.
    ///
    /// # Errors
    /// As for [`Connection::open`].
    pub async fn open_traced(net: &Net, url: &Url, trace: &mut Trace) -> Result<Self, NetError> {
        let origin = Origin::of(url)?;
        let stream = net.dial(&origin, trace).await?;
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| broken(&origin, e))?;
        let driver = tokio::spawn(async move {
            // How it ends, the request in flight says.
            let _ = connection.with_upgrades().await;
        });
        Ok(Self {
            origin,
            sender,
            driver,
            max_body: MAX_BODY,
        })
    }

    /// Reads bodies of up to this size, in bytes.
    pub fn reading(mut self, max_body: usize) -> Self {
        self.max_body = max_body;
        self
    }

    /// Whether another request can be sent. A server may close a connection at any time all the same.
    pub fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and reads the whole answer, within `limit`.
    ///
    /// # Errors
    /// [`NetError`]; the connection is of no further use then.
    pub async fn send(
        &mut self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Answer, NetError> {
        let request = self.request(method, url, headers, body)?;
        timeout(limit, self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(self.timed_out()))
    }

    /// Asks for an upgrade, within `limit`. `Err` inside is an answer other than 101; the connection can go on.
    ///
    /// # Errors
    /// As for [`Connection::send`].
    pub async fn upgrade(
        &mut self,
        url: &Url,
        headers: HeaderMap,
        limit: Duration,
    ) -> Result<Result<(Upgraded, HeaderMap), Answer>, NetError> {
        let request = self.request(Method::GET, url, headers, Vec::new())?;
        timeout(limit, self.exchange_upgrade(request))
            .await
            .unwrap_or_else(|_| Err(self.timed_out()))
    }

    fn request(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, NetError> {
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, &self.origin.authority)
            .header(
                header::USER_AGENT,
                concat!("countersign-agent/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::ACCEPT, "application/json");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let mut request = request
            // Some hold secrets: wiped when it is sent.
            .body(Full::new(Bytes::from_owner(Zeroizing::new(body))))
            .map_err(|_| NetError::InvalidUrl(self.origin.authority.clone()))?;
        request.headers_mut().extend(headers);
        Ok(request)
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, NetError> {
        let response = self.respond(request).await?;
        self.read(response).await
    }

    async fn exchange_upgrade(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Result<(Upgraded, HeaderMap), Answer>, NetError> {
        let mut response = self.respond(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Err(self.read(response).await?));
        }
        let headers = std::mem::take(response.headers_mut());
        let io = hyper::upgrade::on(response)
            .await
            .map_err(|e| broken(&self.origin, e))?;
        Ok(Ok((TokioIo::new(io), headers)))
    }

    async fn respond(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<http::Response<hyper::body::Incoming>, NetError> {
        self.sender.ready().await.map_err(|e| broken(&self.origin, e))?;
        self.sender
            .send_request(request)
            .await
            .map_err(|e| broken(&self.origin, e))
    }

    async fn read(&self, response: http::Response<hyper::body::Incoming>) -> Result<Answer, NetError> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.max_body).collect().await.map_err(|e| {
            if e.is::<LengthLimitError>() {
                NetError::TooLarge(self.origin.host.clone())
            } else {
                NetError::Broken {
                    host: self.origin.host.clone(),
                    source: e,
                }
            }
        })?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    fn timed_out(&self) -> NetError {
        NetError::TimedOut {
            host: self.origin.host.clone(),
            sent: true,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // After an upgrade the driver has handed the stream over and ended already.
        self.driver.abort();
    }
}

fn broken(origin: &Origin, source: hyper::Error) -> NetError {
    NetError::Broken {
        host: origin.host.clone(),
        source: Box::new(source),
    }
}
