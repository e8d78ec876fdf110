//! Plays the stories: `countersign-stories [--json] [--list] [--theme light|dark] [--privacyidea] [--release RELEASE] [--only NAME…]`. Without
//! names, those with a privacyIDEA server are played only with `--privacyidea`, and no others then; with `--release`, those that a server of
//! that release can play.
//!
//! Progress goes to standard error, with `--json` one object a story to standard output. Exit code 0 only if all hold.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use countersign_tests::{
    harness::{Paths, Release},
    stories::{Push, STORIES, Shared, Story, Theme, run},
};

#[derive(Debug, Default)]
struct Arguments {
    json: bool,
    list: bool,
    theme: Option<Theme>,
    privacyidea: bool,
    release: Release,
    only: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = parse(std::env::args().skip(1))?;
    let stories = chosen(&arguments)?;
    if arguments.list {
        stories.iter().for_each(|story| println!("{}", story.name));
        return Ok(ExitCode::SUCCESS);
    }
    let kept = Paths::find()?.stories()?;
    let mut shared = Shared::of(arguments.release);
    let mut failed = 0;
    for (at, story) in stories.iter().enumerate() {
        eprint!("{:>2}/{} {} … ", at + 1, stories.len(), story.name);
        let report = run(story, arguments.theme, &kept, &mut shared).await;
        match report.error() {
            None => eprintln!("holds ({} ms)", report.total_ms()),
            Some(error) => {
                failed += 1;
                eprintln!("DOES NOT HOLD\n     {error}");
            }
        }
        if arguments.json {
            println!("{}", report.to_json());
        }
    }
    let summary = format!("{} passed, {failed} failed", stories.len() - failed);
    if arguments.json {
        eprintln!("{summary}")
    } else {
        println!("{summary}")
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut parsed = Arguments::default();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => parsed.json = true,
            "--list" => parsed.list = true,
            "--privacyidea" => parsed.privacyidea = true,
            "--release" => {
                let named = arguments
                    .next()
                    .context("--release takes a release of privacyIDEA")?;
                let release = Release::ALL.into_iter().find(|release| release.name() == named);
                parsed.release =
                    release.with_context(|| format!("no server of release {named} is pinned"))?;
            }
            "--theme" => {
                parsed.theme = match arguments.next().as_deref() {
                    Some("light") => Some(Theme::Light),
                    Some("dark") => Some(Theme::Dark),
                    Some(_) | None => bail!("--theme takes light or dark"),
                }
            }
            "--only" => {
                while let Some(name) = arguments.next_if(|next| !next.starts_with("--")) {
                    parsed.only.push(name);
                }
            }
            other => bail!(
                "unknown argument {other:?}; there are --json, --list, --theme light|dark, --privacyidea, --release RELEASE, --only NAME…"
            ),
        }
    }
    Ok(parsed)
}

fn chosen(arguments: &Arguments) -> Result<Vec<&'static Story>> {
    if arguments.only.is_empty() {
        let meant = |story: &&Story| {
            let setup = (story.setup)();
            if arguments.privacyidea {
                setup.push != Push::None && setup.since <= arguments.release
            } else {
                setup.push == Push::None
            }
        };
        return Ok(STORIES.iter().filter(meant).collect());
    }
    let named = |name: &String| {
        STORIES
            .iter()
            .find(|story| story.name == name)
            .with_context(|| format!("there is no story {name}"))
    };
    arguments.only.iter().map(named).collect()
}
