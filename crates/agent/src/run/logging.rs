//! Log lines on standard error, one event a line.
//!
//! Invariant: only this program's own lines are adjustable. Libraries are held at warnings, because their details could hold
//! what must not be in a log (bus messages, headers).

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Starts logging at this level. Without effect if it was started before.
pub fn init(level: LevelFilter) {
    let filter = Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        .with_target("countersign", level);
    // journald adds the time itself; a terminal needs none for a program that is looked at while it runs.
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_target(false)
        .without_time()
        .with_ansi(false);
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}
