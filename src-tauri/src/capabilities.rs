//! What each window may do, read from the files that Tauri enforces.

use std::collections::BTreeSet;

use serde_json::Value;

const PROMPT: &str = include_str!("../capabilities/prompt.json");
const MAIN: &str = include_str!("../capabilities/main.json");
const BUILD: &str = include_str!("../build.rs");
const CONFIG: &str = include_str!("../tauri.conf.json");

fn permissions(file: &str) -> BTreeSet<String> {
    let file: Value = serde_json::from_str(file).unwrap();
    file["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_window_has_its_own_file_and_no_file_is_for_all() {
    for (file, window) in [(PROMPT, "prompt"), (MAIN, "main")] {
        let file: Value = serde_json::from_str(file).unwrap();
        assert_eq!(file["windows"], serde_json::json!([window]));
        assert!(file.get("remote").is_none() && file.get("webviews").is_none());
    }
}

#[test]
fn the_main_window_cannot_approve_and_the_prompt_cannot_enrol() {
    let (prompt, main) = (permissions(PROMPT), permissions(MAIN));
    for approves in ["allow-decide", "allow-shown", "allow-withdraw"] {
        assert!(
            prompt.contains(approves) && !main.contains(approves),
            "{approves}"
        );
    }
    for enrols in [
        "allow-preview-enrolment",
        "allow-accept-enrolment",
        "allow-cancel-enrolment",
    ] {
        assert!(main.contains(enrols) && !prompt.contains(enrols), "{enrols}");
    }
}

#[test]
fn accounts_codes_settings_history_and_files_are_the_main_windows_alone() {
    let (prompt, main) = (permissions(PROMPT), permissions(MAIN));
    for command in [
        "rename-account",
        "refresh-account",
        "rotate-key",
        "remove-account",
        "revoke-device",
        "release-held-back",
        "history",
        "evidence",
        "export-receipt",
        "export-activity",
        "diagnostics",
        "settings",
        "change-setting",
        "mute",
        "read-qr",
        "stop-camera",
        "choose-ca-files",
        "copy-text",
        "remember-page",
        "link-taken",
        "list-codes",
        "show-codes",
        "copy-code",
        "advance-code",
        "add-code",
        "edit-code",
        "move-code",
        "remove-code",
        "restore-code",
        "code-qr",
        "correct-clock",
        "preview-import-file",
        "preview-import-text",
        "preview-opened-link",
        "preview-import-qr",
        "unlock-import",
        "apply-import",
        "cancel-import",
        "export-codes",
        "choose-backups",
        "change-backup-password",
        "end-backups",
        "back-up",
    ] {
        let permission = format!("allow-{command}");
        assert!(
            main.contains(&permission) && !prompt.contains(&permission),
            "{command}"
        );
    }
}

#[test]
fn every_declared_command_is_allowed_somewhere_and_nothing_undeclared_is() {
    let declared: BTreeSet<String> = BUILD
        .split_once("const COMMANDS: &[&str] = &[")
        .and_then(|(_, rest)| rest.split_once("];"))
        .unwrap()
        .0
        .split('"')
        .skip(1)
        .step_by(2)
        .map(|command| format!("allow-{}", command.replace('_', "-")))
        .collect();
    let allowed: BTreeSet<String> = permissions(PROMPT)
        .union(&permissions(MAIN))
        .filter(|permission| permission.starts_with("allow-"))
        .cloned()
        .collect();
    assert_eq!(declared, allowed);
}

#[test]
fn of_tauri_itself_windows_may_only_listen() {
    let core: BTreeSet<_> = permissions(PROMPT)
        .union(&permissions(MAIN))
        .filter(|p| !p.starts_with("allow-"))
        .cloned()
        .collect();
    assert_eq!(
        core,
        ["core:event:allow-listen", "core:event:allow-unlisten"]
            .map(String::from)
            .into()
    );
}

#[test]
fn pages_run_no_inline_code_and_reach_nothing_outside() {
    let config: Value = serde_json::from_str(CONFIG).unwrap();
    let security = &config["app"]["security"];
    assert_eq!(config["app"]["withGlobalTauri"], false);
    assert_eq!(security["csp"]["connect-src"], "ipc: http://ipc.localhost");
    assert_eq!(security["csp"]["default-src"], "'self'");
    assert!(!security.to_string().contains("unsafe"));
    assert!(!security["csp"].to_string().contains('*'));
}
