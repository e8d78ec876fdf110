//! Ports for servers whose address must be known before they start: a certificate, a client's registration or an issuer names it.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Result, bail};

/// Below what the system gives to outgoing connections, so that none of them takes one in between.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of 127.0.0.1 on which nothing listens, and which this process gives out once.
///
/// # Errors
/// When none is free.
pub fn free_port() -> Result<u16> {
    // Runs side by side start at different places.
    let start = u16::try_from(std::process::id() % u32::from(COUNT))?;
    for _ in 0..COUNT {
        let port = FIRST + (start.wrapping_mul(7) % COUNT + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port between {FIRST} and {} is free", FIRST + COUNT)
}
