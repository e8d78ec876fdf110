//! What the native protocol keeps about an account, and how it uses it.

use countersign_protocol::{DeviceId, EnrolmentCode, Issuer, KeySet, fingerprint};
use serde::{Deserialize, Serialize};

use crate::{channel, keystore::DeviceKey, net::Trust};

/// What only this protocol understands of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ties {
    /// This device at the issuer.
    pub device_id: DeviceId,
    /// The issuer's pinned keys, the complete set.
    pub issuer_keys: KeySet,
    /// Where the issuer listens.
    pub endpoints: Endpoints,
}

/// An issuer's endpoints, all of the issuer's own origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoints {
    /// `wss` URL of the WebSocket.
    pub stream: String,
    /// Long poll.
    pub poll: String,
    /// Decisions.
    pub decision: String,
    /// Rotation of the device key.
    pub rotation: String,
}

/// What an issuer offers.
#[derive(Clone)]
pub struct Terms {
    pub(super) issuer_keys: KeySet,
    pub(super) code: EnrolmentCode,
    pub(super) endpoints: Endpoints,
    pub(super) enrolment_endpoint: String,
    pub(super) offset: i64,
}

impl std::fmt::Debug for Terms {
    /// Without the code.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terms").finish_non_exhaustive()
    }
}

/// An account of this protocol, in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) issuer: Issuer,
    pub(super) device_id: DeviceId,
    pub(super) account: String,
    pub(super) issuer_keys: KeySet,
    pub(super) endpoints: Endpoints,
    pub(super) key: DeviceKey,
    pub(super) offset: i64,
}

impl Ties {
    /// That of the first key.
    pub fn fingerprint(&self) -> String {
        self.issuer_keys.first().map(fingerprint).unwrap_or_default()
    }
}

impl Binding {
    pub(super) fn of(binding: &channel::Binding, ties: &Ties) -> Self {
        Self {
            issuer: binding.issuer.clone(),
            device_id: ties.device_id.clone(),
            account: binding.account.clone(),
            issuer_keys: ties.issuer_keys.clone(),
            endpoints: ties.endpoints.clone(),
            key: binding.key.clone(),
            offset: binding.offset,
        }
    }

    /// What of it is this protocol's own.
    pub(super) fn ties(&self) -> Ties {
        Ties {
            device_id: self.device_id.clone(),
            issuer_keys: self.issuer_keys.clone(),
            endpoints: self.endpoints.clone(),
        }
    }
}

impl From<Binding> for channel::Binding {
    fn from(binding: Binding) -> Self {
        Self {
            ties: channel::Ties::Native(binding.ties()),
            issuer: binding.issuer,
            account: binding.account,
            key: binding.key,
            offset: binding.offset,
            trust: Trust::default(),
        }
    }
}

#[cfg(test)]
impl Terms {
    pub(crate) fn for_tests(issuer_keys: KeySet) -> Self {
        Self {
            issuer_keys,
            code: EnrolmentCode::from_random([7; 16]),
            endpoints: Endpoints::for_tests(),
            enrolment_endpoint: "https://id.alder.example/enrol".into(),
            offset: 0,
        }
    }
}

#[cfg(test)]
impl Endpoints {
    pub(crate) fn for_tests() -> Self {
        Self {
            stream: "wss://id.alder.example/stream".into(),
            poll: "https://id.alder.example/poll".into(),
            decision: "https://id.alder.example/decision".into(),
            rotation: "https://id.alder.example/rotation".into(),
        }
    }
}
