//! Where the socket is, and who is at its other end.

use std::path::PathBuf;

/// The environment variable that names another socket path (tests, several agents).
pub const SOCKET_ENV: &str = "COUNTERSIGN_AGENT_SOCKET";

/// The socket cannot be placed or trusted.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// `XDG_RUNTIME_DIR` is not set, so there is no private place for a socket.
    #[error("XDG_RUNTIME_DIR is not set. Log in to a desktop or systemd user session, or set {SOCKET_ENV}")]
    NoRuntimeDir,
    /// The peer belongs to another user.
    #[error("the process at the other end of the socket belongs to another user")]
    ForeignPeer,
    /// The peer's credentials cannot be read.
    #[error("the other end of the socket cannot be identified")]
    Credentials(#[from] std::io::Error),
}

/// `$COUNTERSIGN_AGENT_SOCKET`, or `$XDG_RUNTIME_DIR/countersign/agent.sock`.
///
/// # Errors
/// [`SocketError::NoRuntimeDir`].
pub fn path() -> Result<PathBuf, SocketError> {
    if let Some(path) = std::env::var_os(SOCKET_ENV).filter(|p| !p.is_empty()) {
        return Ok(path.into());
    }
    let dir = std::env::var_os("XDG_RUNTIME_DIR")
        .filter(|p| !p.is_empty())
        .ok_or(SocketError::NoRuntimeDir)?;
    Ok(PathBuf::from(dir).join("countersign").join("agent.sock"))
}

/// Refuses a peer of another uid.
///
/// # Errors
/// [`SocketError::ForeignPeer`], or the system's error.
pub fn check_peer(stream: &tokio::net::UnixStream) -> Result<(), SocketError> {
    let peer = stream.peer_cred()?;
    if peer.uid() == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(SocketError::ForeignPeer)
    }
}
