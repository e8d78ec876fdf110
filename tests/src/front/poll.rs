//! The one place that looks at something again and again until it is so: for what has no events (a page, the X server,
//! a file that another program writes).

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{sleep, timeout};

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
    let looking = async {
        loop {
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            sleep(EVERY).await;
        }
    };
    let in_vain = || anyhow!("waited {} s in vain for {what}", limit.as_secs());
    timeout(limit, looking).await.unwrap_or_else(|_| Err(in_vain()))
}
