//! What a process has used, from `/proc`.

use std::time::Duration;

use anyhow::{Context, Result};

/// Processor time of all threads so far, in user and kernel.
///
/// # Errors
/// When the process has ended.
pub(super) fn time(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; utime and stime are the 12th and 13th field after it.
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has no name")?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || -> Result<u64> { Ok(fields.next().context("/proc/PID/stat is short")?.parse()?) };
    let total = ticks()? + ticks()?;
    Ok(Duration::from_millis(
        total * 1000 / rustix::param::clock_ticks_per_second(),
    ))
}

/// How often its threads were put on a processor so far: wake-ups, and being pushed aside.
///
/// # Errors
/// When the process has ended.
pub(super) fn switches(pid: u32) -> Result<u64> {
    let mut total = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = std::fs::read_to_string(task?.path().join("status")).unwrap_or_default();
        total += status
            .lines()
            .filter_map(|line| line.split_once("ctxt_switches:"))
            .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
            .sum::<u64>();
    }
    Ok(total)
}
