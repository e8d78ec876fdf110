<<<<<<< HEAD
//! One-time codes in the real window, against a verifier that is none of ours: `oathtool`.

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{
    CodeAlgorithm, CodeKind, CodesReply, CodesRequest, NewCode, Reply, Request, SettingChange,
};
use fantoccini::key::Key;

use super::{Setup, Stage, clipboard, desktop::main_window};
use crate::front::{MainWindow, SOON, poll};

/// The secret of RFC 6238's vectors.
pub(super) const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
/// Of the entry that follows a counter.
const COUNTED: &str = "JBSWY3DPEHPK3PXP";

pub(super) fn no_account() -> Setup {
    Setup {
        not_enrolled: true,
        ..Setup::default()
    }
}

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
        secret: secret.to_owned(),
        kind,
    };
    call(stage, CodesRequest::Add { entry }).await.map(drop)
}

/// Asks the agent.
pub(super) async fn call(stage: &Stage, call: CodesRequest) -> Result<CodesReply> {
    match stage.watch.call(Request::Codes { call }).await? {
        Reply::Codes(reply) => Ok(reply),
        other => bail!("the agent answered {other:?}"),
    }
}

/// The code that the row of this issuer shows, once it does.
pub(super) async fn code_of(window: &MainWindow, issuer: &str) -> Result<String> {
    let script = "
        const row = [...document.querySelectorAll('.otp:not(.is-hidden)')]
            .find(row => row.getAttribute('aria-label').startsWith(`Copy code for ${arguments[0]}`));
        return row?.querySelector('.otp__now').textContent ?? null;";
    poll::until(&format!("the code of {issuer}"), SOON, async || {
        let code = window.page().execute(script, vec![issuer.into()]).await?;
        Ok(code.as_str().map(str::to_owned))
=======
//! One-time codes from a terminal, with no issuer anywhere.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::{Stage, clipboard};
use crate::front::{SOON, poll};

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// Import, list, copy, count, export; the codes are accepted by an independent verifier. The gateway is gone all the time.
pub(super) async fn codes_terminal(stage: &mut Stage) -> Result<()> {
    stage.gateway.kill().await?;
    let links = format!(
        "otpauth://totp/Example:ada?secret={SECRET}&digits=8\notpauth://hotp/Door?secret={SECRET}&counter=0\n"
    );
    let file = stage.session.dir().join("links.txt");
    std::fs::write(&file, links)?;
    let file = file.to_str().context("an odd directory")?;
    let said = done(terminal(stage, &["codes", "import", file, "--yes"]).await?)?;
    ensure!(said.contains("2 new"), "the preview says {said}");

    let rows = json(terminal(stage, &["codes", "exam", "--json"]).await?)?;
    let row = &rows[0];
    ensure!(rows.as_array().is_some_and(|rows| rows.len() == 1), "{rows}");
    let until = row["until_ms"].as_i64().context("it has no end")? / 1000;
    for (code, at) in [(&row["code"], until - 1), (&row["next"], until)] {
        let expected = oathtool(stage, &["--totp", "--digits=8", &format!("--now=@{at}")]).await?;
        ensure!(*code == expected, "{code} is not oathtool's {expected}");
    }

    done(terminal(stage, &["codes", "example", "--copy"]).await?)?;
    let copied = clipboard::read(stage).await?.context("nothing was copied")?;
    ensure!(copied.len() == 8, "{copied} was copied");
    let hints = targets(stage).await?;
    ensure!(
        hints.contains("x-kde-passwordManagerHint"),
        "clipboard managers are not told: {hints}"
    );

    for counter in 0..3 {
        let shown = json(terminal(stage, &["codes", "next", "door", "--json"]).await?)?;
        let expected = oathtool(stage, &["--hotp", &format!("--counter={counter}")]).await?;
        ensure!(
            shown[0]["code"] == expected,
            "{shown} is not oathtool's {expected} of counter {counter}"
        );
        // The next one is another one whatever happens to the agent.
        stage.agent.kill().await?;
        stage.run_agent().await?;
    }
    let none = terminal(stage, &["codes", "nothing like it"]).await?;
    ensure!(
        none.status.code() == Some(1),
        "no match ends with {}",
        none.status
    );

    let password = stage.session.dir().join("password");
    std::fs::write(&password, "correct horse\n")?;
    let password = password.to_str().context("an odd directory")?;
    let export = stage.session.dir().join("codes.json");
    let export = export.to_str().context("an odd directory")?;
    done(terminal(stage, &["codes", "export", export, "--password-file", password]).await?)?;
    done(terminal(stage, &["codes", "remove", "example", "--yes"]).await?)?;
    let again = ["codes", "import", export, "--password-file", password, "--yes"];
    let said = done(terminal(stage, &again).await?)?;
    ensure!(said.contains("1 new, 1 there already"), "restoring says {said}");
    done(terminal(stage, &["codes", "example"]).await?)?;
    Ok(())
}

/// What is copied goes when the agent goes.
pub(super) async fn codes_leave_the_clipboard(stage: &mut Stage) -> Result<()> {
    let mut add = stage.agent.command(&stage.session)?;
    add.args(["codes", "add", "--issuer", "Example"])
        .stdin(std::process::Stdio::piped());
    let mut add = add.spawn()?;
    let mut stdin = add.stdin.take().context("no standard input")?;
    stdin.write_all(SECRET.as_bytes()).await?;
    drop(stdin);
    ensure!(add.wait().await?.success(), "it was not added");
    done(terminal(stage, &["codes", "example", "--copy"]).await?)?;
    ensure!(clipboard::read(stage).await?.is_some(), "nothing was copied");
    stage.agent.stop().await?;
    let left = clipboard::read(stage).await?;
    ensure!(left.is_none(), "the code is still there after the agent ended");

    // What somebody else copied stays.
    stage.run_agent().await?;
    done(terminal(stage, &["codes", "example", "--copy"]).await?)?;
    let _mine = clipboard::copy_text(stage, "mine").await?;
    stage.agent.stop().await?;
    poll::until("the person's own text", SOON, async || {
        Ok((clipboard::read(stage).await?.as_deref() == Some("mine")).then_some(()))
>>>>>>> w-codes
    })
    .await
}

<<<<<<< HEAD
/// Somebody else accepts this code now, as servers do: also the one before and after.
pub(super) async fn accepted(stage: &Stage, secret: &str, code: &str) -> Result<()> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let verify = ["--totp", "-b", "-w", "2", "-N", "30 seconds ago", secret, &code];
    oathtool(stage, &verify)
        .await
        .with_context(|| format!("{code} is not accepted"))?;
    Ok(())
}

async fn oathtool(stage: &Stage, arguments: &[&str]) -> Result<String> {
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
=======
async fn terminal(stage: &Stage, arguments: &[&str]) -> Result<Output> {
    stage.agent.terminal(&stage.session, arguments).await
}

/// What a command printed that has to succeed.
fn done(output: Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

fn json(output: Output) -> Result<Value> {
    Ok(serde_json::from_str(&done(output)?)?)
}

async fn oathtool(stage: &Stage, arguments: &[&str]) -> Result<String> {
    let mut command = stage.session.command("oathtool");
    command.args(["--base32", SECRET]).args(arguments);
    Ok(done(command.output().await?)?.trim().to_owned())
}

/// What the clipboard's owner offers.
async fn targets(stage: &Stage) -> Result<String> {
    let mut command = stage.session.command("xclip");
    command.args(["-selection", "clipboard", "-target", "TARGETS", "-out"]);
    done(command.output().await?)
>>>>>>> w-codes
}
