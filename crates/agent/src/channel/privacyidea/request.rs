//! A challenge as the engine sees it, and a decision as a server takes it. No I/O, no clock.

use countersign_agent_api::{Capabilities, Matching, Reports, Requires, Surface, Verification};
use countersign_privacyidea::{Answer, Challenge, ChallengeError, DeclineReason, DeclineReasons};
use countersign_protocol::{Client, Reason, Statement, StatementError, Txn, Verdict, text};
use ring::digest;

use super::{CAPABILITIES, ties::Ties};
use crate::channel::{Binding, Decision, Matched, RequestClaims, VerifiedRequest, Warns};

/// The longest title, in characters: it stands where the name of who asks does.
const MAX_TITLE: usize = 64;

/// The transaction of a challenge: as good a name as the nonce itself, in the form that all protocols share.
pub(super) fn txn(nonce: &str) -> Txn {
    let digest = digest::digest(&digest::SHA256, nonce.as_bytes());
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest.as_ref()[..16]);
    Txn::from_random(bits)
}

/// Judges a challenge as it came. Its options have to be plain text: they are compared with what is shown elsewhere, so nothing in them may be replaced.
pub(super) fn verify(ties: &Ties, message: &str) -> Result<Challenge, ChallengeError> {
    let challenge = Challenge::verify(message, &ties.server_key, &ties.serial, &ties.url)?;
    let mut options = challenge.options().into_iter().flatten();
    if options.any(|option| text::check(option, text::MAX_TEXT).is_err()) {
        return Err(ChallengeError::Unacceptable("require_presence"));
    }
    Ok(challenge)
}

/// A verified challenge, seen at `now` (issuer time).
pub(super) fn verified(
    binding: &Binding,
    message: String,
    challenge: &Challenge,
    now: i64,
) -> Result<VerifiedRequest, StatementError> {
    let host = binding.issuer.host();
    let name = plain(challenge.title(), MAX_TITLE).unwrap_or_else(|| host.to_owned());
    let question = plain(challenge.question(), text::MAX_TEXT);
    let statement = Statement::plain(&name, &binding.account, question.as_deref())?;
    let matching = match challenge.options() {
        Some(options) => Matching::Choice {
            options: options.to_vec(),
        },
        None => Matching::None,
    };
    let reports = match challenge.decline_reasons() {
        DeclineReasons::Understood => Reports::Taken,
        DeclineReasons::Unknown => Reports::NotTaken,
    };
    let claims = RequestClaims {
        txn: txn(challenge.nonce()),
        sub: binding.account.clone(),
        client: Client {
            id: host.to_owned(),
            name,
        },
        iat: now,
        exp: None,
        requires: Requires {
            matching,
            verification: Verification::None,
            // Nothing signed allows less, and a notification has no room for what this protocol cannot do.
            surface: Surface::Window,
        },
        origin: None,
        warns: Warns::No,
        raw_details: String::new(),
        capabilities: Capabilities {
            reports,
            ..CAPABILITIES
        },
    };
    Ok(VerifiedRequest {
        message,
        claims,
        statement,
    })
}

/// A challenge that was verified and kept by this agent, first seen at `seen_at` (issuer time).
pub(crate) fn restore(
    binding: &Binding,
    ties: &Ties,
    message: String,
    seen_at: i64,
) -> Option<VerifiedRequest> {
    let challenge = verify(ties, &message).ok()?;
    verified(binding, message, &challenge, seen_at).ok()
}

/// The answer to a challenge that says what was decided.
pub(super) fn answer(
    ties: &Ties,
    message: &str,
    decision: &Decision,
) -> Result<(Challenge, Answer), ChallengeError> {
    let challenge = verify(ties, message)?;
    let answer = match (decision.verdict, &decision.matched) {
        (Verdict::Approve, Some(Matched::Choice(option))) => Answer::AcceptWith(option.clone()),
        (Verdict::Approve, Some(Matched::Code(_)) | None) => Answer::Accept,
        (Verdict::Deny | Verdict::Report, _) => Answer::Decline(reason(&challenge, decision)),
    };
    Ok((challenge, answer))
}

/// Why it is declined, where the server understands it.
fn reason(challenge: &Challenge, decision: &Decision) -> Option<DeclineReason> {
    match challenge.decline_reasons() {
        DeclineReasons::Unknown => None,
        DeclineReasons::Understood => match (decision.verdict, decision.reason) {
            (Verdict::Report, _) | (_, Some(Reason::NotMe)) => Some(DeclineReason::UnknownTrigger),
            (_, Some(Reason::ChangedMind)) => Some(DeclineReason::Cancelled),
            (_, Some(Reason::WrongDetails | Reason::Other) | None) => None,
        },
    }
}

/// A stranger's text, made plain: what cannot be shown as it is becomes a space, and what is too long is cut. `None` if nothing is
/// left. Nothing of it is signed, so nothing is lost by that.
pub(super) fn plain(said: &str, max: usize) -> Option<String> {
    let visible = |c: char| {
        let mut buffer = [0; 4];
        c == ' ' || text::check(c.encode_utf8(&mut buffer), 1).is_ok()
    };
    let spaced: String = said.chars().map(|c| if visible(c) { c } else { ' ' }).collect();
    let mut words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() > max {
        words = words.chars().take(max.saturating_sub(1)).collect();
        words.truncate(words.trim_end().len());
        words.push('…');
    }
    text::check(&words, max).is_ok().then_some(words)
}
