//! What binds an account to its issuer, kept on disk.

use countersign_agent_api::{Brings, Capabilities};
use countersign_protocol::{Evidence, Issuer, Txn};
use serde::{Deserialize, Serialize};

use super::{VerifiedRequest, native, privacyidea};
use crate::{keystore::DeviceKey, net::Trust};

/// One account's ties to its issuer. Kept on disk by the engine; holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Binding {
    /// The issuer.
    pub issuer: Issuer,
    /// The account label; every request's `sub`.
    pub account: String,
    /// The device key.
    pub key: DeviceKey,
    /// Issuer time − own clock in seconds, as last learnt; where a channel starts from.
    pub offset: i64,
    /// What is trusted for this account alone, beside what everybody trusts.
    pub trust: Trust,
    /// What only the account's protocol understands.
    pub ties: Ties,
}

/// What the issuer hears when an account is removed from this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// Nothing: that is the person's to say.
    Silent,
    /// That this device is no longer there, if it can be told: nothing else depends on it.
    Revokes,
}

/// What one protocol keeps about one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ties {
    /// Of the native protocol.
    Native(native::Ties),
    /// Of a PUSH token.
    PrivacyIdea(Box<privacyidea::Ties>),
    /// Of a container of tokens.
    Container(Box<privacyidea::ContainerTies>),
}

/// How often an issuer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polled {
    /// Every so many seconds, as the person has chosen for the account. `None`: as is usual on this computer.
    pub chosen: Option<u16>,
}

/// Whether an answer may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commitment {
    /// As far as the binding is concerned.
    Free,
    /// Once the binding, which says now that this is the answer, is on disk.
    ToKeep,
}

impl Binding {
    /// The answer to this transaction is about to leave, and another one must not follow. Where an issuer does not see to that itself,
    /// the binding does: it has to be on disk before the answer leaves.
    pub fn commit(&mut self, txn: &Txn) -> Commitment {
        match &mut self.ties {
            // A container asks nothing.
            Ties::Native(_) | Ties::Container(_) => Commitment::Free,
            Ties::PrivacyIdea(ties) if ties.has_answered(txn) => Commitment::Free,
            Ties::PrivacyIdea(ties) => {
                ties.answer(txn);
                Commitment::ToKeep
            }
        }
    }

    /// The binding could not be kept, so the answer has not left.
    pub fn release(&mut self, txn: &Txn) {
        match &mut self.ties {
            Ties::Native(_) | Ties::Container(_) => {}
            Ties::PrivacyIdea(ties) => ties.unanswer(txn),
        }
    }

    /// How often its issuer is asked, if it has to be.
    pub fn polled(&self) -> Option<Polled> {
        match &self.ties {
            // A container is asked once a day.
            Ties::Native(_) | Ties::Container(_) => None,
            Ties::PrivacyIdea(ties) => Some(Polled {
                chosen: ties.poll_seconds,
            }),
        }
    }

    /// Has the issuer asked this often, if it has to be asked.
    pub fn poll(&mut self, every: Polled) {
        match &mut self.ties {
            Ties::Native(_) | Ties::Container(_) => {}
            Ties::PrivacyIdea(ties) => ties.poll_seconds = every.chosen,
        }
    }

    /// What its protocol can do, as far as that is known; one request may do with more or less.
    pub fn capabilities(&self) -> Capabilities {
        match &self.ties {
            Ties::Native(_) => native::CAPABILITIES,
            Ties::PrivacyIdea(ties) => Capabilities {
                reports: ties.reports,
                ..privacyidea::CAPABILITIES
            },
            Ties::Container(_) => privacyidea::CONTAINER_CAPABILITIES,
        }
    }

    /// A request has come, whose issuer can do this: where it says so with its requests, this is what is known of it from now on.
    pub fn learn(&mut self, can: Capabilities) {
        match &mut self.ties {
            Ties::Native(_) | Ties::Container(_) => {}
            Ties::PrivacyIdea(ties) => ties.reports = can.reports,
        }
    }

    /// Whether it brings further accounts and one-time codes along.
    pub fn brings(&self) -> Brings {
        match &self.ties {
            Ties::Native(_) | Ties::PrivacyIdea(_) => Brings::Account,
            Ties::Container(_) => Brings::Collection,
        }
    }

    /// Whether the issuer is told when the account is removed here.
    pub fn farewell(&self) -> Farewell {
        match &self.ties {
            Ties::Native(_) | Ties::PrivacyIdea(_) => Farewell::Silent,
            Ties::Container(_) => Farewell::Revokes,
        }
    }

    /// What people compare to know the issuer's key.
    pub fn fingerprint(&self) -> String {
        match &self.ties {
            Ties::Native(ties) => ties.fingerprint(),
            Ties::PrivacyIdea(ties) => ties.fingerprint(),
            // Such a server has no key of its own: TLS says who it is.
            Ties::Container(_) => String::new(),
        }
    }

    /// The name of this device at the issuer.
    pub fn device(&self) -> &str {
        match &self.ties {
            Ties::Native(ties) => ties.device_id.as_str(),
            Ties::PrivacyIdea(ties) => ties.serial.as_str(),
            Ties::Container(ties) => ties.serial.as_str(),
        }
    }

    /// Whether both are of the same device at the same issuer, reached by the same protocol.
    pub fn is_same_device(&self, other: &Self) -> bool {
        let same_protocol = std::mem::discriminant(&self.ties) == std::mem::discriminant(&other.ties);
        same_protocol && self.issuer == other.issuer && self.device() == other.device()
    }

    /// The issuer gave this device anew: what was answered stays answered, and what the person chose stays chosen.
    pub fn carry_over(&mut self, earlier: &Self) {
        if let (Ties::PrivacyIdea(ties), Ties::PrivacyIdea(earlier)) = (&mut self.ties, &earlier.ties) {
            for txn in &earlier.answered {
                ties.answer(txn);
            }
            ties.poll_seconds = earlier.poll_seconds;
        }
    }

    /// Reads a request that was verified before and kept, and asked at `asked_at` (issuer time) as far as it does not say so itself: for one that was
    /// answered before a restart. `None` if this release does not understand it (any more): then the issuer delivers it again, and the person is asked again.
    pub fn restore(&self, message: String, asked_at: i64) -> Option<VerifiedRequest> {
        match &self.ties {
            Ties::Native(_) => native::restore(message),
            Ties::PrivacyIdea(ties) => privacyidea::restore(self, ties, message, asked_at),
            Ties::Container(_) => None,
        }
    }

    /// The file that an auditor can verify (docs/protocol.md, section 10), where the protocol has receipts.
    pub fn evidence(
        &self,
        issuer_name: &str,
        request: &VerifiedRequest,
        decision: Option<String>,
        receipt: &str,
    ) -> Option<Evidence> {
        match &self.ties {
            Ties::Native(ties) => Some(Evidence {
                issuer: self.issuer.clone(),
                issuer_name: issuer_name.to_owned(),
                issuer_keys: ties.issuer_keys.iter().cloned().collect(),
                device_id: ties.device_id.clone(),
                device_key: self.key.es256().ok()?.clone(),
                request: request.message.clone(),
                decision,
                receipt: receipt.to_owned(),
            }),
            Ties::PrivacyIdea(_) | Ties::Container(_) => None,
        }
    }
}

/// The form on disk. Accounts of the native protocol are written as they have been since the first release.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    issuer: Issuer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_id: Option<countersign_protocol::DeviceId>,
    account: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer_keys: Option<countersign_protocol::KeySet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoints: Option<native::Endpoints>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    privacyidea: Option<Box<privacyidea::Ties>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<Box<privacyidea::ContainerTies>>,
    key: DeviceKey,
    offset: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trust: Option<Trust>,
}

/// Not the ties of any one protocol.
#[derive(Debug, thiserror::Error)]
#[error("it is not known by which protocol its issuer is reached")]
struct UnknownProtocol;

impl TryFrom<Stored> for Binding {
    type Error = UnknownProtocol;

    fn try_from(stored: Stored) -> Result<Self, UnknownProtocol> {
        let native = (stored.device_id, stored.issuer_keys, stored.endpoints);
        let ties = match (native, stored.privacyidea, stored.container) {
            ((Some(device_id), Some(issuer_keys), Some(endpoints)), None, None) => {
                Ties::Native(native::Ties {
                    device_id,
                    issuer_keys,
                    endpoints,
                })
            }
            ((None, None, None), Some(ties), None) => Ties::PrivacyIdea(ties),
            ((None, None, None), None, Some(ties)) => Ties::Container(ties),
            (_, _, _) => return Err(UnknownProtocol),
        };
        Ok(Self {
            issuer: stored.issuer,
            account: stored.account,
            key: stored.key,
            offset: stored.offset,
            trust: stored.trust.unwrap_or_default(),
            ties,
        })
    }
}

impl From<Binding> for Stored {
    fn from(binding: Binding) -> Self {
        let mut stored = Self {
            issuer: binding.issuer,
            device_id: None,
            account: binding.account,
            issuer_keys: None,
            endpoints: None,
            privacyidea: None,
            container: None,
            key: binding.key,
            offset: binding.offset,
            trust: Some(binding.trust).filter(|trust| !trust.is_empty()),
        };
        match binding.ties {
            Ties::Native(ties) => {
                stored.device_id = Some(ties.device_id);
                stored.issuer_keys = Some(ties.issuer_keys);
                stored.endpoints = Some(ties.endpoints);
            }
            Ties::PrivacyIdea(ties) => stored.privacyidea = Some(ties),
            Ties::Container(ties) => stored.container = Some(ties),
        }
        stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the release before this one wrote it.
    const KEPT: &str = r#"{"issuer":"https://id.alder.example","device_id":"dev_AQEBAQEBAQEBAQEBAQEBAQ","account":"mara","issuer_keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}],"endpoints":{"stream":"wss://id.alder.example/stream","poll":"https://id.alder.example/poll","decision":"https://id.alder.example/decision","rotation":"https://id.alder.example/rotation"},"key":{"reference":"AQEBAQEBAQEBAQEBAQEBAQ","public":{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}},"offset":3}"#;

    #[test]
    fn what_an_earlier_release_kept_is_read_and_written_unchanged() {
        let binding: Binding = serde_json::from_str(KEPT).unwrap();
        assert_eq!(binding.device(), "dev_AQEBAQEBAQEBAQEBAQEBAQ");
        let written = serde_json::to_string(&binding).unwrap();
        let (written, kept): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(&written).unwrap(),
            serde_json::from_str(KEPT).unwrap(),
        );
        assert_eq!(written, kept);
    }

    #[test]
    fn a_binding_of_no_known_protocol_is_refused() {
        let incomplete = KEPT.replace("\"device_id\":\"dev_AQEBAQEBAQEBAQEBAQEBAQ\",", "");
        assert!(serde_json::from_str::<Binding>(&incomplete).is_err());
        let unknown = KEPT.replace("\"offset\":3", "\"offset\":3,\"more\":1");
        assert!(serde_json::from_str::<Binding>(&unknown).is_err());
    }
}
