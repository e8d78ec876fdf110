//! The texts of desktop notifications: private ones say that something is asked, detailed ones who asks and what.
//!
//! Invariants: a title has at most 40 characters, a body at most 90; longer ones are cut with "…" here, and shown in full in the
//! prompt. Never in a notification: match codes, addresses, account numbers, fingerprints; so detailed texts are made
//! only of client names, payees, amounts and the like, never of the free text of a request.

mod arabic;
mod catalogue;
mod english;
mod french;
mod german;
mod japanese;
mod money;
mod spanish;
#[cfg(test)]
mod tests;

pub use countersign_agent_api::Language;

use countersign_agent_api::{KeyringState, NotificationPrivacy as Privacy, Outcome};
use countersign_protocol::{LineValue, Origin, Statement, Verdict};
use jiff::tz::TimeZone;

use self::{catalogue::Catalogue, money::Sum};
use crate::{channel::RequestClaims, codes::ClockTrouble, notify::Action};

/// The most characters of a title.
const TITLE: usize = 40;

/// The most characters of a body.
const BODY: usize = 90;

/// Title and body.
pub(super) type Text = (String, String);

/// Who asks and what, of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) claims: &'a RequestClaims,
    pub(super) statement: &'a Statement,
}

/// Why an approval did not count.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why<'a> {
    /// The code was wrong; so many more may be tried, if the issuer says so.
    WrongCode(Option<u32>),
    /// There were too many wrong codes.
    TooManyCodes,
    /// It could not be sent in time.
    NotSent,
    /// In English words.
    Said(&'a str),
}

/// How notifications are worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wording {
    pub(super) language: Language,
    pub(super) privacy: Privacy,
}

impl Wording {
    /// What a button says.
    pub(super) fn button(self, action: Action) -> &'static str {
        let texts = catalogue::of(self.language);
        match action {
            Action::Review => texts.review,
            Action::Deny => texts.deny,
            Action::Approve => texts.approve,
            Action::DenyAll => texts.deny_all,
            Action::Show => texts.show,
            Action::NotMe => texts.not_me,
            Action::ReportToo => texts.report_too,
            Action::Unlock => texts.unlock,
            Action::Check => texts.check,
        }
    }

    /// Rows 1 and 2: a request.
    pub(super) fn request(self, asked: Asked<'_>) -> Text {
        let texts = catalogue::of(self.language);
        match self.privacy {
            Privacy::Private => text(texts.request, texts.open_it),
            Privacy::Detailed => {
                let room = TITLE.saturating_sub((texts.asks)("").chars().count());
                let title = (texts.asks)(&cut(&asked.claims.client.name, room));
                let Catalogue {
                    full_stop, between, ..
                } = texts;
                let what = match sentence(texts, asked.statement) {
                    Some(sentence) => format!("{sentence}{full_stop}"),
                    None => texts.open_it.to_owned(),
                };
                let body = match origin(texts, asked.claims) {
                    Some(origin) => format!("{what}{between}{origin}{full_stop}"),
                    None => what,
                };
                text(&title, &body)
            }
        }
    }

    /// Row 3: several requests; `oldest` is the one to open first.
    pub(super) fn several(self, count: usize, oldest: Asked<'_>) -> Text {
        let texts = catalogue::of(self.language);
        let title = (texts.several)(u64::try_from(count).unwrap_or(u64::MAX));
        match self.privacy {
            Privacy::Private => text(&title, texts.one_by_one),
            Privacy::Detailed => {
                let name = &oldest.claims.client.name;
                let body = match sentence(texts, oldest.statement) {
                    Some(sentence) => (texts.oldest_asks)(name, &sentence),
                    None => (texts.oldest)(name),
                };
                text(&title, &body)
            }
        }
    }

    /// Row 4: a burst is held back.
    pub(super) fn held_back(self, count: u32, client_name: &str) -> Text {
        let texts = catalogue::of(self.language);
        match self.privacy {
            Privacy::Private => text(texts.held, texts.held_many),
            Privacy::Detailed => text(&(texts.held_count)(count.into()), &(texts.held_from)(client_name)),
        }
    }

    /// Row 5: another device answered.
    pub(super) fn elsewhere(self, outcome: Outcome, device: &str, asked: Asked<'_>) -> Text {
        let texts = catalogue::of(self.language);
        match self.privacy {
            Privacy::Private => text(texts.answered, texts.answered_elsewhere),
            Privacy::Detailed => {
                let title = match outcome {
                    Outcome::Approved => texts.already_approved,
                    Outcome::Denied | Outcome::Reported => texts.already_denied,
                    Outcome::Cancelled
                    | Outcome::Expired
                    | Outcome::Locked
                    | Outcome::NotTaken
                    | Outcome::Unclear => texts.answered,
                };
                text(title, &(texts.about)(device, &what(texts, asked)))
            }
        }
    }

    /// Row 6: nobody answered. `at` is this computer's clock.
    pub(super) fn expired(self, asked: Asked<'_>, at: i64, zone: &TimeZone) -> Text {
        let texts = catalogue::of(self.language);
        match self.privacy {
            Privacy::Private => text(texts.expired, texts.nothing_approved),
            Privacy::Detailed => text(
                texts.expired,
                &(texts.expired_at)(&asked.claims.client.name, &clock_time(at, zone)),
            ),
        }
    }

    /// Row 7: an answer cannot be sent. `seconds` are left.
    pub(super) fn unsent(self, verdict: Verdict, host: &str, seconds: Option<i64>) -> Text {
        let texts = catalogue::of(self.language);
        match self.privacy {
            Privacy::Private => text(texts.unsent, texts.no_connection),
            Privacy::Detailed => {
                let title = match verdict {
                    Verdict::Approve => texts.approval_unsent,
                    Verdict::Deny => texts.denial_unsent,
                    Verdict::Report => texts.report_unsent,
                };
                let Some(left) = seconds.map(|seconds| seconds.max(0)) else {
                    return text(title, texts.no_connection);
                };
                let left = format!("{}:{:02}", left / 60, left % 60);
                text(title, &(texts.time_left)(host, &left))
            }
        }
    }

    /// Row 8: an approval did not count.
    pub(super) fn refused(self, why: Why<'_>) -> Text {
        let texts = catalogue::of(self.language);
        let body = match (self.privacy, why) {
            (Privacy::Private, _) => texts.see_why.to_owned(),
            (Privacy::Detailed, Why::WrongCode(None)) => texts.wrong_code.to_owned(),
            (Privacy::Detailed, Why::WrongCode(Some(left))) => (texts.attempts_left)(left.into()),
            (Privacy::Detailed, Why::TooManyCodes) => texts.too_many_codes.to_owned(),
            (Privacy::Detailed, Why::NotSent) => texts.not_sent.to_owned(),
            (Privacy::Detailed, Why::Said(words)) if self.language == Language::English => words.to_owned(),
            (Privacy::Detailed, Why::Said(_)) => texts.see_why.to_owned(),
        };
        text(texts.not_approved, &body)
    }

    /// An issuer added or removed accounts and one-time codes.
    pub(super) fn contents(self, issuer_name: &str, added: usize, removed: &[String]) -> Text {
        let texts = catalogue::of(self.language);
        match self.privacy {
            Privacy::Private => text(texts.contents_changed, texts.details_in_app),
            Privacy::Detailed => {
                let room = TITLE.saturating_sub((texts.changed_by)("").chars().count());
                let title = (texts.changed_by)(&cut(issuer_name, room));
                let count = u64::try_from(added).unwrap_or(u64::MAX);
                let body = match (added, removed) {
                    (_, []) => (texts.parts_added)(count),
                    (0, names) => (texts.parts_removed)(&names.join(", ")),
                    (_, names) => {
                        let (added, removed) = (
                            (texts.parts_added)(count),
                            (texts.parts_removed)(&names.join(", ")),
                        );
                        format!("{removed}{}{added}", texts.between)
                    }
                };
                text(&title, &body)
            }
        }
    }

    /// The issuer took no answer, and takes none.
    pub(super) fn not_taken(self) -> Text {
        let texts = catalogue::of(self.language);
        text(texts.not_taken, texts.see_why)
    }

    /// The issuer may have taken the answer, or not.
    pub(super) fn unclear(self) -> Text {
        let texts = catalogue::of(self.language);
        text(texts.unclear, texts.see_why)
    }

    /// Row 9: the issuer removed this computer.
    pub(super) fn revoked(self, issuer_name: &str, account: &str) -> Text {
        let texts = catalogue::of(self.language);
        match self.privacy {
            Privacy::Private => text(texts.account_removed, texts.see_which),
            Privacy::Detailed => text(
                &(texts.removed_by)(issuer_name),
                &(texts.no_longer_approves)(account),
            ),
        }
    }

    /// Row 10: keys cannot be read, and in which way.
    pub(super) fn locked_out(self, keyring: KeyringState) -> Text {
        let texts = catalogue::of(self.language);
        let body = match (self.privacy, keyring) {
            (Privacy::Private, KeyringState::Locked | KeyringState::Unknown | KeyringState::Ready) => {
                texts.unlock_keyring
            }
            (Privacy::Detailed, KeyringState::Locked | KeyringState::Unknown | KeyringState::Ready) => {
                texts.keyring_locked
            }
            (_, KeyringState::Missing) => texts.keyring_missing,
            (_, KeyringState::Empty) => texts.key_missing,
            (_, KeyringState::Hanging) => texts.keyring_hanging,
        };
        text(texts.locked_out, body)
    }

    /// Row 11: no connection for ten minutes. `only` is the issuer and since when, if it is about one.
    pub(super) fn offline(self, only: Option<(&str, i64)>, zone: &TimeZone) -> Text {
        let texts = catalogue::of(self.language);
        match (self.privacy, only) {
            (Privacy::Detailed, Some((issuer, since))) => text(
                &(texts.no_connection_to)(issuer),
                &(texts.trying_since)(&clock_time(since, zone)),
            ),
            (Privacy::Detailed, None) | (Privacy::Private, _) => text(texts.offline, texts.out_of_reach),
        }
    }

    /// Row 12: codes would be wrong.
    pub(super) fn clock(self, trouble: ClockTrouble) -> Text {
        let texts = catalogue::of(self.language);
        let (title, body) = match (self.privacy, trouble) {
            (Privacy::Private, _) => return text(texts.check_clock, texts.codes_refused),
            (Privacy::Detailed, ClockTrouble::Wrong) => {
                (texts.clock_wrong.to_owned(), texts.only_codes_refused)
            }
            (Privacy::Detailed, ClockTrouble::Off(offset)) => {
                let by = (texts.span)(Span::of(offset));
                let title = if offset > 0 {
                    texts.clock_behind
                } else {
                    texts.clock_ahead
                };
                (title(&by), texts.only_codes_refused)
            }
        };
        text(&title, body)
    }

    /// Row 13: denied from the notification.
    pub(super) fn denied(self, asked: Asked<'_>) -> Text {
        let texts = catalogue::of(self.language);
        match self.privacy {
            Privacy::Private => text(texts.denied, texts.details_in_app),
            Privacy::Detailed => text(
                texts.denied,
                &(texts.about)(&asked.claims.client.name, &what(texts, asked)),
            ),
        }
    }
}

/// How long something is, in the largest unit of which there is more than one, or one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    Minutes(u64),
    Hours(u64),
    Days(u64),
}

impl Span {
    /// Of seconds, rounded down; at least a minute.
    fn of(seconds: i64) -> Self {
        let minutes = (seconds.unsigned_abs() / 60).max(1);
        match minutes {
            0..120 => Self::Minutes(minutes),
            120..2880 => Self::Hours(minutes / 60),
            _ => Self::Days(minutes / (24 * 60)),
        }
    }
}

/// What is asked in one sentence without its full stop, if it is of a kind that has one.
fn sentence(texts: &Catalogue, statement: &Statement) -> Option<String> {
    let shown = |key: &str| {
        statement
            .lines()
            .iter()
            .find(|line| line.key == key)
            .and_then(|line| match &line.value {
                LineValue::Text(text) => Some(text.clone()),
                LineValue::Amount { amount, currency } => Some((texts.sum)(&Sum { amount, currency })),
                LineValue::Instant(_)
                | LineValue::Duration(_)
                | LineValue::Count(_)
                | LineValue::Flag(_)
                | LineValue::List(_) => None,
            })
    };
    let actions = statement
        .lines()
        .iter()
        .filter(|line| line.key == "action")
        .count();
    if actions != 1 {
        return None;
    }
    match shown("action")?.as_str() {
        "payment_initiation" => match (shown("payment.amount"), shown("payment.payee")) {
            (Some(amount), Some(payee)) => Some((texts.pay)(&amount, &payee)),
            (Some(amount), None) => Some((texts.pay_amount)(&amount)),
            (None, _) => None,
        },
        "access" => shown("access.resource").map(|resource| (texts.access)(&resource)),
        "data_export" => shown("export.dataset").map(|dataset| (texts.export)(&dataset)),
        "deployment" => match (shown("deployment.service"), shown("deployment.environment")) {
            (Some(service), Some(environment)) => Some((texts.deploy_to)(&service, &environment)),
            (Some(service), None) => Some((texts.deploy)(&service)),
            (None, _) => None,
        },
        "sign_in" => Some(texts.sign_in.to_owned()),
        _ => None,
    }
}

fn what(texts: &Catalogue, asked: Asked<'_>) -> String {
    sentence(texts, asked.statement).unwrap_or_else(|| asked.claims.client.name.clone())
}

fn origin(texts: &Catalogue, claims: &RequestClaims) -> Option<&'static str> {
    match claims.origin? {
        Origin::ThisDevice => Some(texts.this_computer),
        Origin::AnotherDevice => Some(texts.another_device),
    }
}

fn clock_time(at: i64, zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_second(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned(zone.clone()).strftime("%H:%M").to_string()
}

fn text(title: &str, body: &str) -> Text {
    (cut(title, TITLE), cut(body, BODY))
}

/// At most `max` characters, the last one "…" if something was cut.
fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(max.saturating_sub(1)).collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}
