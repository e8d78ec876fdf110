//! The administrator's commands.
//!
//! All but `serve` do one thing on the data directory and end; they may run while the server does, which notices what they
//! change. What is data goes to standard output, as text or with `--json`; what went wrong goes to standard error. Exit code: 0 done,
//! 1 it failed or the answer is no, 2 the command line is wrong.

mod admin;
mod audit;
mod client;
mod device;
mod enrolment;
mod init;
mod keys;
mod output;
mod qr;
mod serve;
mod user;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::{
    audit::ChainError,
    callback::{self, CallbackClientError},
    config::{self, Config, ConfigError, Problem, Transport},
    edge::RandomError,
    keys::KeyFileError,
    server::{self, TlsError},
    service::StartError,
    store::StoreError,
};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "countersign-gateway",
    version,
    about = "Asks people on their own computers to approve what matters, and signs how they answered"
)]
pub struct Cli {
    /// The configuration file
    #[arg(long, short, global = true, env = config::PATH_VARIABLE, default_value = config::DEFAULT_PATH, value_name = "FILE")]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a configuration and make the data directory, keys and database
    Init(init::Init),
    /// Run the gateway
    Serve,
    /// Check the configuration and the files it names
    CheckConfig,
    /// Relying sides: applications and identity providers that ask for approvals
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// People who can be asked
    #[command(subcommand)]
    User(user::UserCommand),
    /// Invitations to enrol a device
    #[command(subcommand)]
    Enrolment(enrolment::EnrolmentCommand),
    /// Enrolled devices
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// The issuer's signing keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// The audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Files that the configuration names cannot be used.
    #[error("{}", listed(.0))]
    Files(Vec<Problem>),
    /// There is no database.
    #[error("there is no database {}; run `countersign-gateway init`, or restore the backup", .0.display())]
    NoDatabase(PathBuf),
    /// The key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The certification authority for callbacks cannot be used.
    #[error(transparent)]
    Callback(#[from] CallbackClientError),
    /// The gateway cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// There are no random numbers.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The audit log is not what it was.
    #[error(transparent)]
    Audit(#[from] ChainError),
    /// A file or address cannot be used.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// It cannot be done as it was asked.
    #[error("{0}")]
    Refused(String),
}

impl CliError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl From<io::Error> for CliError {
    fn from(source: io::Error) -> Self {
        Self::Io {
            what: "write the output".to_owned(),
            source,
        }
    }
}

/// The result of a command.
pub type CliResult<T = ()> = Result<T, CliError>;

/// Runs a command line, with its output where the process has it.
pub fn run(cli: Cli) -> ExitCode {
    let mut out = io::stdout().lock();
    let done = no_core_dumps().and_then(|()| dispatch(cli, &mut out, &|name| std::env::var_os(name)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads us had enough, as in `… | head -1`.
        Err(CliError::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "countersign-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Signing keys pass through this process's memory: a crash must not write them to a file.
fn no_core_dumps() -> CliResult {
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(rustix::process::Resource::Core, none)
        .map_err(|e| CliError::io("switch core dumps off")(e.into()))
}

fn dispatch(cli: Cli, out: &mut dyn Write, env: &dyn Fn(&str) -> Option<OsString>) -> CliResult {
    let path: &Path = &cli.config;
    let load = || Config::load(path, env);
    match cli.command {
        Command::Init(init) => init.run(path, out, env),
        Command::Serve => serve::run(load()?),
        Command::CheckConfig => check_config(&load()?, path, out),
        Command::Client(command) => command.run(load()?, out),
        Command::User(command) => command.run(load()?, out),
        Command::Enrolment(command) => command.run(load()?, out),
        Command::Device(command) => command.run(load()?, out),
        Command::Keys(command) => command.run(load()?, out),
        Command::Audit(command) => command.run(load, out),
    }
}

fn check_config(config: &Config, path: &Path, out: &mut dyn Write) -> CliResult {
    let problems = config.check_files();
    if !problems.is_empty() {
        return Err(CliError::Files(problems));
    }
    if let Transport::Tls { cert, key } = &config.transport {
        server::load_tls(cert, key)?;
    }
    callback::client(config.callback_ca.as_deref())?;
    admin::key_file(config).read()?;
    writeln!(
        out,
        "{} is valid; issuer {}, listening on {}",
        path.display(),
        config.issuer,
        config.listen
    )?;
    Ok(())
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
