//! Row 4: keys pressed while the prompt appears. Rows 3 and 25: what signed text, a script or a foreign page can do in the
//! real windows.

use std::time::Duration;

use anyhow::{Result, ensure};
use countersign_agent_api::{RequestState, RequestView};
use countersign_tests::{
    harness::{Launch, USER},
    stories::{Setup, Stage},
    wire::RelyingSide,
};
use fantoccini::{Client, wd::TimeoutConfiguration};
use serde_json::{Value, json};

const ENTER: char = '\u{e007}';
const SPACE: char = ' ';

/// Row 4.
#[tokio::test]
async fn keys_pressed_while_the_prompt_appears_do_nothing() -> Result<()> {
    let mut stage = Stage::start(Setup::default()).await?;
    // The easiest one to approve: no code, so Approve could be on at once.
    let mut body = RelyingSide::sign_in(USER);
    body["requires"]["surface"] = "window".into();
    let asked = stage.relying.ask(&body).await?;
    let open = stage.prompt().await?;
    // Somebody goes on typing: on whatever has the focus, and on each button in turn.
    for _ in 0..6 {
        for key in [ENTER, SPACE, '\t'] {
            open.key(key).await?;
        }
    }
    let id = stage.watch.pending(&asked.txn).await?.id;
    let view = stage.watch.show(&id).await?;
    ensure!(
        view.state == RequestState::Pending,
        "keys that were not meant for it decided: {:?}",
        view.state
    );
    // A click in the first moments after another key counts as little.
    let approve = open
        .page()
        .find(fantoccini::Locator::XPath(
            "//button[normalize-space()='Approve']",
        ))
        .await?;
    open.key('x').await?;
    approve.click().await?;
    let view = stage.watch.show(&view.id).await?;
    ensure!(
        view.state == RequestState::Pending,
        "a click right after a key decided: {:?}",
        view.state
    );
    // And when it is quiet, it can be approved.
    open.approve().await?;
    open.ended("Approved").await?;
    Ok(())
}

/// Rows 3 and 25: text.
#[tokio::test]
async fn hostile_text_is_only_text() -> Result<()> {
    let mut stage = Stage::start(Setup::default()).await?;
    let hostile = |n: u32| {
        format!(
            "<script>window.hit{n}=1</script><img src=x onerror=\"window.hit{n}=1\"><b>&amp;{{{{hit{n}}}}}</b> https://a.example/{n}"
        )
    };
    let body = json!({
        "user": USER,
        "acr": "<script>window.hit1=1</script>",
        "binding_message": hostile(2),
        "authorization_details": [
            {
                "type": "payment_initiation",
                "creditorName": hostile(3),
                "remittanceInformationUnstructured": hostile(4),
                "<img src=x onerror=window.hit5=1>": hostile(6),
            },
            { "type": hostile(7), "a": { "b": [hostile(8), hostile(9)] } },
        ],
        "context": {
            "place": "<svg onload=window.hit10=1>",
            "agent": "<iframe srcdoc='<script>parent.hit11=1</script>'>",
            "hints": ["<i>x</i>"],
        },
    });
    let asked = stage.relying.ask(&body).await?;
    let view: RequestView = stage.watch.pending(&asked.txn).await?;
    let open = stage.prompt().await?;
    let shown = open.line_indices().await?;
    ensure!(
        shown.len() == view.lines.len(),
        "{} of {} lines are shown",
        shown.len(),
        view.lines.len()
    );
    let text = open.text().await?;
    for part in [
        "<script>window.hit3=1</script>",
        "<img src=x onerror=window.hit5=1>",
        "{{hit8}}",
        "<svg onload=",
    ] {
        ensure!(text.contains(part), "{part} is not shown as it is:\n{text}");
    }
    let found = open
        .page()
        .execute(
            "return { hits: Object.keys(window).filter(k => k.startsWith('hit')),
                      inside: document.querySelectorAll('main img, main script, main iframe, main b, main i.x, main a').length }",
            vec![],
        )
        .await?;
    ensure!(
        found == json!({ "hits": [], "inside": 0 }),
        "text became markup: {found}"
    );
    stage.picture(&open.app, "prompt-hostile-text").await
}

/// A command, as a script in the page would call it: `{ "ok": … }` or `{ "error": … }`.
async fn invoke(page: &Client, command: &str, args: Value) -> Result<Value> {
    let script = "const [command, args, done] = arguments;
                  window.__TAURI_INTERNALS__.invoke(command, args).then(r => done({ ok: r ?? null }), e => done({ error: String(e?.message ?? e) }))";
    Ok(page.execute_async(script, vec![command.into(), args]).await?)
}

/// Row 25, the main window: it asks and refuses, and never says yes.
#[tokio::test]
async fn a_script_in_the_main_window_cannot_approve() -> Result<()> {
    let mut stage = Stage::start(Setup::default()).await?;
    let (asked, view) = stage.payment().await?;
    let app = stage.driver().await?.open(Launch::by_hand(&[])).await?;
    let yes = json!({
        "id": view.id, "verdict": "approve", "matchCode": asked.code()?, "locale": "en",
        "statementHash": view.statement_hash,
    });
    for (command, args) in [
        ("decide", yes),
        ("shown", json!({ "id": view.id })),
        ("withdraw", json!({ "id": view.id })),
        ("prompt_view", json!({})),
        ("shutdown", json!({})),
        ("plugin:fs|read_file", json!({ "path": "/etc/passwd" })),
        ("plugin:window|close", json!({})),
    ] {
        let answer = invoke(&app.page, command, args).await?;
        ensure!(
            answer.get("error").is_some(),
            "the main window may call {command}: {answer}"
        );
    }
    // What it may call is there, so the refusals above are no accident.
    let own = invoke(&app.page, "main_view", json!({})).await?;
    ensure!(
        own.get("ok").is_some_and(|view| view["accounts"].is_array()),
        "the main window has no view: {own}"
    );
    ensure!(
        stage.relying.state(&asked.txn).await? == "pending",
        "a script decided"
    );
    app.close().await
}

/// Row 25: code that runs in the window all the same.
#[tokio::test]
async fn a_script_in_the_prompt_has_only_the_prompts_commands() -> Result<()> {
    let mut stage = Stage::start(Setup::default()).await?;
    let (asked, view) = stage.payment().await?;
    let open = stage.prompt().await?;
    let invoke = async |command: &str, args: Value| invoke(open.page(), command, args).await;
    let forbidden = [
        (
            "preview_enrolment",
            json!({ "link": "countersign://enroll?issuer=x" }),
        ),
        ("accept_enrolment", json!({ "offer": "x", "deviceName": "x" })),
        ("main_view", json!({})),
        ("deny", json!({ "id": view.id })),
        ("remove_account", json!({ "account": view.account })),
        ("revoke_device", json!({ "account": view.account })),
        ("history", json!({ "limit": 1 })),
        ("read_qr", json!({ "source": "screen" })),
        ("copy_text", json!({ "text": "x" })),
        ("shutdown", json!({})),
        ("plugin:shell|execute", json!({ "program": "sh" })),
        ("plugin:fs|read_file", json!({ "path": "/etc/passwd" })),
        (
            "plugin:webview|create_webview_window",
            json!({ "options": { "label": "other", "url": "https://a.example" } }),
        ),
        ("plugin:window|close", json!({})),
    ];
    for (command, args) in forbidden {
        let answer = invoke(command, args).await?;
        ensure!(
            answer.get("error").is_some(),
            "the prompt may call {command}: {answer}"
        );
    }
    // What it may call is there, so the refusals above are no accident.
    let own = invoke("prompt_view", json!({})).await?;
    ensure!(
        own.get("ok").is_some_and(|view| view["requests"].is_array()),
        "the prompt has no view: {own}"
    );

    // Nothing is fetched from elsewhere, and no script that was written into the page runs.
    let outside = "const done = arguments[0];
        const s = document.createElement('script'); s.textContent = 'window.inline = 1'; document.head.append(s);
        fetch('https://127.0.0.1:1/').then(() => done('fetched'), e => done(window.inline ? 'inline' : 'refused'))";
    let answer = open.page().execute_async(outside, vec![]).await?;
    ensure!(
        answer == "refused",
        "the content security policy let it through: {answer}"
    );

    // A foreign page does not get into the window; the driver gives up on a navigation that was refused.
    let give_up = TimeoutConfiguration::new(None, Some(Duration::from_secs(3)), None);
    open.page().update_timeouts(give_up).await?;
    let before = open.page().current_url().await?;
    for foreign in [
        "data:text/html,<title>foreign</title>",
        "http://127.0.0.1:9/",
        "file:///etc/passwd",
    ] {
        let gone = open.page().goto(foreign).await;
        let now = open.page().current_url().await?;
        ensure!(now == before, "the window went to {now}: {gone:?}");
    }
    let own = invoke("prompt_view", json!({})).await?;
    ensure!(own.get("ok").is_some(), "the prompt is no longer there: {own}");
    ensure!(
        stage.relying.state(&asked.txn).await? == "pending",
        "a script decided"
    );
    Ok(())
}
