//! Runs one story and says how it went.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{Push, Setup, Shared, Stage, Story, Theme};

/// How long a story may take, its setup included.
const LIMIT: Duration = Duration::from_secs(90);

/// How a story went.
#[derive(Debug)]
pub struct Report {
    story: &'static str,
    error: Option<String>,
    ms: serde_json::Map<String, Value>,
}

impl Report {
    /// Whether it held.
    pub fn ok(&self) -> bool {
        self.error.is_none()
    }

    /// Why it did not hold.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// One JSON object: `{"story":…,"ok":…,"ms":{…},"error":…}`.
    pub fn to_json(&self) -> Value {
        let mut report = json!({ "story": self.story, "ok": self.ok(), "ms": self.ms });
        if let Some(error) = &self.error {
            report["error"] = error.as_str().into();
        }
        report
    }

    /// How long it took, in milliseconds.
    pub fn total_ms(&self) -> i64 {
        ["setup", "story"]
            .iter()
            .filter_map(|leg| self.ms.get(*leg)?.as_i64())
            .sum()
    }
}

/// Plays a story on a stage of its own. What is left of one that does not hold is kept in `kept/<name>`.
pub async fn run(story: &Story, theme: Option<Theme>, kept: &Path, shared: &mut Shared) -> Report {
    let mut ms = serde_json::Map::new();
    let kept = kept.join(story.name);
    let mut setup = (story.setup)();
    if let Some(theme) = theme {
        setup.theme = theme;
    }
    // The first time it may have to be installed: that is no part of the story.
    let lent = match setup.push {
        Push::None => Ok(None),
        Push::Direct | Push::Meddled => shared.privacyidea().await.map(Some),
    };
    let played = match lent {
        Ok(company) => {
            setup.company = company;
            let played = timeout(LIMIT, play(story, setup, &kept, &mut ms)).await;
            played.unwrap_or_else(|_| Err(anyhow::anyhow!("it took longer than {} s", LIMIT.as_secs())))
        }
        Err(error) => Err(error.context("the privacyIDEA server did not start")),
    };
    if let Err(error) = played
        .as_ref()
        .map_or_else(|_| shared.save_logs(&kept), |()| Ok(()))
    {
        eprintln!("the logs of what stories share cannot be kept: {error:#}");
    }
    Report {
        story: story.name,
        error: played.err().map(|e| format!("{e:#}")),
        ms,
    }
}

async fn play(
    story: &Story,
    setup: Setup,
    kept: &Path,
    ms: &mut serde_json::Map<String, Value>,
) -> Result<()> {
    let begin = Instant::now();
    let mut stage = Stage::start(setup).await.context("setting up")?;
    note(ms, "setup", begin);
    let begin = Instant::now();
    // Sooner than the whole story's limit, so that there is time to keep what is left of it.
    let left = LIMIT.saturating_sub(Duration::from_secs(10));
    let played = timeout(left, (story.play)(&mut stage))
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("it did not come to an end")));
    note(ms, "story", begin);
    for &(leg, length) in stage.legs() {
        ms.insert(leg.to_owned(), length.into());
    }
    if played.is_err() {
        let saved = stage.save(kept).await;
        return played.context(match saved {
            Ok(()) => format!("logs and screen are in {}", kept.display()),
            Err(e) => format!("its logs could not be kept: {e:#}"),
        });
    }
    played
}

fn note(ms: &mut serde_json::Map<String, Value>, leg: &str, begin: Instant) {
    let elapsed = i64::try_from(begin.elapsed().as_millis()).unwrap_or(i64::MAX);
    ms.insert(leg.to_owned(), elapsed.into());
}
