//! What takes long, and so is done beside the task: imports, exports and backups.

use std::sync::Arc;

use countersign_agent_api::{ApiError, BackupPlan, CodesReply, ErrorCode, VaultState};
use countersign_codes::{Import, Locked};
use tokio::task::spawn_blocking;

use super::{Parts, Task, at, instant};
use crate::{
    codes::{
        backups, errors, files,
        kept::{LastBackup, Plan},
        open::Opened,
        state::{ImportText, Work},
    },
    engine::Call,
    keystore::{Interaction, KeyRef},
};

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Underway {
    Nothing,
    /// For this call.
    Call(Call),
    /// A backup that was due.
    DueBackup,
}

/// What a job came to.
#[derive(Debug)]
pub(super) enum Done {
    Opened(Opened),
    Read(Call, Result<Import, ApiError>),
    Unlocked(Call, String, Result<Import, (Option<Locked>, ApiError)>),
    Exported(Call, Result<(), ApiError>),
    BackedUp(Plan, Result<LastBackup, ApiError>),
    SetUp(Call, Result<Option<Plan>, ApiError>),
    Forgotten(Call, Result<(), ApiError>, Vec<KeyRef>),
}

impl Task {
    /// Begins something that takes long.
    pub(super) fn start(&mut self, call: Call, work: Work) {
        self.work = Underway::Call(call);
        let rng = Arc::clone(&self.parts.rng);
        match work {
            Work::Read(text) => self.jobs.spawn(async move {
                let read = spawn_blocking(move || match text {
                    ImportText::File(path) => files::read_import(&path),
                    ImportText::Typed(text) => Import::read(text.expose().as_bytes()).map_err(errors::import),
                });
                Done::Read(call, read.await.unwrap_or_else(|_| Err(errors::failed())))
            }),
            Work::Unlock(id, locked, password) => self.jobs.spawn(async move {
                let unlock = spawn_blocking(move || match locked.unlock(password.expose()) {
                    Ok(found) => Ok(Import::Found(found)),
                    Err(error) => {
                        let error = errors::import(error);
                        // Another password may do.
                        let again =
                            error.code == ErrorCode::WrongPassword || error.code == ErrorCode::Unavailable;
                        Err((again.then_some(locked), error))
                    }
                });
                let unlocked = unlock.await.unwrap_or_else(|_| Err((None, errors::failed())));
                Done::Unlocked(call, id, unlocked)
            }),
            Work::Export(path, form, codes) => {
                let own = self.parts.state.root().to_owned();
                self.jobs.spawn(async move {
                    let write = spawn_blocking(move || files::write_export(&path, &own, form, &codes, &*rng));
                    Done::Exported(call, write.await.unwrap_or_else(|_| Err(errors::failed())))
                })
            }
        };
    }

    /// Begins to set up another plan of the backups, or none.
    pub(super) fn set_up(&mut self, call: Call, plan: Option<BackupPlan>) -> Result<(), ApiError> {
        let Parts { state, keys, rng, .. } = &self.parts;
        let set_up = backups::prepare(plan, state, &**rng)?;
        let keys = keys.clone();
        self.planning = Underway::Call(call);
        self.jobs
            .spawn(async move { Done::SetUp(call, backups::set_up(set_up, keys).await) });
        Ok(())
    }

    /// Begins a backup.
    pub(super) fn back_up(&mut self, work: Underway, interaction: Interaction) -> Result<(), ApiError> {
        let none = || {
            ApiError::new(
                ErrorCode::InvalidCall,
                "There are no regular backups. Set them up first.",
            )
        };
        let plan = self.backups.plan().ok_or_else(none)?.clone();
        let (codes, file) = self.state.open().ok_or_else(errors::failed)?;
        let nothing = || errors::invalid("There is nothing to back up yet.");
        let of = file
            .and_then(|file| file.fingerprint.clone())
            .ok_or_else(nothing)?;
        let order = backups::Order {
            plan: plan.clone(),
            codes: Arc::clone(codes),
            interaction,
            note: LastBackup {
                at: self.parts.clock.now(),
                of,
            },
        };
        self.work = work;
        let Parts { keys, rng, .. } = self.parts.clone();
        self.jobs
            .spawn(async move { Done::BackedUp(plan, backups::make(order, keys, rng).await) });
        Ok(())
    }

    pub(super) fn due_backup(&mut self) {
        match self.work {
            Underway::Call(_) | Underway::DueBackup => self.backups.later(instant(&self.parts)),
            Underway::Nothing => {
                if let Err(error) = self.back_up(Underway::DueBackup, Interaction::Forbidden) {
                    self.backups.failed(&error);
                }
            }
        }
    }

    pub(super) async fn done(&mut self, done: Done) {
        match done {
            Done::Opened(opened) => return self.opened(opened).await,
            Done::Read(call, result) => {
                self.work = Underway::Nothing;
                let result = result.and_then(|import| self.state.imported(import, at(&self.parts)));
                self.reply(call, result).await;
            }
            Done::Unlocked(call, id, result) => {
                self.work = Underway::Nothing;
                let result = self.state.unlocked(&id, result);
                self.reply(call, result).await;
            }
            Done::Exported(call, result) => {
                self.work = Underway::Nothing;
                self.reply(call, result.map(|()| CodesReply::Done)).await;
            }
            Done::BackedUp(by, result) => {
                let at = instant(&self.parts);
                self.backups.made(&by, &result, &self.parts.state, at);
                match std::mem::replace(&mut self.work, Underway::Nothing) {
                    Underway::Call(call) => {
                        let result = result.map(|_| CodesReply::Vault(self.news().view));
                        self.reply(call, result).await;
                    }
                    Underway::Nothing | Underway::DueBackup => {}
                }
            }
            Done::SetUp(call, result) => {
                let Parts { state, keys, .. } = &self.parts;
                let at = instant(&self.parts);
                let result = result.and_then(|plan| self.backups.set(plan, state, at));
                let (spare, keys) = (backups::spare(state), keys.clone());
                self.jobs
                    .spawn(async move { Done::Forgotten(call, result, backups::forget(spare, keys).await) });
            }
            Done::Forgotten(call, result, gone) => {
                self.planning = Underway::Nothing;
                backups::forgotten(&gone, &self.parts.state);
                let result = result.map(|()| CodesReply::Vault(self.news().view));
                self.reply(call, result).await;
            }
        }
    }

    /// A job ended without saying how, and nobody knows which: whatever waits for one is told, and can be tried again.
    pub(super) async fn job_failed(&mut self) {
        for underway in
            [&mut self.work, &mut self.planning].map(|slot| std::mem::replace(slot, Underway::Nothing))
        {
            match underway {
                Underway::Call(call) => self.reply(call, Err(errors::failed())).await,
                Underway::Nothing | Underway::DueBackup => {}
            }
        }
        if self.opening.is_some() {
            self.opened(Opened::Unusable(VaultState::Closed, errors::failed()))
                .await;
        }
    }
}
