//! Directories that are made once and kept in the cache.
//!
//! Invariants: one process makes one at a time, the others wait and find it; it is there whole, or not at all.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tokio::task::spawn_blocking;

/// Says in the directory what it was made of.
const STAMP: &str = "requirements.txt";

/// A directory that nobody else makes meanwhile.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    /// Ends with this value, or with the process.
    _alone: File,
}

impl Kept {
    /// Waits until nobody else makes it.
    pub(super) async fn alone(path: &Path) -> Result<Self> {
        let lock = beside(path, "lock");
        let waiting = move || -> Result<File> {
            let file = File::create(&lock).with_context(|| format!("cannot write {}", lock.display()))?;
            file.lock()
                .with_context(|| format!("cannot lock {}", lock.display()))?;
            Ok(file)
        };
        Ok(Self {
            path: path.to_owned(),
            _alone: spawn_blocking(waiting).await??,
        })
    }

    /// Whether it is there, and made of this.
    pub(super) fn is_of(&self, stamp: &str) -> bool {
        fs::read_to_string(self.path.join(STAMP)).is_ok_and(|made_of| made_of == stamp)
    }

    /// An empty directory to make it in; what somebody has begun and not finished is gone.
    pub(super) fn begin(&self) -> Result<PathBuf> {
        let new = self.new_path();
        remove(&new)?;
        fs::create_dir_all(&new)?;
        Ok(new)
    }

    /// Puts what was made in its place.
    pub(super) fn finish(&self, stamp: &str) -> Result<()> {
        let new = self.new_path();
        fs::write(new.join(STAMP), stamp)?;
        remove(&self.path)?;
        fs::rename(&new, &self.path).with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn new_path(&self) -> PathBuf {
        beside(&self.path, "new")
    }
}

/// Versions have dots in them: nothing of the name may be taken for an ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn remove(directory: &Path) -> Result<()> {
    if directory.is_dir() {
        fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        fs::TryLockError,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use futures_util::future::try_join_all;

    use super::*;

    #[tokio::test]
    async fn of_several_at_once_one_makes_it_and_the_others_find_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server-3.10.2");
        let makers = AtomicUsize::new(0);
        let wanted = async || {
            let kept = Kept::alone(&path).await?;
            if !kept.is_of("pins") {
                makers.fetch_add(1, Ordering::Relaxed);
                fs::write(kept.begin()?.join("part"), "")?;
                tokio::task::yield_now().await;
                kept.finish("pins")?;
            }
            anyhow::ensure!(path.join("part").is_file());
            anyhow::Ok(())
        };
        try_join_all((0..4).map(|_| wanted())).await.unwrap();
        assert_eq!(makers.into_inner(), 1);
    }

    #[tokio::test]
    async fn another_process_cannot_make_it_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server");
        let kept = Kept::alone(&path).await.unwrap();
        let other = File::open(dir.path().join("server.lock")).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop(kept);
        other.try_lock().unwrap();
    }

    #[tokio::test]
    async fn what_was_not_finished_is_not_there_and_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server");
        let kept = Kept::alone(&path).await.unwrap();
        fs::write(kept.begin().unwrap().join("half"), "").unwrap();
        drop(kept);
        let kept = Kept::alone(&path).await.unwrap();
        assert!(!kept.is_of("pins") && !path.exists());
        kept.begin().unwrap();
        kept.finish("pins").unwrap();
        assert!(kept.is_of("pins") && !kept.is_of("other pins"));
        assert!(!path.join("half").exists());
        // Of other pins, it takes the old one's place.
        fs::write(kept.begin().unwrap().join("part"), "").unwrap();
        kept.finish("other pins").unwrap();
        assert!(kept.is_of("other pins") && path.join("part").is_file());
    }
}
