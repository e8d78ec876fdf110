//! An account's key is replaced by a new one.
//!
//! Reference on disk as spare → key made → on disk as the account's other key → issuer replaces → the two change places on disk → the issuer's next
//! acceptance of a connection decides: the key it accepted stays, the other becomes spare. Killed at any point, the key that the issuer knows is still here.

use countersign_agent_api::{AccountId, ApiError, ErrorCode};

use super::{
    Call, Effect, Engine, KeyPurpose, Rotation, Then,
    keys::{enrolment_error, no_account, storage_error},
};
use crate::{accounts::Standing, channel::EnrolmentError, keystore::DeviceKey, state_dir::StateError};

impl Engine {
    pub(super) fn start_rotation(
        &mut self,
        call: Call,
        account: &AccountId,
        fx: &mut Vec<Effect>,
    ) -> Result<(), ApiError> {
        let found = self.account(account).ok_or_else(no_account)?;
        if found.standing == Standing::Revoked {
            let text = "The issuer has removed this computer. Remove the account and enrol again.";
            return Err(ApiError::new(ErrorCode::Refused, text));
        }
        if found.other_key.is_some() {
            let text = "An earlier change of this key is not confirmed yet. It is, once there is a connection to the issuer.";
            return Err(ApiError::new(ErrorCode::Unavailable, text));
        }
        if !found.binding.capabilities().can_rotate {
            let text =
                "This issuer does not replace keys. To get a new one, remove the account and enrol again.";
            return Err(ApiError::new(ErrorCode::Unavailable, text));
        }
        let kind = found.binding.key.kind();
        self.check_rotation(account)?;
        self.check_revocation(account)?;
        self.offers.begin()?;
        self.offers.rotating(call, account.clone());
        let rotation = Rotation {
            call,
            account: account.clone(),
            kind,
        };
        fx.push(Effect::ReserveKey(KeyPurpose::Rotation(rotation)));
        Ok(())
    }

    /// Whether the key may be used for something that a change of it would get in the way of.
    pub(super) fn check_rotation(&self, account: &AccountId) -> Result<(), ApiError> {
        if self.offers.is_rotating(account) {
            let text = "This account's key is being changed. Try again in a moment.";
            return Err(ApiError::new(ErrorCode::Unavailable, text));
        }
        Ok(())
    }

    /// The new key is on disk with the account: the issuer may have it.
    pub(super) fn ask_rotation(
        &mut self,
        rotation: Rotation,
        key: DeviceKey,
        saved: Result<(), StateError>,
        fx: &mut Vec<Effect>,
    ) {
        match (saved, self.account(&rotation.account)) {
            (Ok(()), Some(account)) => {
                let binding = Box::new(account.binding.clone());
                fx.push(Effect::Rotate(rotation, binding, key));
            }
            (Ok(()), None) => self.give_up(rotation.call, no_account(), fx),
            (Err(error), _) => {
                self.drop_other_key(&rotation.account, &key, fx);
                self.give_up(rotation.call, storage_error(&error), fx);
            }
        }
    }

    /// The issuer replaced the key, or not, or nobody knows.
    pub(super) fn rotated(
        &mut self,
        rotation: Rotation,
        key: DeviceKey,
        result: Result<(), EnrolmentError>,
        fx: &mut Vec<Effect>,
    ) {
        match result {
            Ok(()) => {
                let Some(account) = self.account_mut(&rotation.account) else {
                    return self.give_up(rotation.call, no_account(), fx);
                };
                let old = std::mem::replace(&mut account.binding.key, key);
                account.other_key = Some(old);
                fx.push(self.save_accounts(Then::UseNewKey(rotation)));
            }
            Err(error) => {
                let mut answer = enrolment_error(&error);
                if error.outcome_unknown() {
                    answer.message.push_str(
                        " Which of the two keys counts shows at the next connection; nothing is lost.",
                    );
                } else {
                    self.drop_other_key(&rotation.account, &key, fx);
                }
                self.give_up(rotation.call, answer, fx);
            }
        }
    }

    /// The change is on disk (or, if it could not be written, is found out again after a restart).
    pub(super) fn use_new_key(
        &mut self,
        rotation: &Rotation,
        saved: Result<(), StateError>,
        fx: &mut Vec<Effect>,
    ) {
        self.offers.done();
        self.offers.rotated(rotation.call);
        if let Some(account) = self.account(&rotation.account) {
            match account.standing {
                Standing::Enrolled => fx.push(Effect::Subscribe(
                    rotation.account.clone(),
                    Box::new(account.binding.clone()),
                )),
                // Revoked meanwhile: there is nothing to connect to.
                Standing::Revoked => {}
            }
        }
        match saved {
            Ok(()) => self.reply_account(rotation.call, &rotation.account, fx),
            Err(error) => fx.push(Effect::Reply(rotation.call, Err(storage_error(&error)))),
        }
    }

    fn drop_other_key(&mut self, account: &AccountId, key: &DeviceKey, fx: &mut Vec<Effect>) {
        if let Some(account) = self.account_mut(account) {
            account.other_key = None;
        }
        self.discard(&key.reference, fx);
    }
}
