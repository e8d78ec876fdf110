//! One request on this computer, and the stages it goes through.
//!
//! ```text
//! Pending → Signing → Sending → Ended
//!    ↑         ↓        ↓  ↑
//!    └─────────┴────────┤  │        (key unusable, wrong code, refused)
//!    └── withdrawn ── Queued        (not delivered)
//! ```
//! Any stage can become `Ended` by a receipt. Nothing leads out of `Ended`.

use countersign_agent_api::{AccountId, Outcome, Problem, RequestId};
use countersign_protocol::{DecidedOn, Reason, Statement, Verdict, decision_hash, request_hash};

use crate::channel::{Answer, Arrival, Matched, RequestClaims, VerifiedRequest};

/// The longest wait before an undelivered answer is tried again, in seconds.
const MAX_RETRY: i64 = 30;

/// One request.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) id: RequestId,
    pub(super) account: AccountId,
    pub(super) source: VerifiedRequest,
    pub(super) visibility: Visibility,
    /// Whether the issuer lists it, if it lists what waits.
    pub(super) listing: Listing,
    /// When its statement was first on screen, issuer time.
    pub(super) shown_at: Option<i64>,
    pub(super) problem: Option<Problem>,
    /// When the issuer took a report of it after its end, issuer time.
    pub(super) reported_at: Option<i64>,
    /// Decisions that the issuer may have recorded, the current one last.
    pub(super) decisions: Vec<String>,
    pub(super) stage: Stage,
}

/// Whether a request is shown by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    /// It is.
    Shown,
    /// It came in a burst, or from a client that was reported.
    HeldBack,
}

/// Whether an issuer lists a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    /// It does, or does not list anything.
    Listed,
    /// Not any more, and does not say why.
    Gone,
}

/// Where a request stands.
#[derive(Debug, Default)]
pub(super) enum Stage {
    /// Waiting for the person.
    #[default]
    Pending,
    /// The person answered; the key is at work.
    Signing(PersonAnswer),
    /// On its way.
    Sending(Underway),
    /// Signed, not delivered.
    Queued(Underway, Retry),
    /// Over.
    Ended(End),
}

/// What the person said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PersonAnswer {
    pub(super) verdict: Verdict,
    pub(super) reason: Option<Reason>,
    pub(super) matched: Option<Matched>,
    pub(super) locale: String,
    pub(super) surface: DecidedOn,
    pub(super) attempt: Attempt,
    /// How often it was handed over without success, over all signatures.
    pub(super) failures: u32,
}

/// Which signature over the same answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The first, or one after the connection was away for long.
    First,
    /// The issuer asked for another (clock or counter): the next refusal counts.
    Corrected,
}

/// A signed answer that has no outcome yet.
#[derive(Debug)]
pub(super) struct Underway {
    pub(super) verdict: Verdict,
    /// To sign again with; not there after a restart.
    pub(super) answer: Option<PersonAnswer>,
    /// When the current decision ends, issuer time, if it does.
    pub(super) exp: Option<i64>,
    /// How often it was handed over without success.
    pub(super) failures: u32,
    /// Whether the issuer may have it already.
    pub(super) sent: Sent,
    /// Since when it could not be handed over, own clock.
    pub(super) queued_since: Option<i64>,
}

/// What is known of earlier attempts to hand an answer over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// None has reached the issuer.
    Once,
    /// One may have.
    Again,
}

/// When a queued answer is tried again, own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) at: i64,
}

/// How a request ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    /// Issuer time.
    pub(super) at: i64,
    /// Own clock: when it is taken off the screen.
    pub(super) seen_at: i64,
    pub(super) decided_by: DecidedBy,
    /// The decision that the receipt names.
    pub(super) decision_hash: Option<String>,
    pub(super) receipt: Receipt,
    /// What to type where the action started: the answer alone does not finish it.
    pub(super) code: Option<String>,
}

/// Who decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DecidedBy {
    Nobody,
    ThisDevice,
    Another(String),
}

/// The evidence for an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Receipt {
    /// None yet: the end is only this computer's guess.
    Missing,
    /// Signed by a pinned key and consistent with what was shown and signed.
    Verified(String),
    /// Signed by a pinned key, but about something else than what was shown or signed.
    Inconsistent(String),
}

impl Tracked {
    pub(super) fn new(
        id: RequestId,
        account: AccountId,
        source: VerifiedRequest,
        visibility: Visibility,
    ) -> Self {
        let stage = Stage::Pending;
        Self {
            id,
            account,
            source,
            visibility,
            listing: Listing::Listed,
            shown_at: None,
            problem: None,
            reported_at: None,
            decisions: Vec::new(),
            stage,
        }
    }

    pub(super) fn claims(&self) -> &RequestClaims {
        &self.source.claims
    }

    pub(super) fn statement(&self) -> &Statement {
        &self.source.statement
    }

    pub(super) fn request_hash(&self) -> String {
        request_hash(&self.source.message)
    }

    /// The current decision, ready to be handed over.
    pub(super) fn answer(&self) -> Option<Answer> {
        let decision = self.decisions.last()?.clone();
        Some(Answer {
            txn: self.claims().txn.clone(),
            decision,
        })
    }

    /// The decision with this hash, if it was signed here.
    pub(super) fn decision(&self, hash: &str) -> Option<&String> {
        self.decisions.iter().find(|jws| decision_hash(jws) == hash)
    }

    /// Whether an answer can still be taken back: where the protocol always allows it, or as long as none has left this computer.
    pub(super) fn can_withdraw(&self) -> bool {
        let unsent = matches!(&self.stage, Stage::Queued(underway, _) if underway.sent == Sent::Once);
        unsent || self.claims().capabilities.can_withdraw
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self.stage, Stage::Pending)
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    /// Changes the stage by a transition that consumes the old one.
    pub(super) fn advance(&mut self, transition: impl FnOnce(Stage) -> Stage) {
        self.stage = transition(std::mem::take(&mut self.stage));
    }
}

impl Stage {
    /// The person answers. Only a pending request takes an answer.
    pub(super) fn answered(self, answer: PersonAnswer) -> Self {
        match self {
            Self::Pending => Self::Signing(answer),
            other @ (Self::Signing(_) | Self::Sending(_) | Self::Queued(..) | Self::Ended(_)) => other,
        }
    }

    /// The key signed.
    pub(super) fn signed(self, exp: Option<i64>) -> Self {
        match self {
            Self::Signing(answer) => Self::Sending(Underway {
                verdict: answer.verdict,
                failures: answer.failures,
                answer: Some(answer),
                exp,
                sent: Sent::Once,
                queued_since: None,
            }),
            other @ (Self::Pending | Self::Sending(_) | Self::Queued(..) | Self::Ended(_)) => other,
        }
    }

    /// The issuer asks for another signature over the same answer. Without the answer (after a restart) the person is asked
    /// again.
    pub(super) fn sign_again(self, attempt: Attempt) -> Self {
        match self {
            Self::Sending(underway) | Self::Queued(underway, _) => match underway.answer {
                Some(answer) => Self::Signing(PersonAnswer {
                    attempt,
                    failures: underway.failures,
                    ..answer
                }),
                None => Self::Pending,
            },
            other @ (Self::Pending | Self::Signing(_) | Self::Ended(_)) => other,
        }
    }

    /// It is not known whether it arrived.
    pub(super) fn not_delivered(self, arrival: Arrival, now: i64) -> Self {
        match self {
            Self::Sending(underway) => {
                let failures = underway.failures + 1;
                let at = now + i64::from(2_u32.saturating_pow(failures)).min(MAX_RETRY);
                let sent = match arrival {
                    Arrival::Impossible => underway.sent,
                    Arrival::Possible => Sent::Again,
                };
                let underway = Underway {
                    failures,
                    sent,
                    queued_since: underway.queued_since.or(Some(now)),
                    ..underway
                };
                Self::Queued(underway, Retry { at })
            }
            other @ (Self::Pending | Self::Signing(_) | Self::Queued(..) | Self::Ended(_)) => other,
        }
    }

    /// It is `now`, whatever the clock said when the wait began.
    pub(super) fn at_latest(self, now: i64) -> Self {
        match self {
            Self::Queued(underway, Retry { at }) => {
                let queued_since = underway.queued_since.map(|since| since.min(now));
                let underway = Underway {
                    queued_since,
                    ..underway
                };
                let at = at.min(now + MAX_RETRY);
                Self::Queued(underway, Retry { at })
            }
            other @ (Self::Pending | Self::Signing(_) | Self::Sending(_) | Self::Ended(_)) => other,
        }
    }

    /// It is handed over again.
    pub(super) fn resent(self) -> Self {
        match self {
            Self::Queued(underway, _) => Self::Sending(underway),
            other @ (Self::Pending | Self::Signing(_) | Self::Sending(_) | Self::Ended(_)) => other,
        }
    }

    /// The answer did not count, or was taken back.
    pub(super) fn back_to_pending(self) -> Self {
        match self {
            Self::Pending | Self::Signing(_) | Self::Sending(_) | Self::Queued(..) => Self::Pending,
            Self::Ended(end) => Self::Ended(end),
        }
    }

    /// It is over. A first guess without a receipt is corrected by a receipt; a receipt is never replaced.
    pub(super) fn ended(self, end: End) -> Self {
        match self {
            Self::Ended(earlier) if earlier.receipt != Receipt::Missing => Self::Ended(earlier),
            Self::Ended(earlier) => Self::Ended(End {
                seen_at: earlier.seen_at,
                ..end
            }),
            Self::Pending | Self::Signing(_) | Self::Sending(_) | Self::Queued(..) => Self::Ended(end),
        }
    }
}
