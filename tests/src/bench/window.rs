//! What the main window costs: opening, memory, scrolling and filtering a long past, each beside a minimal WebKitGTK window
//! that paints the same.
//!
//! The minimal window's page is the app's own markup and style, taken out of the app's window, without its scripts; wheel
//! and keys come from the X server in both. Invariant: both measure their frames by the same script.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use countersign_agent_api::AccountView;
use fantoccini::{Client, Locator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Figure, Report,
    figure::{milliseconds, quantile},
    past::{self, ENTRIES, LETTER, MATCHES},
    webview::{Webview, all_gone},
};
use crate::{
    edge,
    front::{Desktop, SOON, found, poll},
    harness::{
        Agent, App, Gateway, GatewayOptions, Launch, Process, Session, USER, WebDriver, family, pss_kib,
    },
};

/// How often each window is opened; ours and the other take turns.
const ROUNDS: usize = 3;
/// How often a window is filtered each time.
const FILTERS: usize = 3;
/// Notches of the wheel each time, and the time between two in ms: one a frame.
const NOTCHES: (u32, u32) = (150, 16);
/// Both windows' size, the app's own, in CSS pixels.
const SIZE: [&str; 2] = ["880", "600"];
/// What the minimal window shows where the app's shows that nothing waits.
const NOTHING: &str = "data:text/html,<h1>Nothing waits for you</h1>";
/// Measures frames, in either page.
const FRAMES: &str = include_str!("../../peers/frames.js");
/// The rest of the minimal window's page.
const FLOOR: &str = include_str!("../../peers/floor.js");
/// The titles of both windows.
const TITLES: [&str; 2] = ["^Countersign$", "^Floor$"];

/// What one of the two windows has shown.
#[derive(Debug, Default)]
struct Samples {
    /// ms from start to painted.
    opened: Vec<f64>,
    /// MiB of all processes.
    memory: Vec<f64>,
    /// ms between frames.
    frames: Vec<f64>,
    /// ms from key to painted.
    filtered: Vec<f64>,
}

/// The window's figures.
///
/// # Errors
/// When a window does not do what it should; what was measured until then is printed.
pub async fn figures(session: &Session, report: &mut Report) -> Result<()> {
    let options = GatewayOptions {
        quiet: true,
        ..GatewayOptions::default()
    };
    let gateway = Gateway::with(session, options).await?;
    let mut agent = Agent::start(session, "window").await?;
    let account: AccountView = agent.enrol(&gateway.enrolment_link(session, USER).await?).await?;
    agent.stop().await?;
    past::write(agent.dir(), &account)?;
    agent.run(session).await?;

    let (mut ours, mut others) = (Samples::default(), Samples::default());
    let taken = rounds(session, &agent, &mut ours, &mut others).await;
    for (name, unit, share, of) in FIGURES {
        if let Some(value) = quantile(of(&ours), share) {
            let beside = quantile(of(&others), share);
            report.figure(&Figure::new(
                name,
                value,
                unit,
                "a minimal WebKitGTK window",
                beside,
            ))?;
        }
    }
    taken
}

type FigureOf = (&'static str, &'static str, f64, fn(&Samples) -> &[f64]);

const FIGURES: [FigureOf; 5] = [
    ("app_start_to_painted_p50", "ms", 0.5, |s| &s.opened),
    ("app_memory_with_window", "MiB", 0.5, |s| &s.memory),
    ("activity_scroll_frame_p50", "ms", 0.5, |s| &s.frames),
    ("activity_scroll_frame_p95", "ms", 0.95, |s| &s.frames),
    ("activity_filter_p50", "ms", 0.5, |s| &s.filtered),
];

async fn rounds(session: &Session, agent: &Agent, ours: &mut Samples, others: &mut Samples) -> Result<()> {
    let driver = WebDriver::start(session, agent).await?;
    let floor = Webview::compile(session).await?;
    // Every time is the first: the page that was open last is not remembered.
    let memory = agent.dir().join("state/countersign/windows.json");
    for _ in 0..ROUNDS {
        let page = app(session, &driver, ours).await.context("the app")?;
        fs::remove_file(&memory)?;
        minimal(session, &floor, &page, others)
            .await
            .context("the minimal window")?;
    }
    Ok(())
}

/// The app's turn; gives its page of activities without scripts, for the other's.
async fn app(session: &Session, driver: &WebDriver, samples: &mut Samples) -> Result<PathBuf> {
    let desktop = Desktop::new(session.display()?);
    let start = edge::now_ms();
    let app = driver.open(Launch::by_hand(&[])).await?;
    let processes = family(app.pid)?;
    let page = &app.page;
    poll::until("the page of requests", SOON, async || {
        found(page.find(Locator::Css("main .empty")).await)
    })
    .await?;
    let painted = poll::until("the first paint", SOON, async || {
        ask::<Option<f64>>(page, PAINTED).await
    })
    .await?;
    #[allow(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 are below 2^53"
    )]
    samples.opened.push(painted - start as f64);
    samples.memory.push(memory(app.pid)?);

    page.find(Locator::Css("a.nav[href='#activity']"))
        .await?
        .click()
        .await?;
    everything(page).await?;
    let window = desktop.window(TITLES[0]).await?;
    desktop.focus(&window).await?;
    begin(page, "scrolled()").await?;
    desktop.wheel(&window, NOTCHES.0, NOTCHES.1).await?;
    samples.frames.extend(end::<Vec<f64>>(page).await?);
    for _ in 0..FILTERS {
        everything(page).await?;
        page.execute(
            "document.querySelector('main input[type=search]').focus()",
            vec![],
        )
        .await?;
        begin(page, &format!("filtered({MATCHES})")).await?;
        desktop.type_text(LETTER).await?;
        samples.filtered.push(end(page).await?);
        page.execute(CLEAR, vec![]).await?;
    }
    everything(page).await?;
    let kept = keep(session, page).await?;
    close(app, &processes).await?;
    Ok(kept)
}

/// The minimal window's turn.
async fn minimal(session: &Session, floor: &Webview, page: &PathBuf, samples: &mut Samples) -> Result<()> {
    let [width, height] = SIZE;
    let (process, opened) = floor.open(session, &[NOTHING, width, height]).await?;
    samples.opened.push(milliseconds(opened));
    samples.memory.push(memory(process.pid())?);
    ended(process).await?;

    let desktop = Desktop::new(session.display()?);
    let page = url::Url::from_file_path(page).ok().context("no absolute path")?;
    let (mut process, _) = floor.open(session, &[page.as_str(), width, height]).await?;
    let window = desktop.window(TITLES[1]).await?;
    desktop.focus(&window).await?;
    desktop.wheel(&window, NOTCHES.0, NOTCHES.1).await?;
    let frames: Vec<f64> = told(&mut process, 0, "scrolled ").await?;
    samples.frames.extend(frames);
    for _ in 0..FILTERS {
        let before = process.printed();
        desktop.type_text(LETTER).await?;
        samples
            .filtered
            .push(told(&mut process, before, "filtered ").await?);
        process
            .line_from(before, "it was ready again", |line| {
                (line == "ready").then_some(())
            })
            .await?;
    }
    ended(process).await
}

/// When the first content was painted, in ms since the epoch.
const PAINTED: &str = "const [painted] = performance.getEntriesByName('first-contentful-paint');
    return painted ? performance.timeOrigin + painted.startTime : null";

/// Looks for everything again.
const CLEAR: &str = "const search = document.querySelector('main input[type=search]');
    search.value = '';
    search.dispatchEvent(new Event('input', { bubbles: true }))";

/// Scrolls to the end until all is there, then back; says how many there are.
const ALL: &str = "const body = document.querySelector('main .page__body');
    const entries = document.querySelectorAll('details.activity').length;
    body.scrollTop = entries < arguments[0] ? body.scrollHeight : 0;
    return entries";

/// The page as it is, without scripts.
const MARKUP: &str = "const page = document.documentElement.cloneNode(true);
    page.querySelectorAll('script, link').forEach((element) => element.remove());
    const style = document.createElement('style');
    style.textContent = [...document.styleSheets]
        .flatMap((sheet) => [...sheet.cssRules].map((rule) => rule.cssText)).join('\\n');
    page.querySelector('head').append(style);
    return page.outerHTML";

/// Waits until the whole past is in the page, at its beginning.
async fn everything(page: &Client) -> Result<()> {
    poll::until("the whole past", SOON, async || {
        let entries = page.execute(ALL, vec![ENTRIES.into()]).await?;
        Ok((entries == ENTRIES).then_some(()))
    })
    .await
}

/// Writes the app's page for the minimal window.
async fn keep(session: &Session, page: &Client) -> Result<PathBuf> {
    let markup: String = ask(page, MARKUP).await?;
    let file = session.dir().join("minimal-page.html");
    let script = format!("<script>\nconst MATCHES = {MATCHES};\n{FRAMES}\n{FLOOR}</script>");
    let text = markup.replace("</body>", &format!("{script}</body>"));
    fs::write(&file, format!("<!doctype html>\n{text}"))?;
    Ok(file)
}

/// Begins to measure in the app's page.
async fn begin(page: &Client, what: &str) -> Result<()> {
    let script = format!("{FRAMES}\nwindow.measured = {what};");
    page.execute(&script, vec![]).await?;
    Ok(())
}

/// What was measured in the app's page.
async fn end<T: DeserializeOwned>(page: &Client) -> Result<T> {
    let measured = page
        .execute_async("window.measured.then(arguments[0])", vec![])
        .await?;
    Ok(serde_json::from_value(measured)?)
}

async fn ask<T: DeserializeOwned>(page: &Client, script: &str) -> Result<T> {
    let value: Value = page.execute(script, vec![]).await?;
    Ok(serde_json::from_value(value)?)
}

/// What the minimal window's page says after this word.
async fn told<T: DeserializeOwned>(process: &mut Process, from: usize, word: &str) -> Result<T> {
    let said = process
        .line_from(from, word, |line| Some(line.strip_prefix(word)?.to_owned()))
        .await?;
    Ok(serde_json::from_str(&said)?)
}

/// Of a process and its web engine, in MiB.
fn memory(pid: u32) -> Result<f64> {
    let kib = family(pid)?.into_iter().map(pss_kib).sum::<Result<u64>>()?;
    #[allow(clippy::cast_precision_loss, reason = "KiB of a few processes")]
    Ok(kib as f64 / 1024.0)
}

async fn close(app: App, processes: &[u32]) -> Result<()> {
    app.close().await?;
    all_gone(processes).await
}

async fn ended(process: Process) -> Result<()> {
    let processes = family(process.pid())?;
    process.stop().await?;
    all_gone(&processes).await
}
