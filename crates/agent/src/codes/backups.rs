//! The regular backups: when one is due, and the plan as it is kept.
//!
//! A backup is due a day after the last one if the vault was written since; that is looked at once an hour.
//!
//! To set them up takes three steps, so that no password is ever in the keyring without its name on disk: [`prepare`], [`set_up`]
//! (beside the task), [`Backups::set`]. Whatever came of it, [`forget`] then deletes the passwords that no plan uses.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use countersign_agent_api::{ApiError, BackupPlan, BackupsView};
use countersign_codes::{Codes, backup::Tag};
use ring::rand::SecureRandom;
use tokio::{task::spawn_blocking, time::timeout};
use zeroize::Zeroizing;

use super::{
    clock::Instant,
    errors::{self, invalid},
    files,
    kept::{Kept, LastBackup, Plan},
    open,
};
use crate::{
    keystore::{Interaction, KeyRef, Keys, MAX_SECRET, Purpose},
    state_dir::StateDir,
};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long a folder may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The plan, and how it goes.
#[derive(Debug, Default)]
pub(super) struct Backups {
    plan: Option<Plan>,
    problem: Option<Box<ApiError>>,
    /// When it is looked whether one is due.
    look_at: Option<Instant>,
}

/// What one backup is made from.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) plan: Plan,
    pub(super) codes: Arc<Codes>,
    pub(super) interaction: Interaction,
    /// What is noted when it is made.
    pub(super) note: LastBackup,
}

/// What [`set_up`] does.
pub(super) enum SetUp {
    /// There are to be none.
    Off,
    /// By this plan, with its password unless that is kept already.
    On(Plan, Option<Zeroizing<Vec<u8>>>),
}

impl Backups {
    /// As they are kept, at the start.
    pub(super) fn new(kept: Result<Kept, ApiError>, at: Instant) -> Self {
        match kept {
            Ok(Kept { backups: plan, .. }) => Self {
                look_at: plan.as_ref().map(|_| at.later(MINUTE)),
                plan,
                problem: None,
            },
            Err(error) => {
                tracing::warn!(%error, "there are no regular backups");
                Self::default()
            }
        }
    }

    pub(super) fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    pub(super) fn view(&self) -> Option<BackupsView> {
        let plan = self.plan.as_ref()?;
        Some(BackupsView {
            folder: plan.folder.clone(),
            last_at: plan.last.as_ref().map(|last| last.at),
            next_at: match (&plan.last, &self.problem) {
                (Some(last), None) => Some(last.at + DAY),
                (None, _) | (_, Some(_)) => self.look_at.map(|look_at| look_at.now),
            },
            problem: self.problem.clone(),
        })
    }

    pub(super) fn next_wake(&self) -> Option<i64> {
        self.look_at.map(|look_at| look_at.steady)
    }

    /// Whether one is due of a vault file with this [`open::fingerprint`]. Not asked again for an hour.
    pub(super) fn look(&mut self, fingerprint: Option<&str>, at: Instant) -> bool {
        if self.look_at.is_none_or(|look_at| look_at.steady > at.steady) {
            return false;
        }
        self.look_at = Some(at.later(HOUR));
        let Some(plan) = &self.plan else { return false };
        match (&plan.last, fingerprint) {
            (_, None) => false,
            (None, Some(_)) => true,
            // A clock that was set back is no reason to wait for years.
            (Some(last), Some(of)) => last.of != of && !(last.at..last.at + DAY).contains(&at.now),
        }
    }

    /// Something else is being done now: it is looked again in a minute.
    pub(super) fn later(&mut self, at: Instant) {
        self.look_at = Some(at.later(MINUTE));
    }

    /// One by this plan was made, or not.
    pub(super) fn made(
        &mut self,
        by: &Plan,
        result: &Result<LastBackup, ApiError>,
        state: &StateDir,
        at: Instant,
    ) {
        let Some(plan) = &mut self.plan else { return };
        if (&plan.folder, &plan.password) != (&by.folder, &by.password) {
            // They were set up anew meanwhile: this one does not count.
            self.look_at = Some(at);
            return;
        }
        match result {
            Ok(note) => {
                self.problem = None;
                plan.last = Some(note.clone());
                let noted = open::read(state).and_then(|kept| {
                    let backups = Some(plan.clone());
                    write(state, &Kept { backups, ..kept })
                });
                if let Err(error) = noted {
                    tracing::warn!(%error, "that there is a backup could not be noted");
                }
            }
            Err(error) => self.failed(error),
        }
    }

    /// None could be made.
    pub(super) fn failed(&mut self, error: &ApiError) {
        tracing::warn!(%error, "no backup was made");
        self.problem = Some(Box::new(error.clone()));
    }

    /// The plan that was prepared is the plan now. The password of the one before is spare then.
    pub(super) fn set(&mut self, plan: Option<Plan>, state: &StateDir, at: Instant) -> Result<(), ApiError> {
        let mut kept = open::read(state)?;
        let used = plan.as_ref().map(|plan| &plan.password);
        let earlier = std::mem::replace(&mut kept.backups, plan.clone());
        kept.spare.extend(earlier.map(|earlier| earlier.password));
        kept.spare.retain(|spare| Some(spare) != used);
        write(state, &kept)?;
        self.look_at = plan.as_ref().map(|_| at);
        self.plan = plan;
        self.problem = None;
        Ok(())
    }
}

/// What is wanted, checked as far as nobody has to be waited for. The name of a new password is on disk then.
///
/// # Errors
/// What the caller is told.
pub(super) fn prepare(
    wanted: Option<BackupPlan>,
    state: &StateDir,
    rng: &dyn SecureRandom,
) -> Result<SetUp, ApiError> {
    let mut kept = open::read(state)?;
    let Some(BackupPlan { folder, password }) = wanted else {
        return Ok(SetUp::Off);
    };
    let Some(password) = password else {
        let Some(earlier) = kept.backups else {
            return Err(invalid("Choose a password for the backups."));
        };
        let last = earlier.last.filter(|_| earlier.folder == folder);
        return Ok(SetUp::On(
            Plan {
                folder,
                last,
                ..earlier
            },
            None,
        ));
    };
    let password = password.expose();
    if password.is_empty() || password.len() > MAX_SECRET {
        return Err(invalid(format!("Give a password of 1 to {MAX_SECRET} bytes.")));
    }
    let reference = KeyRef::from_random(random(rng)?);
    let tag = match &kept.backups {
        Some(earlier) => earlier.tag.clone(),
        None => Some(Tag::from_random(random(rng)?)),
    };
    kept.spare.push(reference.clone());
    write(state, &kept)?;
    let secret = Zeroizing::new(password.as_bytes().to_vec());
    let plan = Plan {
        folder,
        password: reference,
        tag,
        last: None,
    };
    Ok(SetUp::On(plan, Some(secret)))
}

fn random<const N: usize>(rng: &dyn SecureRandom) -> Result<[u8; N], ApiError> {
    let mut bits = [0; N];
    rng.fill(&mut bits).map_err(|_| errors::failed())?;
    Ok(bits)
}

/// Looks for the folder and keeps the password. Takes as long as the folder's disk and the person do, within limits.
///
/// # Errors
/// What the caller is told.
pub(super) async fn set_up(set_up: SetUp, keys: Keys) -> Result<Option<Plan>, ApiError> {
    let (plan, secret) = match set_up {
        SetUp::Off => return Ok(None),
        SetUp::On(plan, secret) => (plan, secret),
    };
    let path = PathBuf::from(&plan.folder);
    let looked = spawn_blocking(move || files::check_folder(&path));
    let silent = || {
        invalid(format!(
            "The folder {} does not answer. Choose another one.",
            plan.folder
        ))
    };
    let looked = timeout(PATIENCE, looked).await.map_err(|_| silent())?;
    looked.map_err(|_| errors::failed())??;
    if let Some(secret) = secret {
        keys.keep(&plan.password, Purpose::Backups, secret, Interaction::Allowed)
            .await
            .map_err(|error| errors::keyring(&error))?;
    }
    Ok(Some(plan))
}

/// The passwords that no plan uses.
pub(super) fn spare(state: &StateDir) -> Vec<KeyRef> {
    open::read(state).map(|kept| kept.spare).unwrap_or_default()
}

/// Deletes passwords: those that are gone then.
pub(super) async fn forget(spare: Vec<KeyRef>, keys: Keys) -> Vec<KeyRef> {
    let mut gone = Vec::new();
    for password in spare {
        match keys.forget(&password, Interaction::Forbidden).await {
            Ok(()) => gone.push(password),
            Err(error) => tracing::info!(%error, "an earlier password of the backups is deleted later"),
        }
    }
    gone
}

/// They are gone: their names are not kept any more.
pub(super) fn forgotten(gone: &[KeyRef], state: &StateDir) {
    if gone.is_empty() {
        return;
    }
    let noted = open::read(state).and_then(|mut kept| {
        kept.spare.retain(|spare| !gone.contains(spare));
        write(state, &kept)
    });
    if let Err(error) = noted {
        tracing::info!(%error, "names of deleted passwords are forgotten later");
    }
}

fn write(state: &StateDir, kept: &Kept) -> Result<(), ApiError> {
    state.write(kept).map_err(|error| errors::storage(&error))
}

/// Makes a backup. Takes part of a second, or as long as the folder's disk.
pub(super) async fn make(
    order: Order,
    keys: Keys,
    rng: Arc<dyn SecureRandom + Send + Sync>,
) -> Result<LastBackup, ApiError> {
    let Order {
        plan,
        codes,
        interaction,
        note,
    } = order;
    let password = keys
        .secret(&plan.password, interaction)
        .await
        .map_err(|error| errors::keyring(&error))?;
    let now = note.at;
    let work = move || {
        let password = std::str::from_utf8(&password).map_err(|_| errors::failed())?;
        files::back_up(
            Path::new(&plan.folder),
            plan.tag.as_ref(),
            password,
            &codes,
            now,
            &*rng,
        )
    };
    spawn_blocking(work).await.map_err(|_| errors::failed())??;
    Ok(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Instant = Instant {
        now: 1_795_000_000,
        steady: 10_000,
    };

    fn after(seconds: i64) -> Instant {
        Instant {
            now: AT.now + seconds,
            steady: AT.steady + seconds,
        }
    }

    fn planned(last: Option<&str>) -> Backups {
        let plan = Plan {
            folder: "/backups".into(),
            password: KeyRef::drawn(),
            tag: None,
            last: last.map(|of| LastBackup {
                at: AT.now,
                of: of.into(),
            }),
        };
        let kept = Kept {
            backups: Some(plan),
            ..Kept::default()
        };
        Backups::new(Ok(kept), AT)
    }

    #[test]
    fn the_first_one_is_made_soon_and_only_of_a_vault_that_is_there() {
        let mut backups = planned(None);
        assert_eq!(backups.next_wake(), Some(AT.steady + 60));
        assert!(!backups.look(Some("a"), after(59)));
        assert!(!backups.look(None, after(60)));
        assert!(!backups.look(Some("a"), after(61)), "not before the hour is over");
        assert!(backups.look(Some("a"), after(60 + HOUR)));
    }

    #[test]
    fn another_one_is_made_after_a_day_and_a_change() {
        let mut backups = planned(Some("a"));
        assert!(!backups.look(Some("b"), after(DAY - 1)));
        assert!(!backups.look(Some("a"), after(DAY - 1 + HOUR)), "nothing changed");
        assert!(backups.look(Some("b"), after(DAY - 1 + 2 * HOUR)));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_stop_them() {
        let mut backups = planned(Some("a"));
        let early = Instant {
            now: AT.now - 365 * DAY,
            steady: AT.steady + 60,
        };
        assert!(backups.look(Some("b"), early));
    }

    #[test]
    fn when_the_next_one_comes_is_told() {
        let next = |backups: &Backups| backups.view().unwrap().next_at;
        assert_eq!(next(&planned(None)), Some(AT.now + 60), "the first one");
        let mut backups = planned(Some("a"));
        assert_eq!(next(&backups), Some(AT.now + DAY));
        assert!(backups.look(Some("b"), after(DAY)));
        backups.problem = Some(Box::new(invalid("The stick is not there.")));
        assert_eq!(next(&backups), Some(AT.now + DAY + HOUR), "another try");
    }

    #[test]
    fn without_a_plan_there_is_nothing_to_wake_up_for() {
        let mut backups = Backups::new(Ok(Kept::default()), AT);
        assert_eq!(backups.next_wake(), None);
        assert!(!backups.look(Some("a"), after(10 * DAY)));
    }
}
