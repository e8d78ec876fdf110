//! What processes cost, from `/proc`.

use anyhow::{Context, Result};

/// Proportional set size of one process, in KiB.
///
/// # Errors
/// When it has ended, or `/proc` is not as expected.
pub fn pss_kib(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .context("smaps_rollup has no Pss")?;
    let number = line.trim().strip_suffix("kB").context("Pss is not in kB")?;
    Ok(number.trim().parse()?)
}

/// The most memory that one process has had, in KiB.
///
/// # Errors
/// When it has ended, or `/proc` is not as expected.
pub fn peak_kib(pid: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix("kB"));
    Ok(number.context("status has no VmHWM in kB")?.trim().parse()?)
}

/// A process and everything it started, directly or not, that is still its descendant.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn family(pid: u32) -> Result<Vec<u32>> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        next += 1;
        let tasks = match std::fs::read_dir(format!("/proc/{parent}/task")) {
            Ok(tasks) => tasks,
            // It ended while we looked.
            Err(_) => continue,
        };
        for task in tasks {
            let children = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
            family.extend(
                children
                    .split_ascii_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
        }
    }
    Ok(family)
}
