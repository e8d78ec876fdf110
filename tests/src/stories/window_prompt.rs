//! The prompt where it is not at its best: large, long and from right to left; and where nothing can announce it.

use anyhow::{Result, ensure};
use countersign_agent_api::{Outcome, Request, SettingChange};
use serde_json::json;

use super::{Setup, Stage, desktop::WINDOW};
use crate::{
    front::Prompt,
    harness::{AgentOptions, OpenPrompt, Screens, SessionOptions, USER},
    wire::RelyingSide,
};

/// Everything twice as large: at 1366×768 as on a screen of 683×384.
pub(super) fn twice_as_large() -> Setup {
    let agent = AgentOptions {
        environment: vec![("GDK_SCALE", "2".into())],
        ..AgentOptions::default()
    };
    Setup {
        agent,
        ..Setup::default()
    }
}

/// Requests are announced, but nobody is there to do it.
pub(super) fn without_notifications() -> Setup {
    let session = SessionOptions {
        notifications: false,
        ..SessionOptions::default()
    };
    let agent = AgentOptions {
        open_prompt: OpenPrompt::OnReview,
        ..AgentOptions::default()
    };
    Setup {
        session,
        agent,
        ..Setup::default()
    }
}

/// A laptop with a larger screen beside it.
pub(super) fn two_screens() -> Setup {
    let session = SessionOptions {
        screens: Screens::Two,
        ..SessionOptions::default()
    };
    Setup {
        session,
        ..Setup::default()
    }
}

/// What is wrong with the layout: lines that stick out of the window, and a page that is wider than it.
const STICKS_OUT: &str = "\
    const out = [...document.querySelectorAll('main.prompt [data-line], main.prompt button')]
        .filter(e => e.getClientRects().length > 0)
        .filter(e => e.getBoundingClientRect().left < -1 || e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.textContent);
    if (document.documentElement.scrollWidth > innerWidth) out.push('the page');
    return out;";

const LEFT_TO_RIGHT: &str =
    "return [...document.querySelectorAll('main.prompt [dir=ltr]')].map(e => e.textContent).join(' ')";

pub(super) async fn long_right_to_left_at_200_percent(stage: &mut Stage) -> Result<()> {
    let change = SettingChange::Language(Some("ar".to_owned()));
    stage.watch.call(Request::ChangeSetting { change }).await?;
    let mut body = RelyingSide::payment(USER);
    let detail = &mut body["authorization_details"][0];
    detail["creditorName"] =
        format!("شركة {}GmbH", "الميريديان للتوريدات والخدمات المحدودة ".repeat(4)).into();
    detail["remittanceInformationUnstructured"] = "Invoice-2026-1187/".repeat(12).into();
    detail["note"] = "x".repeat(900).into();
    let asked = stage.relying.ask(&body).await?;
    let view = stage.watch.pending(&asked.txn).await?;
    let open = stage.prompt().await?;
    let page = open.page().clone();
    let facts = page
        .execute("return [document.documentElement.dir, devicePixelRatio]", vec![])
        .await?;
    ensure!(facts == json!(["rtl", 2]), "direction and scale are {facts}");
    let lines: Vec<usize> = (0..view.lines.len()).collect();
    ensure!(open.line_indices().await? == lines, "not every line is there");
    let ltr = page.execute(LEFT_TO_RIGHT, vec![]).await?;
    ensure!(
        ltr.as_str()
            .is_some_and(|text| text.replace(' ', "").contains("DE89370400440532013000")),
        "the account number is not left to right: {ltr}"
    );
    stage.picture(&open.app, "prompt-large-long-rtl").await?;
    nothing_sticks_out(&page).await?;

    open.type_code(asked.code()?).await?;
    let off = "return document.querySelector('main.prompt .decide button:last-of-type').ariaDisabled";
    ensure!(
        page.execute(off, vec![]).await? == "true",
        "it could be approved unread"
    );
    open.read_to_the_end().await?;
    nothing_sticks_out(&page).await?;
    open.press("موافقة").await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    Ok(())
}

async fn nothing_sticks_out(page: &fantoccini::Client) -> Result<()> {
    let out = page.execute(STICKS_OUT, vec![]).await?;
    ensure!(out == json!([]), "out of the window: {out}");
    Ok(())
}

pub(super) async fn prompt_without_notifications(stage: &mut Stage) -> Result<()> {
    let (asked, view) = stage.payment().await?;
    let launch = stage.agent.app.next().await?;
    ensure!(
        launch.arguments == ["--prompt", view.id.0.as_str()],
        "without being asked for it was started with {:?}",
        launch.arguments
    );
    let app = stage.driver().await?.open(launch).await?;
    let prompt = Prompt::painted(app.page.clone()).await?;
    prompt.type_code(asked.code()?).await?;
    prompt.approve().await?;
    prompt.ended("Approved").await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    Ok(())
}

/// The prompt comes where the person looks: in the middle of the screen with the pointer on it.
pub(super) async fn prompt_on_the_screen_with_the_pointer(stage: &mut Stage) -> Result<()> {
    // Each screen: left edge, width, height. The pointer is far from the middle of either.
    for (left, width, height, pointer) in [(1280, 1600, 900, (2700, 120)), (0, 1280, 800, (100, 700))] {
        let desktop = stage.desktop()?;
        desktop.move_pointer(pointer).await?;
        let (asked, _) = stage.payment().await?;
        let open = stage.prompt().await?;
        let prompt = desktop.window(WINDOW).await?;
        let (x, y, wide, high) = desktop.geometry(&prompt).await?;
        let centre = x + wide / 2 - left;
        ensure!(
            (width / 2 - 8..=width / 2 + 8).contains(&centre),
            "the prompt's middle is {centre} from the left of a screen that is {width} wide"
        );
        ensure!(
            y >= 0 && y + high <= height,
            "the prompt is {y} from the top, {high} high, on a screen of {height}"
        );
        open.type_code(asked.code()?).await?;
        open.approve().await?;
        stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
        open.app.close().await?;
    }
    Ok(())
}
