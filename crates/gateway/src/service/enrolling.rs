//! Devices come, change their key, and go (protocol sections 5.2 and 5.5).

use countersign_protocol::{
    ApprovalEnrol, ApprovalRotate, DeviceId, EnrolmentCode, ErrorCode, Evidenced, Expect, KeyProtection,
    KeySet, Unverified, VerifyError, jws,
    wire::{EnrolmentResponse, PreviewOffer, RotationResponse},
};

use super::{Gateway, Happening, Refusal, ServiceError, ServiceResult, otp, sha256};
use crate::{
    audit::{Actor, Entry, Event},
    store::{DeviceRotation, NewDevice},
};

/// The longest life of an enrolment offer, in seconds (protocol section 5.2).
pub const MAX_OFFER: i64 = 600;

impl Gateway {
    /// What an enrolment code offers. Changes nothing.
    ///
    /// # Errors
    /// `invalid_code`.
    pub async fn preview(&self, code: &EnrolmentCode) -> ServiceResult<PreviewOffer> {
        match self
            .parts
            .store
            .offer(sha256(code.as_str().as_bytes()), self.now())
            .await?
        {
            Some(offer) => Ok(PreviewOffer {
                account: offer.account,
                issuer_name: self.parts.settings.name.clone(),
                expires_at: offer.expires_at,
                otp: offer.otp.is_some(),
            }),
            None => Err(self.refuse_enrolment(invalid_code()).await),
        }
    }

    /// Enrols a device that proves to have its key and an offer's code.
    ///
    /// # Errors
    /// `invalid_code`, or a message that does not verify.
    pub async fn enrol(&self, token: &str) -> ServiceResult<EnrolmentResponse> {
        let now = self.now();
        let expect = Expect {
            issuer: None,
            audience: self.issuer().as_str(),
            now,
        };
        let (claims, key) = match jws::verify_with_embedded_key::<ApprovalEnrol>(token, &expect) {
            Ok(verified) => verified,
            Err(error) => return Err(self.refuse_enrolment(refused("enrolment", &error)).await),
        };
        let device = NewDevice {
            id: DeviceId::from_random(self.parts.rng.bytes()?),
            key,
            name: claims.device.name,
            platform: claims.device.platform,
            app_version: claims.device.app_version,
            key_protection: believed(claims.key_protection),
            now,
        };
        let code_hash = sha256(claims.code.as_str().as_bytes());
        // It goes when the offer is used; whoever uses the offer has read the same.
        let offer = self.parts.store.offer(code_hash, now).await?;
        let Some(device) = self.parts.store.enrol(code_hash, device).await? else {
            return Err(self.refuse_enrolment(invalid_code()).await);
        };
        let sealed = offer.and_then(|offer| offer.otp);
        self.devices_of_users.forget(&device.user);
        self.observe(&Happening::Enrolled(&device));
        Ok(EnrolmentResponse {
            device_id: device.id,
            account: device.account,
            issuer_name: self.parts.settings.name.clone(),
            keys: self.keys(),
            time: now,
            otp: sealed.and_then(|sealed| otp::open(&claims.code, &sealed)),
        })
    }

    /// Gives a device another key. The message is signed by the old one and, inside, by the new one.
    ///
    /// # Errors
    /// A message that does not verify; `unauthorized` if the device has another key by now.
    pub async fn rotate(&self, token: &str) -> ServiceResult<RotationResponse> {
        let result = self.try_rotate(token).await;
        if let Err(error) = &result {
            self.refused("rotation", error.code());
        }
        result
    }

    async fn try_rotate(&self, token: &str) -> ServiceResult<RotationResponse> {
        let now = self.now();
        let refused = |error: &VerifyError| refused("rotation", error);
        let message = Unverified::<ApprovalRotate>::parse(token).map_err(|error| refused(&error))?;
        let device = self.enrolled(&message.untrusted_claims().iss).await?;
        let keys = KeySet::from_iter([device.key.clone()]);
        let expect = Expect {
            issuer: Some(device.id.as_str()),
            audience: self.issuer().as_str(),
            now,
        };
        let rotate = message.verify(&keys, &expect).map_err(|error| refused(&error))?;
        let (new, key) = rotate.new_key(now).map_err(|error| refused(&error))?;
        if key == device.key {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "the new key is the old one").into());
        }
        let rotation = DeviceRotation {
            device: device.id.clone(),
            old: device.key.clone(),
            new: key.clone(),
            key_protection: believed(new.key_protection),
        };
        let entry = Entry::new(now, Actor::Device(device.id.clone()), Event::DeviceRotated)
            .device(&device.id)
            .user(&device.user)
            .detail("old_key", device.key.thumbprint().as_str())
            .detail("new_key", key.thumbprint().as_str());
        let rotated = self.parts.store.rotate_device(rotation, entry).await?;
        self.devices.forget(&device.id);
        if !rotated {
            return Err(Refusal::new(
                ErrorCode::Unauthorized,
                "the device has another key by now, or was revoked",
            )
            .into());
        }
        Ok(RotationResponse {
            device_id: device.id.clone(),
            kid: key.thumbprint().clone(),
        })
    }

    async fn refuse_enrolment(&self, refusal: Refusal) -> ServiceError {
        self.refused("enrolment", refusal.code);
        self.audit_refusal(
            Entry::new(self.now(), Actor::Unknown, Event::EnrolmentRefused),
            &refusal,
        )
        .await;
        refusal.into()
    }
}

/// Version 1 cannot verify an attestation, so nothing counts as attested.
fn believed(claimed: KeyProtection) -> KeyProtection {
    KeyProtection {
        level: claimed.level,
        evidence: Evidenced::Claimed,
    }
}

fn invalid_code() -> Refusal {
    Refusal::new(
        ErrorCode::InvalidCode,
        "the enrolment code is unknown, used or expired; ask for a new one",
    )
}

fn refused(what: &str, error: &VerifyError) -> Refusal {
    Refusal::new(error.code(), format!("the {what} is refused: {error}"))
}
