//! The issuer's signed time (protocol sections 2.8, 2.9 and 7): what it says of this computer's clock, and of what is old.
//!
//! Invariants: it counts only in the answer to the very call that it names, and once; for the clock only if that answer was quick by a
//! clock that nobody sets. Doubt corrects nothing.

use countersign_protocol::{Jti, Timestamp};

use crate::{channel::SignedTime, edge::Moment};

/// The longest from a call to its answer, in milliseconds: half of it is how wrong the offset may be.
const QUICK: i64 = 2_000;

/// A call whose answer may have the time in it.
#[derive(Debug)]
pub(super) struct TimedCall {
    /// The `jti` of its proof.
    pub(super) proof: Jti,
    /// Shortly before it was sent.
    pub(super) made: Moment,
}

impl TimedCall {
    /// What the time in its answer says, unless the answer took too long.
    pub(super) fn answered(&self, time: Timestamp, at: Moment) -> Option<SignedTime> {
        let took = at.steady_ms.saturating_sub(self.made.steady_ms);
        if !(0..=QUICK).contains(&took) {
            return None;
        }
        // Counted back from the answer, so that a clock that was set on the way does no harm.
        let middle = at.now_ms.saturating_sub(took / 2).div_euclid(1000);
        Some(SignedTime {
            offset: time.saturating_sub(middle),
            at,
        })
    }
}

/// What time it is at the issuer, once it has proven it: whatever is said of the time later, and wherever this computer's clock is set.
/// It may be behind by as long as the answer took.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProvenTime {
    /// The signed time.
    pub(super) time: Timestamp,
    /// When it came.
    pub(super) at: Moment,
}

impl ProvenTime {
    /// The issuer's time at this moment.
    pub(super) fn now(&self, at: Moment) -> Timestamp {
        let since = at.steady_ms.saturating_sub(self.at.steady_ms);
        self.time.saturating_add(since.div_euclid(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T12:00:00Z.
    const NOW: i64 = 1_795_348_800;

    const MADE: Moment = Moment {
        now_ms: NOW * 1000,
        steady_ms: 77_000,
    };

    fn after(ms: i64) -> Moment {
        Moment {
            now_ms: MADE.now_ms + ms,
            steady_ms: MADE.steady_ms + ms,
        }
    }

    fn offset(time: i64, at: Moment) -> Option<i64> {
        let proof = Jti::from_random([1; 16]);
        TimedCall { proof, made: MADE }
            .answered(time, at)
            .map(|time| time.offset)
    }

    #[test]
    fn the_offset_is_that_of_the_middle_of_the_round_trip() {
        assert_eq!(offset(NOW + 100, after(0)), Some(100));
        assert_eq!(offset(NOW + 101, after(2000)), Some(100));
        assert_eq!(offset(NOW - 99, after(2000)), Some(-100));
        assert_eq!(offset(i64::MAX, after(0)), Some(i64::MAX - NOW));
    }

    #[test]
    fn an_answer_that_took_more_than_two_seconds_says_nothing() {
        assert_eq!(offset(NOW + 100, after(2001)), None);
        assert_eq!(offset(NOW + 100, after(-1)), None);
        // Suspended on the way, with a clock that was set back in the meantime.
        let slept = Moment {
            steady_ms: MADE.steady_ms + 3_600_000,
            ..MADE
        };
        assert_eq!(offset(NOW + 100, slept), None);
    }

    #[test]
    fn what_is_proven_goes_on_wherever_the_clock_is_set() {
        let proven = ProvenTime { time: NOW, at: MADE };
        assert_eq!(proven.now(MADE), NOW);
        let set = Moment {
            now_ms: 0,
            steady_ms: MADE.steady_ms + 61_999,
        };
        assert_eq!(proven.now(set), NOW + 61);
    }

    #[test]
    fn a_clock_that_is_set_on_the_way_is_judged_as_it_is_now() {
        let set = Moment {
            now_ms: MADE.now_ms + 500_000,
            steady_ms: MADE.steady_ms + 1000,
        };
        assert_eq!(offset(NOW, set), Some(-499));
    }
}
