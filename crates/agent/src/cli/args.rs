//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use tracing::level_filters::LevelFilter;

/// Approve sensitive actions from this computer: the background agent and its command line.
#[derive(Debug, Parser)]
#[command(
    name = "countersign-agent",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no agent running, 4 refused or ended differently."
)]
pub(super) struct Args {
    /// Configuration file [default: ~/.config/countersign/agent.toml].
    #[arg(long, global = true, value_name = "FILE", env = "COUNTERSIGN_AGENT_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    /// How much `run` logs.
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        default_value = "info",
        env = "COUNTERSIGN_AGENT_LOG",
        help = "How much `run` logs: error, warn, info, debug or off"
    )]
    pub(super) log_level: LevelFilter,
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Args {
    pub(super) fn output(&self) -> Output {
        if self.json { Output::Json } else { Output::Text }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the agent in the foreground.
    Run,
    #[command(flatten)]
    WithAgent(AgentCommand),
    /// Check everything on the way from an issuer to you and back.
    Doctor,
    /// Have the desktop know the app where no package did: its menu entry, its icon and countersign:// links.
    DesktopEntry {
        /// What to do with it.
        #[command(subcommand)]
        change: EntryChange,
    },
    /// Verify an exported receipt. Needs no agent and no network.
    Verify {
        /// What `evidence` wrote.
        receipt: PathBuf,
        /// The issuer's fingerprint, from the issuer itself.
        #[arg(long, value_name = "FINGERPRINT")]
        issuer_fingerprint: Option<String>,
    },
}

/// What to do with the desktop entry.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum EntryChange {
    /// Write it, for the app beside this program.
    Install,
    /// Remove what `install` wrote.
    Remove,
}

/// What needs a running agent.
#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Show whether everything is as it should be, in short.
    Status,
    /// Add an account with an enrolment link.
    Enrol {
        /// The link: countersign://enroll?…
        link: String,
        /// Agree to what the issuer offers without being asked.
        #[arg(long)]
        yes: bool,
        /// How this computer is named to the issuer.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
    /// List the accounts, or change one.
    Accounts {
        /// What to do with one.
        #[command(subcommand)]
        command: Option<AccountCommand>,
    },
    /// List the requests that wait for an answer.
    Requests,
    /// Show everything about one request.
    Show {
        /// From `requests`.
        id: String,
    },
    /// Approve a request, after showing it.
    Approve {
        /// From `requests`.
        id: String,
        /// The code shown where you started this [default: asked for].
        #[arg(long, value_name = "DIGITS")]
        code: Option<String>,
        /// Approve a request that needs no code without being asked.
        #[arg(long)]
        yes: bool,
    },
    /// Deny a request.
    Deny {
        /// From `requests`.
        id: String,
        /// Why.
        #[arg(long)]
        reason: Option<ReasonArg>,
    },
    /// Tell the administrators of a request that you did not start: denies it if it waits. One that has ended stays as it
    /// is; it can be reported for a day.
    Report {
        /// From `requests` or `history`.
        id: String,
    },
    /// Take back an answer that could not be sent yet.
    Withdraw {
        /// From `requests`.
        id: String,
    },
    /// Show the requests of one client that were held back.
    Release {
        /// From `requests`.
        account: String,
        /// From `requests`.
        client: String,
    },
    /// List ended requests, newest first.
    History {
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        limit: u32,
        /// Only those older than this one.
        #[arg(long, value_name = "ID")]
        before: Option<String>,
        /// Only those that say this somewhere.
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Only those that ended like this.
        #[arg(long)]
        outcome: Option<OutcomeArg>,
        /// Only those of this account, from `accounts`.
        #[arg(long)]
        account: Option<String>,
    },
    /// Export the signed evidence of an ended request.
    Evidence {
        /// From `history`.
        id: String,
        /// Write to this file in place of standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Open the desktop app.
    Open,
    /// End the agent.
    Stop,
}

/// What to do with an account.
#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Give an account a name of your own.
    Rename {
        /// From `accounts`.
        account: String,
        /// 1 to 64 characters; without it the account has no name of yours any more.
        name: Option<String>,
    },
    /// Replace an account's key by a new one.
    Rotate {
        /// From `accounts`.
        account: String,
    },
    /// In an emergency: have the issuer refuse this computer from now on. It can only be enrolled anew.
    Revoke {
        /// From `accounts`.
        account: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Remove an account and its key from this computer. The issuer is not told.
    Remove {
        /// From `accounts`.
        account: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutcomeArg {
    /// With a yes.
    Approved,
    /// With a no.
    Denied,
    /// With a report.
    Reported,
    /// Taken back by who asked.
    Cancelled,
    /// Not answered in time.
    Expired,
    /// Too many wrong codes.
    Locked,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReasonArg {
    /// I did not start this.
    NotMe,
    /// I no longer want it.
    ChangedMind,
    /// A detail is wrong.
    WrongDetails,
    /// Anything else.
    Other,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_documented_commands_parse() {
        for line in [
            "run --config agent.toml",
            "status --json",
            "enrol countersign://enroll?x --yes --name desk",
            "approve k3f9q2 --code 123456",
            "deny k3f9q2 --reason wrong-details",
            "report k3f9q2",
            "history --limit 5 --before k3f9q2",
            "history --search treasury --outcome denied --account a1b2c3",
            "evidence k3f9q2 --out receipt.json",
            "verify receipt.json --issuer-fingerprint 0123",
            "accounts",
            "accounts rename a1b2c3 Work",
            "accounts rename a1b2c3",
            "accounts rotate a1b2c3",
            "accounts revoke a1b2c3 --yes",
            "accounts remove a1b2c3 --yes",
            "desktop-entry install",
        ] {
            let words = std::iter::once("countersign-agent").chain(line.split(' '));
            assert!(Args::try_parse_from(words).is_ok(), "{line}");
        }
    }
}
