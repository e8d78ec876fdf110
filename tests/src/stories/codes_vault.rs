//! The vault of one-time codes when something is the matter with it: explained, untouched, and back again.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use countersign_agent_api::CodeEntry;
use fantoccini::key::Key;

use super::{
    Stage, clipboard,
    codes_import::{choose_file, entries},
    codes_window::{SECRET, accepted, add, code_of, open, totp},
    desktop::main_window,
};
use crate::front::MainWindow;

pub(super) async fn vault_locked_keyring(stage: &mut Stage) -> Result<()> {
    add(stage, "Example Bank", "ada", SECRET, totp()).await?;
    stage.agent.stop().await?;
    stage.session.keyring.lock().await?;
    stage.run_agent().await?;
    let app = main_window(stage, &[]).await?;
    let window = open(&app.page).await?;
    window.says("Keyring locked").await?;
    window.says("Your codes are still there.").await?;
    stage.picture(&app, "codes-locked").await?;
    stage.session.keyring.unlock().await?;
    window.press("Unlock…").await?;
    let shown = code_of(&window, "Example Bank").await?;
    accepted(stage, SECRET, &shown).await?;
    app.close().await
}

pub(super) async fn vault_damaged_or_gone(stage: &mut Stage) -> Result<()> {
    add(stage, "Example Bank", "ada", SECRET, totp()).await?;
    stage.agent.stop().await?;
    let file = vault(stage);
    let good = fs::read(&file)?;
    let mut damaged = good.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&file, &damaged)?;
    stage.run_agent().await?;
    let app = main_window(stage, &[]).await?;
    let window = open(&app.page).await?;
    window.says("The file of the codes cannot be read").await?;
    window.says(&file.display().to_string()).await?;
    stage.picture(&app, "codes-unreadable").await?;
    window.press("Try again").await?;
    let refused = add(stage, "Other", "ada", SECRET, totp()).await;
    ensure!(
        refused.is_err(),
        "a code was added to a vault that cannot be read"
    );
    stage.agent.stop().await?;
    ensure!(fs::read(&file)? == damaged, "the damaged file was changed");

    fs::remove_file(&file)?;
    stage.run_agent().await?;
    window.no_longer_says("The agent is not answering").await?;
    window.press("Try again").await?;
    window.says("The file of the codes is gone").await?;
    let refused = add(stage, "Other", "ada", SECRET, totp()).await;
    ensure!(
        refused.is_err() && !file.exists(),
        "a new vault was made where there was one: {refused:?}"
    );
    stage.picture(&app, "codes-gone").await?;

    fs::write(&file, &good)?;
    window.press("Try again").await?;
    let shown = code_of(&window, "Example Bank").await?;
    accepted(stage, SECRET, &shown).await?;
    app.close().await
}

pub(super) async fn vault_exported_wiped_restored(stage: &mut Stage) -> Result<()> {
    add(stage, "Example Bank", "ada", SECRET, totp()).await?;
    add(
        stage,
        "Müller Cloud",
        "ada:admin",
        "MZXW6YTBOJRGC6RAMFXGI43FMNZGK5DT",
        totp(),
    )
    .await?;
    let before = entries(stage).await?;
    let app = main_window(stage, &[]).await?;
    let window = open(&app.page).await?;
    window.choose("More", "Export…").await?;
    window.title("Export all codes").await?;
    window.reach("Password").await?;
    window.type_text("a long password").await?;
    window.key(Key::Tab).await?;
    window.type_text("a long password").await?;
    window.key(Key::Enter).await?;
    let file = stage.session.dir().join("codes.json");
    clipboard::give_path(stage, "Export", &file).await?;
    window.says("Saved as codes.json").await?;
    let text = fs::read_to_string(&file)?;
    ensure!(
        text.contains("argon2id") && !text.contains("Example Bank"),
        "the export is not encrypted"
    );

    backed_up(stage, &window).await?;
    stage.picture(&app, "codes-backups").await?;
    window.ctrl('2').await?;

    // A new computer: nothing of the old one but the file.
    stage.agent.stop().await?;
    for name in ["codes.vault", "codes.json"] {
        fs::remove_file(vault(stage).with_file_name(name)).with_context(|| name.to_owned())?;
    }
    stage.session.keyring.start_empty().await?;
    stage.run_agent().await?;
    ensure!(entries(stage).await?.is_empty(), "the vault was not wiped");
    window.says("No codes yet").await?;
    choose_file(stage, &window, &file).await?;
    window.focus_is("Password").await?;
    window.type_text("a long password").await?;
    window.key(Key::Enter).await?;
    window.seen(".importlist").await?;
    window.press("Add 2 codes").await?;
    window.says("2 codes added").await?;
    let shown = code_of(&window, "Example Bank").await?;
    accepted(stage, SECRET, &shown).await?;
    let after = entries(stage).await?;
    let names = |all: &[CodeEntry]| -> Vec<(String, String)> {
        all.iter()
            .map(|e| (e.issuer.clone(), e.account.clone()))
            .collect()
    };
    ensure!(names(&before) == names(&after), "{before:?} became {after:?}");
    app.close().await
}

/// Regular backups go to a folder that the person chooses; the first one at once.
async fn backed_up(stage: &Stage, window: &MainWindow) -> Result<()> {
    window.ctrl('5').await?;
    window.press("Set up…").await?;
    window.focus_is("Password").await?;
    window.type_text("another password").await?;
    window.key(Key::Tab).await?;
    window.type_text("another password").await?;
    window.key(Key::Enter).await?;
    let folder = stage.session.dir().join("backups");
    fs::create_dir(&folder)?;
    clipboard::give_path(stage, "Choose a folder for backups", &folder).await?;
    window.says(&folder.display().to_string()).await?;
    window.press("Back up now").await?;
    window.says("A backup was made.").await?;
    let made: Vec<_> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
    ensure!(!made.is_empty(), "there is no backup in the folder");
    for entry in made {
        let text = fs::read_to_string(entry.path())?;
        ensure!(
            text.contains("argon2id") && !text.contains("Example Bank"),
            "a backup is not encrypted"
        );
    }
    Ok(())
}

fn vault(stage: &Stage) -> PathBuf {
    stage.agent.dir().join("data/countersign/codes.vault")
}
