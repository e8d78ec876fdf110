//! The prompt as a screen reader has it.

use anyhow::{Context, Result, ensure};
use countersign_agent_api::Outcome;

use super::Stage;
use crate::{
    front::{Node, Prompt, SOON, ScreenReader, poll},
    harness::WebDriver,
};

/// Names and roles are what a person who cannot see the window goes by.
pub(super) async fn prompt_in_a_screen_reader(stage: &mut Stage) -> Result<()> {
    let reader = ScreenReader::start(&stage.session).await?;
    let driver = WebDriver::with(&stage.session, &stage.agent, &[("NO_AT_BRIDGE", "0")]).await?;
    let (asked, _) = stage.payment().await?;
    let launch = stage.agent.app.next().await?;
    let app = driver.open(launch).await?;
    let prompt = Prompt::painted(app.page.clone()).await?;
    let sentence = prompt.sentence().await?.replace('\n', " ");
    let mut outline = String::new();
    let tree = poll::until("the prompt in the accessibility tree", SOON, async || {
        let tree = reader.tree().await?;
        outline = tree.outline();
        Ok(tree.find("push button", "Approve").is_some().then_some(tree))
    })
    .await
    .with_context(|| format!("the tree is\n{outline}"))?;
    let find = |role: &str, name: &str| {
        tree.find(role, name)
            .with_context(|| format!("no {role} “{name}” in\n{outline}"))
    };

    let window = find("landmark", &sentence)?;
    find("heading", &sentence)?;
    let approve = find("push button", "Approve")?;
    ensure!(
        approve.description.contains("Type the six digits first"),
        "Approve is off without a reason: {approve:?}"
    );
    find("push button", "Deny")?;
    find("push button", "This wasn’t me")?;
    let code = find("entry", "Type the code shown where you started this")?;
    ensure!(
        code.description.contains(&sentence),
        "the field's description is {:?}",
        code.description
    );
    let seal = window
        .all()
        .into_iter()
        .any(|node| node.role == "image" && node.name.starts_with("Verified"));
    ensure!(seal, "no seal in\n{outline}");
    let timer = window.all().into_iter().find(|node| node.role == "timer");
    ensure!(
        timer.is_some_and(|timer| timer.name.starts_with("Expires in")),
        "no timer in\n{outline}"
    );
    find("landmark", "Where it comes from")?;
    find("panel", "Things to check")?;
    for (label, value) in prompt.lines().await? {
        let value = value.replace('\n', " ");
        let said = |node: &&Node| node.role == "description value" && words(node).contains(&value);
        ensure!(
            window.all().iter().any(said),
            "{label}: {value} is not in\n{outline}"
        );
    }
    // In the order in which it is to be read and reached: what is asked, then the code, then no, then yes.
    let all = window.all();
    let at = |name: &str| all.iter().position(|node| node.name == name);
    let order = [
        sentence.as_str(),
        "Type the code shown where you started this",
        "Deny",
        "Approve",
    ]
    .map(at);
    ensure!(
        order.is_sorted() && order[0].is_some(),
        "the order is {order:?} in\n{outline}"
    );

    prompt.type_code(asked.code()?).await?;
    prompt.approve().await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    poll::until("the outcome to be said", SOON, async || {
        let tree = reader.tree().await?;
        let said = |node: &&Node| node.role == "status bar" && words(node).contains("Approved");
        Ok(tree.all().iter().any(said).then_some(()))
    })
    .await?;
    app.close().await
}

/// The words in a node, one after another.
fn words(node: &Node) -> String {
    let all = node.all().into_iter();
    let words: Vec<&str> = all.flat_map(|node| node.text.split_whitespace()).collect();
    words.join(" ")
}
