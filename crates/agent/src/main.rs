//! `countersign-agent`: the background agent and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    countersign_agent::cli::main()
}
