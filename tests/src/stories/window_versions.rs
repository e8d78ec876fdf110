//! App and agent come from different releases.

use std::path::Path;

use anyhow::Result;
use countersign_agent_api::{API_VERSION, ApiError, Call, ErrorCode, Message, Request, frame};
use tokio::{
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};

use super::{Stage, connected, desktop::main_window};
use crate::front::MainWindow;

pub(super) async fn two_versions_refuse_each_other(stage: &mut Stage) -> Result<()> {
    stage.agent.kill().await?;
    let socket = stage.agent.socket();
    std::fs::remove_file(&socket)?;
    let newer = newer_agent(&socket)?;
    let app = main_window(stage, &[]).await?;
    let window = MainWindow::of(&app.page);
    window.says("App and agent do not fit together").await?;
    window.says("Restart both").await?;
    stage.picture(&app, "main-versions").await?;

    // The older one comes back, and so does everything else.
    newer.abort();
    std::fs::remove_file(&socket)?;
    stage.run_agent().await?;
    connected(&mut stage.watch).await?;
    window.no_longer_says("App and agent do not fit together").await?;
    window.says("Your account is connected.").await?;
    app.close().await
}

/// An agent of the next version: as strict as ours about who greets it.
fn newer_agent(socket: &Path) -> Result<JoinHandle<()>> {
    let listener = UnixListener::bind(socket)?;
    Ok(tokio::spawn(async move {
        while let Ok((front_end, _)) = listener.accept().await {
            refuse(front_end).await;
        }
    }))
}

async fn refuse(mut front_end: UnixStream) {
    let Ok(Call { id, request }) = frame::read::<Call>(&mut front_end).await else {
        return;
    };
    let Request::Hello { version, .. } = request else {
        return;
    };
    let text = format!(
        "The app speaks version {version} of the agent's interface, the agent {}. Restart both: they are of different \
         releases.",
        API_VERSION + 1
    );
    let error = ApiError::new(ErrorCode::IncompatibleVersion, &text);
    // A front end that has gone needs no answer.
    let _ = frame::write(&mut front_end, &Message::Failed { id, error }).await;
}
