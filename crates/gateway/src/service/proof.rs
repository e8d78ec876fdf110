//! Proofs of possession on calls of devices (protocol section 2.5).
//!
//! Nonces are stateless: a MAC over the five-minute window in which they were given; that of the window before is
//! still taken. So a nonce lives five to ten minutes, and a restart changes nothing.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use countersign_protocol::{
    ApprovalProof, DeviceId, ErrorCode, Expect, Jti, KeySet, Timestamp, Unverified, VerifyError,
};
use ring::{
    digest::{Context, SHA256},
    hmac,
};

use super::{Gateway, Refusal, ServiceResult};
use crate::{
    audit::{Actor, Entry, Event},
    store::Device,
};

/// Seconds for which one nonce is given out.
const WINDOW: i64 = 300;
/// Seconds for which a `jti` is remembered at least: longer than a proof is acceptable.
const REMEMBERED: i64 = 120;
/// Most proofs in that time. Beyond it none is taken, rather than forgetting one that could be replayed.
const MOST: usize = 500_000;

/// Makes and recognises nonces.
#[derive(Debug)]
pub(super) struct Nonces(hmac::Key);

impl Nonces {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    pub(super) fn current(&self, now: Timestamp) -> String {
        self.of_window(now.div_euclid(WINDOW))
    }

    fn accepts(&self, nonce: &str, now: Timestamp) -> bool {
        let window = now.div_euclid(WINDOW);
        nonce == self.of_window(window) || nonce == self.of_window(window - 1)
    }

    fn of_window(&self, window: i64) -> String {
        let tag = hmac::sign(&self.0, &window.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(tag.as_ref().get(..16).unwrap_or_default())
    }
}

/// The proofs seen lately, as hashes: in two generations, of which the older is dropped.
#[derive(Debug, Default)]
pub(super) struct SeenProofs(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    since: Timestamp,
    present: HashSet<[u8; 16]>,
    before: HashSet<[u8; 16]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    First,
    Again,
    TooMany,
}

impl SeenProofs {
    fn see(&self, device: &DeviceId, jti: &Jti, now: Timestamp) -> Sight {
        let mut context = Context::new(&SHA256);
        context.update(device.as_str().as_bytes());
        context.update(jti.as_str().as_bytes());
        let digest = context.finish();
        let name: [u8; 16] = digest.as_ref().first_chunk().copied().unwrap_or_default();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now - seen.since >= REMEMBERED || now < seen.since {
            let older = std::mem::take(&mut seen.present);
            seen.before = if now - seen.since < 2 * REMEMBERED {
                older
            } else {
                HashSet::new()
            };
            seen.since = now;
        }
        if seen.before.contains(&name) || seen.present.contains(&name) {
            Sight::Again
        } else if seen.present.len() >= MOST {
            Sight::TooMany
        } else {
            seen.present.insert(name);
            Sight::First
        }
    }
}

/// A device that makes a call, proven.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The device.
    pub device: Arc<Device>,
    /// The `jti` of its proof, which names the call.
    pub proof: Jti,
}

/// Which devices may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Those that are not revoked.
    Enrolled,
    /// Revoked ones too.
    EvenRevoked,
}

impl Gateway {
    /// The nonce for a device's next proof.
    #[must_use]
    pub fn nonce(&self) -> String {
        self.nonces.current(self.now())
    }

    /// Who makes a call. `urls` are the spellings of the URL that was called.
    ///
    /// # Errors
    /// `use_nonce`, `stale`, `device_revoked` or `unauthorized`.
    pub async fn prove(&self, proof: &str, method: &str, urls: &[&str]) -> ServiceResult<Caller> {
        self.prove_as(Standing::Enrolled, proof, method, urls).await
    }

    /// As [`Gateway::prove`], with a say in which devices may make the call.
    pub(super) async fn prove_as(
        &self,
        standing: Standing,
        proof: &str,
        method: &str,
        urls: &[&str],
    ) -> ServiceResult<Caller> {
        let result = self.check_proof(standing, proof, method, urls).await;
        if let Err(error) = &result {
            self.refused("proof", error.code());
        }
        result
    }

    async fn check_proof(
        &self,
        standing: Standing,
        proof: &str,
        method: &str,
        urls: &[&str],
    ) -> ServiceResult<Caller> {
        let now = self.now();
        let message = Unverified::<ApprovalProof>::parse(proof).map_err(|error| {
            Refusal::new(
                ErrorCode::Unauthorized,
                format!("the proof is malformed: {error}"),
            )
        })?;
        let device = match standing {
            Standing::Enrolled => self.enrolled(&message.untrusted_claims().iss).await?,
            Standing::EvenRevoked => self.known(&message.untrusted_claims().iss).await?,
        };
        let keys = KeySet::from_iter([device.key.clone()]);
        let expect = Expect {
            issuer: Some(device.id.as_str()),
            audience: self.issuer().as_str(),
            now,
        };
        let claims = match message.verify(&keys, &expect) {
            Ok(claims) => claims,
            Err(error @ (VerifyError::Expired | VerifyError::NotYetValid)) => {
                return Err(Refusal::new(ErrorCode::Stale, error.to_string()).into());
            }
            Err(error) => {
                let refusal = Refusal::new(
                    ErrorCode::Unauthorized,
                    format!("the proof does not verify: {error}"),
                );
                self.audit_refusal(
                    Entry::new(now, Actor::Unknown, Event::ProofRefused)
                        .device(&device.id)
                        .user(&device.user),
                    &refusal,
                )
                .await;
                return Err(refusal.into());
            }
        };
        if claims.htm != method || !urls.contains(&claims.htu.as_str()) {
            return Err(Refusal::new(ErrorCode::Unauthorized, "the proof is for another call").into());
        }
        if !self.nonces.accepts(&claims.nonce, now) {
            return Err(Refusal::new(
                ErrorCode::UseNonce,
                "the proof has no current nonce; sign again with the one in Countersign-Nonce",
            )
            .into());
        }
        match self.seen_proofs.see(&device.id, &claims.jti, now) {
            Sight::First => Ok(Caller {
                device,
                proof: claims.jti,
            }),
            Sight::Again => {
                let refusal = Refusal::new(
                    ErrorCode::Unauthorized,
                    "the proof was used before; sign a new one",
                );
                self.audit_refusal(
                    Entry::new(now, Actor::Device(device.id.clone()), Event::ProofRefused)
                        .device(&device.id)
                        .user(&device.user),
                    &refusal,
                )
                .await;
                Err(refusal.into())
            }
            Sight::TooMany => Err(Refusal::new(
                ErrorCode::Unavailable,
                "too many calls at the moment; try again later",
            )
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_taken_for_at_least_five_minutes_and_less_than_ten() {
        let nonces = Nonces::new(&[7; 32]);
        let given = nonces.current(299);
        assert!(nonces.accepts(&given, 299 + WINDOW));
        assert!(!nonces.accepts(&given, 600));
        assert!(!nonces.accepts(&given, 600 - 2 * WINDOW - 1));
        assert!(!nonces.accepts("", 299));
        assert!(!Nonces::new(&[8; 32]).accepts(&given, 299));
    }

    #[test]
    fn a_proof_is_remembered_for_as_long_as_it_could_be_taken() {
        let seen = SeenProofs::default();
        let device = DeviceId::from_random([1; 16]);
        let jti = Jti::from_random([2; 16]);
        assert_eq!(seen.see(&device, &jti, 1_000), Sight::First);
        for later in [1_000, 1_119, 1_120, 1_239] {
            assert_eq!(seen.see(&device, &jti, later), Sight::Again, "{later}");
        }
        assert_eq!(
            seen.see(&DeviceId::from_random([3; 16]), &jti, 1_239),
            Sight::First
        );
    }
}
