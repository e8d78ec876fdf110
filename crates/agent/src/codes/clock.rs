//! What time codes are made for: this computer's clock, corrected by an issuer that signs its time.
//!
//! Invariants: up to [`NEAR`] nothing is corrected, up to [`LIMIT`] it is and is said, beyond only what the person agreed to. What an
//! issuer signed is forgotten when this computer's clock has been set since.

use countersign_agent_api::CodesClock;

use super::released::RELEASED;
use crate::edge::Moment;

/// Up to here the clock is right, in seconds: a code lasts thirty.
const NEAR: u64 = 2;

/// Up to here codes are corrected unasked, in seconds.
const LIMIT: u64 = 5 * 60;

/// How far an offset may be from the one that was told before and still count as the same, in seconds.
const SAME: u64 = 3;

/// What an issuer's clock says, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerTime {
    /// Issuer time − this computer's clock, in seconds.
    pub offset: i64,
    /// When that was so.
    pub at: Moment,
    /// Whose clock, for people.
    pub issuer_name: String,
}

/// An instant on this computer's clocks, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant {
    /// Since 1970, as it is set.
    pub(super) now: i64,
    /// Since an unknown instant; nobody sets it.
    pub(super) steady: i64,
}

impl Instant {
    /// So many seconds later, if nobody sets the clock.
    pub(super) fn later(self, seconds: i64) -> Self {
        Self {
            now: self.now.saturating_add(seconds),
            steady: self.steady.saturating_add(seconds),
        }
    }
}

/// What is known about the time.
#[derive(Debug, Default)]
pub(super) struct CodesTime {
    told: Option<IssuerTime>,
    /// The offset beyond the limit that the person agreed to.
    agreed: Option<i64>,
}

impl CodesTime {
    /// An issuer told its time.
    pub(super) fn tell(&mut self, time: IssuerTime) {
        self.told = Some(time);
    }

    /// The person agrees to the correction by this offset. Whether it is the one there is.
    pub(super) fn agree(&mut self, offset: i64, at: Instant) -> bool {
        match self.clock(at) {
            CodesClock::Off { offset: told, .. } if told.abs_diff(offset) <= SAME => {
                self.agreed = Some(offset);
                true
            }
            CodesClock::Corrected { offset: told, .. } => told.abs_diff(offset) <= SAME,
            CodesClock::Off { .. } | CodesClock::Unknown | CodesClock::Right | CodesClock::Wrong => false,
        }
    }

    /// Whether codes will be accepted.
    pub(super) fn clock(&self, at: Instant) -> CodesClock {
        let Some(IssuerTime {
            offset, issuer_name, ..
        }) = self.valid(at)
        else {
            return if at.now < RELEASED {
                CodesClock::Wrong
            } else {
                CodesClock::Unknown
            };
        };
        let (offset, issuer_name) = (*offset, issuer_name.clone());
        let agreed = self.agreed.is_some_and(|agreed| agreed.abs_diff(offset) <= SAME);
        match offset.unsigned_abs() {
            0..=NEAR => CodesClock::Right,
            by if by <= LIMIT || agreed => CodesClock::Corrected { offset, issuer_name },
            _ => CodesClock::Off { offset, issuer_name },
        }
    }

    /// What is added to this computer's clock, in seconds.
    pub(super) fn correction(&self, at: Instant) -> i64 {
        match self.clock(at) {
            CodesClock::Corrected { offset, .. } => offset,
            CodesClock::Unknown | CodesClock::Right | CodesClock::Off { .. } | CodesClock::Wrong => 0,
        }
    }

    /// What was told, unless the clock was set since.
    fn valid(&self, at: Instant) -> Option<&IssuerTime> {
        let told = self.told.as_ref()?;
        let passed = at.now.saturating_sub(told.at.now_ms.div_euclid(1000));
        let steady = at.steady.saturating_sub(told.at.steady_ms.div_euclid(1000));
        (passed.abs_diff(steady) <= SAME).then_some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Instant = Instant {
        now: RELEASED + 1000,
        steady: 50,
    };

    fn signed(offset: i64, at: Instant) -> IssuerTime {
        let at = Moment {
            now_ms: at.now * 1000,
            steady_ms: at.steady * 1000,
        };
        let issuer_name = "Alder Group".to_owned();
        IssuerTime {
            offset,
            at,
            issuer_name,
        }
    }

    fn told(offset: i64) -> CodesTime {
        let mut time = CodesTime::default();
        time.tell(signed(offset, AT));
        time
    }

    fn corrected(offset: i64) -> CodesClock {
        let issuer_name = "Alder Group".to_owned();
        CodesClock::Corrected { offset, issuer_name }
    }

    fn off(offset: i64) -> CodesClock {
        let issuer_name = "Alder Group".to_owned();
        CodesClock::Off { offset, issuer_name }
    }

    #[test]
    fn small_offsets_are_nothing_middle_ones_corrected_large_ones_only_told() {
        for (offset, clock, correction) in [
            (0, CodesClock::Right, 0),
            (2, CodesClock::Right, 0),
            (-2, CodesClock::Right, 0),
            (3, corrected(3), 3),
            (-300, corrected(-300), -300),
            (301, off(301), 0),
            (i64::MIN, off(i64::MIN), 0),
        ] {
            let time = told(offset);
            assert_eq!(time.clock(AT), clock);
            assert_eq!(time.correction(AT), correction);
        }
    }

    #[test]
    fn beyond_the_limit_only_the_agreed_offset_is_applied() {
        let mut time = told(4000);
        assert!(!time.agree(3000, AT));
        assert_eq!(time.correction(AT), 0);
        assert!(time.agree(4000, AT));
        assert_eq!((time.clock(AT), time.correction(AT)), (corrected(4000), 4000));
        time.tell(signed(8000, AT));
        assert_eq!((time.clock(AT), time.correction(AT)), (off(8000), 0));
    }

    #[test]
    fn a_clock_that_was_set_makes_what_was_told_worthless() {
        let time = told(120);
        let later = |passed: i64, steady: i64| Instant {
            now: AT.now + passed,
            steady: AT.steady + steady,
        };
        assert_eq!(time.clock(later(9000, 9001)), corrected(120));
        assert_eq!(time.clock(later(9120, 9000)), CodesClock::Unknown);
        assert_eq!(time.correction(later(9120, 9000)), 0);
        // Set before it is told of.
        let mut time = CodesTime::default();
        time.tell(signed(120, later(0, -120)));
        assert_eq!(time.clock(AT), CodesClock::Unknown);
    }

    #[test]
    fn a_clock_before_this_release_is_wrong_unless_an_issuer_corrects_it() {
        let early = Instant {
            now: RELEASED - 1,
            steady: 1,
        };
        let mut time = CodesTime::default();
        assert_eq!(time.clock(early), CodesClock::Wrong);
        assert_eq!(time.clock(AT), CodesClock::Unknown);
        time.tell(signed(60, early));
        assert_eq!(time.clock(early), corrected(60));
    }
}
