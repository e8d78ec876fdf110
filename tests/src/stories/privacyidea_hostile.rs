//! Somebody between the computer and a privacyIDEA server changes what it asks, or lists what was answered once more.

use anyhow::{Result, ensure};

use super::{
    Stage, connected,
    desktop::main_window,
    privacyidea::{TEXT, approved, begun, enrolled, ensure_status, meddler, server, waiting},
};
use crate::{front::MainWindow, wire::Conduct};

pub(super) async fn privacyidea_tampered_refused(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    meddler(stage)?.set(Conduct::Altered(TEXT, "See today’s menu"));
    let (transaction, _) = server(stage)?.trigger(&serial).await?;
    // It is listed, and again.
    meddler(stage)?.polled(3).await?;
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.ctrl('6').await?;
    window.title("Diagnostics").await?;
    window.says("did not verify").await?;
    stage.picture(&app, "privacyidea-tampered").await?;
    app.close().await?;
    ensure!(waiting(stage).await?.is_empty(), "it is asked");
    ensure!(
        stage.agent.app.now().await?.is_none(),
        "a prompt was opened for what does not verify"
    );
    ensure!(
        server(stage)?.status(&transaction).await? == "pending",
        "it was answered"
    );
    // The server's own words of the same log-in are asked.
    meddler(stage)?.set(Conduct::Honest);
    stage.watch.any_pending().await?;
    let open = stage.prompt().await?;
    open.says(TEXT).await?;
    open.approve().await?;
    open.ended("Approved").await?;
    ensure!(
        server(stage)?.status(&transaction).await? == "accept",
        "it was not answered"
    );
    Ok(())
}

pub(super) async fn privacyidea_replay_not_answered(stage: &mut Stage) -> Result<()> {
    let serial = enrolled(stage).await?;
    let log_in = begun(stage, &serial).await?;
    approved(stage, &log_in).await?;
    let posts = meddler(stage)?.posts();
    meddler(stage)?.set(Conduct::Repeated);
    meddler(stage)?.polled(3).await?;
    nothing_new(stage, posts).await?;
    // Nor by an agent that has started anew.
    stage.agent.kill().await?;
    stage.run_agent().await?;
    connected(&mut stage.watch).await?;
    meddler(stage)?.polled(2).await?;
    nothing_new(stage, posts).await?;
    // What is really new is asked.
    meddler(stage)?.set(Conduct::Honest);
    let next = begun(stage, &serial).await?;
    ensure!(next.view.txn != log_in.view.txn, "the old one was asked again");
    approved(stage, &next).await?;
    ensure_status(stage, &log_in, "accept").await
}

async fn nothing_new(stage: &Stage, posts: u64) -> Result<()> {
    let again = waiting(stage).await?;
    ensure!(again.is_empty(), "it is asked again: {again:?}");
    ensure!(
        stage.agent.app.now().await?.is_none(),
        "a prompt was opened again"
    );
    ensure!(meddler(stage)?.posts() == posts, "it was answered again");
    Ok(())
}
