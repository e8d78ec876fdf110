//! How long to wait before the next attempt. No I/O, no clock.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
/// With the 8 s that an attempt may take, a reconnect happens within 30 s of the network's return.
const LONGEST: Duration = Duration::from_secs(20);

/// Doubling waits, each shortened at random to between half and all of itself, so that a thousand devices do not come back
/// in the same second.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::between(FIRST, LONGEST)
    }
}

impl Backoff {
    /// Waits of at first this long, and never longer than that.
    pub(super) fn between(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// The wait before the next attempt.
    pub(super) fn next(&mut self, random: u16) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.longest);
        shortened(whole, random)
    }

    /// The longest wait: for problems that only somebody else can end.
    pub(super) fn longest(random: u16) -> Duration {
        shortened(LONGEST, random)
    }

    /// An attempt succeeded.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}

fn shortened(whole: Duration, random: u16) -> Duration {
    let half = whole / 2;
    half + half * u32::from(random) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_twenty_seconds() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7).map(|_| backoff.next(u16::MAX).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 20, 20]);
        backoff.reset();
        assert_eq!(backoff.next(u16::MAX), FIRST);
    }

    #[test]
    fn a_wait_is_never_less_than_half() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next(0), FIRST / 2);
        assert_eq!(Backoff::longest(0), LONGEST / 2);
    }
}
