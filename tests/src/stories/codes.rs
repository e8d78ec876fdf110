//! One-time codes from a terminal.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::{
    Stage, clipboard,
    codes_window::{self, SECRET},
};
use crate::{
    front::{SOON, poll},
    harness::USER,
};

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
    // xclip says that it has the clipboard before the display has heard of it.
    own_text(stage).await?;
    stage.agent.stop().await?;
    own_text(stage).await
}

async fn own_text(stage: &Stage) -> Result<()> {
    poll::until("the person's own text", SOON, async || {
        Ok((clipboard::read(stage).await?.as_deref() == Some("mine")).then_some(()))
    })
    .await
}

/// An issuer gives a one-time code along; it is in the vault when the account is there.
pub(super) async fn codes_come_with_an_enrolment(stage: &mut Stage) -> Result<()> {
    let file = stage.session.dir().join("otp.txt");
    std::fs::write(
        &file,
        format!("otpauth://totp/Alder:{USER}?secret={SECRET}&issuer=Alder\n"),
    )?;
    let file = file.to_str().context("an odd directory")?;
    let create = ["enrolment", "create", "--user", USER, "--otp", file];
    let made = stage.gateway.json(&stage.session, &create).await?;
    let link = made["link"].as_str().context("there is no link")?;
    stage.agent.enrol(link).await?;
    let rows = json(terminal(stage, &["codes", "alder", "--json"]).await?)?;
    let until = rows[0]["until_ms"].as_i64().context("there is no code")? / 1000;
    let expected = oathtool(stage, &["--totp", &format!("--now=@{}", until - 1)]).await?;
    ensure!(rows[0]["code"] == expected, "{rows} is not oathtool's {expected}");
    Ok(())
}

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
    codes_window::oathtool(stage, &[&["--base32", SECRET], arguments].concat()).await
}

/// What the clipboard's owner offers.
async fn targets(stage: &Stage) -> Result<String> {
    let mut command = stage.session.command("xclip");
    command.args(["-selection", "clipboard", "-target", "TARGETS", "-out"]);
    done(command.output().await?)
}
