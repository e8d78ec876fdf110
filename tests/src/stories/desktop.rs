//! The app as a good neighbour on the desktop: it leaves the keyboard alone, comes back after a crash, follows its agent, and
//! takes links without acting on them.

use anyhow::{Context, Result, ensure};
use countersign_agent_api::{Outcome, RequestState};
use fantoccini::{Client, Locator};
use rustix::process::{Pid, Signal, kill_process};

use super::{Stage, connected};
use crate::{
    front::{Prompt, SOON, found, poll, runs},
    harness::{App, Launch, Process, Program, family},
};

/// The title of both of the app's windows.
const WINDOW: &str = "^Countersign$";

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
    ensure!(view.state == RequestState::Pending, "the keys decided: {:?}", view.state);

    // It is above the other window all the same, in the middle of the screen and inside it.
    desktop.focus(&letter).await?;
    let (x, y, width, height) = desktop.geometry(&prompt).await?;
    ensure!(width == 440 && (200..=690).contains(&height), "the prompt is {width}×{height}");
    let left = (1366 - width) / 2;
    ensure!((left - 8..=left + 8).contains(&x), "the prompt is {x} from the left, {width} wide");
    ensure!(y >= 0 && y + height <= 768, "the prompt is {y} from the top, {height} high");
    ensure!(
        desktop.top(&[&prompt, &letter]).await?.as_ref() == Some(&prompt),
        "the prompt is not above the other window"
    );
    open.type_code(asked.code()?).await?;
    open.approve().await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    Ok(())
}

/// The web process behind the prompt is killed; the request is not lost, and answered in the same window.
pub(super) async fn web_process_killed(stage: &mut Stage) -> Result<()> {
    let (asked, _) = stage.payment().await?;
    let open = stage.prompt().await?;
    let sentence = open.sentence().await?;
    let app = open.app.pid;
    let killed = web_process(app)?.context("there is no web process")?;
    kill(killed)?;
    poll::until("another web process", SOON, async || {
        Ok(web_process(app)?.filter(|pid| *pid != killed))
    })
    .await?;
    // WebDriver's session went with the process: what is left to see is the window itself.
    let desktop = stage.desktop()?;
    let window = desktop.window(WINDOW).await?;
    ensure!(runs(app)?, "the app ended");
    ensure!(!sentence.is_empty(), "there was no sentence");
    desktop.focus(&window).await?;
    poll::until("the prompt to be there again", SOON, async || {
        Ok((desktop.pixels(&window, ACCENT).await? >= RING).then_some(()))
    })
    .await?;
    desktop.type_text(asked.code()?).await?;
    desktop.keys(&["Return"]).await?;
    poll::until("Approve to be on", SOON, async || {
        Ok((desktop.pixels(&window, ACCENT).await? >= BUTTON).then_some(()))
    })
    .await?;
    desktop.keys(&["Return"]).await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    Ok(())
}

/// The interface's accent, as rings and buttons have it.
const ACCENT: [u8; 3] = [0x1a, 0x5f, 0xb4];
/// Pixels of the ring around what has the focus, at least.
const RING: usize = 100;
/// Pixels of *Approve* when it is on, at least.
const BUTTON: usize = 4_000;

/// The agent ends under an open window and comes back.
pub(super) async fn agent_restarted_under_window(stage: &mut Stage) -> Result<()> {
    let app = main_window(stage, &[]).await?;
    says(&app.page, "No requests waiting").await?;
    stage.agent.kill().await?;
    says(&app.page, "stopped").await?;
    stage.run_agent().await?;
    connected(&mut stage.watch).await?;
    let (asked, _) = stage.payment().await?;
    says(&app.page, "Meridian Supplies GmbH").await?;
    let gone = app.page.execute("return document.body.innerText.includes('stopped')", vec![]).await?;
    ensure!(gone == false, "the window still says that the agent stopped");
    let prompt = stage.agent.app.now().await?;
    ensure!(prompt.is_none(), "a second app was started beside the open one");
    stage.relying.cancel(&asked.txn).await?;
    app.close().await
}

/// A link is clicked while the main window is open: the form has it, and nothing was done about it.
pub(super) async fn deep_link_opens_form(stage: &mut Stage) -> Result<()> {
    let app = main_window(stage, &[]).await?;
    says(&app.page, "No requests waiting").await?;
    let link = "countersign://enroll?issuer=https%3A%2F%2Fid.nowhere.example&code=0123456789abcdefghijkl";
    let accounts = stage.watch.accounts.clone();
    let mut second = stage.session.command(stage.session.paths.program(Program::App)?);
    second
        .envs(stage.agent.environment().iter().map(|(name, value)| (name, value)))
        .arg(link);
    let mut second = Process::start("second-start", second, stage.session.logs().dir())?;
    ensure!(second.ended().await?.success(), "the second start failed: {}", second.tail());
    poll::until("the link in the form", SOON, async || {
        let script = "return [...document.querySelectorAll('input, textarea')].map(field => field.value)";
        let values = app.page.execute(script, vec![]).await?;
        Ok(values.as_array().is_some_and(|v| v.iter().any(|v| v == link)).then_some(()))
    })
    .await?;
    ensure!(stage.watch.accounts == accounts, "a link alone changed an account");
    let hostile = "countersign://enroll?<script>";
    let mut third = stage.session.command(stage.session.paths.program(Program::App)?);
    third
        .envs(stage.agent.environment().iter().map(|(name, value)| (name, value)))
        .args([hostile, "--prompt"]);
    let mut third = Process::start("third-start", third, stage.session.logs().dir())?;
    ensure!(!third.ended().await?.success(), "arguments that make no sense were taken");
    app.close().await
}

/// The main window, opened by the person.
pub(super) async fn main_window(stage: &mut Stage, arguments: &[&str]) -> Result<App> {
    let app = stage.driver().await?.open(Launch::by_hand(arguments)).await?;
    poll::until("the main window's page", SOON, async || {
        found(app.page.find(Locator::Css("main")).await)
    })
    .await?;
    Ok(app)
}

/// Waits until the page shows this.
pub(super) async fn says(page: &Client, words: &str) -> Result<()> {
    poll::until(&format!("“{words}” in the window"), SOON, async || {
        let text = page.execute("return document.body.innerText", vec![]).await?;
        Ok(text.as_str().is_some_and(|text| text.contains(words)).then_some(()))
    })
    .await
}

/// The app's process that runs web pages.
fn web_process(app: u32) -> Result<Option<u32>> {
    Ok(family(app)?.into_iter().find(|pid| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("WebKitWebProces"))
    }))
}

fn kill(pid: u32) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("no such process")?;
    Ok(kill_process(pid, Signal::KILL)?)
}
