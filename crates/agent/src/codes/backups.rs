//! The regular backups: when one is due, and the plan as it is kept.
//!
//! A backup is due a day after the last one if the vault was written since; that is looked at once an hour.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use countersign_agent_api::{ApiError, BackupPlan, BackupsView};
use countersign_codes::Codes;
use ring::rand::SecureRandom;
use tokio::task::spawn_blocking;
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

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

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

impl Backups {
    /// As they are kept, at the start.
    pub(super) fn new(kept: Result<Kept, ApiError>, at: Instant) -> Self {
        match kept {
            Ok(Kept { backups: plan, .. }) => Self {
                look_at: plan.as_ref().map(|_| at.later(60)),
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

    /// Whether one is due of a vault file with this [`fingerprint`]. Not asked again for an hour.
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

    /// One was made, or not.
    pub(super) fn done(&mut self, result: &Result<LastBackup, ApiError>, state: &StateDir) {
        match result {
            Ok(note) => {
                self.problem = None;
                if let Some(plan) = &mut self.plan {
                    plan.last = Some(note.clone());
                    if let Err(error) = keep(state, self.plan.clone()) {
                        tracing::warn!(%error, "that there is a backup could not be noted");
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no backup was made");
                self.problem = Some(Box::new(error.clone()));
            }
        }
    }

    /// Sets up, changes or ends them.
    pub(super) async fn set(
        &mut self,
        wanted: Option<BackupPlan>,
        state: &StateDir,
        keys: &Keys,
        rng: &(dyn SecureRandom + Send + Sync),
        at: Instant,
    ) -> Result<(), ApiError> {
        let earlier = open::read(state)?.backups;
        let plan = match wanted {
            Some(wanted) => Some(planned(wanted, earlier.as_ref(), keys, rng).await?),
            None => None,
        };
        keep(state, plan.clone())?;
        let replaced = earlier.map(|earlier| earlier.password);
        let replaced = replaced.filter(|old| plan.as_ref().is_none_or(|plan| plan.password != *old));
        if let Some(old) = replaced
            && let Err(error) = keys.forget(&old, Interaction::Forbidden).await
        {
            tracing::info!(%error, "the earlier password of the backups stays in the keyring");
        }
        self.look_at = plan.as_ref().map(|_| at);
        self.plan = plan;
        self.problem = None;
        Ok(())
    }
}

async fn planned(
    wanted: BackupPlan,
    earlier: Option<&Plan>,
    keys: &Keys,
    rng: &(dyn SecureRandom + Send + Sync),
) -> Result<Plan, ApiError> {
    let BackupPlan { folder, password } = wanted;
    let path = PathBuf::from(&folder);
    let checked = spawn_blocking(move || files::check_folder(&path)).await;
    checked.map_err(|_| errors::failed())??;
    let Some(password) = password.map(Zeroizing::new) else {
        let earlier = earlier.ok_or_else(|| invalid("Choose a password for the backups."))?;
        let last = earlier.last.clone().filter(|_| earlier.folder == folder);
        return Ok(Plan {
            folder,
            password: earlier.password.clone(),
            last,
        });
    };
    if password.is_empty() || password.len() > MAX_SECRET {
        return Err(invalid(format!("Give a password of 1 to {MAX_SECRET} bytes.")));
    }
    let mut bits = [0; 16];
    rng.fill(&mut bits).map_err(|_| errors::failed())?;
    let reference = KeyRef::from_random(bits);
    let secret = Zeroizing::new(password.as_bytes().to_vec());
    keys.keep(&reference, Purpose::Backups, secret, Interaction::Allowed)
        .await
        .map_err(|error| errors::keyring(&error))?;
    Ok(Plan {
        folder,
        password: reference,
        last: None,
    })
}

fn keep(state: &StateDir, plan: Option<Plan>) -> Result<(), ApiError> {
    let kept = Kept {
        backups: plan,
        ..open::read(state)?
    };
    state.write(&kept).map_err(|error| errors::storage(&error))
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
        files::back_up(Path::new(&plan.folder), password, &codes, now, &*rng)
    };
    spawn_blocking(work).await.map_err(|_| errors::failed())??;
    Ok(note)
}

/// What tells one state of a vault file from another: the checksum at its end. None if there is no file.
pub(super) fn fingerprint(vault: &Path) -> Option<String> {
    let mut file = File::open(vault).ok()?;
    file.seek(SeekFrom::End(-32)).ok()?;
    let mut checksum = [0; 32];
    file.read_exact(&mut checksum).ok()?;
    Some(checksum.iter().map(|byte| format!("{byte:02x}")).collect())
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
            last: last.map(|of| LastBackup {
                at: AT.now,
                of: of.into(),
            }),
        };
        let kept = Kept {
            vault: None,
            backups: Some(plan),
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
