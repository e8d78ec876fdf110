//! One-time codes come in by the camera: what is held before it is a picture file, the device is played at the system calls
//! (`tests/camera/device.c`); all from there on is the real thing.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fantoccini::key::Key;
use qrcode::{Color, QrCode};

use super::{
    Stage,
    codes_import::entries,
    codes_window::{SECRET, accepted, code_of, open},
    desktop,
};
use crate::{
    front::{SOON, poll},
    harness::{App, WebDriver, family},
};

/// What the device delivers, in pixels.
const SCENE: (usize, usize) = (640, 480);

pub(super) async fn import_codes_held_before_a_camera(stage: &mut Stage) -> Result<()> {
    let batch = std::fs::read_to_string(stage.session.samples().join("google-batch.txt"))?;
    let parts: Vec<&str> = batch.lines().collect();
    ensure!(parts.len() == 2, "the sample is a batch of {}", parts.len());
    let scene = stage.session.dir().join("scene.pgm");
    let device = device(stage).await?;
    let environment = [
        ("GTK_THEME", stage.theme().gtk()),
        ("LD_PRELOAD", device.to_str().context("an odd directory")?),
        ("CAMERA_SCENE", scene.to_str().context("an odd directory")?),
    ];
    let driver = WebDriver::with(&stage.session, &stage.agent, &environment).await?;
    let app = desktop::open(&driver, &[]).await?;
    let window = open(&app.page).await?;

    // Nothing is held before it: it goes off with its question.
    hold(&scene, None)?;
    window.choose("Add", "Use the camera…").await?;
    window.seen(".camera__view").await?;
    ensure!(watchers(&app)? == 1, "no process has the camera");
    stage.picture(&app, "codes-camera").await?;
    window.key(Key::Escape).await?;
    off(&app).await?;

    hold(&scene, Some(parts[0]))?;
    window.choose("Add", "Use the camera…").await?;
    window.says("1 more QR code belongs to these").await?;
    off(&app).await?;
    // The first one is still held: the camera waits for another.
    window.press("Use the camera…").await?;
    window.seen(".camera__view").await?;
    hold(&scene, Some(parts[1]))?;
    window.no_longer_says("1 more QR code belongs to these").await?;
    off(&app).await?;
    ensure!(
        entries(stage).await?.is_empty(),
        "something was added before the person agreed"
    );
    window.press("Add ").await?;
    window.says("codes added").await?;
    let shown = code_of(&window, "Example Bank").await?;
    accepted(stage, SECRET, &shown).await?;

    // The window goes while the camera is on.
    hold(&scene, None)?;
    window.choose("Add", "Use the camera…").await?;
    window.seen(".camera__view").await?;
    let watching = family(app.pid)?;
    app.close().await?;
    poll::until("the camera to go off with the app", SOON, async || {
        let left = watching.iter().filter(|pid| watches(**pid)).count();
        Ok((left == 0).then_some(()))
    })
    .await
}

/// The library that plays the device.
async fn device(stage: &Stage) -> Result<PathBuf> {
    let source = stage.session.paths.device();
    let library = stage.session.dir().join("camera.so");
    let mut compile = stage.session.command("cc");
    compile
        .args(["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([&library, &source])
        .arg("-ldl");
    ensure!(
        compile.kill_on_drop(true).status().await?.success(),
        "the camera was not compiled"
    );
    Ok(library)
}

/// Holds a code before the camera, or nothing.
fn hold(scene: &Path, text: Option<&str>) -> Result<()> {
    let (width, height) = SCENE;
    let mut grey = vec![150; width * height];
    if let Some(text) = text {
        let code = QrCode::new(text)?;
        let (modules, colours) = (code.width() + 8, code.to_colors());
        let scale = height / modules;
        ensure!(scale > 1, "the code is too large for the camera");
        let (left, top) = ((width - modules * scale) / 2, (height - modules * scale) / 2);
        for (at, pixel) in grey.iter_mut().enumerate() {
            let column = (at % width).checked_sub(left).map(|x| x / scale);
            let row = (at / width).checked_sub(top).map(|y| y / scale);
            let (Some(column), Some(row)) = (column, row) else {
                continue;
            };
            if column >= modules || row >= modules {
                continue;
            }
            let inside = (4..modules - 4).contains(&column) && (4..modules - 4).contains(&row);
            let dark = inside && colours[(row - 4) * code.width() + column - 4] == Color::Dark;
            // As on a screen in a room: neither black nor white.
            *pixel = if dark { 40 } else { 220 };
        }
    }
    let mut picture = format!("P5\n{width} {height}\n255\n").into_bytes();
    picture.append(&mut grey);
    let new = scene.with_extension("new");
    std::fs::write(&new, picture)?;
    Ok(std::fs::rename(new, scene)?)
}

/// How many processes of the app have the camera.
fn watchers(app: &App) -> Result<usize> {
    Ok(family(app.pid)?.into_iter().filter(|pid| watches(*pid)).count())
}

fn watches(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("--watch-camera"))
}

async fn off(app: &App) -> Result<()> {
    poll::until("the camera to go off", SOON, async || {
        Ok((watchers(app)? == 0).then_some(()))
    })
    .await
}
