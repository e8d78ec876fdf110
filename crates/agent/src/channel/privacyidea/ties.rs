//! What is kept of an account at a privacyIDEA server.

use countersign_agent_api::Reports;
use countersign_privacyidea::{Serial, ServerKey};
use countersign_protocol::Txn;
use serde::{Deserialize, Serialize};
use url::Url;

/// The most challenges that are remembered as answered: far more than a server lists at a time.
const MAX_ANSWERED: usize = 64;

/// What only this protocol understands of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ties {
    /// The token.
    pub serial: Serial,
    /// Where the server is polled and answered.
    #[serde(with = "address")]
    pub url: Url,
    /// The key that the server gave at enrolment; pinned.
    pub server_key: ServerKey,
    /// Challenges that were answered, oldest first: never answered again, whatever the server lists.
    pub answered: Vec<Txn>,
    /// Whether the server took reports when it last asked something.
    #[serde(default, skip_serializing_if = "not_said")]
    pub reports: Reports,
    /// Every how many seconds the person wants the server asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_seconds: Option<u16>,
}

fn not_said(reports: &Reports) -> bool {
    *reports == Reports::NotSaid
}

/// A URL as text.
mod address {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use url::Url;

    pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        let text = String::deserialize(deserializer)?;
        Url::parse(&text).map_err(D::Error::custom)
    }
}

impl Ties {
    /// The first 128 bits of the key's SHA-256 in groups, as for every issuer.
    pub fn fingerprint(&self) -> String {
        let digest = self.server_key.digest();
        let groups: Vec<String> = digest[..16]
            .chunks(2)
            .map(|pair| pair.iter().map(|byte| format!("{byte:02X}")).collect())
            .collect();
        groups.join(" ")
    }

    /// Whether this challenge was answered.
    pub fn has_answered(&self, txn: &Txn) -> bool {
        self.answered.contains(txn)
    }

    /// Remembers that this challenge is answered.
    pub fn answer(&mut self, txn: &Txn) {
        if self.has_answered(txn) {
            return;
        }
        if self.answered.len() >= MAX_ANSWERED {
            self.answered.remove(0);
        }
        self.answered.push(txn.clone());
    }

    /// This challenge was not answered after all: nothing has left this computer.
    pub fn unanswer(&mut self, txn: &Txn) {
        self.answered.retain(|answered| answered != txn);
    }
}

#[cfg(test)]
impl Ties {
    /// Of an account at a server that is recorded in the vectors.
    pub(crate) fn for_tests() -> Self {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../../../vectors/privacyidea.json")).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let link = countersign_privacyidea::PushLink::parse(&text(&vectors[0]["link"])).unwrap();
        let key = text(&vectors[0]["enrol_answer"]["detail"]["public_key"]);
        Self {
            serial: link.serial,
            url: link.url,
            server_key: ServerKey::parse(&key).unwrap(),
            answered: Vec::new(),
            reports: Reports::NotSaid,
            poll_seconds: None,
        }
    }

    /// The link of that account.
    pub(crate) fn link_for_tests() -> String {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../../../vectors/privacyidea.json")).unwrap();
        vectors[0]["link"].as_str().unwrap().to_owned()
    }

    /// A challenge of that server.
    pub(crate) fn challenge_for_tests() -> String {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../../../vectors/privacyidea.json")).unwrap();
        vectors[0]["poll_answer"]["result"]["value"][0].to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_answers_are_forgotten_first() {
        let mut ties = Ties::for_tests();
        let txn = |number: usize| Txn::from_random([u8::try_from(number).unwrap(); 16]);
        for number in 0..=MAX_ANSWERED {
            ties.answer(&txn(number));
            ties.answer(&txn(number));
        }
        assert!(!ties.has_answered(&txn(0)));
        assert!(ties.has_answered(&txn(1)));
        assert_eq!(ties.answered.len(), MAX_ANSWERED);
        assert_eq!(ties.fingerprint().len(), 39);
        let text = serde_json::to_string(&ties).unwrap();
        assert_eq!(serde_json::from_str::<Ties>(&text).unwrap(), ties);
    }
}
