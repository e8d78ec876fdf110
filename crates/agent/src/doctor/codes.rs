//! The vault of one-time codes: whether it can be used, whether codes would be accepted, how the backups go.

use countersign_agent_api::{CodesClock, KeyringState, VaultState, VaultView};

use super::Found;

/// What can be said of a vault that was opened as far as that goes without asking anybody.
pub(super) fn vault(vault: &VaultView) -> Found {
    match &vault.state {
        VaultState::Closed => Found::skipped("codes.closed", "They were not looked at."),
        VaultState::Open => usable(vault),
        VaultState::NoKey {
            keyring: KeyringState::Empty,
        } => {
            let detail =
                "Their key is not in the keyring. Restore the keyring; without it only a backup helps.";
            Found::failed("codes.key_missing", detail)
        }
        VaultState::NoKey {
            keyring:
                KeyringState::Locked
                | KeyringState::Missing
                | KeyringState::Hanging
                | KeyringState::Unknown
                | KeyringState::Ready,
        } => {
            let detail = "Their key cannot be had from the keyring now. The codes are still there: see to the keyring.";
            Found::failed("codes.no_key", detail)
        }
        VaultState::Unreadable { problem, path } => {
            let detail = format!("{path} cannot be read. {}", problem.text);
            Found::failed("codes.unreadable", detail).with("path", path)
        }
        VaultState::Gone { path } => {
            let detail = format!("There was a vault at {path}, and it is gone. Put it back from a backup.");
            Found::failed("codes.gone", detail).with("path", path)
        }
    }
}

fn usable(vault: &VaultView) -> Found {
    let entries = vault.entries.unwrap_or(0);
    let clock = match &vault.clock {
        CodesClock::Off { offset, .. } => Some(("codes.clock_off", offset.to_string())),
        CodesClock::Wrong => Some(("codes.clock_wrong", String::new())),
        CodesClock::Unknown | CodesClock::Right | CodesClock::Corrected { .. } => None,
    };
    if let (Some((finding, offset)), true) = (clock, entries > 0) {
        let detail = "This computer's clock is wrong, so codes may be refused. Set it right.";
        return Found::warning(finding, detail).with("offset", offset);
    }
    let backups = vault.backups.as_ref();
    if let Some((backups, problem)) = backups.and_then(|b| Some((b, b.problem.as_ref()?))) {
        let detail = format!("{entries} entries. The last backup failed: {problem}");
        return Found::warning("codes.backup_failed", detail).with("path", &backups.folder);
    }
    let kept = if backups.is_some() {
        "They are backed up regularly."
    } else {
        "They are not backed up regularly."
    };
    Found::passed("codes.kept", format!("{entries} entries. {kept}")).with("count", entries)
}
