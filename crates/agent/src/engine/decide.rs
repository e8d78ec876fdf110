//! Which answers count, and what is signed for them.
//!
//! *Deny* and *report* are possible as long as a request is pending. *Approve* has rules; each has its own refusal, so that a
//! front end can say what is missing.

use countersign_agent_api::{ApiError, ErrorCode};
use countersign_protocol::{
    Amr, ApprovalDecision, DecidedOn, Evidenced, Jti, KeyProtection, Match, MatchCode, Requires,
    STATEMENT_VERSION, Verdict, Verification,
};

use super::request::{PersonAnswer, Tracked};
use crate::accounts::{Account, Standing};

/// The match code as it was typed.
pub(super) type Typed<'a> = Option<&'a str>;

/// Checks an answer against the request it is for. `hash` is that of the statement that was on screen (`None` for a
/// notification, which answers for the request it was sent for). Returns the parsed match code.
pub(super) fn check(
    request: &Tracked,
    account: &Account,
    verdict: Verdict,
    typed: Typed<'_>,
    surface: DecidedOn,
    hash: Option<&str>,
    now: i64,
) -> Result<Option<MatchCode>, ApiError> {
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
        Verdict::Deny | Verdict::Report => return Ok(None),
        Verdict::Approve => {}
    }
    if now + account.binding.offset >= request.claims().exp {
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
    match requires.matching {
        Match::None => Ok(None),
        Match::Code { digits } => {
            let code = typed.and_then(|typed| MatchCode::parse(typed).ok());
            match code.filter(|code| code.digits() == usize::from(digits)) {
                Some(code) => Ok(Some(code)),
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
    requires.allows_notification() && requires.verification == Verification::None
}

/// The decision for an accepted answer. `jti`, `iat` and `exp` belong to the moment of signing and are set then.
pub(super) fn draft(
    request: &Tracked,
    account: &Account,
    answer: &PersonAnswer,
    now: i64,
) -> ApprovalDecision {
    let claims = request.claims();
    let issuer_now = now + account.binding.offset;
    ApprovalDecision {
        iss: account.binding.device_id.clone(),
        aud: claims.iss.clone(),
        iat: issuer_now,
        exp: issuer_now,
        jti: Jti::from_random([0; 16]),
        txn: claims.txn.clone(),
        nonce: claims.nonce.clone(),
        verdict: answer.verdict,
        reason: answer.reason,
        match_code: answer.match_code.clone(),
        request_hash: request.request_hash(),
        statement_hash: request.statement().hash().to_owned(),
        statement_version: STATEMENT_VERSION,
        locale: answer.locale.clone(),
        amr: amr(account.protection),
        key_protection: account.protection,
        surface: answer.surface,
        shown_at: request.shown_at.unwrap_or(issuer_now).min(issuer_now),
        counter: account.counter,
    }
}

/// How the person was authenticated: `hwk` only where the hardware is proven.
fn amr(protection: KeyProtection) -> Vec<Amr> {
    let proven = protection.level.is_hardware() && protection.evidence == Evidenced::Attested;
    vec![if proven { Amr::Hwk } else { Amr::Swk }, Amr::User]
}
