//! One-time codes in the real window, against a verifier that is none of ours: `oathtool`.

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{
    CodeAlgorithm, CodeKind, CodesReply, CodesRequest, NewCode, Reply, Request, SettingChange,
};
use fantoccini::key::Key;

use super::{Stage, clipboard, desktop::main_window};
use crate::front::{MainWindow, SOON, poll};

/// The secret of RFC 6238's vectors.
pub(super) const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// Of the entry that follows a counter.
const COUNTED: &str = "JBSWY3DPEHPK3PXP";

pub(super) async fn codes_copied_and_accepted(stage: &mut Stage) -> Result<()> {
    let five = SettingChange::ClearClipboard(Some(5));
    stage.watch.call(Request::ChangeSetting { change: five }).await?;
    let app = main_window(stage, &[]).await?;
    let window = open(&app.page).await?;
    window.says("No codes yet").await?;
    stage.picture(&app, "codes-empty").await?;

    window.press("Type it in…").await?;
    window.focus_is("Site or organisation").await?;
    window.type_text("Example Bank").await?;
    window.key(Key::Tab).await?;
    window.type_text("ada@example.com").await?;
    window.key(Key::Tab).await?;
    // As sites print it.
    window
        .type_text("gezd gnbv gy3t qojq gezd gnbv gy3t qojq")
        .await?;
    window.key(Key::Enter).await?;
    window.says("Example Bank, ada@example.com added").await?;
    add(stage, "Müller Cloud", "ada", COUNTED, totp()).await?;
    window.says("Müller Cloud").await?;
    let shown = code_of(&window, "Example Bank").await?;
    accepted(stage, SECRET, &shown).await?;
    stage.picture(&app, "codes").await?;

    // Keyboard alone: the search has the focus, Enter copies the best match.
    window.ctrl('f').await?;
    window.focus_is("Search codes").await?;
    window.type_text("bank").await?;
    window.gives(ROWS, 1).await?;
    window.key(Key::Enter).await?;
    window.says("Copied for 5 s").await?;
    stage.picture(&app, "codes-copied").await?;
    let copied = clipboard::read(stage).await?.context("nothing was copied")?;
    accepted(stage, SECRET, &copied).await?;
    poll::until("the code to leave the clipboard", SOON, async || {
        Ok(clipboard::read(stage).await?.is_none().then_some(()))
    })
    .await?;
    app.close().await
}

pub(super) async fn codes_offline_after_restart(stage: &mut Stage) -> Result<()> {
    add(stage, "Example Bank", "ada", SECRET, totp()).await?;
    stage.agent.stop().await?;
    stage.agent.without_network();
    stage.run_agent().await?;
    // No interface but a loopback that is down, and no route.
    let pid = stage.agent.process()?.pid();
    let routes = std::fs::read_to_string(format!("/proc/{pid}/net/route"))?;
    let interfaces = std::fs::read_to_string(format!("/proc/{pid}/net/dev"))?;
    ensure!(
        routes.lines().count() <= 1 && interfaces.lines().count() == 3,
        "the agent has a network:\n{routes}{interfaces}"
    );
    let app = main_window(stage, &[]).await?;
    let window = open(&app.page).await?;
    let shown = code_of(&window, "Example Bank").await?;
    accepted(stage, SECRET, &shown).await?;
    window.ctrl('f').await?;
    window.key(Key::Enter).await?;
    window.says("Copied for 30 s").await?;
    let copied = clipboard::read(stage).await?.context("nothing was copied")?;
    accepted(stage, SECRET, &copied).await?;
    app.close().await
}

pub(super) async fn codes_counter_survives_kill(stage: &mut Stage) -> Result<()> {
    let counter = CodeKind::Hotp {
        algorithm: CodeAlgorithm::Sha1,
        digits: 6,
        counter: 0,
    };
    add(stage, "Door", "ada", COUNTED, counter).await?;
    let app = main_window(stage, &[]).await?;
    let window = open(&app.page).await?;
    for used in 0..3 {
        window.press("Next code for Door, ada").await?;
        let shown = code_of(&window, "Door").await?;
        // The moment it is on screen.
        stage.agent.kill().await?;
        let expected = oathtool(stage, &["--hotp", "-b", "-c", &used.to_string(), COUNTED]).await?;
        ensure!(shown == expected, "code {used} was {shown}, not {expected}");
        window.says("The agent is not answering").await?;
        stage.run_agent().await?;
        window.no_longer_says("The agent is not answering").await?;
    }
    app.close().await
}

pub(super) fn totp() -> CodeKind {
    CodeKind::Totp {
        algorithm: CodeAlgorithm::Sha1,
        digits: 6,
        period: 30,
    }
}

/// How many rows there are.
pub(super) const ROWS: &str = "return document.querySelectorAll('.otprow').length";

/// Opens the page of codes.
pub(super) async fn open(page: &fantoccini::Client) -> Result<MainWindow> {
    let window = MainWindow::of(page);
    window.ctrl('2').await?;
    window.title("Codes").await?;
    Ok(window)
}

/// Adds an entry as a terminal would.
pub(super) async fn add(
    stage: &Stage,
    issuer: &str,
    account: &str,
    secret: &str,
    kind: CodeKind,
) -> Result<()> {
    let entry = NewCode {
        issuer: issuer.to_owned(),
        account: account.to_owned(),
        secret: secret.into(),
        kind,
    };
    call(stage, CodesRequest::Add { entry }).await.map(drop)
}

/// Asks the agent.
pub(super) async fn call(stage: &Stage, call: CodesRequest) -> Result<CodesReply> {
    let Reply::Codes(reply) = stage.watch.call(Request::Codes { call }).await? else {
        bail!("the agent answered something else");
    };
    Ok(reply)
}

/// The code that the row of this issuer shows, once it does.
pub(super) async fn code_of(window: &MainWindow, issuer: &str) -> Result<String> {
    let script = "
        const row = [...document.querySelectorAll('.otp:not(.is-hidden)')]
            .find(row => row.querySelector('.sr').textContent.startsWith(`Copy code for ${arguments[0]}`));
        return row?.querySelector('.otp__now').textContent ?? null;";
    poll::until(&format!("the code of {issuer}"), SOON, async || {
        let code = window.page().execute(script, vec![issuer.into()]).await?;
        Ok(code.as_str().map(str::to_owned))
    })
    .await
}

/// Somebody else accepts this code now, as servers do: also the one before and after.
pub(super) async fn accepted(stage: &Stage, secret: &str, code: &str) -> Result<()> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let verify = ["--totp", "-b", "-w", "2", "-N", "30 seconds ago", secret, &code];
    oathtool(stage, &verify)
        .await
        .with_context(|| format!("{code} is not accepted"))?;
    Ok(())
}

/// What `oathtool` prints, which has to succeed.
pub(super) async fn oathtool(stage: &Stage, arguments: &[&str]) -> Result<String> {
    let output = stage
        .session
        .command("oathtool")
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "oathtool says {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
