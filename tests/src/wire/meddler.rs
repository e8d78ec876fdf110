//! Somebody between device and server who ends TLS, and answers as a story wants it: with the server's words, with others, late or
//! not at all.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Method};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The longest request that is read, in bytes.
const MAX_REQUEST: usize = 64 * 1024;
/// How long a story waits for calls that are due within seconds.
const SOON: Duration = Duration::from_secs(30);

/// What becomes of the server's answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conduct {
    /// They are passed on.
    Honest,
    /// They come later by this.
    Late(Duration),
    /// They never come, although the server has given them.
    Withheld,
    /// This text in them is replaced by that one.
    Altered(&'static str, &'static str),
    /// What the server last listed is listed again, whatever it lists now.
    Repeated,
    /// There is this one instead, with so many bytes, and the server is not asked.
    Instead {
        /// The HTTP status.
        status: u16,
        /// The length of the body, in bytes.
        length: usize,
    },
    /// Connections are closed as soon as they are opened.
    Closed,
}

/// How many calls were answered, or withheld.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Calls {
    polls: u64,
    posts: u64,
}

/// Such a one on loopback.
#[derive(Debug)]
pub struct Meddler {
    /// Where it listens, as a server's URL without a final slash.
    pub url: String,
    conduct: watch::Sender<Conduct>,
    calls: watch::Receiver<Calls>,
    task: JoinHandle<()>,
}

/// What a connection needs to know.
struct Way {
    server: String,
    client: Client,
    acceptor: TlsAcceptor,
    conduct: watch::Receiver<Conduct>,
    calls: watch::Sender<Calls>,
    /// What was last listed, if anything ever was.
    listed: watch::Sender<Option<Vec<u8>>>,
}

/// A request, read whole.
struct Call {
    method: Method,
    target: String,
    content_type: Option<String>,
    body: Vec<u8>,
}

impl Meddler {
    /// Listens with this certificate before the server at `server`, which `client` trusts.
    ///
    /// # Errors
    /// When the system gives no port.
    pub async fn start(server: &str, client: Client, tls: Arc<ServerConfig>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address: SocketAddr = listener.local_addr()?;
        let (conduct, receiver) = watch::channel(Conduct::Honest);
        let (counted, calls) = watch::channel(Calls::default());
        let way = Arc::new(Way {
            server: server.to_owned(),
            client,
            acceptor: tls.into(),
            conduct: receiver,
            calls: counted,
            listed: watch::Sender::new(None),
        });
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let way = Arc::clone(&way);
                // A connection that fails is its client's to notice.
                connections.spawn(async move { way.pass(near).await.ok() });
            }
        });
        Ok(Self {
            url: format!("https://{address}"),
            conduct,
            calls,
            task,
        })
    }

    /// From the next call on it is like this.
    pub fn set(&self, conduct: Conduct) {
        self.conduct.send_replace(conduct);
    }

    /// How many enrolments and answers to challenges it has had.
    pub fn posts(&self) -> u64 {
        self.calls.borrow().posts
    }

    /// Waits until it was asked so many times more for what waits.
    ///
    /// # Errors
    /// When it was not in time.
    pub async fn polled(&self, times: u64) -> Result<()> {
        let wanted = self.calls.borrow().polls + times;
        self.until(|calls| calls.polls >= wanted).await
    }

    /// Waits until it has had so many enrolments and answers to challenges.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn posted(&self, times: u64) -> Result<()> {
        self.until(|calls| calls.posts >= times).await
    }

    async fn until(&self, mut enough: impl FnMut(&Calls) -> bool) -> Result<()> {
        let mut calls = self.calls.clone();
        timeout(SOON, calls.wait_for(|calls| enough(calls)))
            .await
            .context("too few calls came by")??;
        Ok(())
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Way {
    async fn pass(&self, near: TcpStream) -> Result<()> {
        if *self.conduct.borrow() == Conduct::Closed {
            return Ok(());
        }
        let mut near = self.acceptor.accept(near).await?;
        let call = Call::read(&mut near).await?;
        let is_poll = call.method == Method::GET;
        let conduct = self.conduct.borrow().clone();
        let (status, mut body) = match conduct {
            Conduct::Instead { status, length } => (status, vec![b' '; length]),
            Conduct::Honest
            | Conduct::Late(_)
            | Conduct::Withheld
            | Conduct::Altered(..)
            | Conduct::Repeated
            | Conduct::Closed => self.ask(call).await?,
        };
        self.calls.send_modify(|calls| {
            if is_poll {
                calls.polls += 1;
            } else {
                calls.posts += 1;
            }
        });
        match conduct {
            Conduct::Honest | Conduct::Instead { .. } | Conduct::Closed => {}
            Conduct::Late(by) => sleep(by).await,
            Conduct::Withheld => std::future::pending().await,
            Conduct::Altered(from, to) => {
                body = String::from_utf8(body)?.replace(from, to).into_bytes();
            }
            Conduct::Repeated => {
                if let Some(listed) = self.listed.borrow().clone().filter(|_| is_poll) {
                    body = listed;
                }
            }
        }
        let head = format!(
            "HTTP/1.1 {status} Meddled\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        near.write_all(head.as_bytes()).await?;
        near.write_all(&body).await?;
        near.shutdown().await?;
        Ok(())
    }

    async fn ask(&self, call: Call) -> Result<(u16, Vec<u8>)> {
        let is_poll = call.method == Method::GET;
        let url = format!("{}{}", self.server, call.target);
        let mut request = self.client.request(call.method, url).body(call.body);
        if let Some(kind) = call.content_type {
            request = request.header("content-type", kind);
        }
        let answer = request.send().await?;
        let (status, body) = (answer.status().as_u16(), answer.bytes().await?.to_vec());
        if is_poll
            && *self.conduct.borrow() != Conduct::Repeated
            && body.windows(7).any(|w| w == b"\"nonce\"")
        {
            self.listed.send_replace(Some(body.clone()));
        }
        Ok((status, body))
    }
}

impl Call {
    async fn read(near: &mut TlsStream<TcpStream>) -> Result<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            if near.read_buf(&mut bytes).await? == 0 || bytes.len() > MAX_REQUEST {
                bail!("not a request");
            }
        };
        let mut body = bytes.split_off(end);
        let head = String::from_utf8(bytes)?;
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let length: usize = header("content-length").map_or(Ok(0), |length| length.parse())?;
        ensure!(length <= MAX_REQUEST, "the request is too long");
        while body.len() < length {
            ensure!(near.read_buf(&mut body).await? > 0, "the request ends early");
        }
        let mut line = head.split(' ');
        let method = line.next().context("no method")?.parse()?;
        let target = line.next().context("no target")?.to_owned();
        let content_type = header("content-type");
        Ok(Self {
            method,
            target,
            content_type,
            body,
        })
    }
}
