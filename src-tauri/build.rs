//! Declares the app's commands, so that everything undeclared is denied, and checks that there is a UI to embed.

use std::path::Path;

/// Every command of `src/commands/`; each window's capability file allows the ones it needs.
const COMMANDS: &[&str] = &[
    "prompt_view",
    "main_view",
    "shown",
    "decide",
    "withdraw",
    "deny",
    "report",
    "copy_code_to_type",
    "fit",
    "open_prompt",
    "open_main",
    "close_window",
    "preview_enrolment",
    "accept_enrolment",
    "cancel_enrolment",
    "start_agent",
    "rename_account",
    "refresh_account",
    "set_polling",
    "rotate_key",
    "remove_account",
    "revoke_device",
    "release_held_back",
    "history",
    "evidence",
    "export_receipt",
    "export_activity",
    "diagnostics",
    "settings",
    "change_setting",
    "mute",
    "read_qr",
    "stop_camera",
    "choose_ca_files",
    "copy_text",
    "remember_page",
    "link_taken",
    "list_codes",
    "show_codes",
    "copy_code",
    "advance_code",
    "add_code",
    "edit_code",
    "move_code",
    "remove_code",
    "restore_code",
    "code_qr",
    "correct_clock",
    "preview_import_file",
    "preview_import_text",
    "preview_opened_link",
    "preview_import_qr",
    "unlock_import",
    "apply_import",
    "cancel_import",
    "export_codes",
    "choose_backups",
    "change_backup_password",
    "end_backups",
    "back_up",
];

fn main() {
    println!("cargo::rerun-if-changed=../ui/dist");
    if !Path::new("../ui/dist/prompt.html").exists() {
        println!("cargo::error=The user interface is not built. Run `npm ci && npm run build` in ui/ first.");
        return;
    }
    let attributes =
        tauri_build::Attributes::new().app_manifest(tauri_build::AppManifest::new().commands(COMMANDS));
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo::error=Tauri's build step failed: {error:#}");
    }
}
