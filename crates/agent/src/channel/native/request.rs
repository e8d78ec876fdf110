//! A request of this protocol as the engine sees it, and a decision of the engine as this protocol signs it. No I/O, no clock.

use countersign_agent_api as api;
use countersign_protocol::{
    Amr, ApprovalDecision, ApprovalRequest, Evidenced, Jti, KeyProtection, Match, Requires, Risk,
    STATEMENT_VERSION, SignError, Statement, Surface, Verification, jws::Unverified, request_hash,
};

use crate::channel::{Decision, Matched, RequestClaims, VerifiedRequest, Warns};

/// How long a decision is valid, in seconds.
const LIFETIME: i64 = 60;

/// A request that was verified.
pub(crate) fn verified(message: String, claims: ApprovalRequest, statement: Statement) -> VerifiedRequest {
    let context = claims.context.as_ref();
    let risky = context.is_some_and(|context| match context.risk {
        None | Some(Risk::Low) => !context.hints.is_empty(),
        Some(Risk::Medium | Risk::High) => true,
    });
    let details = claims.authorization_details.as_ref();
    let claims = RequestClaims {
        origin: context.and_then(|context| context.origin),
        warns: if risky { Warns::Yes } else { Warns::No },
        raw_details: details
            .and_then(|details| serde_json::to_string_pretty(details).ok())
            .unwrap_or_default(),
        txn: claims.txn,
        sub: claims.sub,
        client: claims.client,
        iat: claims.iat,
        exp: Some(claims.exp),
        requires: requires(claims.requires),
        capabilities: super::CAPABILITIES,
    };
    VerifiedRequest {
        message,
        claims,
        statement,
    }
}

/// A request that was verified and kept by this agent.
pub(crate) fn restore(message: String) -> Option<VerifiedRequest> {
    let claims = kept(&message)?;
    let statement = Statement::from_request(&claims).ok()?;
    Some(verified(message, claims, statement))
}

/// The decision that is signed, at `now` (issuer time) under `jti`.
///
/// # Errors
/// If the request cannot be read again, which does not happen with one that was verified.
pub(crate) fn decision(
    request: &VerifiedRequest,
    decision: Decision,
    now: i64,
    jti: Jti,
) -> Result<ApprovalDecision, SignError> {
    let asked = kept(&request.message).ok_or(SignError::Unavailable)?;
    Ok(ApprovalDecision {
        iss: asked.aud,
        aud: asked.iss,
        iat: now,
        exp: now + LIFETIME,
        jti,
        txn: asked.txn,
        nonce: asked.nonce,
        verdict: decision.verdict,
        reason: decision.reason,
        match_code: match decision.matched {
            Some(Matched::Code(code)) => Some(code),
            Some(Matched::Choice(_)) | None => None,
        },
        request_hash: request_hash(&request.message),
        statement_hash: request.statement.hash().to_owned(),
        statement_version: STATEMENT_VERSION,
        locale: decision.locale,
        amr: amr(decision.protection),
        key_protection: decision.protection,
        surface: decision.surface,
        // Whoever was quick to answer after a clock correction has not answered before it was shown.
        shown_at: decision.shown_at.unwrap_or(now).min(now),
        counter: decision.counter,
    })
}

/// The file is this agent's own and the request in it was verified before it got there; a later release may read it differently.
fn kept(message: &str) -> Option<ApprovalRequest> {
    let parsed = Unverified::<ApprovalRequest>::parse(message).ok()?;
    Some(parsed.untrusted_claims().clone())
}

/// How the person was authenticated: `hwk` only where the hardware is proven.
fn amr(protection: KeyProtection) -> Vec<Amr> {
    let proven = protection.level.is_hardware() && protection.evidence == Evidenced::Attested;
    vec![if proven { Amr::Hwk } else { Amr::Swk }, Amr::User]
}

fn requires(requires: Requires) -> api::Requires {
    api::Requires {
        matching: match requires.matching {
            Match::None => api::Matching::None,
            Match::Code { digits } => api::Matching::Code { digits },
        },
        verification: match requires.verification {
            Verification::None => api::Verification::None,
            Verification::Presence => api::Verification::Presence,
            Verification::User => api::Verification::User,
        },
        surface: match requires.surface {
            Surface::Any => api::Surface::Any,
            Surface::Window => api::Surface::Window,
        },
    }
}
