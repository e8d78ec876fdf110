//! The one place that looks at something again and again until it is so: for what has no events (a page, the X server,
//! a file that another program writes).

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep, timeout_at};

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(25);

/// Looks until `look` gives something; `what` says in the error what was missing.
///
/// # Errors
/// When `limit` has passed, and at once when looking itself fails.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    #[allow(
        clippy::disallowed_methods,
        reason = "the tests' own deadline, by tokio's clock"
    )]
    let end = Instant::now() + limit;
    loop {
        let seen = timeout_at(end, look())
            .await
            .with_context(|| format!("no answer while waiting for {what}"))??;
        if let Some(seen) = seen {
            return Ok(seen);
        }
        #[allow(
            clippy::disallowed_methods,
            reason = "the tests' own deadline, by tokio's clock"
        )]
        if Instant::now() >= end {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        sleep(EVERY).await;
    }
}
