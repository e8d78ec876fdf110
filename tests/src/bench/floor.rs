//! The floor of an approval: the same crypto and the same durable commits, and nothing else.
//!
//! One server process. Two TLS connections make a pair, a relying side and a device, with length-prefixed frames. A
//! frame from the relying side is signed (ES256), one row is committed, and it goes to the device; a frame from the
//! device is verified, one row is committed, and it goes to the relying side. Commits are SQLite's with the settings of
//! the gateway, grouped as there. No HTTP, no JSON, no rules.

use std::{collections::HashMap, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use rusqlite::Connection;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc, oneshot},
    time::Instant,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::load::Legs;
use crate::edge;

/// The size of a request and of a decision here, in bytes: as of those that the gateway handles.
const FRAME: usize = 1100;
const SIGNATURE: usize = 64;
/// As in the gateway's store.
const GROUP: usize = 64;

/// Which end of a pair a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum End {
    RelyingSide = 0,
    Device = 1,
}

/// Serves until the process is ended. Prints `listening <port>` when it does.
///
/// # Errors
/// When certificate, database or socket cannot be had.
pub async fn serve(cert: &Path, key: &Path, database: &Path) -> Result<()> {
    crate::wire::install_ring();
    let acceptor = TlsAcceptor::from(Arc::new(tls(cert, key)?));
    let commits = committer(database)?;
    let rng = edge::rng();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng)
        .map_err(|_| anyhow::anyhow!("no key could be made"))?;
    let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &rng)
        .map_err(|_| anyhow::anyhow!("the key cannot be read"))?;
    let shared = Arc::new(Shared {
        signer,
        commits,
        ends: Mutex::default(),
    });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("listening {}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                // An end that goes away ends its task: the benchmark notices on its side.
                let _ = shared.serve(stream).await;
            }
        });
    }
}

type Writer = Arc<Mutex<WriteHalf<server::TlsStream<TcpStream>>>>;

#[derive(Debug)]
struct Shared {
    signer: EcdsaKeyPair,
    commits: mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>,
    ends: Mutex<HashMap<(u32, u8), Writer>>,
}

impl Shared {
    async fn serve(&self, stream: server::TlsStream<TcpStream>) -> Result<()> {
        let (mut read, write) = tokio::io::split(stream);
        let write = Arc::new(Mutex::new(write));
        let pair = read.read_u32().await?;
        let end = if read.read_u8().await? == End::Device as u8 {
            End::Device
        } else {
            End::RelyingSide
        };
        self.ends
            .lock()
            .await
            .insert((pair, end as u8), Arc::clone(&write));
        write_frame(&mut *write.lock().await, &[]).await?;
        let other = if end == End::Device {
            End::RelyingSide
        } else {
            End::Device
        };
        let rng = edge::rng();
        loop {
            let mut frame = read_frame(&mut read).await?;
            match end {
                End::RelyingSide => {
                    let signature = self
                        .signer
                        .sign(&rng, &frame)
                        .map_err(|_| anyhow::anyhow!("not signed"))?;
                    frame.extend_from_slice(signature.as_ref());
                }
                End::Device => {
                    let (message, signature) =
                        frame.split_at_checked(FRAME).context("the frame is too short")?;
                    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.signer.public_key().as_ref())
                        .verify(message, signature)
                        .map_err(|_| anyhow::anyhow!("not verified"))?;
                }
            }
            let (done, committed) = oneshot::channel();
            self.commits.send((frame.clone(), done)).await?;
            committed.await?;
            let to = self.ends.lock().await.get(&(pair, other as u8)).cloned();
            write_frame(
                &mut *to.context("the other end is not there")?.lock().await,
                &frame,
            )
            .await?;
        }
    }
}

fn tls(cert: &Path, key: &Path) -> Result<rustls::ServerConfig> {
    let chain = CertificateDer::pem_file_iter(cert)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    Ok(rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?)
}

/// One thread that commits what waits, in groups.
fn committer(database: &Path) -> Result<mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>> {
    let mut connection = Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE events (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")?;
    let (sender, mut queue) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>(1024);
    std::thread::Builder::new()
        .name("commits".to_owned())
        .spawn(move || -> Result<()> {
            let mut group = Vec::with_capacity(GROUP);
            while let Some(first) = queue.blocking_recv() {
                group.push(first);
                while group.len() < GROUP
                    && let Ok(next) = queue.try_recv()
                {
                    group.push(next);
                }
                let transaction = connection.transaction()?;
                {
                    let mut insert = transaction.prepare_cached("INSERT INTO events (body) VALUES (?1)")?;
                    for (body, _) in &group {
                        insert.execute([body])?;
                    }
                }
                transaction.commit()?;
                for (_, done) in group.drain(..) {
                    // Who asked may be gone.
                    let _ = done.send(());
                }
            }
            Ok(())
        })?;
    Ok(sender)
}

/// A pair at the floor's server.
#[derive(Debug)]
pub struct FloorPair {
    relying: Connected,
    device: Connected,
}

#[derive(Debug)]
struct Connected {
    read: ReadHalf<client::TlsStream<TcpStream>>,
    write: WriteHalf<client::TlsStream<TcpStream>>,
}

impl FloorPair {
    /// Connects both ends.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn connect(port: u16, pair: u32, tls: &Arc<rustls::ClientConfig>) -> Result<Self> {
        Ok(Self {
            relying: Connected::open(port, pair, End::RelyingSide, tls).await?,
            device: Connected::open(port, pair, End::Device, tls).await?,
        })
    }

    /// One approval's way there and back.
    ///
    /// # Errors
    /// When a connection breaks.
    pub async fn cycle(&mut self) -> Result<Legs> {
        let asked = Instant::now();
        write_frame(&mut self.relying.write, &[0x5a; FRAME]).await?;
        let request = read_frame(&mut self.device.read).await?;
        let accept_to_frame = asked.elapsed();
        if request.len() != FRAME + SIGNATURE {
            bail!("the floor's frame has {} bytes", request.len());
        }
        let signed = Instant::now();
        // The server's own signature serves as the device's: what counts is that it is verified.
        write_frame(&mut self.device.write, &request).await?;
        read_frame(&mut self.relying.read).await?;
        Ok(Legs {
            accept_to_frame,
            signed_to_visible: signed.elapsed(),
        })
    }
}

impl Connected {
    async fn open(port: u16, pair: u32, end: End, tls: &Arc<rustls::ClientConfig>) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
        let (mut read, mut write) = tokio::io::split(stream);
        write.write_u32(pair).await?;
        write.write_u8(end as u8).await?;
        write.flush().await?;
        read_frame(&mut read).await?;
        Ok(Self { read, write })
    }
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let length = reader.read_u32().await? as usize;
    if length > FRAME + SIGNATURE {
        bail!("a frame of {length} bytes");
    }
    let mut frame = vec![0; length];
    reader.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn write_frame(writer: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> Result<()> {
    let length = u32::try_from(frame.len())?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(frame);
    writer.write_all(&bytes).await?;
    writer.flush().await?;
    Ok(())
}
