//! Accounts come, or get a new key because their issuer gave the device anew.
//!
//! Preview → the person agrees → reference on disk as spare → key made → issuer binds it → account on disk, key no longer spare. Until that last write
//! there is no account, or it is as it was; a key that is nobody's then is deleted at once, or else at the next start. An enrolment that fails before the
//! issuer has heard of it leaves the offer as it was: the person can agree once more.

use countersign_agent_api::{AccountId, DeliveredCode, EnrolledView, KeyringState, Reply};
use countersign_protocol::wire::OtpLink;

use super::{
    Call, Cause, Effect, Engine, Enrolment, Then,
    inbox::base32,
    issuers::Line,
    keys::{enrolment_error, keys_of, no_account, storage_error},
};
use crate::{
    accounts::{Account, Keeping, Standing},
    channel::{Binding, Enrolled, EnrolmentError},
    keystore::DeviceKey,
    state_dir::StateError,
};

impl Engine {
    /// The issuer bound the key, or not.
    pub(super) fn enrolled(
        &mut self,
        enrolment: &Enrolment,
        key: &DeviceKey,
        result: Result<Enrolled, EnrolmentError>,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        let enrolled = match result {
            Ok(enrolled) => enrolled,
            Err(error) => {
                let mut answer = enrolment_error(&error);
                if error.outcome_unknown() {
                    answer.message.push_str(
                        " It is not known whether the issuer has added this computer: ask for a new link, and have \
                         the unused entry removed.",
                    );
                }
                if error.nothing_sent() {
                    self.offers.reopen(enrolment);
                }
                self.delete_spare(key.reference.clone(), fx);
                return self.give_up(enrolment.cause.clone(), answer, fx);
            }
        };
        self.accounts.spare_keys.retain(|spare| *spare != key.reference);
        let known = |account: &&Account| account.binding.is_same_device(&enrolled.binding);
        let known = self.accounts.accounts.iter().find(known);
        let id = known.map_or_else(|| self.new_id(&enrolled.binding), |account| account.id.clone());
        let is_known = known.is_some();
        if let Cause::Origin(origin) = &enrolment.cause {
            self.hold(origin, Keeping::Account(id.clone()));
        }
        if is_known {
            return self.replace_binding(enrolment.cause.clone(), &id, enrolled.binding, fx);
        }
        let account = Account {
            id: id.clone(),
            name: None,
            issuer_name: enrolled.issuer_name,
            binding: enrolled.binding,
            other_key: None,
            protection: self.settings.key_protection,
            counter: 0,
            mutes: Vec::new(),
            standing: Standing::Enrolled,
            added_at: now,
            holds: Vec::new(),
        };
        self.accounts.accounts.push(account);
        let then = Then::AddAccount(enrolment.cause.clone(), id, enrolled.otp);
        fx.push(self.save_accounts(then));
    }

    /// Short, to be typed in a terminal, and the same for the same device; longer if it is another account's. An issuer chooses what it is made of, so
    /// that two are the same says nothing.
    fn new_id(&self, binding: &Binding) -> AccountId {
        let text = base32(&format!("{} {}", binding.issuer, binding.device()));
        let lengths = 8..=text.len();
        let free = lengths
            .filter_map(|length| text.get(..length))
            .map(|id| AccountId(id.to_owned()))
            .find(|id| self.account(id).is_none());
        free.unwrap_or(AccountId(text))
    }

    /// The issuer gave a device anew that is here already: its account goes on with the new key.
    fn replace_binding(&mut self, cause: Cause, id: &AccountId, binding: Binding, fx: &mut Vec<Effect>) {
        let Some(account) = self.account_mut(id) else {
            return;
        };
        let earlier = account.clone();
        account.binding = binding;
        account.binding.carry_over(&earlier.binding);
        account.other_key = None;
        account.standing = Standing::Enrolled;
        // Not deleted yet: until the account is on disk, they are its keys.
        self.accounts.spare_keys.extend(keys_of(&earlier));
        fx.push(self.save_accounts(Then::ReplaceBinding(cause, Box::new(earlier))));
    }

    /// The new key is on disk, or could not be kept: then the account is as it was.
    pub(super) fn binding_replaced(
        &mut self,
        cause: Cause,
        earlier: Account,
        saved: Result<(), StateError>,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        let keys = keys_of(&earlier);
        let Err(error) = saved else {
            self.account_added(cause, &earlier.id, None, Ok(()), now, fx);
            for key in keys {
                self.delete_spare(key, fx);
            }
            return;
        };
        self.accounts.spare_keys.retain(|spare| !keys.contains(spare));
        if let Some(account) = self.account_mut(&earlier.id) {
            let given = std::mem::replace(&mut account.binding, earlier.binding);
            account.binding.carry_over(&given);
            account.other_key = earlier.other_key;
            account.standing = earlier.standing;
            let spare = given.key.reference;
            self.accounts.spare_keys.push(spare.clone());
            self.delete_spare(spare, fx);
        }
        self.not_added(cause, &error, fx);
    }

    fn not_added(&mut self, cause: Cause, error: &StateError, fx: &mut Vec<Effect>) {
        let mut answer = storage_error(error);
        answer.message.push_str(
            " The account was not added here. Ask for a new link, and have this one's entry removed.",
        );
        if let Cause::Origin(origin) = &cause {
            self.let_go(&origin.account, &origin.name);
        }
        self.give_up(cause, answer, fx);
    }

    /// The account is on disk, or could not be kept: then there is none.
    pub(super) fn account_added(
        &mut self,
        cause: Cause,
        id: &AccountId,
        otp: Option<OtpLink>,
        saved: Result<(), StateError>,
        now: i64,
        fx: &mut Vec<Effect>,
    ) {
        let Some(position) = self
            .accounts
            .accounts
            .iter()
            .position(|account| account.id == *id)
        else {
            return;
        };
        if let Err(error) = saved {
            let account = self.accounts.accounts.remove(position);
            let spare = account.binding.key.reference;
            self.accounts.spare_keys.push(spare.clone());
            self.delete_spare(spare, fx);
            return self.not_added(cause, &error, fx);
        }
        self.offers.done();
        let account = &self.accounts.accounts[position];
        let mut line = Line::new(account, now);
        line.key = KeyringState::Ready;
        fx.push(Effect::Subscribe(id.clone(), Box::new(account.binding.clone())));
        self.lines.insert(id.clone(), line);
        match (cause, otp) {
            (Cause::Call(call), Some(otp)) => fx.push(Effect::KeepCode(call, id.clone(), otp)),
            (Cause::Call(call), None) => self.code_kept(call, id, DeliveredCode::None, fx),
            (Cause::Origin(origin), _) => self.part_added(&origin, fx),
        }
    }

    /// The one-time code that came with an account is in the vault, or could not be kept: the account is there all the same.
    pub(super) fn code_kept(
        &self,
        call: Call,
        account: &AccountId,
        code: DeliveredCode,
        fx: &mut Vec<Effect>,
    ) {
        let enrolled = |account| {
            let account = self.account_view(account);
            Reply::Enrolled(EnrolledView { account, code })
        };
        let reply = self.account(account).map(enrolled).ok_or_else(no_account);
        fx.push(Effect::Reply(call, reply));
    }
}
