//! What can happen to a TCP connection: [`Relay`] stands before a server and passes everything on until told otherwise.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// What is wrong with the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Connections are closed, new ones too.
    Down,
    /// Connections stay open, and nothing goes through any more, in neither direction.
    BlackHole,
    /// One byte at a time, with this between two of them.
    Slow(Duration),
}

/// A relay on loopback.
#[derive(Debug)]
pub struct Relay {
    /// Where it listens.
    pub address: SocketAddr,
    fault: watch::Sender<Fault>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Listens on this port (0: any) and passes connections on to `target`.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(port: u16, target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let (fault, state) = watch::channel(Fault::None);
        Ok(Self {
            address,
            fault,
            task: tokio::spawn(accept(listener, target, state)),
        })
    }

    /// From now on the network is like this, for open connections too.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Breaks every open connection; new ones are passed on.
    pub fn reset(&self) {
        self.set(Fault::Down);
        self.set(Fault::None);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, state: watch::Receiver<Fault>) {
    let mut connections = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(near, target, state.clone()));
    }
}

async fn connection(near: TcpStream, target: SocketAddr, mut state: watch::Receiver<Fault>) {
    if *state.borrow_and_update() == Fault::Down {
        return;
    }
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    let passing = Arc::new(state.clone());
    let one_way = pump(near_read, far_write, Arc::clone(&passing));
    let other_way = pump(far_read, near_write, passing);
    tokio::select! {
        _ = async { tokio::join!(one_way, other_way) } => {}
        // `watch` may skip a state, but not a change: after a reset `Down` may never be seen, so every change of a healthy
        // connection to `None` counts as one.
        () = broken(&mut state) => {}
    }
}

async fn broken(state: &mut watch::Receiver<Fault>) {
    while state.changed().await.is_ok() {
        match *state.borrow_and_update() {
            Fault::Down | Fault::None => return,
            Fault::BlackHole | Fault::Slow(_) => {}
        }
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<watch::Receiver<Fault>>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length) = from.read(&mut buffer).await {
        if length == 0 {
            break;
        }
        let now = *state.borrow();
        let written = match now {
            Fault::None => to.write_all(&buffer[..length]).await,
            Fault::Down => break,
            Fault::BlackHole => std::future::pending().await,
            Fault::Slow(pause) => drip(&mut to, &buffer[..length], pause).await,
        };
        if written.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

async fn drip(to: &mut OwnedWriteHalf, bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    for byte in bytes {
        to.write_all(std::slice::from_ref(byte)).await?;
        sleep(pause).await;
    }
    Ok(())
}
