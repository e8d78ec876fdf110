//! Which answers count, and what is signed for them.
//!
//! *Deny* and *report* are possible as long as a request is pending. *Approve* has rules; each has its own refusal, so that a
//! front end can say what is missing.

use countersign_agent_api::{ApiError, ErrorCode, Matching, Reports, Requires, Surface, Verification};
use countersign_protocol::{DecidedOn, MatchCode, Verdict};

use super::request::{PersonAnswer, Tracked};
use crate::{
    accounts::{Account, Standing},
    channel::{Decision, Matched},
};

/// The match code as it was typed, or the option that was picked.
pub(super) type Typed<'a> = Option<&'a str>;

/// Checks an answer against the request it is for. `hash` is that of the statement that was on screen (`None` for a
/// notification, which answers for the request it was sent for). Returns what ties the answer to where the action started.
pub(super) fn check(
    request: &Tracked,
    account: &Account,
    verdict: Verdict,
    typed: Typed<'_>,
    surface: DecidedOn,
    hash: Option<&str>,
    now: i64,
) -> Result<Option<Matched>, ApiError> {
    let refuse = |code, text: &str| Err(ApiError::new(code, text));
    if !request.is_pending() {
        return refuse(
            ErrorCode::NotPending,
            "This request is not waiting for an answer any more.",
        );
    }
    if account.standing == Standing::Revoked {
        return refuse(
            ErrorCode::Refused,
            "The issuer has removed this computer. Enrol it again to answer requests.",
        );
    }
    if hash.is_some_and(|hash| hash != request.statement().hash()) {
        return refuse(
            ErrorCode::StatementChanged,
            "What was on screen is not what waits for an answer. Open the request again.",
        );
    }
    match verdict {
        Verdict::Report if request.claims().capabilities.reports != Reports::Taken => {
            return refuse(
                ErrorCode::Refused,
                "This issuer takes no reports. Deny the request, and tell its administrator.",
            );
        }
        Verdict::Deny | Verdict::Report => return Ok(None),
        Verdict::Approve => {}
    }
    let issuer_now = now + account.binding.offset;
    if request.claims().exp.is_some_and(|exp| issuer_now >= exp) {
        return refuse(
            ErrorCode::NotPending,
            "The time for this request is over. Nothing was approved.",
        );
    }
    let requires = &request.claims().requires;
    match surface {
        DecidedOn::Notification if !approvable_in_notification(requires) => {
            return refuse(
                ErrorCode::SurfaceNotAllowed,
                "This request can only be approved in the prompt.",
            );
        }
        DecidedOn::Window | DecidedOn::Terminal if request.shown_at.is_none() => {
            return refuse(
                ErrorCode::StatementChanged,
                "The request was not shown completely before it was answered. Open it again.",
            );
        }
        DecidedOn::Notification | DecidedOn::Window | DecidedOn::Terminal => {}
    }
    match requires.verification {
        Verification::User => {
            return refuse(
                ErrorCode::SurfaceNotAllowed,
                "This request asks for a PIN or biometrics, which this computer does not have for this account. You can \
                 deny it, or use another device.",
            );
        }
        Verification::None | Verification::Presence => {}
    }
    match &requires.matching {
        Matching::None => Ok(None),
        Matching::Choice { options } => match options.iter().find(|option| typed == Some(option.as_str())) {
            Some(picked) => Ok(Some(Matched::Choice(picked.clone()))),
            None => refuse(
                ErrorCode::CodeNeeded,
                "Pick what is shown where you started this.",
            ),
        },
        Matching::Code { digits } => {
            let code = typed.and_then(|typed| MatchCode::parse(typed).ok());
            match code.filter(|code| code.digits() == usize::from(*digits)) {
                Some(code) => Ok(Some(Matched::Code(code))),
                None => refuse(
                    ErrorCode::CodeNeeded,
                    &format!("Type the {digits} digits that are shown where you started this."),
                ),
            }
        }
    }
}

/// Whether the request's own signed requirements allow an approval in a notification: no code, any surface, no verification.
pub(super) fn approvable_in_notification(requires: &Requires) -> bool {
    requires.matching == Matching::None
        && requires.surface == Surface::Any
        && requires.verification == Verification::None
}

/// The decision for an accepted answer.
pub(super) fn decision(request: &Tracked, account: &Account, answer: &PersonAnswer) -> Decision {
    Decision {
        verdict: answer.verdict,
        reason: answer.reason,
        matched: answer.matched.clone(),
        locale: answer.locale.clone(),
        surface: answer.surface,
        shown_at: request.shown_at,
        counter: account.counter,
        protection: account.protection,
    }
}
