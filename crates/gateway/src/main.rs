//! The `countersign-gateway` command.

use std::process::ExitCode;

use clap::Parser;
use countersign_gateway::cli::{self, Cli};

fn main() -> ExitCode {
    // Every TLS connection of this process uses ring; a second installation cannot happen here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    cli::run(Cli::parse())
}
