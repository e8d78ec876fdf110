//! What the gateway signs and derives: everything that needs the issuer's keys or random numbers.

use std::sync::Arc;

use countersign_protocol::{
    ApprovalKeys, ApprovalReceipt, ApprovalResult, ApprovalTime, AuthorizationDetails, Claims, DeviceId,
    Issuer, Jti, KeySet, Match, MatchCode, Outcome, SignError, Signer, Timestamp, Txn, jws,
};
use ring::hmac;

use super::{Caller, ServiceResult};
use crate::{
    edge::Rng,
    keys::KeyRing,
    store::{Approval, Ending, Recipient},
};

/// The issuer at one moment: its name, its keys, its random numbers.
#[derive(Debug, Clone)]
pub(super) struct Issuing {
    issuer: Issuer,
    ring: Arc<dyn KeyRing>,
    keys: KeySet,
    codes: hmac::Key,
    rng: Arc<dyn Rng>,
}

impl Issuing {
    pub(super) fn new(issuer: Issuer, ring: Arc<dyn KeyRing>, rng: Arc<dyn Rng>) -> Self {
        let codes = hmac::Key::new(hmac::HMAC_SHA256, ring.secret("match code").as_slice());
        let keys = ring.public().into_iter().collect();
        Self {
            issuer,
            ring,
            keys,
            codes,
            rng,
        }
    }

    /// The public keys, the one that signs first.
    pub(super) fn keys(&self) -> &KeySet {
        &self.keys
    }

    pub(super) fn sign<C: Claims>(&self, claims: &C) -> Result<String, SignError> {
        jws::sign(claims, self.ring.current())
    }

    pub(super) fn jti(&self) -> ServiceResult<Jti> {
        Ok(Jti::from_random(self.rng.bytes()?))
    }

    /// A new transaction id: the time in milliseconds, then 80 random bits. Approvals made one after another are so
    /// next to each other in the store's indices. The id is no secret.
    pub(super) fn txn(&self, now_ms: i64) -> ServiceResult<Txn> {
        let mut bytes: [u8; 16] = self.rng.bytes()?;
        for (byte, time) in bytes.iter_mut().zip(now_ms.to_be_bytes().into_iter().skip(2)) {
            *byte = time;
        }
        Ok(Txn::from_random(bytes))
    }

    /// The code of an approval, if it asks for one. It is kept nowhere, and without the key file nobody can derive it.
    pub(super) fn match_code(&self, txn: &Txn, matching: Match) -> Option<MatchCode> {
        let Match::Code { digits } = matching else {
            return None;
        };
        let tag = hmac::sign(&self.codes, txn.as_str().as_bytes());
        let random = tag.as_ref().first_chunk().copied()?;
        MatchCode::from_random(digits, random).ok()
    }

    /// The receipt of an ended approval for one device.
    pub(super) fn receipt(
        &self,
        approval: &Approval,
        ending: &Ending,
        to: &Recipient,
    ) -> ServiceResult<String> {
        let decided = ending.decided.as_ref();
        let approved = ending.outcome == Outcome::Approved;
        self.signed(&ApprovalReceipt {
            iss: self.issuer.clone(),
            aud: vec![to.device.to_string(), approval.client.clone()],
            iat: ending.at,
            jti: self.jti()?,
            txn: approval.txn.clone(),
            outcome: ending.outcome,
            decided_by: decided.map(|decided| decided.device.clone()),
            device_name: decided.map(|decided| decided.device_name.clone()),
            decision_hash: decided.map(|decided| decided.decision_hash.clone()),
            request_hash: Some(to.request_hash.clone()),
            statement_hash: Some(to.statement_hash.clone()),
            acr: approval.acr.clone().filter(|_| approved),
            amr: decided.filter(|_| approved).map(|decided| decided.amr.clone()),
        })
    }

    /// The result of an ended approval for the relying side: the claims, and the same signed.
    pub(super) fn result(
        &self,
        approval: &Approval,
        ending: &Ending,
    ) -> ServiceResult<(ApprovalResult, String)> {
        let decided = ending.decided.as_ref();
        let granted = decided.filter(|_| ending.outcome == Outcome::Approved);
        let details = match (granted, &approval.authorization_details) {
            (Some(_), Some(text)) => Some(AuthorizationDetails::parse(text).map_err(|_| {
                crate::store::StoreError::Corrupt(format!("the authorization details of {}", approval.txn))
            })?),
            (None, _) | (_, None) => None,
        };
        let claims = ApprovalResult {
            iss: self.issuer.clone(),
            aud: approval.client.clone(),
            iat: ending.at,
            jti: self.jti()?,
            txn: approval.txn.clone(),
            sub: approval.user.clone(),
            outcome: ending.outcome,
            verdict: decided.map(|decided| decided.verdict),
            request_hash: decided.map(|decided| decided.request_hash.clone()),
            statement_hash: decided.map(|decided| decided.statement_hash.clone()),
            acr: approval.acr.clone().filter(|_| granted.is_some()),
            amr: granted.map(|decided| decided.amr.clone()),
            auth_time: granted.map(|_| ending.at),
            key_protection: granted.map(|decided| decided.key_protection),
            authorization_details: details,
        };
        let jws = self.signed(&claims)?;
        Ok((claims, jws))
    }

    /// The present keys for a device that may know others; `None` while there never were others.
    pub(super) fn introduction(&self, device: &DeviceId, now: Timestamp) -> ServiceResult<Option<String>> {
        if !self.ring.rotated() {
            return Ok(None);
        }
        let claims = ApprovalKeys {
            iss: self.issuer.clone(),
            aud: device.clone(),
            iat: now,
            jti: self.jti()?,
            keys: self.keys.clone(),
        };
        Ok(Some(self.signed_by(&claims, self.ring.oldest())?))
    }

    /// The time, in answer to this call.
    pub(super) fn time(&self, caller: &Caller, now: Timestamp) -> ServiceResult<String> {
        let claims = ApprovalTime {
            iss: self.issuer.clone(),
            aud: caller.device.id.clone(),
            iat: now,
            jti: self.jti()?,
            proof_jti: caller.proof.clone(),
        };
        // It comes before the introduction of keys that the device may not know yet.
        self.signed_by(&claims, self.ring.oldest())
    }

    fn signed<C: Claims>(&self, claims: &C) -> ServiceResult<String> {
        self.signed_by(claims, self.ring.current())
    }

    fn signed_by<C: Claims>(&self, claims: &C, signer: &dyn Signer) -> ServiceResult<String> {
        jws::sign(claims, signer).map_err(super::ServiceError::Sign)
    }
}
