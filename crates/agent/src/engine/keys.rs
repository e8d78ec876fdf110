//! Device keys are made and deleted, and accounts go. Killed at any point, nothing is left half done:
//!
//! - A key's reference is on disk as spare before the key is in the store, and stays spare until the key is an account's. What is made with it is said in
//!   `enrolment` and `rotation`.
//! - Only spare keys are deleted: at once, or else at the next start.
//! - *Remove*: account off the disk, its keys spare → the issuer told, where its protocol has that → keys deleted.

use countersign_agent_api::{AccountId, ApiError, ErrorCode, Reply};

use super::{Call, Cause, Effect, Engine, KeyPurpose, Then};
use crate::{
    accounts::{Account, MAX_ACCOUNTS, Standing},
    channel::{EnrolmentError, Farewell},
    keystore::{DeviceKey, Interaction, KeyRef, KeyStoreError},
    state_dir::StateError,
    wording::sentence,
};

impl Engine {
    /// There is a reference for the new key: on disk before the key is in the store, so that none is ever left there unnoticed.
    pub(super) fn key_reserved(
        &mut self,
        purpose: KeyPurpose,
        result: Result<KeyRef, KeyStoreError>,
        fx: &mut Vec<Effect>,
    ) {
        match result {
            Ok(reference) => {
                self.accounts.spare_keys.push(reference.clone());
                fx.push(self.save_accounts(Then::CreateKey(purpose, reference)));
            }
            Err(error) => self.give_up_key(&purpose, key_error(&error), fx),
        }
    }

    pub(super) fn create_key(
        &mut self,
        purpose: KeyPurpose,
        reference: KeyRef,
        saved: Result<(), StateError>,
        fx: &mut Vec<Effect>,
    ) {
        match saved {
            Ok(()) => fx.push(Effect::CreateKey(purpose, reference)),
            Err(error) => {
                self.accounts.spare_keys.retain(|spare| *spare != reference);
                self.give_up_key(&purpose, storage_error(&error), fx);
            }
        }
    }

    /// There is no key: nothing was sent.
    fn give_up_key(&mut self, purpose: &KeyPurpose, error: ApiError, fx: &mut Vec<Effect>) {
        match purpose {
            KeyPurpose::Enrolment(enrolment) => self.offers.reopen(enrolment),
            KeyPurpose::Rotation(_) => {}
        }
        self.give_up(purpose.cause(), error, fx);
    }

    /// A key was made, for whichever purpose, or could not be.
    pub(super) fn key_created(
        &mut self,
        purpose: KeyPurpose,
        reference: KeyRef,
        result: Result<DeviceKey, KeyStoreError>,
        fx: &mut Vec<Effect>,
    ) {
        let key = match result {
            Ok(key) => key,
            Err(error) => {
                self.delete_spare(reference, fx);
                return self.give_up_key(&purpose, key_error(&error), fx);
            }
        };
        match purpose {
            // It stays a spare one until it is an account's: the issuer may have it.
            KeyPurpose::Enrolment(enrolment) => fx.push(Effect::Enrol(enrolment, key)),
            KeyPurpose::Rotation(rotation) => {
                let Some(account) = self.account_mut(&rotation.account) else {
                    self.delete_spare(reference, fx);
                    return self.give_up(rotation.call, no_account(), fx);
                };
                account.other_key = Some(key.clone());
                self.accounts.spare_keys.retain(|spare| *spare != reference);
                fx.push(self.save_accounts(Then::Rotate(rotation, key)));
            }
        }
    }

    pub(super) fn remove_account(
        &mut self,
        call: Call,
        id: &AccountId,
        fx: &mut Vec<Effect>,
    ) -> Result<(), ApiError> {
        let position = self
            .accounts
            .accounts
            .iter()
            .position(|a| a.id == *id)
            .ok_or_else(no_account)?;
        self.take_off(position, call.into(), fx);
        Ok(())
    }

    /// Takes an account off the list, and then off the disk.
    pub(super) fn take_off(&mut self, position: usize, cause: Cause, fx: &mut Vec<Effect>) {
        let account = self.accounts.accounts.remove(position);
        self.accounts.spare_keys.extend(keys_of(&account));
        fx.push(self.save_accounts(Then::RemoveAccount(cause, Box::new(account))));
    }

    /// The account is off the disk, or still on it: then it stays.
    pub(super) fn account_removed(
        &mut self,
        cause: Cause,
        account: Account,
        saved: Result<(), StateError>,
        fx: &mut Vec<Effect>,
    ) {
        let keys = keys_of(&account);
        if let Err(error) = saved {
            self.accounts.spare_keys.retain(|spare| !keys.contains(spare));
            self.accounts.accounts.push(account);
            return match cause {
                Cause::Call(call) => fx.push(Effect::Reply(call, Err(storage_error(&error)))),
                Cause::Origin(origin) => self.part_failed(&origin, &storage_error(&error), fx),
            };
        }
        self.lines.remove(&account.id);
        self.work.remove(&account.id);
        self.inbox.forget_account(&account.id);
        fx.push(Effect::Unsubscribe(account.id.clone()));
        fx.push(self.save_outbox(Then::Nothing));
        match (account.binding.farewell(), account.standing) {
            // The keys are needed once more.
            (Farewell::Revokes, Standing::Enrolled) => {
                let (binding, other_key) = (account.binding.clone(), account.other_key.clone());
                fx.push(Effect::TakeLeave(Box::new(binding), other_key));
            }
            (Farewell::Revokes | Farewell::Silent, _) => {
                let delete = |key| Effect::DeleteKey(key, Interaction::Allowed);
                fx.extend(keys.into_iter().map(delete));
            }
        }
        match cause {
            Cause::Call(call) => fx.push(Effect::Reply(call, Ok(Reply::Done))),
            Cause::Origin(origin) => self.part_removed(&origin, &account, fx),
        }
    }

    /// The issuer of a removed account knows, or could not be told.
    pub(super) fn leave_taken(
        &mut self,
        keys: Vec<KeyRef>,
        result: Result<(), EnrolmentError>,
        fx: &mut Vec<Effect>,
    ) {
        if let Err(error) = result {
            tracing::warn!(%error, "the issuer of a removed account could not be told");
        }
        for key in keys {
            self.delete_spare(key, fx);
        }
    }

    /// A spare key is gone, or could not be deleted: then it is tried again at the next start.
    pub(super) fn key_deleted(
        &mut self,
        key: &KeyRef,
        result: Result<(), KeyStoreError>,
        fx: &mut Vec<Effect>,
    ) {
        match result {
            Ok(()) => {
                self.accounts.spare_keys.retain(|spare| spare != key);
                fx.push(self.save_accounts(Then::Nothing));
            }
            Err(error) => tracing::info!(%error, "a spare key is deleted later"),
        }
    }

    pub(super) fn reply_account(&self, call: Call, id: &AccountId, fx: &mut Vec<Effect>) {
        let reply = self
            .account(id)
            .map(|a| Reply::Account(self.account_view(a)))
            .ok_or_else(no_account);
        fx.push(Effect::Reply(call, reply));
    }

    pub(super) fn give_up(&mut self, cause: impl Into<Cause>, error: ApiError, fx: &mut Vec<Effect>) {
        self.offers.done();
        match cause.into() {
            Cause::Call(call) => {
                self.offers.rotated(call);
                fx.push(Effect::Reply(call, Err(error)));
            }
            Cause::Origin(origin) => self.part_failed(&origin, &error, fx),
        }
    }

    /// Makes a key spare and deletes it.
    pub(super) fn discard(&mut self, key: &KeyRef, fx: &mut Vec<Effect>) {
        self.accounts.spare_keys.push(key.clone());
        fx.push(self.save_accounts(Then::Nothing));
        self.delete_spare(key.clone(), fx);
    }

    pub(super) fn delete_spare(&mut self, key: KeyRef, fx: &mut Vec<Effect>) {
        fx.push(Effect::DeleteKey(key, Interaction::Forbidden));
    }
}

/// The key in use, and the other one of a rotation.
pub(super) fn keys_of(account: &Account) -> Vec<KeyRef> {
    let keys = std::iter::once(&account.binding.key).chain(&account.other_key);
    keys.map(|key| key.reference.clone()).collect()
}

pub(super) fn too_many_accounts() -> ApiError {
    let text = format!("There are {MAX_ACCOUNTS} accounts on this computer. Remove one first.");
    ApiError::new(ErrorCode::Unavailable, text)
}

pub(super) fn no_account() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "There is no such account on this computer.")
}

pub(super) fn enrolment_error(error: &EnrolmentError) -> ApiError {
    ApiError::new(error.code(), sentence(error))
}

fn key_error(error: &KeyStoreError) -> ApiError {
    ApiError::new(error.code(), sentence(error))
}

pub(super) fn storage_error(error: &StateError) -> ApiError {
    ApiError::new(ErrorCode::Storage, sentence(error))
}
