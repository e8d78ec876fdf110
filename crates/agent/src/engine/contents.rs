//! What an account brings along: further accounts and one-time codes, added and removed as its issuer lists them.
//!
//! One thing after the other, and each is written down as held only when it is kept. What could not be kept, or was interrupted, is
//! not held, so the issuer delivers it again. A code has its place in the vault by an id that follows from account and name: delivered
//! again, it takes the place of what came before. What is removed here is told to the person.

use std::collections::VecDeque;

use countersign_agent_api::{AccountId, ApiError, Brings, CodeId, Reply};
use ring::digest;

use super::{
    Cause, Effect, Engine, Enrolment, KeyPurpose, Origin, Then,
    keys::{no_account, too_many_accounts},
};
use crate::{
    accounts::{Account, Held, Keeping, MAX_ACCOUNTS},
    channel::{Contents, Offer, Part, PartKind},
};

/// What is still to be done for one account, and what was.
#[derive(Debug, Default)]
pub(super) struct Work {
    queue: VecDeque<Step>,
    added: usize,
    /// What they were called.
    removed: Vec<String>,
}

#[derive(Debug)]
enum Step {
    Add(Part),
    Remove(Held),
}

impl Engine {
    /// Has the account's issuer asked now.
    pub(super) fn refresh(&self, account: &AccountId, fx: &mut Vec<Effect>) -> Result<Reply, ApiError> {
        let found = self.account(account).ok_or_else(no_account)?;
        fx.push(Effect::Retry(account.clone()));
        Ok(Reply::Account(self.account_view(found)))
    }

    /// A channel has started: it may ask for what is not held, unless that is being worked off.
    pub(super) fn say_held(&self, account: &AccountId, fx: &mut Vec<Effect>) {
        let Some(found) = self.account(account) else {
            return;
        };
        match found.binding.brings() {
            Brings::Account => {}
            Brings::Collection if self.work.contains_key(account) => {}
            Brings::Collection => {
                let names = found.holds.iter().map(|held| held.name.clone()).collect();
                fx.push(Effect::Hold(account.clone(), names));
            }
        }
    }

    /// The issuer listed what the account brings along.
    pub(super) fn contents_listed(&mut self, account: &AccountId, contents: Contents, fx: &mut Vec<Effect>) {
        let Some(found) = self.account(account) else {
            return;
        };
        if self.work.contains_key(account) {
            // It is asked again when that is done.
            return;
        }
        let Contents { add, keep } = contents;
        let listed =
            |held: &&Held| keep.contains(&held.name) || add.iter().any(|part| part.name == held.name);
        let gone = found.holds.iter().filter(|held| !listed(held));
        // First what goes: it makes room.
        let mut queue: VecDeque<Step> = gone.cloned().map(Step::Remove).collect();
        // What is given anew is not held from now on, whatever happens before it is kept: what is here does not count any more.
        for part in &add {
            self.let_go(account, &part.name);
        }
        queue.extend(add.into_iter().map(Step::Add));
        let work = Work {
            queue,
            ..Work::default()
        };
        self.work.insert(account.clone(), work);
        self.next_part(account, fx);
    }

    /// Writes down what is held, and goes on with an account's next thing.
    fn next_part(&mut self, account: &AccountId, fx: &mut Vec<Effect>) {
        fx.push(self.save_accounts(Then::Nothing));
        while let Some(work) = self.work.get_mut(account) {
            let Some(step) = work.queue.pop_front() else {
                fx.push(self.save_accounts(Then::Nothing));
                return self.all_parts_done(account, fx);
            };
            let origin = |name: String| Origin {
                account: account.clone(),
                name,
            };
            match step {
                Step::Remove(held) => {
                    let origin = origin(held.name);
                    match held.kept {
                        Keeping::Code => {
                            let id = code_id(&origin);
                            return fx.push(Effect::DropPart(origin, id));
                        }
                        Keeping::Account(id) => {
                            let place = self.accounts.accounts.iter().position(|a| a.id == id);
                            match place {
                                Some(place) => return self.take_off(place, Cause::Origin(origin), fx),
                                // The person was first.
                                None => self.let_go(account, &origin.name),
                            }
                        }
                        Keeping::Unusable => self.let_go(account, &origin.name),
                    }
                }
                Step::Add(Part { name, what }) => {
                    let origin = origin(name);
                    match what {
                        PartKind::Code(link) => {
                            let id = code_id(&origin);
                            return fx.push(Effect::KeepPart(origin, id, link));
                        }
                        PartKind::Account(offer) => return self.enrol_part(origin, *offer, fx),
                        PartKind::Unknown => {
                            self.hold(&origin, Keeping::Unusable);
                        }
                    }
                }
            }
        }
    }

    fn enrol_part(&mut self, origin: Origin, offer: Offer, fx: &mut Vec<Effect>) {
        let room = if self.accounts.accounts.len() >= MAX_ACCOUNTS {
            Err(too_many_accounts())
        } else {
            self.begin_underway()
        };
        if let Err(error) = room {
            return self.part_failed(&origin, &error, fx);
        }
        fx.push(Effect::ReserveKey(KeyPurpose::Enrolment(Box::new(Enrolment {
            cause: Cause::Origin(origin),
            offer,
            offered_as: None,
            device_name: self.settings.device_name.clone(),
        }))));
    }

    /// A code is in the vault, or could not be kept.
    pub(super) fn part_kept(
        &mut self,
        origin: &Origin,
        result: Result<Option<String>, ApiError>,
        fx: &mut Vec<Effect>,
    ) {
        match result {
            Ok(_) => {
                self.hold(origin, Keeping::Code);
                self.part_added(origin, fx);
            }
            Err(error) => self.part_failed(origin, &error, fx),
        }
    }

    /// A code is out of the vault, or still in it.
    pub(super) fn part_dropped(
        &mut self,
        origin: &Origin,
        result: Result<Option<String>, ApiError>,
        fx: &mut Vec<Effect>,
    ) {
        match result {
            Ok(name) => {
                self.let_go(&origin.account, &origin.name);
                if let Some(work) = self.work.get_mut(&origin.account) {
                    work.removed.extend(name);
                }
                self.next_part(&origin.account, fx);
            }
            Err(error) => self.part_failed(origin, &error, fx),
        }
    }

    /// It is here.
    pub(super) fn part_added(&mut self, origin: &Origin, fx: &mut Vec<Effect>) {
        if let Some(work) = self.work.get_mut(&origin.account) {
            work.added += 1;
        }
        self.next_part(&origin.account, fx);
    }

    /// The account that was brought along is gone from here.
    pub(super) fn part_removed(&mut self, origin: &Origin, account: &Account, fx: &mut Vec<Effect>) {
        self.let_go(&origin.account, &origin.name);
        if let Some(work) = self.work.get_mut(&origin.account) {
            let name = format!("{} ({})", account.issuer_name, account.binding.account);
            work.removed.push(name);
        }
        self.next_part(&origin.account, fx);
    }

    /// It could not be added or removed: what is held stays as it was, and it is asked for again.
    pub(super) fn part_failed(&mut self, origin: &Origin, error: &ApiError, fx: &mut Vec<Effect>) {
        tracing::warn!(account = %origin.account, part = origin.name, %error, "what an account brings along is not as listed");
        self.next_part(&origin.account, fx);
    }

    fn all_parts_done(&mut self, account: &AccountId, fx: &mut Vec<Effect>) {
        let Some(work) = self.work.remove(account) else {
            return;
        };
        self.say_held(account, fx);
        if work.added > 0 || !work.removed.is_empty() {
            self.tell_contents(account, work.added, &work.removed, fx);
        }
    }

    /// Remembers that it is here.
    pub(super) fn hold(&mut self, origin: &Origin, kept: Keeping) {
        let Some(account) = self.account_mut(&origin.account) else {
            return;
        };
        account.holds.retain(|held| held.name != origin.name);
        account.holds.push(Held {
            name: origin.name.clone(),
            kept,
        });
    }

    pub(super) fn let_go(&mut self, account: &AccountId, name: &str) {
        if let Some(account) = self.account_mut(account) {
            account.holds.retain(|held| held.name != name);
        }
    }
}

/// The place of a code in the vault.
fn code_id(origin: &Origin) -> CodeId {
    let Origin { account, name } = origin;
    let digest = digest::digest(&digest::SHA256, format!("{account} {name}").as_bytes());
    CodeId(
        digest.as_ref()[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}
