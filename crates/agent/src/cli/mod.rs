//! The command line: the agent itself (`run`), and a front end to it for terminals.
//!
//! Invariants: nothing is approved without the whole statement having been printed before; `--json` prints one JSON value
//! on standard output and nothing else there; text from outside is printed as plain text with control characters
//! escaped; every failure says what to do next.

mod accounts;
mod args;
mod codes;
mod decide;
mod desktop_entry;
mod password;
mod render;
mod session;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use countersign_agent_api::{ErrorCode, client::ClientError};

use self::args::{Args, Command};
use crate::{
    config::{ConfigError, ConfigFiles},
    run::{self, RunError},
    verify::VerifyFileError,
};

/// How a command ended, as exit code. Documented in `--help` and `docs/agent.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failure = 1,
    /// No agent answers.
    NoAgent = 3,
    /// The answer did not count, the request ended in another way, or the person said no.
    Refused = 4,
}

/// A command failed. The text is for people.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Socket(#[from] countersign_agent_api::socket::SocketError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Verify(#[from] VerifyFileError),
    #[error("cannot {doing}")]
    Io {
        doing: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("there is no terminal to ask on. Give the answer as an option: see --help")]
    NoTerminal,
    #[error("no entry matches. See `countersign-agent codes`")]
    NoMatch,
    #[error("several entries match. Say more, or give an id from `countersign-agent codes --json`")]
    SeveralMatch,
    #[error("give the name or the id of an entry")]
    NoEntry,
    #[error("the two passwords are not the same. Nothing was written")]
    PasswordsDiffer,
    #[error("that is more than 256 KiB. Save it as a file and import the file. Nothing was read")]
    TooMuchInput,
    #[error("the first line of the password file is longer than 4096 bytes. Choose a shorter password")]
    PasswordTooLong,
    #[error("this shows codes on a terminal only. Leave out --watch")]
    NotATerminal,
    #[error("the answer cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl CliError {
    fn exit(&self) -> Exit {
        match self {
            Self::Client(ClientError::NotRunning(_)) | Self::Socket(_) => Exit::NoAgent,
            Self::Client(ClientError::Api(error)) => match error.code {
                ErrorCode::NotPending
                | ErrorCode::StatementChanged
                | ErrorCode::CodeNeeded
                | ErrorCode::SurfaceNotAllowed
                | ErrorCode::OfferRefused
                | ErrorCode::Locked
                | ErrorCode::Refused => Exit::Refused,
                ErrorCode::IncompatibleVersion
                | ErrorCode::InvalidCall
                | ErrorCode::NotFound
                | ErrorCode::InvalidLink
                | ErrorCode::InvalidValue
                | ErrorCode::Unreachable
                | ErrorCode::UntrustedCertificate
                | ErrorCode::BadAnswer
                | ErrorCode::AlreadyEnrolled
                | ErrorCode::KeyringLocked
                | ErrorCode::KeyringMissing
                | ErrorCode::KeyMissing
                | ErrorCode::KeyringTimeout
                | ErrorCode::Storage
                | ErrorCode::WrongPassword
                | ErrorCode::UnknownFormat
                | ErrorCode::ClipboardUnavailable
                | ErrorCode::AppUnavailable
                | ErrorCode::Unavailable => Exit::Failure,
            },
            Self::Client(
                ClientError::Socket(_)
                | ClientError::Broken(_)
                | ClientError::TimedOut
                | ClientError::UnexpectedReply,
            )
            | Self::Config(_)
            | Self::Run(_)
            | Self::Verify(_)
            | Self::Io { .. }
            | Self::NoTerminal
            | Self::NoMatch
            | Self::SeveralMatch
            | Self::NoEntry
            | Self::PasswordsDiffer
            | Self::TooMuchInput
            | Self::PasswordTooLong
            | Self::NotATerminal
            | Self::Json(_) => Exit::Failure,
        }
    }
}

/// The program. Usage errors end it with code 2.
pub fn main() -> ExitCode {
    let args = Args::parse();
    // Keys pass through this process's memory: no core dump, no reading by other programs of the user.
    if let Err(error) = protect_memory() {
        render::problem(&error);
        return ExitCode::from(Exit::Failure as u8);
    }
    let exit = match start(args) {
        Ok(exit) => exit,
        Err(error) => {
            render::problem(&error);
            error.exit()
        }
    };
    ExitCode::from(exit as u8)
}

fn protect_memory() -> Result<(), CliError> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).map_err(|e| {
        CliError::Io {
            doing: "protect this process's memory",
            source: e.into(),
        }
    })
}

fn start(args: Args) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::Io {
            doing: "start",
            source,
        })?;
    let output = args.output();
    let files = ConfigFiles::find(args.config, |name| std::env::var_os(name));
    let done = runtime.block_on(async {
        match args.command {
            Command::Run => {
                run::init_logging(args.log_level);
                let effective = files.load()?;
                run::run(files, &effective).await?;
                Ok(Exit::Done)
            }
            Command::WithAgent(command) => session::execute(command, output).await,
            Command::Doctor => session::diagnose(output, &files).await,
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Args::command(), "countersign-agent", &mut script);
                render::line(String::from_utf8_lossy(&script).trim_end());
                Ok(Exit::Done)
            }
            Command::DesktopEntry { change } => desktop_entry::change(change),
            Command::Verify {
                receipt,
                issuer_fingerprint,
            } => session::verify_file(&receipt, issuer_fingerprint, output),
        }
    });
    // A key store that hangs must not keep the process.
    runtime.shutdown_background();
    done
}
