//! `cargo xtask …`: everything a person or CI does with this repository, set-up included.
//!
//! Invariants: what is meant for programs goes to standard output, everything else to standard error; a step that fails
//! says in a sentence what to do; a second run does only what is needed.

mod packages;
mod policy;
mod setup;
mod step;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{
    step::Steps,
    test::{Part, Servers},
    workspace::{Profile, Stories, Workspace},
};

/// Set-up, demo, test, bench and screenshots.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: a bank, an OpenID provider, the gateway and this desktop
    Demo {
        /// Play the end-to-end stories in a private session instead, without using this desktop
        #[arg(long)]
        headless: bool,
        /// One JSON object a story on standard output
        #[arg(long, requires = "headless")]
        json: bool,
        /// With a real privacyIDEA server in place of ours (needs Python)
        #[arg(long)]
        privacyidea: bool,
        /// Only these stories
        #[arg(long, requires = "headless", value_name = "STORY", num_args = 1..)]
        only: Vec<String>,
    },
    /// Everything that CI runs
    Test {
        /// Only these parts
        #[arg(long, value_name = "PART", num_args = 1..)]
        only: Vec<Part>,
        /// Part `privacyidea` also with servers of older releases, 3.10.2 and 3.13.4 (needs Python 3.10 or 3.11)
        #[arg(long)]
        older: bool,
    },
    /// Measure speed and memory, each figure beside its floor or peer
    Bench {
        /// One JSON object a figure on standard output
        #[arg(long)]
        json: bool,
        /// Only this part: load, idle, desktop, window, codes or privacyidea
        #[arg(long, value_name = "PART")]
        only: Option<String>,
    },
    /// Take pictures of every screen and state, light and dark, into target/screenshots
    Screenshots,
    /// Only the set-up that the others begin with
    Setup,
}

fn main() -> ExitCode {
    let steps = Steps::start();
    match run(Cli::parse().command, &steps) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, steps: &Steps) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup => {
            setup::sources(&workspace, steps)?;
            setup::programs(&workspace, steps)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Test { only, older } => {
            setup::sources(&workspace, steps)?;
            let servers = if older { Servers::All } else { Servers::Newest };
            test::run(&workspace, steps, &only, servers)
        }
        Command::Demo {
            headless: true,
            json,
            privacyidea,
            only,
        } => {
            setup::sources(&workspace, steps)?;
            setup::programs_for_stories(&workspace, steps)?;
            let kind = if privacyidea {
                Stories::PrivacyIdea
            } else {
                Stories::Own
            };
            workspace.play_stories(json, kind, &only)
        }
        Command::Demo {
            headless: false,
            privacyidea,
            ..
        } => {
            setup::desktop()?;
            setup::sources(&workspace, steps)?;
            setup::programs(&workspace, steps)?;
            workspace.become_program(if privacyidea {
                "countersign-demo-privacyidea"
            } else {
                "countersign-demo"
            })
        }
        Command::Bench { json, only } => {
            setup::sources(&workspace, steps)?;
            setup::bench(&workspace, steps)?;
            let mut arguments = Vec::new();
            arguments.extend(json.then_some("--json"));
            arguments.extend(only.iter().flat_map(|part| ["--only", part]));
            workspace.program("countersign-bench", Profile::Release, &arguments)
        }
        Command::Screenshots => {
            setup::sources(&workspace, steps)?;
            setup::programs_for_stories(&workspace, steps)?;
            setup::gallery(&workspace, steps)?;
            let code = workspace.program("countersign-pictures", Profile::Dev, &[])?;
            if code != ExitCode::SUCCESS {
                return Ok(code);
            }
            // The stories take pictures too: of real windows, in states that really came about.
            for (theme, kind) in [
                ("light", Stories::Own),
                ("dark", Stories::Own),
                ("light", Stories::PrivacyIdea),
                ("dark", Stories::PrivacyIdea),
            ] {
                let mut arguments = vec!["--theme", theme];
                arguments.extend(kind.arguments());
                let code = workspace.program("countersign-stories", Profile::Dev, &arguments)?;
                if code != ExitCode::SUCCESS {
                    return Ok(code);
                }
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
