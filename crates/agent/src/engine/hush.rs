//! What does not draw the person's attention for a while: everything while they have muted it, requests of low risk in quiet
//! hours. Requests arrive, wait and are counted all the same.

use countersign_agent_api::{ApiError, ErrorCode, QuietHours, Reply};
use jiff::{Timestamp, tz::TimeZone};

use super::{Engine, decide::approvable_in_notification, request::Tracked};
use crate::channel::{RequestClaims, Warns};

/// The longest time for which notifications can be muted, in seconds.
const LONGEST_MUTE: i64 = 24 * 60 * 60;

/// What is held back of notifications and unasked windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hush {
    /// Nothing.
    Nothing,
    /// What is about requests of low risk.
    LowRisk,
    /// Everything that is not critical.
    Everything,
}

impl Engine {
    /// Mutes notifications, or no longer.
    pub(super) fn mute_until(&mut self, until: Option<i64>, now: i64) -> Result<Reply, ApiError> {
        if until.is_some_and(|until| until <= now || until > now + LONGEST_MUTE) {
            let text = "Notifications can be muted for at most 24 hours.";
            return Err(ApiError::new(ErrorCode::InvalidValue, text));
        }
        self.muted_until = until;
        Ok(Reply::Status(self.status_view()))
    }

    pub(super) fn hush_at(&self, now: i64) -> Hush {
        let quiet = self.settings.chosen.values.quiet_hours;
        if self.muted_until.is_some_and(|until| now < until) {
            Hush::Everything
        } else if quiet.is_some_and(|hours| is_within(hours, now, &self.settings.time_zone)) {
            Hush::LowRisk
        } else {
            Hush::Nothing
        }
    }

    /// Whether this request is not to draw attention now.
    pub(super) fn is_hushed(&self, request: &Tracked) -> bool {
        match self.hush {
            Hush::Nothing => false,
            Hush::LowRisk => is_low_risk(request.claims()),
            Hush::Everything => true,
        }
    }
}

/// Whether the issuer's signed request asks for nothing beyond a yes and warns of nothing.
fn is_low_risk(request: &RequestClaims) -> bool {
    let warns = match request.warns {
        Warns::No => false,
        Warns::Yes => true,
    };
    approvable_in_notification(&request.requires) && !warns
}

fn is_within(hours: QuietHours, now: i64, zone: &TimeZone) -> bool {
    let now = Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH);
    let now = now.to_zoned(zone.clone());
    let minute = i32::from(now.hour()) * 60 + i32::from(now.minute());
    let (from, until) = (i32::from(hours.from), i32::from(hours.until));
    if from < until {
        (from..until).contains(&minute)
    } else {
        minute >= from || minute < until
    }
}
