//! What an issuer asks and what a person decided, whatever protocol carries it.

use countersign_agent_api::{Capabilities, Requires};
use countersign_protocol::{
    Client, DecidedOn, KeyProtection, MatchCode, Origin, Reason, Statement, Txn, Verdict,
};

/// A request that may be shown.
#[derive(Debug, Clone)]
pub struct VerifiedRequest {
    /// The exact message, as it was verified. Only the account's protocol reads it.
    pub message: String,
    /// What it says beside the statement.
    pub claims: RequestClaims,
    /// What is shown and, where the protocol can, signed.
    pub statement: Statement,
}

/// What the rules of this computer need to know of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestClaims {
    /// The transaction.
    pub txn: Txn,
    /// The account label.
    pub sub: String,
    /// Who asks.
    pub client: Client,
    /// When it was made, issuer time.
    pub iat: i64,
    /// When it ends, issuer time. `None` if the issuer does not say: it ends when the issuer no longer knows it.
    pub exp: Option<i64>,
    /// What an approval needs.
    pub requires: Requires,
    /// Where the action started, if the issuer says so.
    pub origin: Option<Origin>,
    /// Whether the issuer warns of it.
    pub warns: Warns,
    /// The details as they came, indented, for those who want to read them so. Empty if there are none.
    pub raw_details: String,
    /// What can be done about this request.
    pub capabilities: Capabilities,
}

/// Whether an issuer warns of what it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warns {
    /// Of nothing.
    No,
    /// Of a risk above the lowest, or by a hint.
    Yes,
}

/// What a person decided, ready to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// Why, if the person said so.
    pub reason: Option<Reason>,
    /// What ties it to where the action started.
    pub matched: Option<Matched>,
    /// The language of what was shown.
    pub locale: String,
    /// Where it was decided.
    pub surface: DecidedOn,
    /// When the statement was first on screen, issuer time. `None`: it is shown as it is decided, in a notification.
    pub shown_at: Option<i64>,
    /// The account's counter, on disk already.
    pub counter: u64,
    /// What protects the key.
    pub protection: KeyProtection,
}

/// What the person typed or picked from where the action started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matched {
    /// The code.
    Code(MatchCode),
    /// One of the options.
    Choice(String),
}

/// A decision, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The exact message.
    pub message: String,
    /// When it ends, issuer time, if it does.
    pub exp: Option<i64>,
}
