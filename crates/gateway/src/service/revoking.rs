//! A device revokes itself: its person fears that the key is in other hands.

use countersign_protocol::{DeviceId, ErrorCode};

use super::{
    Gateway, Refusal, ServiceResult,
    proof::{Caller, Standing},
};
use crate::{
    audit::{Actor, Entry, Event},
    store::Revoked,
};

impl Gateway {
    /// Revokes the device whose proof this is. Asked again, by a device whose first answer was lost, nothing changes.
    ///
    /// # Errors
    /// As [`Gateway::prove`] but for `device_revoked`, or when the store fails.
    pub async fn revoke_oneself(&self, proof: &str, method: &str, urls: &[&str]) -> ServiceResult<()> {
        let Caller { device, .. } = self.prove_as(Standing::EvenRevoked, proof, method, urls).await?;
        let now = self.now();
        let entry = Entry::new(now, Actor::Device(device.id.clone()), Event::DeviceRevoked);
        match self.parts.store.revoke_device(&device.id, now, entry).await? {
            Revoked::Now | Revoked::Before(_) => {
                self.device_revoked(&device.id);
                Ok(())
            }
            Revoked::Unknown => {
                Err(Refusal::new(ErrorCode::Unauthorized, "this device is not enrolled here").into())
            }
        }
    }

    /// A device is revoked in the store: nothing in memory serves it from now on.
    pub(super) fn device_revoked(&self, device: &DeviceId) {
        self.devices.forget(device);
        self.devices_of_users.forget_all();
        self.hub.revoke(device);
    }
}
