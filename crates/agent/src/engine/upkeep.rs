//! What the person changes about accounts and settings: names, the way out in an emergency, preferences.

use countersign_agent_api::{AccountId, ApiError, ErrorCode, NotificationPrivacy, OpenPrompt, Reply};
use countersign_protocol::text;

use super::{
    Call, Changed, Effect, Engine, Then, Way,
    issuers::Revocation,
    keys::{enrolment_error, no_account, storage_error},
};
use crate::{
    accounts::Standing,
    channel::{EnrolmentError, Polled},
    config::POLL_SECONDS,
    state_dir::StateError,
};

/// The longest name of an account, in characters.
const MAX_NAME: usize = 64;

impl Engine {
    pub(super) fn privacy(&self) -> NotificationPrivacy {
        self.settings.chosen.values.notifications
    }

    pub(super) fn open_prompt(&self) -> OpenPrompt {
        self.settings.chosen.values.open_prompt
    }

    /// Gives an account a name of the person's own, or takes it away.
    pub(super) fn rename_account(
        &mut self,
        call: Call,
        id: &AccountId,
        name: Option<String>,
        fx: &mut Vec<Effect>,
    ) -> Result<(), ApiError> {
        if name
            .as_deref()
            .is_some_and(|name| text::check(name, MAX_NAME).is_err())
        {
            let text = format!("Give the account a name of 1 to {MAX_NAME} plain characters.");
            return Err(ApiError::new(ErrorCode::InvalidValue, text));
        }
        let account = self.account_mut(id).ok_or_else(no_account)?;
        let earlier = std::mem::replace(&mut account.name, name);
        fx.push(self.save_accounts(Then::RenameAccount(call, id.clone(), earlier)));
        Ok(())
    }

    /// The name is on disk, or could not be kept: then it is the earlier one.
    pub(super) fn account_renamed(
        &mut self,
        call: Call,
        id: &AccountId,
        earlier: Option<String>,
        saved: Result<(), StateError>,
        fx: &mut Vec<Effect>,
    ) {
        if let Err(error) = saved {
            if let Some(account) = self.account_mut(id) {
                account.name = earlier;
            }
            return fx.push(Effect::Reply(call, Err(storage_error(&error))));
        }
        self.reply_account(call, id, fx);
    }

    /// Has an issuer asked more or less often.
    pub(super) fn set_polling(
        &mut self,
        call: Call,
        id: &AccountId,
        seconds: Option<u16>,
        fx: &mut Vec<Effect>,
    ) -> Result<(), ApiError> {
        if seconds.is_some_and(|seconds| !POLL_SECONDS.contains(&seconds)) {
            let (least, most) = (POLL_SECONDS.start(), POLL_SECONDS.end());
            let text = format!("Give {least} to {most} seconds.");
            return Err(ApiError::new(ErrorCode::InvalidValue, text));
        }
        let account = self.account_mut(id).ok_or_else(no_account)?;
        let Some(earlier) = account.binding.polled() else {
            let text = "This issuer calls by itself: it is not asked.";
            return Err(ApiError::new(ErrorCode::Unavailable, text));
        };
        account.binding.poll(Polled { chosen: seconds });
        fx.push(self.save_accounts(Then::Repoll(call, id.clone(), earlier)));
        Ok(())
    }

    /// How often is on disk, or could not be kept: then it is as before.
    pub(super) fn polling_set(
        &mut self,
        call: Call,
        id: &AccountId,
        earlier: Polled,
        saved: Result<(), StateError>,
        fx: &mut Vec<Effect>,
    ) {
        let Some(account) = self.account_mut(id) else {
            return;
        };
        if let Err(error) = saved {
            account.binding.poll(earlier);
            return fx.push(Effect::Reply(call, Err(storage_error(&error))));
        }
        match account.standing {
            Standing::Enrolled => {
                let binding = Box::new(account.binding.clone());
                fx.push(Effect::Subscribe(id.clone(), binding));
            }
            Standing::Revoked => {}
        }
        self.reply_account(call, id, fx);
    }

    /// The person fears that the key is in other hands.
    pub(super) fn revoke_device(
        &mut self,
        call: Call,
        id: &AccountId,
        fx: &mut Vec<Effect>,
    ) -> Result<(), ApiError> {
        let account = self.account(id).ok_or_else(no_account)?;
        let binding = Box::new(account.binding.clone());
        let other_key = account.other_key.clone();
        match account.standing {
            Standing::Enrolled => {}
            Standing::Revoked => {
                self.reply_account(call, id, fx);
                return Ok(());
            }
        }
        if !binding.capabilities().can_revoke {
            let text = "This issuer cannot be told from here. Ask its administrator to remove this computer.";
            return Err(ApiError::new(ErrorCode::Unavailable, text));
        }
        self.check_rotation(id)?;
        self.begin_underway()?;
        self.expect_revocation(id, Revocation::Asked);
        fx.push(Effect::RevokeDevice(call, id.clone(), binding, other_key));
        Ok(())
    }

    /// The issuer revoked this device, or not.
    pub(super) fn device_revoked(
        &mut self,
        call: Call,
        id: &AccountId,
        result: Result<(), EnrolmentError>,
        fx: &mut Vec<Effect>,
    ) {
        let said_so = self
            .account(id)
            .is_some_and(|account| account.standing == Standing::Revoked);
        match result {
            Err(error) if !said_so => {
                self.expect_revocation(id, Revocation::NotAsked);
                let mut answer = enrolment_error(&error);
                answer
                    .message
                    .push_str(" If it is urgent, ask the issuer's administrator to remove this computer.");
                self.give_up(call, answer, fx);
            }
            // It said so in the connection before its answer was lost.
            Ok(()) | Err(_) => {
                self.end_underway();
                self.revoked(id, fx);
                self.reply_account(call, id, fx);
            }
        }
    }

    /// Settings are changed on disk, or are as they were.
    pub(super) fn setting_changed(
        &mut self,
        call: Call,
        result: Result<Changed, ApiError>,
        fx: &mut Vec<Effect>,
    ) {
        let Changed { settings, way } = match result {
            Ok(changed) => changed,
            Err(error) => return fx.push(Effect::Reply(call, Err(error))),
        };
        let wording = self.wording();
        self.settings.chosen = settings;
        if self.wording() != wording {
            self.attention.reword();
        }
        match way {
            Way::Same => {}
            Way::New => self.subscribe_all(fx),
        }
        let settings = self.settings.chosen.clone();
        fx.push(Effect::Reply(call, Ok(Reply::Settings(settings))));
    }
}
