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
    /// Print what a shell needs to complete this program's commands.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
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
        /// Trust the certificates in this PEM file for this account, beside the usual ones.
        #[arg(long, value_name = "FILE", conflicts_with = "trust")]
        ca_file: Option<PathBuf>,
        /// Trust, for this account, the certificate with this SHA-256 (AB:CD:…) if the server presents it.
        #[arg(long, value_name = "SHA256")]
        trust: Option<String>,
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
    /// Show one-time codes, or change them.
    Codes(CodesArgs),
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
    /// Ask an account's issuer now what there is, in place of when it is due.
    Refresh {
        /// From `accounts`.
        account: String,
    },
    /// Have an issuer that does not call by itself asked more or less often.
    Poll {
        /// From `accounts`.
        account: String,
        /// Every so many seconds, 1 to 60; without it as is usual here.
        seconds: Option<u16>,
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
    /// Remove an account and its key from this computer. The issuer is told only where it manages what is here.
    Remove {
        /// From `accounts`.
        account: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Which codes, and how.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct CodesArgs {
    /// Only those that this is in: issuer, account, tag [default: all].
    pub(super) query: Vec<String>,
    /// Copy the code of the one that matches.
    #[arg(long, conflicts_with = "watch")]
    pub(super) copy: bool,
    /// Show them with the time they have left until Ctrl+C.
    #[arg(long)]
    pub(super) watch: bool,
    /// What to change.
    #[command(subcommand)]
    pub(super) command: Option<CodesCommand>,
}

/// What to change of one-time codes.
#[derive(Debug, Subcommand)]
pub(super) enum CodesCommand {
    /// Add one: its otpauth:// link or its secret is asked for.
    Add {
        /// Who the code is for; not needed with a link.
        #[arg(long, value_name = "NAME", default_value = "")]
        issuer: String,
        /// Whose it is; not needed with a link.
        #[arg(long, value_name = "NAME", default_value = "")]
        account: String,
    },
    /// Show the next code of one that follows a counter.
    Next {
        /// Its id, or what only it is found by.
        entry: Vec<String>,
        /// Copy it, too.
        #[arg(long)]
        copy: bool,
    },
    /// Delete one.
    Remove {
        /// Its id, or what only it is found by.
        entry: Vec<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Add what another app exported, or a backup. Shows first what would be added.
    Import {
        /// The file; `-` for links on standard input.
        file: PathBuf,
        #[command(flatten)]
        password: PasswordFrom,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Write all to a file that only you can read.
    Export {
        /// The file.
        file: PathBuf,
        /// In which format.
        #[arg(long, default_value = "encrypted")]
        format: ExportFormat,
        #[command(flatten)]
        password: PasswordFrom,
        /// Do not ask before a file is replaced, or before secrets are written unencrypted.
        #[arg(long)]
        yes: bool,
    },
    /// Back up regularly, or make a backup now.
    Backups {
        /// What to do.
        #[command(subcommand)]
        command: BackupsCommand,
    },
}

/// What to do with backups.
#[derive(Debug, Subcommand)]
pub(super) enum BackupsCommand {
    /// Write an encrypted backup to this folder every day on which something changed.
    To {
        /// The folder.
        folder: PathBuf,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Make one now.
    Now,
    /// No more. Those that were made stay.
    Off,
}

/// Where a password is read from.
#[derive(Debug, clap::Args)]
pub(super) struct PasswordFrom {
    /// Read the password from the first line of this file, `-` for standard input [default: asked for].
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
}

/// How codes are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// Our own, encrypted.
    Encrypted,
    /// For Aegis, encrypted.
    Aegis,
    /// otpauth:// links, not encrypted.
    Links,
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
    /// Your answer was not taken.
    NotTaken,
    /// Nobody knows whether your answer counted.
    Unclear,
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
            "codes",
            "codes example --copy",
            "codes example bank --json",
            "codes --watch",
            "codes add --issuer Example --account ada",
            "codes next door --copy",
            "codes remove example --yes",
            "codes import aegis.json --password-file secret.txt --yes",
            "codes import -",
            "codes export codes.json",
            "codes export codes.txt --format links --yes",
            "codes backups to /mnt/stick --password-file -",
            "codes backups now",
            "codes backups off",
            "completions bash",
            "accounts",
            "accounts rename a1b2c3 Work",
            "accounts rename a1b2c3",
            "accounts refresh a1b2c3",
            "accounts rotate a1b2c3",
            "accounts revoke a1b2c3 --yes",
            "accounts remove a1b2c3 --yes",
            "desktop-entry install",
        ] {
            let words = std::iter::once("countersign-agent").chain(line.split(' '));
            assert!(Args::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn the_commands_in_the_documentation_of_codes_parse() {
        let text = include_str!("../../../../docs/codes.md");
        let mut found = 0;
        for line in text.lines().filter(|line| line.starts_with("countersign-agent ")) {
            let command = line.split(" #").next().unwrap_or_default();
            assert!(
                Args::try_parse_from(command.split_whitespace()).is_ok(),
                "{command}"
            );
            found += 1;
        }
        assert!(found > 10, "{found}");
    }

    #[test]
    fn shells_are_told_of_every_command() {
        use clap_complete::Shell;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "countersign-agent", &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in Args::command().get_subcommands() {
                assert!(
                    script.contains(command.get_name()),
                    "{shell}: {}",
                    command.get_name()
                );
            }
        }
    }
}
