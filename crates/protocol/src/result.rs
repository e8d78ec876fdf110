//! `approval-result+jwt`: how an approval ended, for the relying side (section 2.4).

use serde::{Deserialize, Serialize};

use crate::claims::{
    Claims, ClaimsError, Timestamp, Validity, require, require_instant, require_optional_hash, require_text,
};
use crate::decision::{Amr, KeyProtection, Verdict};
use crate::id::{Jti, Txn};
use crate::issuer::Issuer;
use crate::receipt::{Outcome, check_reached};
use crate::request::{AuthorizationDetails, MAX_ACCOUNT};

/// What the relying side asked for, or why not, signed by the issuer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalResult {
    /// The issuer.
    pub iss: Issuer,
    /// The client id.
    pub aud: String,
    /// When it was made.
    pub iat: Timestamp,
    /// Names this message.
    pub jti: Jti,
    /// Which transaction.
    pub txn: Txn,
    /// The user, as the relying side named them.
    pub sub: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The verdict, if a device decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Hash of the request that was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
    /// Hash of that request's statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_hash: Option<String>,
    /// The authentication context reached; only if approved, like all that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// How the person was authenticated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<Amr>>,
    /// When the person decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// How the deciding device keeps its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_protection: Option<KeyProtection>,
    /// What is granted: exactly what was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<AuthorizationDetails>,
}

impl Claims for ApprovalResult {
    const TYP: &'static str = "approval-result+jwt";

    fn check(&self) -> Result<(), ClaimsError> {
        require_instant(self.iat, "iat")?;
        require_text(&self.sub, MAX_ACCOUNT, "sub")?;
        require(
            self.verdict == self.outcome.verdict(),
            "verdict",
            "does not fit `outcome`",
        )?;
        require_optional_hash(self.request_hash.as_deref(), "request_hash")?;
        require_optional_hash(self.statement_hash.as_deref(), "statement_hash")?;
        check_reached(self.outcome, self.acr.as_deref(), self.amr.as_deref())?;
        self.auth_time
            .map_or(Ok(()), |at| require_instant(at, "auth_time"))?;
        let approved = self.outcome == Outcome::Approved;
        for (present, claim) in [
            (self.auth_time.is_some(), "auth_time"),
            (self.key_protection.is_some(), "key_protection"),
            (self.authorization_details.is_some(), "authorization_details"),
        ] {
            require(approved || !present, claim, "is only for approved")?;
        }
        Ok(())
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.iss.as_str())
    }

    fn is_for(&self, audience: &str) -> bool {
        self.aud == audience
    }

    fn validity(&self) -> Validity {
        Validity::Ageless { iat: self.iat }
    }
}
