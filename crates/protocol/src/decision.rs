//! `approval-decision+jwt`: what a person decided on a device (section 2.2).

use serde::{Deserialize, Serialize};

use crate::claims::{
    Claims, ClaimsError, MAX_INTEGER, Timestamp, Validity, require, require_hash, require_instant,
    require_lifetime,
};
use crate::id::{DeviceId, Jti, MatchCode, Nonce, Txn};
use crate::issuer::Issuer;
use crate::request::{ApprovalRequest, Match};
use crate::statement::{STATEMENT_VERSION, Statement};

/// The longest validity of a decision, in seconds.
const MAX_LIFETIME: i64 = 60;

/// A person's decision, signed by their device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalDecision {
    /// The device.
    pub iss: DeviceId,
    /// The issuer of the request.
    pub aud: Issuer,
    /// When it was signed, in issuer time.
    pub iat: Timestamp,
    /// At most 60 s later.
    pub exp: Timestamp,
    /// Names this message.
    pub jti: Jti,
    /// From the request.
    pub txn: Txn,
    /// From the request.
    pub nonce: Nonce,
    /// The decision.
    pub verdict: Verdict,
    /// Why not; never with an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the person typed; only with an approval, and only if the request asks for a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_code: Option<MatchCode>,
    /// [`request_hash`](crate::request_hash) of the request.
    pub request_hash: String,
    /// [`Statement::hash`] of what was shown.
    pub statement_hash: String,
    /// [`STATEMENT_VERSION`].
    pub statement_version: u32,
    /// BCP 47 tag of the language it was shown in.
    pub locale: String,
    /// How the person was authenticated: sorted, none twice.
    pub amr: Vec<Amr>,
    /// How the signing key is kept.
    pub key_protection: KeyProtection,
    /// Where it was decided.
    pub surface: DecidedOn,
    /// When the statement was first shown, in issuer time.
    pub shown_at: Timestamp,
    /// Grows with every decision signed by this device; from 1.
    pub counter: u64,
}

/// The decision. Only an explicit approval is a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Deny,
    /// No, and the administrators should see it.
    Report,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The person did not start this.
    NotMe,
    /// The person no longer wants it.
    ChangedMind,
    /// A detail is wrong.
    WrongDetails,
    /// Anything else.
    Other,
}

/// An authentication method (RFC 8176), in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amr {
    /// Face recognition.
    Face,
    /// Fingerprint.
    Fpt,
    /// A key that hardware keeps.
    Hwk,
    /// Several factors.
    Mfa,
    /// A PIN.
    Pin,
    /// A key in software.
    Swk,
    /// A person acted.
    User,
}

/// How a device keeps its key, and how far that is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyProtection {
    /// The level.
    pub level: ProtectionLevel,
    /// The proof.
    pub evidence: Evidenced,
}

/// Who can copy or use a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtectionLevel {
    /// OS keystore: any program of the same user can read it.
    Sw,
    /// OS keystore, wrapped under a passphrase: offline guessing.
    SwPin,
    /// Hardware: it cannot be copied, but any program of the same user can use it.
    Hw,
    /// Hardware with a PIN on each use.
    HwPin,
    /// Hardware with biometrics on each use.
    HwUv,
}

impl ProtectionLevel {
    /// Whether hardware keeps the key.
    pub fn is_hardware(self) -> bool {
        match self {
            Self::Sw | Self::SwPin => false,
            Self::Hw | Self::HwPin | Self::HwUv => true,
        }
    }
}

/// How far a protection level is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidenced {
    /// Only the app's word.
    Claimed,
    /// The issuer has verified an attestation.
    Attested,
}

/// Where a decision was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedOn {
    /// In the app's prompt.
    Window,
    /// In a notification.
    Notification,
    /// On the command line.
    Terminal,
}

/// A decision that does not answer the request it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecisionMismatch {
    /// From another device than the one asked, or for another issuer.
    #[error("the decision is not between the parties of the request")]
    Parties,
    /// Another transaction.
    #[error("the decision is for another transaction")]
    Txn,
    /// Another nonce.
    #[error("the decision has another nonce")]
    Nonce,
    /// Another request.
    #[error("the decision is for other bytes of the request")]
    RequestHash,
    /// Something else was shown.
    #[error("the decision is over another statement")]
    StatementHash,
    /// An approval with a match code of another length, without one, or with one that was not asked for.
    #[error("the decision has not the match code that the request asks for")]
    MatchCode,
    /// Approved where the request does not allow it.
    #[error("the request does not allow an approval from a notification")]
    Surface,
}

impl ApprovalDecision {
    /// Checks that this decision answers exactly that request (section 5.4). Whether the match code is right, only the issuer knows.
    ///
    /// # Errors
    /// The first thing that differs.
    pub fn check_answers(
        &self,
        request: &ApprovalRequest,
        request_hash: &str,
        statement: &Statement,
    ) -> Result<(), DecisionMismatch> {
        let code_digits = self.match_code.as_ref().map(MatchCode::digits);
        let asked_digits = match (self.verdict, request.requires.matching) {
            (Verdict::Approve, Match::Code { digits }) => Some(usize::from(digits)),
            (Verdict::Approve, Match::None) | (Verdict::Deny | Verdict::Report, _) => None,
        };
        let surface_allowed = match (self.verdict, self.surface) {
            (Verdict::Approve, DecidedOn::Notification) => request.requires.allows_notification(),
            (Verdict::Approve, DecidedOn::Window | DecidedOn::Terminal)
            | (Verdict::Deny | Verdict::Report, _) => true,
        };
        for (holds, mismatch) in [
            (
                self.iss == request.aud && self.aud == request.iss,
                DecisionMismatch::Parties,
            ),
            (self.txn == request.txn, DecisionMismatch::Txn),
            (self.nonce == request.nonce, DecisionMismatch::Nonce),
            (self.request_hash == request_hash, DecisionMismatch::RequestHash),
            (
                self.statement_hash == statement.hash(),
                DecisionMismatch::StatementHash,
            ),
            (code_digits == asked_digits, DecisionMismatch::MatchCode),
            (surface_allowed, DecisionMismatch::Surface),
        ] {
            if !holds {
                return Err(mismatch);
            }
        }
        Ok(())
    }
}

impl Claims for ApprovalDecision {
    const TYP: &'static str = "approval-decision+jwt";

    fn check(&self) -> Result<(), ClaimsError> {
        require_lifetime(self.iat, self.exp, MAX_LIFETIME)?;
        match self.verdict {
            Verdict::Approve => require(self.reason.is_none(), "reason", "is only for deny and report")?,
            Verdict::Deny | Verdict::Report => {
                require(self.match_code.is_none(), "match_code", "is only for approve")?;
            }
        }
        require_hash(&self.request_hash, "request_hash")?;
        require_hash(&self.statement_hash, "statement_hash")?;
        require(
            self.statement_version == STATEMENT_VERSION,
            "statement_version",
            "is not 1",
        )?;
        let is_tag = (1..=35).contains(&self.locale.len())
            && self
                .locale
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        require(is_tag, "locale", "is not a BCP 47 tag")?;
        check_amr(&self.amr)?;
        let hardware = self.key_protection.level.is_hardware();
        let key_kind_fits = !self.amr.contains(&Amr::Hwk) || hardware;
        require(key_kind_fits, "amr", "has `hwk` for a key in software")?;
        require_instant(self.shown_at, "shown_at")?;
        require(self.shown_at <= self.iat + 1, "shown_at", "is after `iat`")?;
        require(
            (1..=MAX_INTEGER.unsigned_abs()).contains(&self.counter),
            "counter",
            "is not 1 to 2^53 - 1",
        )
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.iss.as_str())
    }

    fn is_for(&self, audience: &str) -> bool {
        self.aud.as_str() == audience
    }

    fn validity(&self) -> Validity {
        Validity::Until {
            iat: self.iat,
            exp: self.exp,
        }
    }
}

/// Sorted, none twice, and exactly one of `hwk` and `swk`.
pub(crate) fn check_amr(amr: &[Amr]) -> Result<(), ClaimsError> {
    require(
        amr.windows(2).all(|pair| pair[0] < pair[1]),
        "amr",
        "is not sorted, or has a value twice",
    )?;
    let keys = amr
        .iter()
        .filter(|method| matches!(method, Amr::Hwk | Amr::Swk))
        .count();
    require(keys == 1, "amr", "has not exactly one of `hwk` and `swk`")
}
