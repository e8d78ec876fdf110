//! What is kept of accounts: `accounts.json`, and of signed answers on their way: `outbox.json`.
//!
//! Invariants: an account in the file *is* the enrolled marker: what the keyring says is read in its light, and an
//! account never disappears because its key cannot be read. The counter in the file is at least as high as that of any
//! decision ever signed. A key that is certainly nobody's is listed as spare before it could become one, and only spare
//! keys are ever deleted.

use countersign_agent_api::AccountId;
use countersign_protocol::{KeyProtection, Verdict};
use serde::{Deserialize, Serialize};

use crate::{
    channel::Binding,
    keystore::{DeviceKey, KeyRef},
    state_dir::Document,
};

/// The most accounts on one computer.
pub const MAX_ACCOUNTS: usize = 32;

/// All accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// The enrolled ones, oldest first.
    pub accounts: Vec<Account>,
    /// Keys that belong to no account: of an enrolment that did not finish, or replaced ones. Deleted at the next
    /// occasion; until then remembered here.
    pub spare_keys: Vec<KeyRef>,
}

impl Document for Accounts {
    const FILE: &'static str = "accounts.json";
    // 2: accounts bring others along.
    const VERSION: u32 = 2;
}

/// One enrolled account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its id here.
    pub id: AccountId,
    /// The person's own name for it.
    #[serde(default)]
    pub name: Option<String>,
    /// The issuer's name, as shown at enrolment.
    pub issuer_name: String,
    /// The ties to the issuer, with the device key in use.
    pub binding: Binding,
    /// The other key of a rotation whose outcome is not confirmed: the issuer's next acceptance of one of the two decides.
    pub other_key: Option<DeviceKey>,
    /// What protects the key.
    pub protection: KeyProtection,
    /// The counter of the last decision signed, or about to be.
    pub counter: u64,
    /// Clients that were reported, until when (own clock) their requests are held back.
    pub mutes: Vec<Mute>,
    /// Whether the issuer still wants this device.
    pub standing: Standing,
    /// When it was added, own clock.
    pub added_at: i64,
    /// What it has brought along, by its issuer's names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Held>,
}

/// One thing that an account has brought along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Its name at the issuer.
    pub name: String,
    /// What it is here.
    pub kept: Keeping,
}

/// What became of something that an account has brought along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeping {
    /// A one-time code in the vault, under an id that follows from the account and the name.
    Code,
    /// An account.
    Account(AccountId),
    /// Nothing: this release cannot use it. It is not asked for again.
    Unusable,
}

/// A client that is held back after a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mute {
    /// The client's id.
    pub client: String,
    /// Its name, for people.
    pub client_name: String,
    /// Until when, own clock.
    pub until: i64,
}

/// Whether the issuer still wants this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As far as is known.
    Enrolled,
    /// It said no.
    Revoked,
}

/// Signed answers that the issuer has not acknowledged: sent again after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    /// Oldest first.
    pub answers: Vec<Unacknowledged>,
}

impl Document for Outbox {
    const FILE: &'static str = "outbox.json";
    // 2: when it was asked.
    const VERSION: u32 = 2;
}

/// One signed answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unacknowledged {
    /// For which account.
    pub account: AccountId,
    /// The exact request.
    pub request: String,
    /// When it was asked, issuer time. Not in files of format 1.
    #[serde(default)]
    pub asked_at: Option<i64>,
    /// When its statement was first shown, issuer time.
    pub shown_at: i64,
    /// The answer.
    pub verdict: Verdict,
    /// The exact decisions signed, the one to send last: any of them may be what the issuer recorded.
    pub decisions: Vec<String>,
    /// When the last one ends, issuer time, if it does.
    pub decision_exp: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir;

    /// As the release before this one wrote it.
    const KEPT: &str = r#"{"version":1,"content":{"answers":[{"account":"a1","request":"asked","shown_at":3,"verdict":"approve","decisions":["signed"],"decision_exp":null}]}}"#;

    #[test]
    fn answers_that_an_earlier_release_kept_are_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(Outbox::FILE), KEPT).unwrap();
        let outbox: Outbox = state_dir::read(dir.path()).unwrap().unwrap();
        let answer = Unacknowledged {
            account: AccountId("a1".into()),
            request: "asked".into(),
            asked_at: None,
            shown_at: 3,
            verdict: Verdict::Approve,
            decisions: vec!["signed".into()],
            decision_exp: None,
        };
        assert_eq!(outbox.answers, [answer]);
    }
}
