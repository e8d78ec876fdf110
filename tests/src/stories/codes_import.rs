//! One-time codes come in from the apps people have: every kind of file, through the window and the desktop's own dialog.
//!
//! The files are those that the importer's own tests read: made without any of our code, all with one password.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{CodeEntry, CodesReply, CodesRequest};
use fantoccini::key::Key;

use super::{
    Stage, clipboard,
    codes_window::{SECRET, accepted, call, code_of, open},
    desktop::main_window,
};
use crate::{
    front::{MainWindow, SOON, poll},
    harness::Process,
};

/// The title of the dialog that asks for a file.
pub(super) const CHOOSER: &str = "Choose a file with codes";
/// Of every encrypted sample.
const PASSWORD: &str = "correct horse";

const PLAIN: [&str; 11] = [
    "links.txt",
    "google.txt",
    "aegis.json",
    "aegis-v2.json",
    "2fas.2fas",
    "ente.txt",
    "bitwarden.json",
    "proton.json",
    "andotp.json",
    "freeotp-plus.json",
    "raivo-otp-export.json",
];
const ENCRYPTED: [&str; 8] = [
    "aegis-encrypted.json",
    "2fas-encrypted.2fas",
    "ente-encrypted-small.txt",
    "bitwarden-pbkdf2.json",
    "bitwarden-argon2.json",
    "proton-encrypted.json",
    "andotp.json.aes",
    "countersign.json",
];

pub(super) async fn import_plain_files(stage: &mut Stage) -> Result<()> {
    let app = main_window(stage, &[]).await?;
    let window = open(&app.page).await?;
    for file in PLAIN {
        import(stage, &window, file).await.context(file)?;
    }
    app.close().await
}

pub(super) async fn import_encrypted_files(stage: &mut Stage) -> Result<()> {
    let app = main_window(stage, &[]).await?;
    let window = open(&app.page).await?;
    choose_file(stage, &window, &sample(stage, ENCRYPTED[0])).await?;
    window.focus_is("Password").await?;
    window.type_text("wrong").await?;
    window.key(Key::Enter).await?;
    window.seen("dialog .field__error").await?;
    stage.picture(&app, "codes-import-locked").await?;
    window.key(Key::Escape).await?;
    for file in ENCRYPTED {
        import(stage, &window, file).await.context(file)?;
    }
    // The same file again: everything is there already.
    import_again(stage, &window).await?;
    app.close().await
}

pub(super) async fn import_batch_of_qr_codes(stage: &mut Stage) -> Result<()> {
    let batch = std::fs::read_to_string(sample(stage, "google-batch.txt"))?;
    let mut pictures = Vec::new();
    for (index, text) in batch.lines().enumerate() {
        pictures.push(picture(stage, &format!("part-{index}"), text).await?);
    }
    ensure!(pictures.len() == 2, "the sample is a batch of {}", pictures.len());

    // A link opens the app with what it would add, and adds nothing by itself.
    let link = format!("otpauth://totp/Kestrel:ada?secret={SECRET}&issuer=Kestrel");
    let app = main_window(stage, &[&link]).await?;
    let window = MainWindow::of(&app.page);
    window.says("Kestrel, ada").await?;
    ensure!(
        !among_arguments("Kestrel:ada?secret=")?,
        "every user of the computer reads the secret in the list of processes"
    );
    ensure!(entries(stage).await?.is_empty(), "the link added something");
    window.key(Key::Escape).await?;
    window.says("No codes yet").await?;

    let _first = clipboard::copy(stage, "image/png", &pictures[0]).await?;
    window.choose("Add", "QR code on the clipboard").await?;
    window.says("1 more QR code belongs to these").await?;
    stage.picture(&app, "codes-import-batch").await?;
    let shown = show(stage, &pictures[1]).await?;
    window.press("Scan the screen").await?;
    window.no_longer_says("1 more QR code belongs to these").await?;
    window.press("Add ").await?;
    window.says("codes added").await?;
    drop(shown);
    let shown = code_of(&window, "Example Bank").await?;
    accepted(stage, SECRET, &shown).await?;
    app.close().await
}

/// Whether a process has this among its arguments.
fn among_arguments(text: &str) -> Result<bool> {
    for entry in std::fs::read_dir("/proc")? {
        // One that has ended meanwhile has no arguments any more.
        let line = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        if line.windows(text.len()).any(|part| part == text.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Imports one file, sees that its codes are the right ones, and empties the vault again.
async fn import(stage: &Stage, window: &MainWindow, file: &str) -> Result<()> {
    choose_file(stage, window, &sample(stage, file)).await?;
    let encrypted = ENCRYPTED.contains(&file);
    if encrypted {
        window.focus_is("Password").await?;
        window.type_text(PASSWORD).await?;
        window.key(Key::Enter).await?;
    }
    window.seen(".importlist").await?;
    ensure!(
        entries(stage).await?.is_empty(),
        "something was added before the person agreed"
    );
    window.press("Add ").await?;
    window.seen(".otprow").await?;
    let added = entries(stage).await?;
    let said = format!("{} code", added.len());
    window.says(&said).await?;
    let shown = code_of(window, "Example Bank").await?;
    accepted(stage, SECRET, &shown).await?;
    for entry in added {
        call(stage, CodesRequest::Remove { id: entry.id }).await?;
    }
    window.says("No codes yet").await
}

async fn import_again(stage: &Stage, window: &MainWindow) -> Result<()> {
    for again in [false, true] {
        choose_file(stage, window, &sample(stage, "links.txt")).await?;
        window.seen(".importlist").await?;
        if again {
            window.says("already here").await?;
            window.says("Nothing new").await?;
        } else {
            window.says("1 cannot be kept").await?;
            window.press("Add ").await?;
            window.seen(".otprow").await?;
        }
    }
    Ok(())
}

/// Chooses a file in the desktop's dialog.
pub(super) async fn choose_file(stage: &Stage, window: &MainWindow, file: &Path) -> Result<()> {
    window.choose("Add", "Import a file…").await?;
    clipboard::give_path(stage, CHOOSER, file).await
}

/// What the vault holds.
pub(super) async fn entries(stage: &Stage) -> Result<Vec<CodeEntry>> {
    let list = CodesRequest::List {
        query: String::new(),
        tag: None,
        from: 0,
        limit: 200,
    };
    let CodesReply::Page(page) = call(stage, list).await? else {
        bail!("the agent gave no page");
    };
    Ok(page.entries)
}

fn sample(stage: &Stage, name: &str) -> PathBuf {
    stage.session.samples().join(name)
}

/// A QR code as a picture.
async fn picture(stage: &Stage, name: &str, text: &str) -> Result<PathBuf> {
    const QUIET: usize = 4;
    let code = qrcode::QrCode::new(text)?;
    let width = code.width();
    let side = width + 2 * QUIET;
    let modules = code.to_colors();
    // Portable bitmap: 1 is black.
    let mut bitmap = format!("P1\n{side} {side}\n");
    for row in 0..side {
        for column in 0..side {
            let inside = (QUIET..QUIET + width).contains(&row) && (QUIET..QUIET + width).contains(&column);
            let dark = inside && modules[(row - QUIET) * width + (column - QUIET)] == qrcode::Color::Dark;
            write!(bitmap, "{} ", u8::from(dark))?;
        }
        bitmap.push('\n');
    }
    let (drawn, picture) = (
        stage.session.dir().join(format!("{name}.pbm")),
        stage.session.dir().join(format!("{name}.png")),
    );
    std::fs::write(&drawn, bitmap)?;
    let mut convert = stage.session.command("convert");
    convert.arg(&drawn).args(["-scale", "400%"]).arg(&picture);
    ensure!(
        convert.kill_on_drop(true).status().await?.success(),
        "the picture was not made"
    );
    Ok(picture)
}

/// Shows a picture on the screen, beside the app.
async fn show(stage: &Stage, picture: &Path) -> Result<Process> {
    let mut show = stage.session.command("display");
    show.args(["-title", "Code"]).arg(picture);
    let shown = Process::start("display", show, stage.session.logs().dir())?;
    let desktop = stage.desktop()?;
    let window = desktop.window("^Code$").await?;
    desktop.place(&window, (0, 0), (480, 480)).await?;
    let app = desktop.window("^Countersign$").await?;
    desktop.focus(&app).await?;
    poll::until("the code above the app", SOON, async || {
        desktop.focus(&window).await?;
        Ok((desktop.top(&[&window, &app]).await? == Some(&window)).then_some(()))
    })
    .await?;
    Ok(shown)
}
