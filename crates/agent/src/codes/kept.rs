//! What is kept beside the vault file, in `codes.json`: that a vault was made and where its key is, and the plan of the backups.
//!
//! Invariant: a vault in here *is* the mark that there is one. It is written before the vault's key is made and completed after the
//! vault's first write, so that neither a key nor a vault is ever without a name. So it is with the backups' passwords: the name of
//! one is in here, as spare, before it is in the keyring, and until it is out of it again.

use countersign_codes::backup::Tag;
use serde::{Deserialize, Serialize};

use crate::{keystore::KeyRef, state_dir::Document};

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The vault, once there is one.
    pub(super) vault: Option<Made>,
    /// The regular backups.
    pub(super) backups: Option<Plan>,
    /// Passwords that no plan uses: not yet, or not any more. They are deleted when a plan is set up next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) spare: Vec<KeyRef>,
}

impl Document for Kept {
    const FILE: &'static str = "codes.json";
    const VERSION: u32 = 1;
}

/// A vault that was made, or was about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Made {
    /// Where its key is.
    pub(super) key: KeyRef,
    /// When its first write was complete; none: that is not known to be so.
    pub(super) made_at: Option<i64>,
}

/// The regular backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// Where they go: an absolute path.
    pub(super) folder: String,
    /// Where the password is.
    pub(super) password: KeyRef,
    /// What tells its backups from those of other vaults in the folder; none: a plan of an earlier release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<Tag>,
    /// The last one.
    pub(super) last: Option<LastBackup>,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LastBackup {
    /// When, in seconds since 1970.
    pub(super) at: i64,
    /// The checksum at the end of the vault file that it is of (docs/vault.md): whether there was a change since.
    pub(super) of: String,
}
