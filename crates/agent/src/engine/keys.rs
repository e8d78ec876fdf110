//! Accounts come, go and change their key. Killed at any point, nothing is left half done:
//!
//! - *Enrol*: preview → the person agrees → reference on disk as spare → key made → issuer binds it → account on disk, key no longer spare. Until
//!   that last write there is no account; a spare key is deleted at the next start. An enrolment that fails before the issuer has heard of it leaves the
//!   offer as it was: the person can agree once more.
//! - *Rotate*: reference on disk as spare → key made → on disk as the account's other key → issuer replaces → the two change places on disk → the issuer's
//!   next acceptance of a connection decides: the key it accepted stays, the other becomes spare.
//! - *Remove*: account off the disk, its keys spare → the issuer told, where its protocol has that → keys deleted.

use countersign_agent_api::{
    AccountId, ApiError, CertificateCheck, CertificateKind, DeliveredCode, EnrolledView, EnrolmentOffer,
    ErrorCode, KeyringState, Reply, UntrustedServer,
};
use countersign_protocol::wire::OtpLink;

use super::{
    Call, Cause, Effect, Engine, Enrolment, KeyPurpose, Rotation, Then,
    event::protection_view,
    inbox::base32,
    issuers::Line,
    views::{host, trusted},
};
use crate::{
    accounts::{Account, Keeping, MAX_ACCOUNTS, Standing},
    channel::{Binding, Enrolled, EnrolmentError, Farewell, Offer},
    keystore::{DeviceKey, Interaction, KeyRef, KeyStoreError},
    net::{Presented, PresentedKind},
    state_dir::StateError,
    wording::sentence,
};

/// The most offers that wait for the person at a time.
const MAX_OFFERS: usize = 8;

/// The longest name of this computer, in characters (docs/protocol.md, section 2.6).
const MAX_DEVICE_NAME: usize = 64;

/// Offers that the person looks at.
#[derive(Debug, Default)]
pub(super) struct Offers {
    waiting: Vec<(String, Offer)>,
    made: u64,
    /// Previews, enrolments and rotations that wait for an answer.
    underway: usize,
    /// Accounts whose key is being changed, by the call that asked for it.
    rotations: Vec<(Call, AccountId)>,
}

impl Offers {
    pub(super) fn tidy(&mut self, now: i64) {
        self.waiting.retain(|(_, offer)| offer.expires_at > now);
    }

    pub(super) fn next_wake(&self, now: i64) -> Option<i64> {
        self.waiting
            .iter()
            .map(|(_, offer)| offer.expires_at)
            .filter(|at| *at > now)
            .min()
    }

    fn begin(&mut self) -> Result<(), ApiError> {
        if self.underway >= MAX_OFFERS {
            return Err(ApiError::new(
                ErrorCode::Unavailable,
                "Too much is under way. Try again in a moment.",
            ));
        }
        self.underway += 1;
        Ok(())
    }

    fn done(&mut self) {
        self.underway = self.underway.saturating_sub(1);
    }

    fn keep(&mut self, id: String, offer: Offer) {
        if self.waiting.len() >= MAX_OFFERS {
            self.waiting.remove(0);
        }
        self.waiting.push((id, offer));
    }

    /// Nothing came of an enrolment, and its issuer has not heard of it.
    fn reopen(&mut self, enrolment: &Enrolment) {
        if let Some(id) = &enrolment.offered_as {
            self.keep(id.clone(), enrolment.offer.clone());
        }
    }

    /// The change of a key that this call asked for is over, one way or the other.
    fn rotated(&mut self, call: Call) {
        self.rotations.retain(|(of, _)| *of != call);
    }
}

impl Engine {
    /// Whether an offer may be asked for.
    pub(super) fn preview(&mut self, link: &str) -> Result<(), ApiError> {
        Self::check_link(link)?;
        if self.accounts.accounts.len() >= MAX_ACCOUNTS {
            return Err(too_many_accounts());
        }
        self.offers.begin()
    }

    pub(super) fn previewed(
        &mut self,
        call: Call,
        result: Result<Offer, EnrolmentError>,
        fx: &mut Vec<Effect>,
    ) {
        self.offers.done();
        let reply = match result {
            Ok(offer) => self
                .check_new(&offer)
                .map(|()| Reply::Offer(self.keep_offer(offer))),
            Err(EnrolmentError::Unknown(presented, check)) => untrusted(*presented, check),
            Err(error) => Err(enrolment_error(&error)),
        };
        fx.push(Effect::Reply(call, reply));
    }

    fn keep_offer(&mut self, offer: Offer) -> EnrolmentOffer {
        self.offers.made += 1;
        let id = format!("offer-{}", self.offers.made);
        let view = EnrolmentOffer {
            id: id.clone(),
            issuer_name: offer.issuer_name.clone(),
            issuer_host: host(&offer.issuer),
            account: offer.account.clone(),
            fingerprint: offer.fingerprint.clone(),
            brings: offer.brings(),
            key_protection: protection_view(self.settings.key_protection),
            device_name: self.settings.device_name.clone(),
            delivers_code: offer.delivers_code,
            expires_at: offer.expires_at,
            trusted: trusted(&offer.trust),
            check: offer.check,
        };
        self.offers.keep(id, offer);
        view
    }

    pub(super) fn cancel_offer(&mut self, id: &str) -> Result<Reply, ApiError> {
        self.offers.waiting.retain(|(known, _)| known != id);
        Ok(Reply::Done)
    }

    /// The person agreed. Only now a key is made.
    pub(super) fn accept_offer(
        &mut self,
        call: Call,
        id: &str,
        device_name: String,
        fx: &mut Vec<Effect>,
    ) -> Result<(), ApiError> {
        if countersign_protocol::text::check(&device_name, MAX_DEVICE_NAME).is_err() {
            let text = format!("Name this computer in 1 to {MAX_DEVICE_NAME} plain characters.");
            return Err(ApiError::new(ErrorCode::InvalidCall, text));
        }
        let mut waiting = self.offers.waiting.iter();
        let position = waiting.position(|(known, _)| known == id).ok_or_else(|| {
            ApiError::new(
                ErrorCode::NotFound,
                "This offer has ended. Open the link again, or ask for a new one.",
            )
        })?;
        self.offers.begin()?;
        let (id, offer) = self.offers.waiting.remove(position);
        if let Err(error) = self.check_new(&offer) {
            self.offers.done();
            return Err(error);
        }
        fx.push(Effect::ReserveKey(KeyPurpose::Enrolment(Box::new(Enrolment {
            cause: call.into(),
            offer,
            offered_as: Some(id),
            device_name,
        }))));
        Ok(())
    }

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
        // Deleted at the next start: until the account is on disk, the old ones are its keys.
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
        let Err(error) = saved else {
            return self.account_added(cause, &earlier.id, None, Ok(()), now, fx);
        };
        let keys = keys_of(&earlier);
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
            self.accounts
                .spare_keys
                .push(account.binding.key.reference.clone());
            fx.push(Effect::DeleteKey(
                account.binding.key.reference,
                Interaction::Forbidden,
            ));
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
        self.offers.rotations.push((call, account.clone()));
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
        if self.offers.rotations.iter().any(|(_, of)| of == account) {
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

    fn check_new(&self, offer: &Offer) -> Result<(), ApiError> {
        let same = |account: &&Account| {
            let same = match offer.device() {
                Some(device) => account.binding.device() == device,
                None => account.binding.account == offer.account,
            };
            same && account.binding.issuer == offer.issuer
        };
        if self.accounts.accounts.iter().any(|account| same(&account)) {
            let text = format!(
                "{} at {} is already on this computer. To enrol it again, remove it first.",
                offer.account,
                host(&offer.issuer)
            );
            return Err(ApiError::new(ErrorCode::AlreadyEnrolled, text));
        }
        Ok(())
    }

    pub(super) fn reply_account(&self, call: Call, id: &AccountId, fx: &mut Vec<Effect>) {
        let reply = self
            .account(id)
            .map(|a| Reply::Account(self.account_view(a)))
            .ok_or_else(no_account);
        fx.push(Effect::Reply(call, reply));
    }

    /// Something that waits for an issuer begins.
    pub(super) fn begin_underway(&mut self) -> Result<(), ApiError> {
        self.offers.begin()
    }

    pub(super) fn end_underway(&mut self) {
        self.offers.done();
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

    fn drop_other_key(&mut self, account: &AccountId, key: &DeviceKey, fx: &mut Vec<Effect>) {
        if let Some(account) = self.account_mut(account) {
            account.other_key = None;
        }
        self.discard(&key.reference, fx);
    }

    /// Makes a key spare and deletes it.
    fn discard(&mut self, key: &KeyRef, fx: &mut Vec<Effect>) {
        self.accounts.spare_keys.push(key.clone());
        fx.push(self.save_accounts(Then::Nothing));
        self.delete_spare(key.clone(), fx);
    }

    fn delete_spare(&mut self, key: KeyRef, fx: &mut Vec<Effect>) {
        fx.push(Effect::DeleteKey(key, Interaction::Forbidden));
    }
}

/// What a server presented, for the person to judge.
fn untrusted(presented: Presented, check: CertificateCheck) -> Result<Reply, ApiError> {
    let certificate = trusted(&presented.trust).pop().ok_or_else(|| {
        let text = "The server's certificate cannot be read. Tell its administrator.";
        ApiError::new(ErrorCode::UntrustedCertificate, text)
    })?;
    Ok(Reply::Untrusted(UntrustedServer {
        host: presented.host,
        kind: match presented.kind {
            PresentedKind::Authority => CertificateKind::Authority,
            PresentedKind::Server => CertificateKind::Server,
        },
        certificate,
        check,
    }))
}

fn keys_of(account: &Account) -> Vec<KeyRef> {
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
