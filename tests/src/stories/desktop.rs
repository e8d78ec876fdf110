//! The app as a good neighbour on the desktop: it leaves the keyboard alone, comes back after a crash, follows its agent, and
//! takes links without acting on them.

use std::fs;

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Outcome, RequestState};
use fantoccini::{Client, Locator};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{
    Stage, connected,
    notifications::{button, emptied, ring},
};
use crate::{
    front::{Desktop, MainWindow, SOON, found, poll},
    harness::{App, Launch, Process, Program, WebDriver, family},
};

/// The title of both of the app's windows.
pub(super) const WINDOW: &str = "^Countersign$";

/// Somebody types in another program while a prompt appears that nobody asked for.
pub(super) async fn prompt_leaves_the_keyboard_alone(stage: &mut Stage) -> Result<()> {
    let desktop = stage.desktop()?;
    let mut other = stage.session.command("xev");
    other.args(["-event", "keyboard", "-name", "Letter"]);
    let mut other = Process::start("letter", other, stage.session.logs().dir())?;
    let letter = desktop.window("^Letter$").await?;
    desktop.focus(&letter).await?;

    let (asked, view) = stage.payment().await?;
    let open = stage.prompt().await?;
    let prompt = desktop.window(WINDOW).await?;
    ensure!(
        desktop.focused().await?.as_ref() == Some(&letter),
        "the prompt took the keyboard"
    );
    let from = other.printed();
    desktop.type_text("y").await?;
    desktop.keys(&["Return"]).await?;
    other
        .line_from(from, "the key went to the letter", |line| {
            line.contains("keysym 0xff0d, Return").then_some(())
        })
        .await?;
    let view = stage.watch.show(&view.id).await?;
    ensure!(
        view.state == RequestState::Pending,
        "the keys decided: {:?}",
        view.state
    );

    // It is above the other window all the same, in the middle of the screen and inside it.
    desktop.focus(&letter).await?;
    let (x, y, width, height) = desktop.geometry(&prompt).await?;
    ensure!(
        width == 440 && (200..=690).contains(&height),
        "the prompt is {width}×{height}"
    );
    let left = (1366 - width) / 2;
    ensure!(
        (left - 8..=left + 8).contains(&x),
        "the prompt is {x} from the left, {width} wide"
    );
    ensure!(
        y >= 0 && y + height <= 768,
        "the prompt is {y} from the top, {height} high"
    );
    ensure!(
        desktop.top(&[&prompt, &letter]).await? == Some(&prompt),
        "the prompt is not above the other window"
    );
    open.type_code(asked.code()?).await?;
    open.approve().await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    Ok(())
}

/// The web process behind the prompt is killed; the request is not lost, and answered in the same window.
pub(super) async fn web_process_killed(stage: &mut Stage) -> Result<()> {
    let mut notifications = stage.notifications().await?;
    let desktop = stage.desktop()?;
    desktop.move_pointer_away().await?;
    let (asked, _) = stage.payment().await?;
    notifications
        .shown("the request's", |n| n.title.contains("asks for approval"))
        .await?;
    notifications.press("Review").await?;
    let window = desktop.window(WINDOW).await?;
    ring(&desktop, &window).await?;
    // What was typed is gone with the page: so the page that comes back is told from the picture of the old one.
    desktop.type_text(asked.code()?).await?;
    button(&desktop, &window).await?;

    let agent = stage.agent.process()?.pid();
    let killed = web_process(agent)?.context("there is no web process")?;
    kill(killed)?;
    emptied(&desktop, &window).await?;
    ensure!(
        web_process(agent)?.is_some_and(|pid| pid != killed),
        "the web process survived"
    );
    ensure!(
        desktop.windows(WINDOW).await? == [window.clone()],
        "it is another window"
    );
    desktop.type_text(asked.code()?).await?;
    desktop.keys(&["Return"]).await?;
    button(&desktop, &window).await?;
    desktop.keys(&["Return"]).await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    Ok(())
}

/// The agent ends under an open window and comes back.
pub(super) async fn agent_restarted_under_window(stage: &mut Stage) -> Result<()> {
    let app = main_window(stage, &[]).await?;
    stage.agent.kill().await?;
    says(&app.page, "The agent is not answering").await?;
    stage.run_agent().await?;
    connected(&mut stage.watch).await?;
    // Only then is it the window of this agent, which starts no other.
    MainWindow::of(&app.page)
        .no_longer_says("The agent is not answering")
        .await?;
    let (asked, _) = stage.payment().await?;
    says(&app.page, "Meridian Supplies GmbH").await?;
    let prompt = stage.agent.app.now().await?;
    ensure!(prompt.is_none(), "a second app was started beside the open one");
    stage.relying.cancel(&asked.txn).await?;
    app.close().await
}

/// A link is clicked while the main window is open: the form has it, and nothing was done about it.
pub(super) async fn deep_link_opens_form(stage: &mut Stage) -> Result<()> {
    let app = main_window(stage, &[]).await?;
    let link = "countersign://enroll?issuer=https%3A%2F%2Fid.nowhere.example&code=0123456789abcdefghijkl";
    let accounts = stage.watch.accounts.clone();
    let mut second = stage.command(Program::App)?;
    second.arg(link);
    let mut second = Process::start("second-start", second, stage.session.logs().dir())?;
    ensure!(
        second.ended().await?.success(),
        "the second start failed: {}",
        second.tail()
    );
    poll::until("the link in the form", SOON, async || {
        let script = "return [...document.querySelectorAll('input, textarea')].map(field => field.value)";
        let values = app.page.execute(script, vec![]).await?;
        Ok(values
            .as_array()
            .is_some_and(|v| v.iter().any(|v| v == link))
            .then_some(()))
    })
    .await?;
    ensure!(
        stage.watch.accounts == accounts,
        "a link alone changed an account"
    );
    let hostile = "countersign://enroll?<script>";
    let mut third = stage.command(Program::App)?;
    third.args([hostile, "--prompt"]);
    let mut third = Process::start("third-start", third, stage.session.logs().dir())?;
    ensure!(
        !third.ended().await?.success(),
        "arguments that make no sense were taken"
    );
    app.close().await
}

/// The main window opens where it was, with the page that was shown; a damaged memory is left as it is.
pub(super) async fn main_window_remembered(stage: &mut Stage) -> Result<()> {
    let desktop = stage.desktop()?;
    let app = main_window(stage, &[]).await?;
    let window = desktop.window(WINDOW).await?;
    desktop.place(&window, (120, 90), (720, 520)).await?;
    let placed = desktop.geometry(&window).await?;
    invoke(&app.page, "remember_page", json!({ "page": "activity" })).await?;
    close(app, &desktop).await?;
    let memory = stage.agent.dir().join("state/countersign/windows.json");
    poll::until("the window's place on disk", SOON, async || {
        let kept: Option<Value> = fs::read(&memory)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        Ok(kept
            .is_some_and(|kept| kept["main"]["width"] == 720 && kept["page"] == "activity")
            .then_some(()))
    })
    .await?;

    let app = main_window(stage, &[]).await?;
    let window = desktop.window(WINDOW).await?;
    poll::until("the window where it was", SOON, async || {
        let (x, y, width, height) = desktop.geometry(&window).await?;
        let near = |a: i32, b: i32| (a - b).abs() <= 2;
        let same = near(x, placed.0) && near(y, placed.1) && (width, height) == (placed.2, placed.3);
        Ok(same.then_some(()))
    })
    .await?;
    let view = invoke(&app.page, "main_view", json!({})).await?;
    ensure!(view["page"] == "activity", "the page was forgotten: {view}");
    close(app, &desktop).await?;

    fs::write(&memory, "{ damaged")?;
    let app = main_window(stage, &[]).await?;
    invoke(&app.page, "remember_page", json!({ "page": "settings" })).await?;
    close(app, &desktop).await?;
    ensure!(
        fs::read_to_string(&memory)? == "{ damaged",
        "a damaged file was overwritten"
    );
    Ok(())
}

/// Has the window close itself, and waits until it is gone.
async fn close(app: App, desktop: &Desktop) -> Result<()> {
    // With the window goes its session: neither this call nor the end of the session is answered then.
    let script = "window.__TAURI_INTERNALS__.invoke('close_window')";
    let _ = app.page.execute(script, vec![]).await;
    desktop.gone(WINDOW).await?;
    let _ = app.close().await;
    Ok(())
}

/// Calls a command of the app, as its page does.
async fn invoke(page: &Client, command: &str, arguments: Value) -> Result<Value> {
    let script = "const [command, args, done] = arguments;
        window.__TAURI_INTERNALS__.invoke(command, args).then(done, e => done({ error: e.message ?? e }))";
    Ok(page
        .execute_async(script, vec![command.into(), arguments])
        .await?)
}

/// The main window, opened by the person.
pub(super) async fn main_window(stage: &mut Stage, arguments: &[&str]) -> Result<App> {
    open(stage.driver().await?, arguments).await
}

/// The main window, opened by this driver.
pub(super) async fn open(driver: &WebDriver, arguments: &[&str]) -> Result<App> {
    let app = driver.open(Launch::by_hand(arguments)).await?;
    poll::until("the main window's page", SOON, async || {
        found(app.page.find(Locator::Css("main")).await)
    })
    .await?;
    painted_plainly(&app)?;
    Ok(app)
}

/// The web engine of the app was told to do without the graphics card.
fn painted_plainly(app: &App) -> Result<()> {
    let pid = web_process(app.pid)?.context("the app has no web process")?;
    let environment = fs::read_to_string(format!("/proc/{pid}/environ"))?;
    let told = environment
        .split('\0')
        .any(|variable| variable == "WEBKIT_DISABLE_COMPOSITING_MODE=1");
    ensure!(told, "the web engine looks for a graphics card");
    Ok(())
}

/// Waits until the page shows this.
pub(super) async fn says(page: &Client, words: &str) -> Result<()> {
    poll::until(&format!("“{words}” in the window"), SOON, async || {
        let text = page.execute("return document.body.innerText", vec![]).await?;
        Ok(text
            .as_str()
            .is_some_and(|text| text.contains(words))
            .then_some(()))
    })
    .await
}

/// The app's process that runs web pages.
fn web_process(app: u32) -> Result<Option<u32>> {
    Ok(family(app)?.into_iter().find(|pid| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("WebKitWebProces"))
    }))
}

fn kill(pid: u32) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("no such process")?;
    Ok(kill_process(pid, Signal::KILL)?)
}
